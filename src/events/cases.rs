//! Events of `cases`, and the words they are made of: what a case, a work item, a clock, a notice is called in the log.
//!
//! Each verb leaves exactly one event: its facts, and the [`Change`] it made. Whoever follows needs no flow definition:
//! the change says where the case now is, which items and clocks it touched, and whom to tell.
//!
//! Must not know: which change is legal (that is `cases::engine`), how anything is stored.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ActorRef, DomainEvent, Personal, Subject};
use crate::ids::{CaseId, ClockId, OrgPath, PersonId, Point, Timestamp, UnitId, WorkItemId};

/// A code set: each value has a stable code and the word that officials use.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal, $zh:literal;)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $($(#[$vdoc])* #[doc = $zh] #[serde(rename = $code)] $variant,)* }

        impl $name {
            /// All values, in the table's order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable code.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The word that officials use.
            pub fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh,)* }
            }

            /// The value of a code.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }
    )*};
}

codes! {
    /// Where a case came from 来源渠道.
    Channel {
        Call = "call", "电话"; Sms = "sms", "短信"; Web = "web", "网页"; App = "app", "客户端"; Wechat = "wechat", "微信";
        Grid = "grid", "网格上报"; Leader = "leader", "领导批示"; Media = "media", "媒体监测"; Patrol = "patrol", "巡查";
        Video = "video", "视频"; Iot = "iot", "物联感知"; Letter = "letter", "来信"; Visit = "visit", "来访";
        Transfer110 = "transfer_110", "110 移交"; Platform = "platform", "平台转办";
    }
    /// What the citizen asks for 诉求性质; it sets the default time limits.
    Nature {
        Consult = "consult", "咨询"; Help = "help", "求助"; Complain = "complain", "投诉"; Report = "report", "举报";
        Suggest = "suggest", "建议"; Praise = "praise", "表扬"; Other = "other", "其他";
    }
    /// How urgent 紧急程度.
    Urgency {
        ExtraUrgent = "extra_urgent", "特急"; Urgent = "urgent", "紧急"; Normal = "normal", "一般";
    }
    /// How secret 敏感级; `access` has the same four, ordered.
    Secrecy {
        Open = "open", "公开"; Internal = "internal", "内部"; Confidential = "confidential", "保密"; Whistle = "whistle", "举报保密";
    }
    /// States laid over the node 叠加态: they neither replace nor multiply it.
    Overlay {
        Suspended = "suspended", "挂起"; Supervised = "supervised", "督办"; Attention = "attention", "关注";
        Disputed = "disputed", "争议"; Escalated = "escalated", "升级"; CitizenWaiting = "citizen_waiting", "群众催办";
    }
    /// The card 亮牌; derived from the clocks, never typed.
    Card {
        None = "none", "未亮牌"; Green = "green", "绿牌"; Yellow = "yellow", "黄牌"; Red = "red", "红牌";
    }
    /// What came of it 办理结果.
    ResultCode {
        Resolved = "resolved", "已解决"; Partly = "partly", "部分解决"; Explained = "explained", "解释说明";
        OnAccount = "on_account", "挂账"; Refused = "refused", "不予受理"; HandedOver = "handed_over", "移送";
        Withdrawn = "withdrawn", "撤诉"; Invalid = "invalid", "无效";
    }
    /// What a work item asks of its holder.
    ItemKind {
        Decide = "decide", "派单"; Lead = "lead", "主办"; CoHandle = "co_handle", "协办"; Consult = "consult", "征询";
        Verify = "verify", "核查"; Revisit = "revisit", "回访"; Approve = "approve", "审批"; Supervise = "supervise", "督办";
        Meet = "meet", "会商"; Cc = "cc", "抄送";
    }
    /// Where a work item stands: `offered → signed → done`, or one of the other ends.
    ItemState {
        Offered = "offered", "待签收"; Signed = "signed", "已签收"; Done = "done", "已完成"; Returned = "returned", "已退回";
        Withdrawn = "withdrawn", "已撤回"; Transferred = "transferred", "已转办"; Expired = "expired", "已失效";
    }
    /// What a clock limits 时限.
    ClockKind {
        Triage = "triage", "受理"; Dispatch = "dispatch", "派单"; Sign = "sign", "签收"; Contact = "contact", "首次联系";
        Settle = "settle", "办结"; Judge = "judge", "退单审核"; Check = "check", "核查"; Reply = "reply", "答复";
        Revisit = "revisit", "回访"; Wait = "wait", "待补充";
    }
    /// The unit of a time budget.
    TimeUnit {
        /// By the wall clock, day and night.
        Minutes = "minutes", "分钟"; Hours = "hours", "小时";
        /// Only office hours count.
        WorkingMinutes = "working_minutes", "工作分钟"; WorkingDays = "working_days", "个工作日"; NaturalDays = "natural_days", "个自然日";
    }
    /// From when a budget counts.
    StartRule {
        AtOnce = "at_once", "即时起算"; NextWorkingMoment = "next_working_moment", "上班起算"; NextDay = "next_day", "次日起算";
    }
    /// How a clock ended.
    Outcome {
        Met = "met", "按时"; Late = "late", "超时"; Cancelled = "cancelled", "取消";
    }
    /// How two cases hang together.
    LinkKind {
        DuplicateOf = "duplicate_of", "重复"; MergedInto = "merged_into", "并入"; PartOf = "part_of", "从属";
        Follows = "follows", "后续"; SameMatter = "same_matter", "同一事项";
    }
    /// What the citizen says to "is it solved?" 是否解决.
    Solved {
        Yes = "yes", "已解决"; No = "no", "未解决"; Unreachable = "unreachable", "未接通";
    }
    /// Part that somebody plays in a case.
    PartyRole {
        Requester = "requester", "诉求人"; Subject = "subject", "被反映人"; Witness = "witness", "见证人"; AgentFor = "agent_for", "代理人";
    }
    /// What a linked subject is to the case.
    ContactRole {
        /// The contact by which the case came in.
        Source = "source", "来源";
        /// The handler reached the citizen: stops the contact clock.
        FirstContact = "first_contact", "联系群众"; Related = "related", "相关";
    }
    /// Who may see an attachment.
    Visibility {
        Handlers = "handlers", "办理人员"; Citizen = "citizen", "群众可见";
    }
}

