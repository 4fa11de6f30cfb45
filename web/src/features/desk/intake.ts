/**
 * The intake form's draft: kept on this machine at every key, at the hub a moment after the last one.
 * A view model outside React; a reload, a crash or a lost link loses no word.
 */
export interface IntakeForm {
  nature: string
  urgency: 'normal' | 'urgent' | 'extra_urgent'
  channel: string
  title: string
  narrative: string
  demand: string
  place: string
  /** Where that is: see `point.ts`; empty while nobody has pointed. */
  point: string
  class_code: string
  name: string
  phone: string
  unit_id: string
}

export const EMPTY_FORM: IntakeForm = {
  nature: 'help',
  urgency: 'normal',
  channel: 'call',
  title: '',
  narrative: '',
  demand: '',
  place: '',
  point: '',
  class_code: '',
  name: '',
  phone: '',
  unit_id: '',
}

/** Limits of facts/cases §2.2; the place is a line, not a text. */
export const LIMITS = { title: 80, narrative: 4000, demand: 500, place: 200, name: 40, phone: 20 } as const
const REQUIRED = ['nature', 'title', 'narrative', 'place', 'class_code'] as const

/** After the last key: short enough to lose nothing worth saying, long enough to save sentences, not letters. */
export const SAVE_AFTER_MS = 800
/** While the hub is away the words are on this machine; asking again each five seconds is enough. */
export const RETRY_AFTER_MS = 5_000

export type Saved = 'empty' | 'saving' | 'saved' | 'local'

export interface DraftSnapshot {
  form: IntakeForm
  saved: Saved
  savedAt: string | null
  /** The form was found half filled when it was opened. */
  restored: boolean
}

export interface DraftWorld {
  readLocal(): { form: Partial<IntakeForm>; at: number } | null
  writeLocal(form: IntakeForm, at: number): void
  clearLocal(): void
  /** The draft at the hub, or null where there is none. */
  load(): Promise<{ form: Partial<IntakeForm>; saved_at: string } | null>
  save(form: IntakeForm): Promise<{ saved_at: string }>
  now(): number
  later(ms: number, run: () => void): () => void
}

export class IntakeDraft {
  private form: IntakeForm
  private saved: Saved = 'empty'
  private savedAt: string | null = null
  private restored = false
  private touched = false
  private closed = false
  private saving = false
  private dirty = false
  private cancel: () => void = () => {}
  private snapshot: DraftSnapshot
  private readonly watchers = new Set<() => void>()

  constructor(
    private readonly world: DraftWorld,
    private readonly start: Partial<IntakeForm> = {},
  ) {
    this.form = { ...EMPTY_FORM, ...start }
    this.snapshot = this.take()
  }

  getSnapshot = (): DraftSnapshot => this.snapshot

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }

  /** Brings back what was typed before, the newer of this machine's and the hub's. Never over new typing. */
  async open(): Promise<void> {
    const local = this.world.readLocal()
    if (local) this.restore(local.form, 'local', new Date(local.at).toISOString())
    try {
      const remote = await this.world.load()
      if (!remote || this.closed) return
      if (!local || Date.parse(remote.saved_at) >= local.at)
        this.restore(remote.form, 'saved', remote.saved_at)
      else this.schedule(0)
    } catch {
      // The hub keeps no draft or is away: this machine's copy is shown.
    }
  }

  set<K extends keyof IntakeForm>(field: K, value: IntakeForm[K]): void {
    if (this.closed || this.form[field] === value) return
    this.touched = true
    this.dirty = true
    this.form = { ...this.form, [field]: value }
    this.world.writeLocal(this.form, this.world.now())
    this.saved = 'saving'
    this.schedule(SAVE_AFTER_MS)
    this.publish()
  }

  /** The form was submitted or thrown away: nothing is saved after this. */
  clear(): void {
    this.cancel()
    this.world.clearLocal()
    this.form = { ...EMPTY_FORM, ...this.start }
    this.saved = 'empty'
    this.savedAt = null
    this.restored = false
    this.touched = false
    this.dirty = false
    this.publish()
  }

  close(): void {
    this.closed = true
    this.cancel()
  }

  private restore(form: Partial<IntakeForm>, saved: Saved, at: string): void {
    if (this.touched) return
    this.form = { ...this.form, ...known(form) }
    this.saved = saved
    this.savedAt = at
    this.restored = true
    this.publish()
  }

  private schedule(ms: number): void {
    this.cancel()
    this.cancel = this.world.later(ms, () => void this.push())
  }

  private async push(): Promise<void> {
    if (this.saving || this.closed) return
    this.saving = true
    this.dirty = false
    try {
      const answer = await this.world.save(this.form)
      this.savedAt = answer.saved_at
      this.saved = this.dirty ? 'saving' : 'saved'
      if (this.dirty) this.schedule(SAVE_AFTER_MS)
    } catch {
      this.saved = 'local'
      this.savedAt = new Date(this.world.now()).toISOString()
      this.schedule(RETRY_AFTER_MS)
    } finally {
      this.saving = false
      if (!this.closed) this.publish()
    }
  }

  private take(): DraftSnapshot {
    return { form: this.form, saved: this.saved, savedAt: this.savedAt, restored: this.restored }
  }

  private publish(): void {
    this.snapshot = this.take()
    for (const watcher of this.watchers) watcher()
  }
}

/** Only fields of ours, only texts: a draft may come from an older console. */
function known(form: Partial<IntakeForm>): Partial<IntakeForm> {
  const kept: Record<string, string> = {}
  for (const name of Object.keys(EMPTY_FORM)) {
    const value = (form as Record<string, unknown>)[name]
    if (typeof value === 'string') kept[name] = value
  }
  return kept as Partial<IntakeForm>
}

export type Faults = Partial<Record<keyof IntakeForm, 'required' | number>>

/** What keeps the form from being submitted: `required`, or the limit that is passed. */
export function faultsOf(form: IntakeForm): Faults {
  const faults: Faults = {}
  for (const name of REQUIRED) if (form[name].trim() === '') faults[name] = 'required'
  for (const [name, limit] of Object.entries(LIMITS) as [keyof typeof LIMITS, number][]) {
    if ([...form[name]].length > limit) faults[name] = limit
  }
  return faults
}
