import { useInfiniteQuery } from '@tanstack/react-query'
import { Input, Modal, Select } from 'antd'
import { useState } from 'react'
import { peopleOfQuery, tell } from '../../api/ops'
import { useText } from '../../i18n'
import { useAct } from '../../ui/act'
import { Field } from '../../ui/Field'
import lay from '../../ui/layout.module.css'

export function CreateAccount({ close, created }: { close: () => void; created: (user: string) => void }) {
  const { t } = useText()
  const [form, setForm] = useState({ user: '', person_id: '', password: '', extension: '' })
  const [q, setQ] = useState('')
  const people = useInfiniteQuery(peopleOfQuery(undefined, q.trim() || undefined))
  const { act, busy, error } = useAct(['accounts'])
  const set = (change: Partial<typeof form>) => setForm((now) => ({ ...now, ...change }))
  const user = form.user.trim()
  const save = async () => {
    const body = { ...form, user, extension: form.extension.trim() || null }
    const done = t('admin.accounts.created', { user })
    if (!(await act('create', () => tell('POST', '/accounts', body), done))) return
    close()
    created(user)
  }
  const options = people.data?.pages
    .flatMap((page) => page.items)
    .map((one) => ({
      value: one.id,
      label: [one.name, one.posts[0] && `${one.posts[0].unit_name} ${one.posts[0].title}`]
        .filter(Boolean)
        .join('　'),
    }))
  return (
    <Modal
      open
      title={t('admin.accounts.create')}
      onCancel={close}
      onOk={() => void save()}
      okText={t('admin.accounts.create')}
      cancelText={t('app.common.cancel')}
      okButtonProps={{ loading: busy !== null, disabled: !user || !form.person_id || !form.password }}
    >
      <div className={lay.form}>
        <Field
          label={t('admin.accounts.user')}
          required
          hint={t('admin.accounts.user_hint')}
          error={error?.fields.user}
        >
          {(control) => (
            <Input
              {...control}
              autoFocus
              autoComplete="off"
              maxLength={32}
              value={form.user}
              onChange={(event) => set({ user: event.target.value })}
            />
          )}
        </Field>
        <Field
          label={t('admin.accounts.person')}
          required
          hint={t('admin.accounts.person_hint')}
          error={error?.fields.person_id}
        >
          {(control) => (
            <Select
              {...control}
              style={{ width: '100%' }}
              showSearch={{ filterOption: false, onSearch: setQ }}
              options={options}
              loading={people.isFetching}
              value={form.person_id || undefined}
              onChange={(person_id: string) => set({ person_id })}
            />
          )}
        </Field>
        <Field
          label={t('admin.accounts.password')}
          required
          hint={t('admin.accounts.password_hint')}
          error={error?.fields.password}
        >
          {(control) => (
            <Input.Password
              {...control}
              autoComplete="new-password"
              maxLength={128}
              value={form.password}
              onChange={(event) => set({ password: event.target.value })}
            />
          )}
        </Field>
        <Field label={t('admin.accounts.extension')} error={error?.fields.extension}>
          {(control) => (
            <Input
              {...control}
              inputMode="numeric"
              maxLength={8}
              value={form.extension}
              onChange={(event) => set({ extension: event.target.value })}
            />
          )}
        </Field>
      </div>
    </Modal>
  )
}