#[allow(clippy::derivable_impls)] // the enum comes out of a table, in which one line cannot be marked
impl Default for Secrecy {
    fn default() -> Self {
        Self::Open
    }
}

/// A unit as it was called when the event happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitRef {
    /// Its id.
    pub id: UnitId,
    /// Its place in the tree.
    pub path: OrgPath,
    /// Its name.
    pub name: String,
}

/// A personal text in any of the forms in which readers meet it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PersonalText {
    /// On its way into the log: sealed at append.
    Plain(Personal),
    /// As it lies in the log.
    Sealed {
        /// Whose key.
        #[serde(rename = "$sealed")]
        owner: String,
        /// Base64 of the cipher text.
        text: String,
    },
    /// Opened (masked or whole) for a reader who may.
    Open(String),
    /// The person was erased.
    Erased(()),
}

/// Where it happened 事发地点.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// In words, at most 200 characters.
    pub text: String,
    /// Longitude, degrees east, CGCS2000; with `lat` or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lon: Option<f64>,
    /// Latitude, degrees north.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lat: Option<f64>,
    /// Standard address id, where one was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_id: Option<String>,
    /// Accuracy of the point in metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_m: Option<f64>,
}

impl Place {
    /// The point, where both coordinates are there.
    pub fn point(&self) -> Option<Point> {
        Some(Point { lon: self.lon?, lat: self.lat? })
    }
}

/// The area that a point lies in, with the version of the grids by which that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    /// The smallest grid's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<String>,
    /// The unit (village, township, county) that answers for it.
    pub unit: UnitRef,
    /// Version of the grids.
    pub grids_version: String,
}

/// A time budget: `amount` of `unit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// How many, 1..=10,000.
    pub amount: u32,
    /// Of what.
    pub unit: TimeUnit,
}

