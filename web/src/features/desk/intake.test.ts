import { describe, expect, it } from 'vitest'
import {
  type DraftWorld,
  EMPTY_FORM,
  faultsOf,
  IntakeDraft,
  type IntakeForm,
  RETRY_AFTER_MS,
  SAVE_AFTER_MS,
} from './intake'

class FakeWorld implements DraftWorld {
  time = 1_000_000
  timers: { at: number; run: () => void }[] = []
  local: { form: Partial<IntakeForm>; at: number } | null = null
  remote: { form: Partial<IntakeForm>; saved_at: string } | null = null
  saves: IntakeForm[] = []
  away = false
  readLocal = () => this.local
  writeLocal = (form: IntakeForm, at: number) => void (this.local = { form, at })
  clearLocal = () => void (this.local = null)
  load = async () => this.remote
  save = async (form: IntakeForm) => {
    if (this.away) throw new Error('away')
    this.saves.push(form)
    return { saved_at: new Date(this.time).toISOString() }
  }
  now = () => this.time
  later(ms: number, run: () => void) {
    const timer = { at: this.time + ms, run }
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter((t) => t !== timer)
    }
  }
  async advance(ms: number) {
    this.time += ms
    const due = this.timers.filter((t) => t.at <= this.time)
    this.timers = this.timers.filter((t) => t.at > this.time)
    for (const timer of due) timer.run()
    for (let i = 0; i < 6; i++) await Promise.resolve()
  }
}

describe('the draft', () => {
  it('is on this machine at every key, at the hub after the last', async () => {
    const world = new FakeWorld()
    const draft = new IntakeDraft(world)
    draft.set('title', '水')
    draft.set('title', '水管')
    expect(world.local?.form.title).toBe('水管')
    expect(world.saves).toHaveLength(0)
    await world.advance(SAVE_AFTER_MS)
    expect(world.saves.map((form) => form.title)).toEqual(['水管'])
    expect(draft.getSnapshot().saved).toBe('saved')
  })

  it('says it is on this machine only while the hub is away, and saves when it is back', async () => {
    const world = new FakeWorld()
    world.away = true
    const draft = new IntakeDraft(world)
    draft.set('title', '水管')
    await world.advance(SAVE_AFTER_MS)
    expect(draft.getSnapshot().saved).toBe('local')
    world.away = false
    await world.advance(RETRY_AFTER_MS)
    expect(draft.getSnapshot().saved).toBe('saved')
  })

  it('comes back after a reload, the newer copy wins', async () => {
    const world = new FakeWorld()
    world.local = { form: { title: '本机' }, at: 2_000 }
    world.remote = { form: { title: '平台' }, saved_at: new Date(3_000).toISOString() }
    const draft = new IntakeDraft(world)
    await draft.open()
    expect(draft.getSnapshot()).toMatchObject({ form: { title: '平台' }, restored: true })

    world.local = { form: { title: '本机' }, at: 4_000 }
    const later = new IntakeDraft(world)
    await later.open()
    expect(later.getSnapshot().form.title).toBe('本机')
    await world.advance(0)
    expect(world.saves.at(-1)?.title).toBe('本机')
  })

  it('never overwrites what was typed while it was loading', async () => {
    const world = new FakeWorld()
    world.remote = { form: { title: '旧' }, saved_at: new Date(3_000).toISOString() }
    const draft = new IntakeDraft(world)
    const opening = draft.open()
    draft.set('title', '新')
    await opening
    expect(draft.getSnapshot().form.title).toBe('新')
  })

  it('takes only texts of fields it knows', async () => {
    const world = new FakeWorld()
    world.remote = { form: { title: 5, nonsense: 'x' } as never, saved_at: new Date(3_000).toISOString() }
    const draft = new IntakeDraft(world)
    await draft.open()
    expect(draft.getSnapshot().form).toEqual(EMPTY_FORM)
  })

  it('saves nothing after it was submitted', async () => {
    const world = new FakeWorld()
    const draft = new IntakeDraft(world)
    draft.set('title', '水管')
    draft.clear()
    await world.advance(60_000)
    expect(world.saves).toHaveLength(0)
    expect(world.local).toBeNull()
  })
})

describe('faults', () => {
  const good: IntakeForm = {
    ...EMPTY_FORM,
    title: '水管爆裂',
    narrative: '漏水',
    place: '农业路',
    class_code: '0101',
  }
  it('none in a full form', () => expect(faultsOf(good)).toEqual({}))
  it('blank is missing', () => expect(faultsOf({ ...good, title: '  ' })).toEqual({ title: 'required' }))
  it('counts characters, not code units', () => {
    expect(faultsOf({ ...good, title: '𠮷'.repeat(80) })).toEqual({})
    expect(faultsOf({ ...good, title: '水'.repeat(81) })).toEqual({ title: 80 })
  })
})
