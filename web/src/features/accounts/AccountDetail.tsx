import { useQuery } from '@tanstack/react-query'
import { App, Button, Input, Modal } from 'antd'
import { useState } from 'react'
import { type Account, type OpenSession, sessionsQuery, tell } from '../../api/ops'
import { useText } from '../../i18n'
import { useAct } from '../../ui/act'
import { Field } from '../../ui/Field'
import lay from '../../ui/layout.module.css'
import { Panel } from '../../ui/Panel'
import { Empty, Gate } from '../../ui/States'
import { Tag } from '../../ui/Tag'
import { Moment } from '../../ui/time'
import { AccountState } from './AccountsPage'
import css from './accounts.module.css'
import { useRights } from './rights'

type Ask = 'reset' | 'extension' | null

export function AccountDetail({ one }: { one: Account }) {
  const { t } = useText()
  const rights = useRights()
  return (
    <div className={lay.stack}>
      <Panel title={one.user} beside={<AccountState one={one} />}>
        <dl className={lay.facts}>
          <dt>{t('admin.accounts.col.person')}</dt>
          <dd>{one.person_name}</dd>
          <dt>{t('admin.accounts.col.extension')}</dt>
          <dd className="num">{one.extension ?? '—'}</dd>
          <dt>{t('admin.accounts.col.totp')}</dt>
          <dd>{one.totp ? t('admin.accounts.totp_on') : t('admin.accounts.totp_off')}</dd>
          <dt>{t('admin.accounts.col.last')}</dt>
          <dd>{one.last_sign_in_at ? <Moment at={one.last_sign_in_at} /> : t('admin.accounts.never')}</dd>
          <dt>{t('admin.accounts.password_set')}</dt>
          <dd>
            <Moment at={one.password_set_at} />
          </dd>
          <dt>{t('admin.accounts.col.created')}</dt>
          <dd>
            <Moment at={one.created_at} />
          </dd>
        </dl>
        {(rights.system || rights.security) && <Acts one={one} />}
      </Panel>
      {rights.security ? (
        <Sessions user={one.user} />
      ) : (
        <p className="small">{t('admin.accounts.session_hint')}</p>
      )}
    </div>
  )
}

function Acts({ one }: { one: Account }) {
  const { t } = useText()
  const { modal } = App.useApp()
  const rights = useRights()
  const [ask, setAsk] = useState<Ask>(null)
  const { act, busy } = useAct(['accounts'])
  const path = (verb: string) => `/accounts/${encodeURIComponent(one.user)}/${verb}`
  const run = (verb: string, done: string) => act(verb, () => tell('POST', path(verb)), done)
  const sure = (verb: string, content: string, okText: string, done: string) =>
    modal.confirm({
      title: okText,
      content,
      okText,
      cancelText: t('app.common.cancel'),
      okButtonProps: { danger: true },
      onOk: () => run(verb, done),
    })
  const user = { user: one.user }
  return (
    <div className={css.acts}>
      {rights.system && (
        <>
          <Button onClick={() => setAsk('reset')}>{t('admin.accounts.reset')}</Button>
          <Button onClick={() => setAsk('extension')}>{t('admin.accounts.set_extension')}</Button>
        </>
      )}
      <Button loading={busy === 'unlock'} onClick={() => void run('unlock', t('admin.accounts.unlocked'))}>
        {t('admin.accounts.unlock')}
      </Button>
      {one.totp && (
        <Button
          danger
          onClick={() =>
            sure(
              'reset_totp',
              t('admin.accounts.reset_totp_sure', user),
              t('admin.accounts.reset_totp'),
              t('admin.accounts.reset_totp_done'),
            )
          }
        >
          {t('admin.accounts.reset_totp')}
        </Button>
      )}
      {one.disabled_at ? (
        <Button
          loading={busy === 'enable'}
          onClick={() => void run('enable', t('admin.accounts.enabled_done'))}
        >
          {t('admin.accounts.enable')}
        </Button>
      ) : (
        <Button
          danger
          onClick={() =>
            sure(
              'disable',
              t('admin.accounts.disable_sure', user),
              t('admin.accounts.disable'),
              t('admin.accounts.disabled_done'),
            )
          }
        >
          {t('admin.accounts.disable')}
        </Button>
      )}
      {ask === 'reset' && <Reset one={one} close={() => setAsk(null)} />}
      {ask === 'extension' && <Extension one={one} close={() => setAsk(null)} />}
    </div>
  )
}