/// A stretch of a clock's life in which it ran or paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Since when.
    pub from: Timestamp,
    /// Until when; open while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Whether time counted.
    pub run: bool,
    /// Why.
    pub reason: String,
}

/// A clock 时限: a budget with a ledger. `due_at` and `next_rung_at` are an index computed from both and the calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Its id.
    pub id: ClockId,
    /// What it limits.
    pub kind: ClockKind,
    /// The work item it belongs to, where it is one item's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<WorkItemId>,
    /// The round of the case.
    pub round: u32,
    /// How much time.
    pub budget: Budget,
    /// By which calendar.
    pub calendar: String,
    /// Version of the calendar that `due_at` was computed by.
    pub calendar_version: String,
    /// From when it counts.
    pub start_rule: StartRule,
    /// Percentages at which it speaks.
    pub ladder: Vec<u16>,
    /// The ledger, in order, at least one.
    pub segments: Vec<Segment>,
    /// When it runs out; none while it pauses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// Whether `due_at` touches a year whose holidays are not published.
    #[serde(default)]
    pub provisional: bool,
    /// When the next rung is reached; none while it pauses or when all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_rung_at: Option<Timestamp>,
    /// Rungs reached.
    #[serde(default)]
    pub fired: Vec<u16>,
    /// Grows when the budget is changed, so that rungs may be reached anew.
    #[serde(default)]
    pub epoch: u32,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// A work item 任务: who has to do what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItem {
    /// Its id.
    pub id: WorkItemId,
    /// What is asked.
    pub kind: ItemKind,
    /// Of which unit.
    pub unit: UnitRef,
    /// Where it stands.
    pub state: ItemState,
    /// The unit that gave it.
    pub sender: UnitRef,
    /// The item it was given under (a lead who sends down keeps his own).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<WorkItemId>,
    /// The round of the case.
    pub round: u32,
    /// What was said with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it was given.
    pub offered_at: Timestamp,
    /// When it was signed for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<Timestamp>,
    /// Who signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<ActorRef>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Who ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<ActorRef>,
}

/// Proof or document with a case: the file itself lies in the attachment store under its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// SHA-256 of the content, 64 hex digits.
    pub sha256: String,
    /// Name as the sender called it, at most 200 characters; hostile input, shown as text only.
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Who may see it.
    #[serde(default = "handlers")]
    pub visible_to: Visibility,
}

fn handlers() -> Visibility {
    Visibility::Handlers
}

/// Whom a notice goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum NoticeTo {
    /// A unit: its duty phone and its handlers' screens.
    Unit {
        /// Which.
        unit: UnitRef,
    },
    /// The citizen; the number stays in `cases` (`Cases::requester_phone`).
    Requester,
}

/// Somebody is to be told: `messages` chooses the words by `template`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// `case.assigned`, `case.due_soon`, `case.overdue`, `case.return_requested`, `case.fed_back`, `case.closed`, …
    pub template: String,
    /// To whom.
    #[serde(flatten)]
    pub to: NoticeTo,
    /// What the words need beside the event's number and title: `due` (RFC 3339), `clock`, `reason`, `answer`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
}

/// A move between nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// From which node.
    pub from: String,
    /// To which.
    pub to: String,
    /// The step (1..=6) that the new node is in.
    pub step: u8,
    /// What officials call the new node.
    pub zh: String,
    /// Whether the case has come to an end.
    pub end: bool,
}

/// What happened to a work item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant)] // a change holds one or two, and is written away at once
pub enum ItemChange {
    /// It was given out.
    Opened {
        /// The item.
        item: WorkItem,
    },
    /// It came to stand elsewhere.
    Became {
        /// Which.
        id: WorkItemId,
        /// Where.
        state: ItemState,
    },
}

