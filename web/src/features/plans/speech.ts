/**
 * The checker and the simulator speak English, as the plan files do; this says the same in Chinese. One line per sentence of
 * theirs; names, numbers and words of the plan language are left as they stand. A sentence that is not here is shown as it
 * came. Pure.
 */

/** Kinds of things that a plan names. */
const KIND: Record<string, string> = {
  step: '步骤',
  plan: '方案',
  prompt: '语音',
  queue: '队列',
  target: '转接目标',
  table: '表',
  area: '地区',
  agent: '坐席',
  call: '来电',
  'table of hours': '作息表',
  'list of holidays': '节假日表',
}
const kind = (word: string) => KIND[word] ?? word

type Line = [RegExp, (...parts: string[]) => string]

const FINDINGS: Line[] = [
  [/^there is no (.+) `(.*)`$/, (what, name) => `没有${kind(what)} \`${name}\``],
  [/^there is a (.+) `(.*)` already$/, (what, name) => `已有${kind(what)} \`${name}\``],
  [/^there is no `(.+)` here$/, (field) => `此处没有 \`${field}\` 这一项`],
  [/^there is no plan in these files$/, () => '这些文件里没有方案'],
  [/^no plan serves `?([^`]+)`?$/, (number) => `没有方案受理 \`${number}\``],
  [/^`(.+)` is served by plan `(.+)` already$/, (number, plan) => `\`${number}\` 已由方案 \`${plan}\` 受理`],
  [/^`(.+)` is missing$/, (field) => `缺少 \`${field}\``],
  [/^`(.+)` stands here twice$/, (key) => `\`${key}\` 写了两次`],
  [/^a key stands here twice$/, () => '同一项写了两次'],
  [/^`(.*)` is no duration$/, (text) => `\`${text}\` 不是时长`],
  [/^`(.*)` is out of range$/, (text) => `\`${text}\` 超出范围`],
  [/^`(.*)` is not one of the words allowed here$/, (text) => `此处不能写 \`${text}\``],
  [/^`(.*)` has no `(.*)` time$/, (owner, field) => `\`${owner}\` 缺少时间 \`${field}\``],
  [/^`(.*)` has no day in (\d+)$/, (name, year) => `\`${name}\` 没有 ${year} 年的日期`],
  [/^`(.*)` is no day and no stretch of days$/, (text) => `\`${text}\` 不是日期或日期段`],
  [/^`(.*)` is no day and time$/, (text) => `\`${text}\` 不是日期和时刻`],
  [/^`(.*)` is no time of a scenario$/, (text) => `\`${text}\` 不是情景里的时刻`],
  [/^`(.*)` is no offset from UTC$/, (text) => `\`${text}\` 不是时区`],
  [/^`(.*)` is no period of a day$/, (text) => `\`${text}\` 不是一天中的时段`],
  [/^`(.*)` is no telephone key$/, (text) => `\`${text}\` 不是电话按键`],
  [/^`(.*)` is no telephone number$/, (text) => `\`${text}\` 不是电话号码`],
  [/^(.+) is both a day off and a working day$/, (day) => `${day} 既是休息日又是工作日`],
  [/^area `(.+)` has no queue$/, (name) => `地区 \`${name}\` 没有队列`],
  [/^target `(.+)` has no number that can be dialled$/, (name) => `转接目标 \`${name}\` 没有可拨的号码`],
  [/^no call ever comes to `(.+)`$/, (step) => `没有来电会走到 \`${step}\``],
  [/^no path leads to a person at all$/, () => '没有一条路通到人工'],
  [/^a caller could go round here for ever: (.+)$/, (way) => `来电可能在此无限循环：${way}`],
  [
    /^a caller may go round `(.+)` by keys as long as he likes$/,
    (step) => `来电可按键在 \`${step}\` 反复停留`,
  ],
  [
    /^these steps follow each other without any time passing: (.+)$/,
    (way) => `这些步骤瞬间循环，不耗时间：${way}`,
  ],
  [
    /^a call can end here without a word and without a talk before$/,
    () => '来电可能在此一声不响地结束，此前也没有通话',
  ],
  [
    /^a caller who asked for a person and got none ends here, and nothing is due$/,
    () => '要人工而未接通的来电在此结束，且没有留下待办',
  ],
  [
    /^a person is promised within (.+), the longest way takes (.+): (.+)$/,
    (promised, bound, way) => `承诺 ${promised} 内接人工，最长的路要 ${bound}：${way}`,
  ],
  [
    /^the place is promised every (.+), `(.+)` does not keep it$/,
    (promised, step) => `承诺每 ${promised} 报一次位次，\`${step}\` 没有做到`,
  ],
  [
    /^calls of this plan are recorded, and here a caller could be connected without having heard so$/,
    () => '本方案录音，而来电在此可能未听录音告知就接通',
  ],
  [/^the caller would wait in silence$/, () => '来电会在静默中等待'],
  [/^nothing says how long a caller may wait here$/, () => '没有写明最长等待时间'],
  [/^the wait ends after (.+) already$/, (time) => `等待在 ${time} 后就已结束`],
  [/^the call waits in `(.+)` already$/, (queue) => `来电已在队列 \`${queue}\` 等待`],
  [/^place announcements need the prompt `(.+)`$/, (prompt) => `报位次需要语音 \`${prompt}\``],
  [
    /^the announcement may last (.+) and comes every (.+)$/,
    (length, every) => `播报最长 ${length}，却每 ${every} 一次`,
  ],
  [/^what must be heard lasts (.+)$/, (length) => `必听内容长 ${length}`],
  [/^this menu has no keys$/, () => '此菜单没有按键'],
  [/^this step says nothing$/, () => '此步骤没有播报内容'],
  [/^nothing is expected of this call$/, () => '没有写明对此来电的期望'],
  [/^an expectation names a `call`, or an `order`$/, () => '期望要写 `call` 或 `order`'],
  [/^an overflow rule says either `(.+)` or `(.+)`$/, (a, b) => `溢出规则只能写 \`${a}\` 或 \`${b}\` 之一`],
  [/^plan `(.+)` has (\d+) steps$/, (plan, n) => `方案 \`${plan}\` 有 ${n} 个步骤`],
  [/^(\d+) tries$/, (n) => `尝试 ${n} 次`],
  [/^nothing says (.+)$/, (when) => `没有写明：${WHEN[when] ?? when}`],
  [/^not readable as YAML(.*)$/, (rest) => `不是合法的 YAML${rest}`],
  [/^the file has more than (\d+) bytes$/, (n) => `文件超过 ${n} 字节`],
]

