//! What is said to a call and by it: inputs, commands, refusals, effects, events.

use liandong_dialplans::{Cause, Digit, NoteKind, PlayId, PromptRef, QueueNotice, Repeat};
use serde::{Deserialize, Serialize};

use super::{LegCommand, LegEvent, LegId, Party, Role};
use crate::calls::queue;
use crate::ids::PersonId;

/// What happened, told to the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// To a leg.
    Leg(LegId, LegEvent),
    /// The queue's notice for the plan.
    Queue(QueueNotice),
    /// The queue chose this agent: ring him.
    RingAgent(PersonId),
    /// The queue gave him up: ring him no longer.
    StopRingAgent(PersonId),
    /// A `Play` with `Repeat::Once` ended by itself.
    PlayFinished(PlayId),
    /// The moment of `poll_timeout` is reached.
    Timer,
}

/// What a party of the call asks. May be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Put the other party on hold.
    Hold {
        /// The agent who asks.
        by: PersonId,
    },
    /// Take the other party back.
    Resume {
        /// The agent who asks.
        by: PersonId,
    },
    /// The other party hears the agent no longer, or again.
    Mute {
        /// The agent who asks.
        by: PersonId,
        /// True: muted.
        on: bool,
    },
    /// Blind transfer (盲转). The agent stays until the other answers, so that nobody is lost when he does not.
    /// An agent as target is reserved with the queue first ([`queue::Command::Reserve`]).
    Transfer {
        /// The agent who asks.
        by: PersonId,
        /// To whom.
        to: Party,
    },
    /// Give the transfer up and take the other party back.
    CancelTransfer {
        /// The agent who asks.
        by: PersonId,
    },
    /// Ask a third party (咨询) while the other waits with music. An agent is reserved with the queue first.
    Consult {
        /// The agent who asks.
        by: PersonId,
        /// Whom.
        to: Party,
    },
    /// Leave, the consulted third taking one's place (咨询转接).
    Complete {
        /// The agent who asks.
        by: PersonId,
    },
    /// Send the third away and take the other party back.
    CancelConsult {
        /// The agent who asks.
        by: PersonId,
    },
    /// Bring the consulted third into the talk (三方通话).
    Conference {
        /// The agent who asks.
        by: PersonId,
    },
    /// Press a key towards the other party.
    Digit {
        /// The agent who asks.
        by: PersonId,
        /// Which.
        digit: Digit,
    },
    /// Leave the call. The caller's plan may go on (thanks, survey).
    HangUp {
        /// The agent who asks.
        by: PersonId,
    },
    /// End the whole call: a supervisor's or the system's right.
    Release,
}

/// Why a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a party of this call.
    #[error("you are not connected in this call")]
    NotInCall,
    /// The caller is being transferred.
    #[error("a transfer is under way: cancel it or wait for its end")]
    Transferring,
    /// There is no transfer.
    #[error("there is no transfer to cancel")]
    NoTransfer,
    /// A third party is being asked.
    #[error("a consultation is under way: complete it, cancel it, or bring all together")]
    Consulting,
    /// Nobody is being asked.
    #[error("there is no consultation of yours")]
    NoConsult,
    /// The third party has not picked up.
    #[error("the third party has not answered yet: wait, cancel, or transfer blindly")]
    NotAnswered,
    /// Three are talking.
    #[error("three are talking: this is possible only with two")]
    InConference,
    /// Already so.
    #[error("it is so already")]
    Already,
    /// Too many legs.
    #[error("this call has been passed on too often")]
    TooManyLegs,
    /// Over.
    #[error("this call has ended")]
    Ended,
}

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Of a leg.
    Leg(LegId, LegCommand),
    /// Of the media.
    Media(MediaCommand),
    /// Tell the queue.
    Queue(queue::Input),
    /// For the log.
    Log(CallEvent),
    /// Nothing more will come: forget the call.
    Ended,
}

