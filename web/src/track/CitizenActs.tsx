/** What a citizen can do himself: say whether it is solved, add something, ask to hurry. */
import { type FormEvent, useState } from 'react'
import type { TrackTexts } from './texts'
import { actOn, type Tracked } from './track'

interface ActsProps {
  t: TrackTexts
  tracked: Tracked
  code: string
  done: (tracked: Tracked) => void
}

export function CitizenActs({ t, tracked, code, done }: ActsProps) {
  const [problem, setProblem] = useState(false)
  const [said, setSaid] = useState(false)
  const act = async (verb: 'supplement' | 'urge' | 'revisit', body: Record<string, unknown>) => {
    setProblem(false)
    try {
      done(await actOn(tracked.public_no, code, verb, body))
      setSaid(true)
    } catch {
      setProblem(true)
    }
  }
  return (
    <>
      {tracked.may_rate && <Rate t={t} send={(body) => void act('revisit', body)} />}
      {!tracked.ended && (
        <Add
          t={t}
          send={(text) => void act('supplement', { text })}
          urge={() => void act('urge', { text: t.urge_text })}
        />
      )}
      {said && (
        <p className="said" role="status">
          {t.said}
        </p>
      )}
      {problem && (
        <p className="problem" role="alert">
          {t.failed}
        </p>
      )}
    </>
  )
}

const SCORES = [5, 4, 3, 2, 1] as const

function Rate({ t, send }: { t: TrackTexts; send: (body: Record<string, unknown>) => void }) {
  const [solved, setSolved] = useState<'yes' | 'no' | null>(null)
  const [process, setProcess] = useState<number | null>(null)
  const [result, setResult] = useState<number | null>(null)
  const go = (event: FormEvent) => {
    event.preventDefault()
    if (solved)
      send({
        solved,
        ...(process ? { satisfied_process: process } : {}),
        ...(result ? { satisfied_result: result } : {}),
      })
  }
  return (
    <form className="rate" onSubmit={go}>
      <h2>{t.rate}</h2>
      <Choice
        name="solved"
        legend={t.solved}
        options={[
          ['yes', t.yes],
          ['no', t.no_answer],
        ]}
        chosen={solved}
        choose={(value) => setSolved(value as 'yes' | 'no')}
      />
      <Choice
        name="process"
        legend={t.process}
        options={SCORES.map((n) => [String(n), t.scores[n - 1] ?? ''])}
        chosen={process ? String(process) : null}
        choose={(value) => setProcess(Number(value))}
      />
      <Choice
        name="result"
        legend={t.result}
        options={SCORES.map((n) => [String(n), t.scores[n - 1] ?? ''])}
        chosen={result ? String(result) : null}
        choose={(value) => setResult(Number(value))}
      />
      <button type="submit" className="go" disabled={!solved}>
        {t.send}
      </button>
    </form>
  )
}

interface ChoiceProps {
  name: string
  legend: string
  options: [string, string][]
  chosen: string | null
  choose: (value: string) => void
}

function Choice({ name, legend, options, chosen, choose }: ChoiceProps) {
  return (
    <fieldset className="choice">
      <legend>{legend}</legend>
      {options.map(([value, label]) => (
        <label key={value} data-on={chosen === value || undefined}>
          <input
            type="radio"
            name={name}
            value={value}
            checked={chosen === value}
            onChange={() => choose(value)}
          />
          {label}
        </label>
      ))}
    </fieldset>
  )
}

const ADD_MAX_CHARS = 1000

function Add({ t, send, urge }: { t: TrackTexts; send: (text: string) => void; urge: () => void }) {
  const [text, setText] = useState('')
  const go = (event: FormEvent) => {
    event.preventDefault()
    if (!text.trim()) return
    send(text.trim())
    setText('')
  }
  return (
    <form className="rate" onSubmit={go}>
      <h2>
        <label htmlFor="add">{t.add}</label>
      </h2>
      <textarea
        id="add"
        rows={3}
        maxLength={ADD_MAX_CHARS}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <div className="row">
        <button type="submit" className="plain" disabled={!text.trim()}>
          {t.send}
        </button>
        <button type="button" className="plain" onClick={urge}>
          {t.urge}
        </button>
      </div>
    </form>
  )
}