const WHEN: Record<string, string> = {
  'what follows': '之后做什么',
  'what follows in one of the cases': '各种情况之后做什么',
  'what follows the longest wait': '等待到时之后做什么',
  'what happens at a wrong key': '按错键怎么办',
  'what happens when closed': '下班时怎么办',
  'what happens when open': '上班时怎么办',
  'what happens when no case fits': '都不符合时怎么办',
  'what happens when nobody answers': '无人接听怎么办',
  'what happens when nobody is signed in': '无人值守怎么办',
  'what happens when the call out fails': '外呼失败怎么办',
  'what happens when the queue gives the call up': '队列撤销怎么办',
  'what happens when the target is busy': '对方占线怎么办',
  'what happens without a key': '不按键怎么办',
  'where a call begins': '来电从哪一步开始',
}

const HINTS: Line[] = [
  [/^did you mean `(.+)`\?$/, (name) => `是不是 \`${name}\`？`],
  [/^there are: (.+)$/, (names) => `可用：${names}`],
  [/^there are (\d+), such as: (.+)$/, (n, names) => `共 ${n} 个，如：${names}`],
  [/^there is none yet$/, () => '目前一个也没有'],
  [/^from (.+) to (.+), such as (.+)$/, (low, high, such) => `${low} 至 ${high}，如 ${such}`],
  [/^from (.+) to (.+)$/, (low, high) => `${low} 至 ${high}`],
  [/^add `missed_call: true`: he is called back$/, () => '加上 `missed_call: true`，之后回拨'],
  [/^add `music: music` \(any prompt; it is repeated\)$/, () => '加上 `music: music`（任一语音，循环播放）'],
  [
    /^add `must_hear: \[recording_notice\]` \(it is said once per call\)$/,
    () => '加上 `must_hear: [recording_notice]`（每通只播一次）',
  ],
  [/^add a `wait` or `dial` step, or remove the promise$/, () => '加一个 `wait` 或 `dial` 步骤，或去掉承诺'],
  [/^add the State Council's list of that year$/, () => '补上国务院公布的该年放假安排'],
  [/^add (.+) and (.+)$/, (a, b) => `加上 ${a} 和 ${b}`],
  [/^add (.+)$/, (what) => `加上 ${what}`],
  [/^write (.+)$/, (what) => `写作 ${what}`],
  [/^lead a way there, or remove it$/, () => '给它一条来路，或删去'],
  [/^lead to a person after the first round$/, () => '第一轮之后接人工'],
  [/^say something on the way, or end the circle$/, () => '途中播报一段，或断开循环'],
  [/^say less, or less often$/, () => '缩短播报，或拉长间隔'],
  [/^shorten the prompts on that way, or promise less$/, () => '缩短途中的播报，或放宽承诺'],
  [/^overflow earlier, or wait longer$/, () => '提前溢出，或延长等待'],
  [/^rename or remove one of the two$/, () => '两者改名或删去其一'],
  [/^all files together make one set: rename or remove one$/, () => '所有文件合为一套：改名或删去其一'],
  [/^split it: all files given together make one set$/, () => '拆成几个文件：一起给出的文件合为一套'],
  [/^remove it from one of the lists$/, () => '从其中一个清单删去'],
  [/^a dialled number has one plan$/, () => '一个号码只能有一个方案'],
  [
    /^every loop has a count \(`tries`\) or leads through a wait where a person may come$/,
    () => '循环要有次数（`tries`），或经过能接到人工的等待',
  ],
  [/^check indentation, colons and quotes$/, () => '检查缩进、冒号和引号'],
  [/^one of 0-9, \*, #, in quotes$/, () => '0–9、*、# 之一，加引号'],
  [/^one of 0-9, \*, #$/, () => '0–9、*、# 之一'],
  [/^name another queue$/, () => '改写另一个队列'],
  [/^run prompts\/make\.sh$/, () => '运行 prompts/make.sh'],
  [/^see `numbers:` of the plans$/, () => '见各方案的 `numbers:`'],
  [/^at most (.+): the rest belongs to `welcome`$/, (most) => `最多 ${most}，其余放进 \`welcome\``],
  [/^a plan has 1 to (\d+) steps under `steps:`$/, (n) => `方案在 \`steps:\` 下有 1 至 ${n} 个步骤`],
]

const ENDS: Record<string, string> = {
  normal: '正常结束',
  abandoned: '来电放弃',
  busy: '占线',
  failed: '失败',
}

const HAPPENED: Line[] = [
  [/^calls (.+)$/, (number) => `拨打 ${number}`],
  [/^presses (.+)$/, (key) => `按 ${key}`],
  [/^hears (.+)$/, (prompt) => `听到 ${prompt}`],
  [/^waits in (.+)$/, (queue) => `在 ${queue} 排队`],
  [/^rings (.+)$/, (who) => `振铃 ${who}`],
  [/^answered by (.+)$/, (who) => `由 ${who} 接听`],
  [/^dials (.+)$/, (target) => `转接 ${target}`],
  [/^records true$/, () => '开始录音'],
  [/^records false$/, () => '停止录音'],
  [/^sets (\S+) (.*)$/, (name, value) => `记下 ${name} = ${value}`],
  [/^ends (.+)$/, (cause) => `结束：${ENDS[cause] ?? cause}`],
  [/^note (\S+) ?(.*)$/, (what, text) => `备注 ${what} ${text}`.trim()],
  [/^hangs up$/, () => '挂断'],
]

const FAILURES: Line[] = [
  [
    /^(.+): `(.+)` was expected from (.+) to (.+), but (.+)$/,
    (call, what, from, to, seen) => `${call}：应在 ${from} 至 ${to} 之间“${happened(what)}”，但${SEEN(seen)}`,
  ],
  [
    /^(.+): `(.+)` was not expected, but happened at (.+)$/,
    (call, what, at) => `${call}：不应“${happened(what)}”，却在 ${at} 发生`,
  ],
  [/^answered in the order (.+), expected (.+)$/, (was, wanted) => `接听次序为 ${was}，应为 ${wanted}`],
  [/^(.+): silence at (.+)$/, (call, at) => `${call}：${at} 时静默`],
  [/^(.+): no plan serves (.+)$/, (call, number) => `${call}：没有方案受理 ${number}`],
  [/^more than (\d+) events: something circles$/, (n) => `超过 ${n} 个事件：有循环`],
]

const SEEN = (seen: string) =>
  seen.replace(/^it happened at (.+)$/, '发生在 $1').replace(/^it never happened$/, '没有发生')

function say(lines: Line[], text: string): string {
  for (const [pattern, words] of lines) {
    const found = pattern.exec(text)
    if (found) return words(...found.slice(1))
  }
  return text
}

export const finding = (reason: string): string => say(FINDINGS, reason)
export const hint = (text: string): string => say(HINTS, text)
export const happened = (what: string): string => say(HAPPENED, what)
export const failure = (text: string): string => say(FAILURES, text)
