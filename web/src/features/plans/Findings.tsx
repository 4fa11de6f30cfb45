import type { Diagnostic } from '../../api/ops'
import { useText } from '../../i18n'
import { Tag } from '../../ui/Tag'
import css from './plans.module.css'
import { finding, hint } from './speech'

export type Go = (place: Pick<Diagnostic, 'file' | 'line' | 'column'>) => void

/** What the checker says: where, what is wrong, how to mend it. Choosing one goes there. */
export function Findings({ good, diagnostics, go }: { good: boolean; diagnostics: Diagnostic[]; go: Go }) {
  const { t, lang } = useText()
  const errors = diagnostics.filter((each) => each.severity === 'error').length
  const warnings = diagnostics.length - errors
  return (
    <div className={css.findings} role="status">
      <div className={css.sum}>
        {good && <Tag tone="good">{t('admin.plans.good')}</Tag>}
        {errors > 0 && <Tag tone="danger">{t('admin.plans.errors', { n: errors })}</Tag>}
        {warnings > 0 && <Tag tone="warn">{t('admin.plans.warnings', { n: warnings })}</Tag>}
      </div>
      <ul>
        {diagnostics.map((each, i) => (
          <li key={i}>
            <button
              type="button"
              className={css.finding}
              data-severity={each.severity}
              onClick={() => go(each)}
            >
              <span className="small num">
                {each.file}　
                {each.line > 0
                  ? t('admin.plans.at', { line: each.line, column: each.column })
                  : t('admin.plans.whole')}
              </span>
              <b>{lang === 'zh' ? finding(each.reason) : each.reason}</b>
              {each.hint && (
                <span className="muted">
                  {t('admin.plans.hint')}　{lang === 'zh' ? hint(each.hint) : each.hint}
                </span>
              )}
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}