/// What happened to a clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum ClockChange {
    /// It began to run.
    Started {
        /// The clock.
        clock: Clock,
    },
    /// Time stopped counting.
    Paused {
        /// Which.
        id: ClockId,
        /// Why.
        reason: String,
    },
    /// Time counts again.
    Resumed {
        /// Which.
        id: ClockId,
        /// Why.
        reason: String,
        /// The new end.
        due_at: Option<Timestamp>,
        /// Whether it is provisional.
        provisional: bool,
        /// The next rung.
        next_rung_at: Option<Timestamp>,
    },
    /// Class, nature or urgency were corrected: another budget, the same ledger.
    Rebudgeted {
        /// Which.
        id: ClockId,
        /// How much now.
        budget: Budget,
        /// The new epoch: rungs may be reached anew.
        epoch: u32,
        /// The new end.
        due_at: Option<Timestamp>,
        /// Whether it is provisional.
        provisional: bool,
        /// The next rung.
        next_rung_at: Option<Timestamp>,
    },
    /// It ended.
    Ended {
        /// Which.
        id: ClockId,
        /// How.
        outcome: Outcome,
    },
}

/// What a verb did to the case beside its own facts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The move, if it moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Move>,
    /// The new round, if one began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// The desk that now dispatches, if it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk: Option<UnitRef>,
    /// Work items, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ItemChange>,
    /// Clocks, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clocks: Vec<ClockChange>,
    /// Overlays laid on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlays_on: Vec<Overlay>,
    /// Overlays taken off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlays_off: Vec<Overlay>,
    /// Whom to tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
}

/// An event of a case: its number and title for whoever shows it, the verb's facts, the change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stepped<F> {
    /// The public number 工单编号.
    pub public_no: String,
    /// The title at that time.
    pub title: String,
    /// What the verb says.
    #[serde(flatten)]
    pub facts: F,
    /// What it did.
    #[serde(default)]
    pub change: Change,
    /// The client's key, so that a resent request makes no second act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A new case, as captured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Captured {
    /// Its id.
    pub id: CaseId,
    /// With the number it opens the citizen's view 查询码.
    pub query_code: PersonalText,
    /// Channel.
    pub channel: Channel,
    /// The hotline number that was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hotline_no: Option<String>,
    /// Nature.
    pub nature: Nature,
    /// Class, a leaf of the class tree.
    pub class_code: String,
    /// Urgency.
    pub urgency: Urgency,
    /// Sensitivity.
    #[serde(default)]
    pub sensitivity: Secrecy,
    /// The citizen's words.
    pub narrative: String,
    /// What he wants to happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<String>,
    /// When it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The area of the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<Area>,
    /// Key owner of the requester's texts, `phone:…` or `case:…`.
    pub owner: String,
    /// The requester's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester_name: Option<PersonalText>,
    /// His number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester_phone: Option<PersonalText>,
    /// The unit that took it in.
    pub collector: UnitRef,
    /// The person who took it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collected_by: Option<PersonId>,
    /// The desk that dispatches.
    pub desk: UnitRef,
    /// Subjects linked from the start, such as the call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<Subject>,
    /// Flow key.
    pub flow: String,
    /// Content hash of the flow version that the case keeps.
    pub flow_version: String,
    /// Version of the class tree.
    pub class_version: String,
}

/// More was said 补充.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Supplemented {
    /// The added words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A better title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_title: Option<String>,
    /// Another class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_code: Option<String>,
    /// Another nature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nature: Option<Nature>,
    /// Another urgency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
    /// A better place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Its area.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<Area>,
    /// Key owner of the requester's texts, if the number became known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The requester's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester_name: Option<PersonalText>,
    /// His number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester_phone: Option<PersonalText>,
    /// Files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
}

/// Words said with a verb.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// The note or reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A unit was given the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The lead 主办.
    pub unit: UnitRef,
    /// The co-handlers 协办.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub co_units: Vec<UnitRef>,
    /// Note or reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A unit signed for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedFor {
    /// Which unit.
    pub unit: UnitRef,
    /// As lead or co-handler.
    pub role: ItemKind,
    /// By what: `web`, `sms`, `phone`.
    pub via: String,
    /// Note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A unit says the case is not its own 退单申请.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnRequested {
    /// Which unit.
    pub unit: UnitRef,
    /// Why.
    pub reason: String,
    /// The unit it thinks right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right_unit: Option<UnitRef>,
    /// The rule it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    /// Which return of this round it is, from 1.
    pub count: u32,
}