function Reset({ one, close }: { one: Account; close: () => void }) {
  const { t } = useText()
  const [password, setPassword] = useState('')
  const { act, busy, error } = useAct(['accounts'])
  const path = `/accounts/${encodeURIComponent(one.user)}/reset_password`
  const save = async () => {
    const done = t('admin.accounts.reset_done')
    if (await act('reset', () => tell('POST', path, { new_password: password }), done)) close()
  }
  return (
    <Modal
      open
      title={t('admin.accounts.reset_title', { user: one.user })}
      onCancel={close}
      onOk={() => void save()}
      okText={t('admin.accounts.reset')}
      cancelText={t('app.common.cancel')}
      okButtonProps={{ loading: busy !== null, disabled: !password }}
    >
      <Field
        label={t('admin.accounts.password')}
        required
        hint={t('admin.accounts.password_hint')}
        error={error?.fields.new_password ?? error?.fields.password}
      >
        {(control) => (
          <Input.Password
            {...control}
            autoFocus
            autoComplete="new-password"
            maxLength={128}
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        )}
      </Field>
    </Modal>
  )
}

function Extension({ one, close }: { one: Account; close: () => void }) {
  const { t } = useText()
  const [extension, setExtension] = useState(one.extension ?? '')
  const { act, busy, error } = useAct(['accounts'])
  const path = `/accounts/${encodeURIComponent(one.user)}/extension`
  const save = async () => {
    const body = { extension: extension.trim() || null }
    if (await act('extension', () => tell('PUT', path, body), t('admin.accounts.extension_done'))) close()
  }
  return (
    <Modal
      open
      title={t('admin.accounts.set_extension')}
      onCancel={close}
      onOk={() => void save()}
      okText={t('app.common.save')}
      cancelText={t('app.common.cancel')}
      okButtonProps={{ loading: busy !== null }}
    >
      <Field label={t('admin.accounts.extension')} error={error?.fields.extension}>
        {(control) => (
          <Input
            {...control}
            autoFocus
            inputMode="numeric"
            maxLength={8}
            value={extension}
            onChange={(event) => setExtension(event.target.value)}
          />
        )}
      </Field>
    </Modal>
  )
}

function Sessions({ user }: { user: string }) {
  const { t } = useText()
  const asked = useQuery(sessionsQuery(user))
  return (
    <Panel title={t('admin.accounts.sessions')}>
      <Gate asked={asked} rows={3}>
        {(page) =>
          page.items.length === 0 ? (
            <Empty title={t('admin.accounts.no_sessions')} />
          ) : (
            <ul className={css.sessions}>
              {page.items.map((each) => (
                <Session key={each.id} one={each} />
              ))}
            </ul>
          )
        }
      </Gate>
    </Panel>
  )
}

function Session({ one }: { one: OpenSession }) {
  const { t } = useText()
  const { act, busy } = useAct(['accounts', 'sessions', one.user])
  const cut = () => act('cut', () => tell('DELETE', `/sessions/${one.id}`), t('admin.accounts.cut_done'))
  return (
    <li className={css.session}>
      <div>
        <b className="num">{one.address ?? '—'}</b>{' '}
        {one.current && <Tag tone="primary">{t('admin.accounts.current')}</Tag>}
        <div className={`small ${css.agent}`} title={one.agent}>
          {one.agent}
        </div>
        <div className="small">
          {t('admin.accounts.seen')} <Moment at={one.last_seen_at} />　{t('admin.accounts.expires')}{' '}
          <Moment at={one.expires_at} />
        </div>
      </div>
      <Button size="small" danger loading={busy !== null} onClick={() => void cut()}>
        {t('admin.accounts.cut')}
      </Button>
    </li>
  )
}
