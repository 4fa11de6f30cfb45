import { Input, Modal } from 'antd'
import { useState } from 'react'
import { useText } from '../../i18n'
import { Field } from '../../ui/Field'

const ANSWER_MAX_CHARS = 2000

export function AnswerDialog({
  open,
  busy,
  close,
  send,
}: {
  open: boolean
  busy: boolean
  close: () => void
  send: (text: string) => void
}) {
  const { t } = useText()
  const [text, setText] = useState('')
  return (
    <Modal
      open={open}
      title={t('desk.form.answer_title')}
      okText={t('desk.form.answer')}
      okButtonProps={{ disabled: text.trim() === '', loading: busy }}
      onOk={() => send(text.trim())}
      onCancel={close}
      destroyOnHidden
    >
      <Field label={t('desk.form.answer_text')} required hint={t('desk.form.answer_hint')}>
        {(control) => (
          <Input.TextArea
            {...control}
            autoFocus
            value={text}
            maxLength={ANSWER_MAX_CHARS}
            showCount
            autoSize={{ minRows: 4, maxRows: 10 }}
            onChange={(event) => setText(event.target.value)}
          />
        )}
      </Field>
    </Modal>
  )
}