/// What came of it, in the words of who handled it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resulted {
    /// The result.
    pub result_code: ResultCode,
    /// The answer.
    pub answer_text: String,
    /// Why without the co-handlers, if they had not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_co: Option<String>,
    /// Files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
}

/// The citizen was told 答复.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replied {
    /// By which way.
    pub channel: Channel,
    /// The words.
    pub answer_text: String,
    /// The call or message by which it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
}

/// The citizen was asked 回访.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revisited {
    /// Whether it is solved.
    pub solved: Solved,
    /// With the handling, 1 (very unsatisfied) to 5 (very satisfied).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub satisfied_process: Option<u8>,
    /// With the result, 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub satisfied_result: Option<u8>,
    /// Note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Which try of this round it is, from 1.
    pub tries: u32,
}

/// Somebody pressed for it 催办.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Urged {
    /// The words.
    pub text: String,
    /// Whether it was the citizen.
    pub by_citizen: bool,
    /// Which urging it is, from 1.
    pub count: u32,
}

/// Something was linked: another case, or a call, message, meeting, order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum Linked {
    /// Another case.
    Case {
        /// Which.
        case_id: CaseId,
        /// How they hang together.
        relation: LinkKind,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// A contact or other thing of the log.
    Subject {
        /// Which.
        subject: Subject,
        /// What it is to the case.
        role: ContactRole,
    },
}

/// A clock reached a rung of its ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RungReached {
    /// Which clock.
    pub clock: ClockId,
    /// What it limits.
    pub limit: ClockKind,
    /// The rung, per cent of the budget.
    pub percent: u16,
    /// When the rung was reached (not when it was noticed).
    pub reached_at: Timestamp,
    /// When the clock runs or ran out.
    pub due_at: Option<Timestamp>,
    /// The next rung.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_rung_at: Option<Timestamp>,
    /// The epoch of the clock.
    pub epoch: u32,
}

/// A new calendar moved a clock's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadlineMoved {
    /// Which clock.
    pub clock: ClockId,
    /// What it limits.
    pub limit: ClockKind,
    /// Where the end was.
    pub from: Option<Timestamp>,
    /// Where it is now.
    pub due_at: Option<Timestamp>,
    /// Whether it is still provisional.
    pub provisional: bool,
    /// The next rung.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_rung_at: Option<Timestamp>,
    /// The calendar.
    pub calendar: String,
    /// Its new version.
    pub calendar_version: String,
}

/// What can happen to a case. The kinds are `case.` and a past participle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body")]
#[allow(missing_docs, reason = "each variant is the verb of its kind; its facts are documented at their type")]
pub enum CaseEvent {
    #[serde(rename = "case.captured")]
    Captured(Box<Stepped<Captured>>),
    #[serde(rename = "case.supplemented")]
    Supplemented(Box<Stepped<Supplemented>>),
    #[serde(rename = "case.accepted")]
    Accepted(Stepped<Noted>),
    #[serde(rename = "case.asked_more")]
    AskedMore(Stepped<Noted>),
    #[serde(rename = "case.refused")]
    Refused(Stepped<Noted>),
    #[serde(rename = "case.answered")]
    Answered(Stepped<Resulted>),
    #[serde(rename = "case.assigned")]
    Assigned(Stepped<Given>),
    #[serde(rename = "case.reassigned")]
    Reassigned(Stepped<Given>),
    #[serde(rename = "case.signed")]
    Signed(Stepped<SignedFor>),
    #[serde(rename = "case.return_requested")]
    ReturnRequested(Stepped<ReturnRequested>),
    #[serde(rename = "case.return_granted")]
    ReturnGranted(Stepped<Noted>),
    #[serde(rename = "case.return_refused")]
    ReturnRefused(Stepped<Noted>),
    #[serde(rename = "case.transferred")]
    Transferred(Stepped<Given>),
    #[serde(rename = "case.sent_up")]
    SentUp(Stepped<Given>),
    #[serde(rename = "case.sent_down")]
    SentDown(Stepped<Given>),
    #[serde(rename = "case.fed_back")]
    FedBack(Stepped<Resulted>),
    #[serde(rename = "case.co_fed_back")]
    CoFedBack(Stepped<Resulted>),
    #[serde(rename = "case.check_passed")]
    CheckPassed(Stepped<Noted>),
    #[serde(rename = "case.check_failed")]
    CheckFailed(Stepped<Noted>),
    #[serde(rename = "case.replied")]
    Replied(Stepped<Replied>),
    #[serde(rename = "case.revisited")]
    Revisited(Stepped<Revisited>),
    #[serde(rename = "case.closed")]
    Closed(Stepped<Noted>),
    #[serde(rename = "case.reopened")]
    Reopened(Stepped<Noted>),
    #[serde(rename = "case.urged")]
    Urged(Stepped<Urged>),
    #[serde(rename = "case.linked")]
    Linked(Stepped<Linked>),
    #[serde(rename = "case.voided")]
    Voided(Stepped<Noted>),
    #[serde(rename = "case.rung_reached")]
    RungReached(Stepped<RungReached>),
    #[serde(rename = "case.deadline_moved")]
    DeadlineMoved(Stepped<DeadlineMoved>),
}

