//! Events of calls 通话, of their way through the queues 排队, and of the agents' states 坐席状态.
//!
//! Times are milliseconds. Every body also carries `at`, the moment at which it happened at the switch: the record's own
//! time is when it reached the disk, which is later while the store is away.

use serde::{Deserialize, Serialize};

use super::{DomainEvent, Personal};
use crate::ids::{CallId, CaseId, PersonId};

/// Which way a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// A citizen called us 呼入.
    In,
    /// We called out 外呼.
    Out,
    /// Between two of our phones 内部.
    Internal,
}

/// Who stands at a leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegParty {
    /// The leg's number in the call.
    pub leg: u32,
    /// `caller`, `agent`, `target` (a number of the plan) or `number`.
    pub role: String,
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agent: Option<PersonId>,
    /// His name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agent_name: Option<String>,
    /// The target's name in the plan.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<String>,
}

/// What happens to calls and agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body")]
pub enum CallsEvent {
    /// The call is there 来电.
    #[serde(rename = "call.offered")]
    Offered {
        /// Which way.
        direction: Direction,
        /// The number at the far end; `None`: withheld.
        from: Option<Personal>,
        /// The name that came with it.
        name: Option<Personal>,
        /// Our number: the dialled hotline, or the extension that calls.
        line: String,
        /// The trunk.
        trunk: Option<String>,
        /// The county that the number belongs to.
        area: Option<String>,
        /// The agent who began it.
        agent: Option<PersonId>,
        /// The version of the plan that it keeps to its end.
        plan_version: Option<String>,
    },
    /// The hub answered the caller; the plan speaks 应答.
    #[serde(rename = "call.greeted")]
    Greeted {},
    /// It waits for an agent 排队.
    #[serde(rename = "call.queued")]
    Queued {
        /// The queue's name.
        queue: String,
        /// What people call it.
        title: String,
        /// Its rank.
        priority: String,
        /// Since its caller asked for a person.
        waited_ms: u64,
    },
    /// A phone was invited.
    #[serde(rename = "call.invited")]
    Invited(LegParty),
    /// It rings 振铃.
    #[serde(rename = "call.alerting")]
    Alerting(LegParty),
    /// Both sides hear each other 接通.
    #[serde(rename = "call.answered")]
    Answered {
        /// Who.
        #[serde(flatten)]
        party: LegParty,
        /// Which way the call goes.
        direction: Direction,
        /// Since its caller asked for a person (or since the call began).
        wait_ms: u64,
    },
    /// One side holds the other 保持.
    #[serde(rename = "call.held")]
    Held(LegParty),
    /// And took it back 恢复.
    #[serde(rename = "call.resumed")]
    Resumed(LegParty),
    /// A transfer began 转接.
    #[serde(rename = "call.transfer_started")]
    TransferStarted(LegParty),
    /// It has come to the other 已转接.
    #[serde(rename = "call.transferred")]
    Transferred(LegParty),
    /// The other did not come; the talk goes on 转接未成.
    #[serde(rename = "call.transfer_failed")]
    TransferFailed(LegParty),
    /// The other did not come and the agent had left: a call-back is due.
    #[serde(rename = "call.transfer_lost")]
    TransferLost {},
    /// A third party is asked 咨询, the other side waits.
    #[serde(rename = "call.consult_started")]
    ConsultStarted(LegParty),
    /// The two are back together 咨询结束.
    #[serde(rename = "call.consult_ended")]
    ConsultEnded(LegParty),
    /// Three talk together 三方通话; the party is the third.
    #[serde(rename = "call.conference")]
    Conference(LegParty),
    /// Recording began or stopped 录音.
    #[serde(rename = "call.recording")]
    Recording {
        /// True: began.
        on: bool,
        /// The file, below the data folder.
        path: Option<String>,
    },
    /// The recording is whole and on the disk.
    #[serde(rename = "call.recorded")]
    Recorded {
        /// The file, below the data folder.
        path: String,
        /// Its length.
        length_ms: u64,
        /// Parts that are silent because the disk did not keep up: start and length.
        gaps: Vec<(u64, u64)>,
    },
    /// The recording cannot be written at present.
    #[serde(rename = "call.recording_failed")]
    RecordingFailed {
        /// What the system said.
        reason: String,
    },
    /// The plan set a variable.
    #[serde(rename = "call.variable")]
    Variable {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// A note of the plan.
    #[serde(rename = "call.noted")]
    Noted {
        /// `step`, `missed_call`, `emergency`, `overflow`, `remark`, `trouble`, `media_timeout`.
        about: String,
        /// Details.
        text: String,
    },
    /// A leg is over.
    #[serde(rename = "call.leg_ended")]
    LegEnded {
        /// Who.
        #[serde(flatten)]
        party: LegParty,
        /// Talk.
        talk_ms: u64,
        /// How long this leg held the other.
        hold_ms: u64,
    },
    /// A case was opened from the call, or the call is about one.
    #[serde(rename = "call.linked")]
    Linked {
        /// The case.
        case_id: CaseId,
        /// Its public number.
        public_no: Option<String>,
    },
    /// After-call work said what it was about 话后小结.
    #[serde(rename = "call.wrapped_up")]
    WrappedUp {
        /// The code.
        code: String,
        /// What people called it at that time.
        name: String,
        /// The agent's words.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        note: Option<Personal>,
    },
    /// The hub was started anew in the middle of it, and it goes on 重启后接续.
    #[serde(rename = "call.taken_up")]
    TakenUp {},
    /// The call is over 结束: once, last but for the recording.
    #[serde(rename = "call.ended")]
    Ended {
        /// Which way it went.
        direction: Direction,
        /// `answered`, `abandoned`, `missed`, `informed`, `left_early`, `failed`.
        outcome: String,
        /// `caller`, `callee`, `plan`, `system`.
        by: String,
        /// `normal`, `no_answer`, `busy`, `failed`, or `hub_restarted`.
        cause: String,
        /// From offer to end.
        duration_ms: u64,
        /// Talk with people.
        talk_ms: u64,
        /// Until the first of them.
        wait_ms: Option<u64>,
        /// Whether there is a recording.
        recording: bool,
    },
    /// It moved to another queue 溢出.
    #[serde(rename = "queue.moved")]
    QueueMoved {
        /// From.
        from: String,
        /// To.
        to: String,
        /// What people call that.
        title: String,
        /// Whether the start of its wait was kept.
        kept_since: bool,
    },
    /// Its rank changed.
    #[serde(rename = "queue.ranked")]
    QueueRanked {
        /// The new rank.
        priority: String,
        /// Why.
        reason: String,
    },
    /// An agent was chosen 预占.
    #[serde(rename = "queue.reserved")]
    QueueReserved {
        /// Who.
        agent: PersonId,
        /// From which queue.
        queue: String,
    },
    /// His phone rings.
    #[serde(rename = "queue.alerting")]
    QueueAlerting {
        /// Who.
        agent: PersonId,
    },
    /// He picked up.
    #[serde(rename = "queue.agent_answered")]
    QueueAgentAnswered {
        /// Who.
        agent: PersonId,
    },
    /// Caller and agent are connected: answered by a human.
    #[serde(rename = "queue.answered")]
    QueueAnswered {
        /// By whom.
        agent: PersonId,
        /// From which queue.
        queue: String,
        /// Since the caller asked for a person.
        waited_ms: u64,
    },
    /// The agent did not come; the call is at the head again 久振未接.
    #[serde(rename = "queue.returned")]
    QueueReturned {
        /// Who did not come.
        agent: PersonId,
        /// `no_answer`, `declined`, `busy`, `phone_lost`, `chosen`.
        why: String,
    },
    /// The call left without an answer 弃呼.
    #[serde(rename = "queue.left")]
    QueueLeft {
        /// From which queue.
        queue: String,
        /// `abandoned`, `plan`, `taken_out`, `closed`.
        why: String,
        /// Since the caller asked for a person.
        waited_ms: u64,
    },
    /// An agent's state changed 坐席状态.
    #[serde(rename = "agent.state")]
    AgentState {
        /// Who.
        agent: PersonId,
        /// `offline`, `ready`, `reserved`, `ringing`, `talking`, `hold`, `wrap_up`, `not_ready`.
        state: String,
        /// Why, where he takes no calls.
        reason: Option<String>,
        /// The call that occupies him.
        call: Option<CallId>,
    },
}

impl DomainEvent for CallsEvent {}
