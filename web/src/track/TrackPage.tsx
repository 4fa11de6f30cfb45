/** Number and code in, five plain words and a promised date out. */
import { type FormEvent, useCallback, useEffect, useState } from 'react'
import { CitizenActs } from './CitizenActs'
import { checkDigitHolds, digitsOf, grouped } from './number'
import { type TrackTexts, texts } from './texts'
import { lookUp, TrackError, type Tracked } from './track'

type Language = 'zh' | 'en'

export function TrackPage() {
  const [lang, setLang] = useState<Language>(() =>
    localStorage.getItem('liandong.language') === 'en' ? 'en' : 'zh',
  )
  const [large, setLarge] = useState(() => localStorage.getItem('liandong.large') === '1')
  const [found, setFound] = useState<{ tracked: Tracked; code: string; at: number } | null>(null)
  const t = texts[lang]
  useEffect(() => {
    document.documentElement.lang = lang === 'zh' ? 'zh-CN' : 'en'
    document.documentElement.dataset.large = large ? '1' : '0'
    document.title = t.title
    localStorage.setItem('liandong.language', lang)
    localStorage.setItem('liandong.large', large ? '1' : '0')
  }, [lang, large, t])
  return (
    <>
      <header className="hall">
        <span>{t.hall}</span>
        <div>
          <button type="button" onClick={() => setLarge(!large)} aria-pressed={large}>
            {large ? t.normal : t.large}
          </button>
          <button
            type="button"
            lang={lang === 'zh' ? 'en' : 'zh-CN'}
            onClick={() => setLang(lang === 'zh' ? 'en' : 'zh')}
          >
            {t.language}
          </button>
        </div>
      </header>
      <main>
        {found ? (
          <Progress t={t} found={found} setFound={setFound} lang={lang} />
        ) : (
          <Ask t={t} done={(tracked, code) => setFound({ tracked, code, at: Date.now() })} />
        )}
      </main>
      <footer className="foot">
        <a className="call" href="tel:12345">
          {t.call}
        </a>
        <p>{found ? t.privacy : t.help}</p>
      </footer>
    </>
  )
}

/** The address may carry the number (from the text message), never the code. */
function numberInAddress(): string {
  return digitsOf(new URLSearchParams(location.search).get('no') ?? location.hash.slice(1)).slice(0, 13)
}

function Ask({ t, done }: { t: TrackTexts; done: (tracked: Tracked, code: string) => void }) {
  const [no, setNo] = useState(numberInAddress)
  const [code, setCode] = useState('')
  const [problem, setProblem] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const go = async (event: FormEvent) => {
    event.preventDefault()
    const wrong =
      no.length !== 13
        ? t.bad_no
        : !checkDigitHolds(no)
          ? t.check_no
          : !/^\d{4,6}$/.test(code)
            ? t.bad_code
            : null
    setProblem(wrong)
    if (wrong) return
    setBusy(true)
    try {
      done(await lookUp(no, code), code)
    } catch (failure) {
      setProblem(wordsFor(failure, t))
    } finally {
      setBusy(false)
    }
  }
  return (
    <form className="ask" onSubmit={go} noValidate>
      <h1>{t.title}</h1>
      <div className="field">
        <label htmlFor="no">{t.no}</label>
        <input
          id="no"
          inputMode="numeric"
          autoComplete="off"
          value={grouped(no)}
          aria-describedby="no-hint"
          onChange={(event) => setNo(digitsOf(event.target.value).slice(0, 13))}
        />
        <small id="no-hint">{t.no_hint}</small>
      </div>
      <div className="field">
        <label htmlFor="code">{t.code}</label>
        <input
          id="code"
          inputMode="numeric"
          autoComplete="off"
          value={code}
          aria-describedby="code-hint"
          onChange={(event) => setCode(digitsOf(event.target.value).slice(0, 6))}
        />
        <small id="code-hint">{t.code_hint}</small>
      </div>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <button type="submit" className="go" disabled={busy}>
        {busy ? t.busy : t.go}
      </button>
    </form>
  )
}

function wordsFor(failure: unknown, t: TrackTexts): string {
  if (!(failure instanceof TrackError)) return t.failed
  if (failure.status === 404 || failure.status === 401 || failure.status === 403 || failure.status === 422)
    return t.not_found
  return failure.status === 429 ? t.busy_hub : t.failed
}

interface ProgressProps {
  t: TrackTexts
  lang: Language
  found: { tracked: Tracked; code: string; at: number }
  setFound: (found: ProgressProps['found'] | null) => void
}

function Progress({ t, found, setFound, lang }: ProgressProps) {
  const { tracked, code } = found
  const [problem, setProblem] = useState<string | null>(null)
  const refresh = useCallback(async () => {
    try {
      setFound({ tracked: await lookUp(tracked.public_no, code), code, at: Date.now() })
      setProblem(null)
    } catch (failure) {
      setProblem(wordsFor(failure, t))
    }
  }, [tracked.public_no, code, setFound, t])
  const ended = tracked.state === 'closed' || tracked.state === 'ended'
  return (
    <article className="progress">
      <p className="no">{grouped(tracked.public_no)}</p>
      <h1>{tracked.title}</h1>
      <section className="state" data-state={tracked.state} aria-live="polite">
        <strong>{t.states[tracked.state]}</strong>
        {tracked.status && lang === 'zh' && tracked.status !== t.states[tracked.state] && (
          <p>{tracked.status}</p>
        )}
        {tracked.unit && (
          <span>
            {t.unit}
            <b>{tracked.unit}</b>
          </span>
        )}
        {tracked.promised_at && !ended && (
          <span>
            {t.promised}
            <b>{day(tracked.promised_at, lang)}</b>
          </span>
        )}
        {tracked.promise_moved && (
          <span>
            {t.moved}
            <b>{tracked.promise_moved}</b>
          </span>
        )}
      </section>
      {tracked.answer && (
        <section className="answer">
          <h2>{t.answer}</h2>
          <p>{tracked.answer}</p>
        </section>
      )}
      <section>
        <h2>{t.steps}</h2>
        <ol className="steps">
          {[...tracked.steps].reverse().map((step) => (
            <li key={`${step.at}${step.title}`}>
              <b>{step.title}</b>
              {step.text && <p>{step.text}</p>}
              <time dateTime={step.at}>{day(step.at, lang)}</time>
            </li>
          ))}
        </ol>
      </section>
      <dl>
        {tracked.place && (
          <>
            <dt>{t.place}</dt>
            <dd>{tracked.place}</dd>
          </>
        )}
        <dt>{t.received}</dt>
        <dd>{day(tracked.received_at, lang)}</dd>
      </dl>
      <CitizenActs
        t={t}
        tracked={tracked}
        code={code}
        done={(next) => setFound({ tracked: next, code, at: Date.now() })}
      />
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <div className="row">
        <button type="button" className="go" onClick={() => void refresh()}>
          {t.refresh}
        </button>
        <button type="button" className="plain" onClick={() => setFound(null)}>
          {t.again}
        </button>
      </div>
      <p className="asof">
        {t.updated} {day(new Date(found.at).toISOString(), lang)}
      </p>
    </article>
  )
}

function day(at: string, lang: Language): string {
  const d = new Date(at)
  if (Number.isNaN(d.getTime())) return ''
  const two = (n: number) => String(n).padStart(2, '0')
  const time = `${two(d.getHours())}:${two(d.getMinutes())}`
  return lang === 'zh'
    ? `${d.getMonth() + 1}月${d.getDate()}日 ${time}`
    : `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${time}`
}