/// Runs `$do` on whatever is stepped in `$event`.
macro_rules! each_stepped {
    ($event:expr, $s:ident => $do:expr) => {
        match $event {
            CaseEvent::Captured($s) => $do,
            CaseEvent::Supplemented($s) => $do,
            CaseEvent::Accepted($s)
            | CaseEvent::AskedMore($s)
            | CaseEvent::Refused($s)
            | CaseEvent::ReturnGranted($s)
            | CaseEvent::ReturnRefused($s)
            | CaseEvent::CheckPassed($s)
            | CaseEvent::CheckFailed($s)
            | CaseEvent::Closed($s)
            | CaseEvent::Reopened($s)
            | CaseEvent::Voided($s) => $do,
            CaseEvent::Answered($s) | CaseEvent::FedBack($s) | CaseEvent::CoFedBack($s) => $do,
            CaseEvent::Assigned($s)
            | CaseEvent::Reassigned($s)
            | CaseEvent::Transferred($s)
            | CaseEvent::SentUp($s)
            | CaseEvent::SentDown($s) => $do,
            CaseEvent::Signed($s) => $do,
            CaseEvent::ReturnRequested($s) => $do,
            CaseEvent::Replied($s) => $do,
            CaseEvent::Revisited($s) => $do,
            CaseEvent::Urged($s) => $do,
            CaseEvent::Linked($s) => $do,
            CaseEvent::RungReached($s) => $do,
            CaseEvent::DeadlineMoved($s) => $do,
        }
    };
}

impl CaseEvent {
    /// What it did beside its facts.
    pub fn change(&self) -> &Change {
        each_stepped!(self, s => &s.change)
    }

    /// The same, to be completed by the engine.
    pub fn change_mut(&mut self) -> &mut Change {
        each_stepped!(self, s => &mut s.change)
    }

    /// The client's key.
    pub fn key(&self) -> Option<&str> {
        each_stepped!(self, s => s.key.as_deref())
    }

    /// The note, reason or words that were said with it.
    pub fn said(&self) -> Option<&str> {
        match self {
            Self::Accepted(s)
            | Self::AskedMore(s)
            | Self::Refused(s)
            | Self::ReturnGranted(s)
            | Self::ReturnRefused(s)
            | Self::CheckPassed(s)
            | Self::CheckFailed(s)
            | Self::Closed(s)
            | Self::Reopened(s)
            | Self::Voided(s) => s.facts.note.as_deref(),
            Self::Assigned(s) | Self::Reassigned(s) | Self::Transferred(s) | Self::SentUp(s) | Self::SentDown(s) => {
                s.facts.note.as_deref()
            }
            Self::ReturnRequested(s) => Some(&s.facts.reason),
            Self::Urged(s) => Some(&s.facts.text),
            Self::Supplemented(s) => s.facts.text.as_deref(),
            _ => None,
        }
    }

    /// Gives it the client's key.
    pub fn set_key(&mut self, key: String) {
        each_stepped!(self, s => s.key = Some(key))
    }
}

impl DomainEvent for CaseEvent {}