/// What is asked of the media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaCommand {
    /// The two legs hear each other; whatever was played to them stops.
    Bridge(LegId, LegId),
    /// They hear each other no longer.
    Unbridge(LegId, LegId),
    /// Each of these hears all others; whatever was played to them stops.
    Conference(Vec<LegId>),
    /// Who is on which track of the running recording.
    Tracks {
        /// Left.
        left: LegId,
        /// Right.
        right: Vec<LegId>,
    },
    /// The recording that ran before a restart goes on in its file.
    RecordAgain,
    /// Play to a leg, replacing what plays.
    Play {
        /// To whom.
        leg: LegId,
        /// Comes back in `PlayFinished`.
        id: PlayId,
        /// One after the other, without gaps.
        prompts: Vec<PromptRef>,
        /// Once, or until replaced.
        repeat: Repeat,
    },
    /// Play no more to it.
    StopPlay(LegId),
    /// Start or stop the recording: the caller's leg on one track, the other party's on the other.
    Record {
        /// True starts.
        on: bool,
    },
    /// A key towards a leg (RFC 4733).
    Digit(LegId, Digit),
    /// Silence what comes from a leg, or no longer.
    Mute(LegId, bool),
}

/// The call's own events, for records, timelines and figures. No numbers, no keys: they may be secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CallEvent {
    /// The call is there (来电).
    Offered {
        /// The version of the plan that it keeps; `None` for a direct call.
        plan_version: Option<String>,
    },
    /// The hub answered the caller.
    PlanAnswered,
    /// A leg was invited.
    Invited {
        /// Which.
        leg: LegId,
        /// Whom.
        #[serde(flatten)]
        role: Role,
    },
    /// It rings.
    Alerting {
        /// Which.
        leg: LegId,
    },
    /// Both sides are connected (接通).
    Connected {
        /// The other party's leg.
        leg: LegId,
        /// Who that is.
        #[serde(flatten)]
        role: Role,
    },
    /// A party put the other on hold (保持).
    Held {
        /// Who.
        by: LegId,
    },
    /// And took it back.
    Resumed {
        /// Who.
        by: LegId,
    },
    /// A transfer began (转接).
    TransferStarted {
        /// From this leg.
        from: LegId,
        /// To this one.
        to: LegId,
    },
    /// The transfer's target did not come; the parties are back together.
    TransferFailed {
        /// The leg that failed.
        to: LegId,
    },
    /// The target did not come, and the agent had left: the caller has nobody. A call-back is due.
    TransferLost,
    /// A consultation began (咨询).
    ConsultStarted {
        /// From this leg.
        from: LegId,
        /// With this one.
        to: LegId,
    },
    /// It is over, the parties back together.
    ConsultEnded {
        /// The third party's leg.
        to: LegId,
    },
    /// The consulted third has taken the agent's place (咨询转接).
    HandedOver {
        /// To this leg.
        to: LegId,
    },
    /// Three talk together (三方通话).
    Conference {
        /// The third.
        with: LegId,
    },
    /// Recording began or stopped.
    Recording {
        /// True: began.
        on: bool,
    },
    /// The plan set a variable.
    Variable {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// The plan's note.
    Note {
        /// About what.
        about: NoteKind,
        /// Details.
        text: String,
    },
    /// A leg is over; times are booked to the person who caused them.
    LegEnded {
        /// Which.
        leg: LegId,
        /// Who.
        #[serde(flatten)]
        role: Role,
        /// Milliseconds of talk.
        talk_ms: u64,
        /// Milliseconds in which this leg held the other party.
        hold_ms: u64,
    },
    /// The call is over: once, last.
    Ended {
        /// What came of it.
        outcome: Outcome,
        /// Who ended it.
        by: EndedBy,
        /// The plan's cause, normal otherwise.
        cause: Cause,
        /// Milliseconds from offer to end.
        duration_ms: u64,
        /// Milliseconds in which the one who stayed (the caller, as a rule) was in talk.
        talk_ms: u64,
    },
}

/// What came of a call: exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Caller and a person were connected.
    Answered,
    /// The caller asked for a person and hung up while waiting (弃呼).
    Abandoned,
    /// The caller asked for a person and the plan ended without one; a call-back is due.
    Missed,
    /// Nobody was asked for; the plan said what it had to say.
    Informed,
    /// The caller left before anything could be done for him.
    LeftEarly,
    /// A direct call was not answered or refused.
    Failed,
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The caller.
    Caller,
    /// The other party.
    Callee,
    /// The plan.
    Plan,
    /// A supervisor or the system.
    System,
}

/// How a direct call (without a plan) begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// From a phone of ours or a trunk, which invited us.
    Incoming(Role),
    /// From the desk: the agent's own phone is rung first, then the other party.
    Desk(PersonId),
}
