/**
 * The steps of plan files for a drawing, read by indentation. Not a YAML parser: the hub's checker decides what is right,
 * this only shows what stands there. Pure.
 */
import type { PlanFile } from '../../api/ops'

export interface Step {
  plan: string
  name: string
  /** What it does: `hours`, `wait`, `say`, `dial`… */
  kind: string
  file: string
  /** From 1. */
  line: number
  /** Comment lines right above it. */
  note: string
  /** What it mentions, in order, for finding the steps that follow. */
  words: { key: string; word: string }[]
}

export interface Way {
  by: string
  to: string
}

export function stepsOf(file: PlanFile): Step[] {
  const steps: Step[] = []
  let plan = ''
  let inSteps = -1
  let note: string[] = []
  file.text.split('\n').forEach((line, i) => {
    const indent = line.search(/\S/)
    const text = line.trim()
    if (text.startsWith('#')) note.push(text.replace(/^#\s?/, ''))
    if (indent < 0) note = []
    if (indent < 0 || text.startsWith('#')) return
    const key = /^([\w-]+):/.exec(text)?.[1]
    if (key && indent === 2) plan = key
    if (key === 'steps' && indent === 4) inSteps = indent
    else if (indent <= inSteps) inSteps = -1
    else if (inSteps >= 0 && key && indent === inSteps + 2)
      steps.push({ plan, name: key, kind: '', file: file.name, line: i + 1, note: note.join(' '), words: [] })
    else if (inSteps >= 0) read(steps.at(-1), text, key, indent === inSteps + 4)
    note = []
  })
  return steps
}

function read(step: Step | undefined, text: string, key: string | undefined, first: boolean): void {
  if (!step) return
  if (first && key) step.kind ||= key
  const bare = text.replace(/\s#.*$/, '')
  for (const pair of bare.matchAll(/["']?([\w#*-]+)["']?:\s*["']?([\w-]+)["']?/g))
    step.words.push({ key: pair[1] ?? '', word: pair[2] ?? '' })
}

/** Where a step leads: mentions of other steps of its plan. */
export function waysOf(step: Step, all: Step[]): Way[] {
  const names = new Set(all.filter((each) => each.plan === step.plan).map((each) => each.name))
  const ways = step.words.filter(({ key, word }) => names.has(word) && key !== 'queue' && key !== 'target')
  return ways.map(({ key, word }) => ({ by: key, to: word }))
}
