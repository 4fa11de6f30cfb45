//! The desk 坐席台: what agents and supervisors ask of the switch, with their rights, and what their screens show.
//!
//! Must not know: how the switch does it, HTTP.

mod callbacks;
mod queues;
mod wrap_up;

use liandong_dialplans::{Digit, Priority};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use callbacks::CallbackView;
pub use queues::{AgentCounts, QueueFigures, QueueNow, QueuesView, RateView, SeatView, TrendSlot, WaitingCall};

use super::call::Command;
use super::commands::no_person;
use super::queue::{self, AgentView, Wanted};
use super::rows;
use super::switch::{AgentProfile, Ask, Do, View, state_words};
use super::views::{CodeView, ThirdView};
use super::{CallView, Calls};
use crate::access::{Action, Actor, CommandError, Refusal, Target};
use crate::ids::{CallId, CaseId, PersonId, Timestamp};

/// Longest reason.
const REASON_MAX: usize = 60;

/// Why an agent takes no calls.
const REASONS: [(&str, &str); 5] =
    [("break", "小休"), ("meal", "就餐"), ("training", "培训"), ("meeting", "会议"), ("paperwork", "整理工单")];

fn reasons() -> Vec<CodeView> {
    REASONS.map(|(code, name)| CodeView { code: code.into(), name: name.into() }).into()
}

/// What an agent wants to be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StateAsk {
    /// `ready`, `not_ready`, `offline`.
    pub state: String,
    /// Why, for `not_ready`: one of the desk's codes or own words.
    pub reason: Option<String>,
}

/// A state with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StateView {
    /// `ready`, `not_ready`, `offline`.
    pub state: String,
    /// Why.
    pub reason: Option<String>,
}

/// What an agent did today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TodayView {
    /// Calls with talk.
    pub calls: i64,
    /// Mean talk.
    pub average_ms: i64,
}

/// A desk.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DeskView {
    /// The agent's id.
    pub person: String,
    /// His extension.
    pub extension: String,
    /// Whether his phone is registered.
    pub phone: bool,
    /// `offline`, `ready`, `reserved`, `ringing`, `talking`, `hold`, `wrap_up`, `not_ready`.
    pub state: String,
    /// Why he takes no calls.
    pub reason: Option<String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// What he becomes after the present call.
    pub next_state: Option<StateView>,
    /// When after-call work ends by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub after_call_until: Option<Timestamp>,
    /// Reasons to choose from.
    pub reasons: Vec<CodeView>,
    /// What after-call work may say that the call was about; none: it is not asked.
    pub wrap_up_codes: Vec<CodeView>,
    /// The queues that he serves.
    pub queues: Vec<String>,
    /// Today's work.
    pub today: TodayView,
    /// The running call, or the one that after-call work is about.
    pub call: Option<CallView>,
    /// The key under which the intake form of that call is kept: `/desk/drafts/{draft}`.
    pub draft: Option<String>,
    /// Callers of the last day who reached nobody and were not spoken with since.
    pub callbacks: Vec<CallbackView>,
}

/// The answer to a command about a call: what the switch says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallState {
    /// Which.
    pub id: String,
    /// `queued`, `ringing`, `talking`, `held`, `ended`.
    pub state: String,
    /// The agent's voice is off.
    pub muted: bool,
    /// A third party who is asked or takes part.
    pub third: Option<ThirdView>,
}

/// The body of a command about a running call.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallAsk {
    /// For `transfer` and `consult`: an extension, a number, or a queue (its free agent who has been idle longest).
    pub to: Option<String>,
    /// For `dtmf`: one of `0`–`9`, `*`, `#`, `A`–`D`.
    pub digit: Option<String>,
    /// For `raise`: `low`, `normal`, `high`, `emergency`.
    #[schema(value_type = Option<String>)]
    pub priority: Option<Priority>,
    /// For `raise`: why.
    pub reason: Option<String>,
    /// For `wrap_up`: the code of what it was about; ends after-call work.
    pub code: Option<String>,
    /// For `wrap_up`: minutes more instead of its end.
    pub more_minutes: Option<u32>,
    /// For `wrap_up`: a note.
    pub note: Option<String>,
}

impl Calls {
    /// The desk of `actor`.
    ///
    /// # Errors
    /// Not an agent.
    pub async fn desk(&self, actor: &Actor) -> Result<DeskView, CommandError> {
        let (person, view) = self.agent(actor).await?;
        let profile = profile(&view, person)?;
        let state = seat(&view, person)?;
        let now = Timestamp::now();
        let (word, reason, _) = state_words(&state.state);
        let about = match &state.state {
            queue::AgentState::WrapUp { call } => Some(*call),
            other => other.call(),
        };
        let call = match about {
            Some(id) => self.call(actor, id).await.ok(), // its row may be on its way
            None => None,
        };
        let ends = state.ends_in_ms.filter(|_| word == "wrap_up").and_then(|ms| i64::try_from(ms).ok());
        Ok(DeskView {
            person: person.to_string(),
            extension: profile.extension.clone(),
            phone: view.registered.contains(&person),
            state: word.into(),
            reason,
            since: now.plus_millis(-i64::try_from(state.for_ms).unwrap_or(0)),
            next_state: state.next.as_ref().map(wanted_view),
            after_call_until: ends.map(|ms| now.plus_millis(ms)),
            reasons: reasons(),
            wrap_up_codes: self.wrap_up_codes.to_vec(),
            queues: profile.queues.iter().map(ToString::to_string).collect(),
            today: self.today(person, now).await?,
            draft: about.map(|id| id.to_string()),
            call,
            callbacks: self.callbacks(actor, now).await?,
        })
    }

    /// Sets the agent's own state.
    ///
    /// # Errors
    /// Not an agent; no phone.
    pub async fn set_state(&self, actor: &Actor, ask: StateAsk) -> Result<DeskView, CommandError> {
        let (agent, _) = self.agent(actor).await?;
        let wanted = wanted(ask)?;
        self.switch.ask(Ask::Queue(queue::Command::SetState { agent, wanted })).await?;
        self.desk(actor).await
    }

    /// Sets another agent's state: for supervisors over his unit.
    ///
    /// # Errors
    /// No right; not an agent; no phone.
    pub async fn set_state_of(&self, actor: &Actor, agent: PersonId, ask: StateAsk) -> Result<(), CommandError> {
        let view = self.switch.view(Vec::new()).await?;
        let hidden = || Refusal::not_found("access.not_found", "没有找到该坐席，或当前岗位无权查看");
        let unit = profile(&view, agent).map_err(|_| hidden())?.unit_path.clone();
        actor.check_visible(Action::CallSupervise, Target::of(&[unit]), "坐席")?;
        let wanted = wanted(ask)?;
        self.switch.ask(Ask::Queue(queue::Command::SetState { agent, wanted })).await?;
        Ok(())
    }

    /// Dials out: the agent's own phone rings first.
    ///
    /// # Errors
    /// No right, not an agent, busy, a number without a way out.
    pub async fn dial(&self, actor: &Actor, to: &str, case: Option<CaseId>) -> Result<CallState, CommandError> {
        let agent = actor.person.ok_or_else(no_person)?;
        actor.check(Action::CallDial, Target::of(std::slice::from_ref(&actor.unit_path)))?;
        let call = CallId(uuid::Uuid::now_v7());
        self.switch.ask(Ask::Dial { agent, call, to: to.to_owned(), case }).await?;
        Ok(self.state_of(call).await)
    }

    /// Asks something of a running call. The verbs: `hold`, `resume`, `mute`, `unmute`, `transfer`, `cancel_transfer`,
    /// `consult`, `complete`, `cancel_consult`, `conference`, `hang_up`, `dtmf`; of supervisors `release`, `take_out`, `raise`. ([`Calls::wrap_up`] is apart: it writes.)
    ///
    /// # Errors
    /// Not in the call, no right, an unknown verb, a body that does not fit.
    pub async fn act(&self, actor: &Actor, call: CallId, verb: &str, ask: CallAsk) -> Result<CallState, CommandError> {
        let by = actor.person.ok_or_else(no_person)?;
        self.check_touchable(actor, by, call).await?;
        let command = match verb {
            "hold" => plain(call, Command::Hold { by }),
            "resume" => plain(call, Command::Resume { by }),
            "mute" => plain(call, Command::Mute { by, on: true }),
            "unmute" => plain(call, Command::Mute { by, on: false }),
            "cancel_transfer" => plain(call, Command::CancelTransfer { by }),
            "hang_up" => plain(call, Command::HangUp { by }),
            "dtmf" => plain(call, Command::Digit { by, digit: digit(ask.digit.as_deref())? }),
            "transfer" => {
                let to = ask.to.ok_or_else(|| missing("/to", "请填写转接的分机号或电话号码"))?;
                Ask::Call { call, command: Do::Transfer { by, to } }
            }
            "release" | "take_out" | "raise" => self.supervise(actor, call, verb, ask).await?,
            "consult" => {
                let to = ask.to.ok_or_else(|| missing("/to", "请填写咨询的分机号、电话号码或队列"))?;
                Ask::Call { call, command: Do::Consult { by, to } }
            }
            "complete" => plain(call, Command::Complete { by }),
            "cancel_consult" => plain(call, Command::CancelConsult { by }),
            "conference" => plain(call, Command::Conference { by }),
            _ => return Err(Refusal::not_found("calls.unknown_verb", format!("没有「{verb}」这一通话操作")).into()),
        };
        self.switch.ask(command).await?;
        Ok(self.state_of(call).await)
    }

    /// Whether the call may be spoken of at all: it is the agent's own, or one that he may see. The first needs no store:
    /// who is in a call can always end it.
    async fn check_touchable(&self, actor: &Actor, by: PersonId, call: CallId) -> Result<(), CommandError> {
        let seats = self.switch.view(Vec::new()).await?.snapshot.agents;
        let own = seats.iter().filter(|seat| seat.agent == by).any(|seat| match &seat.state {
            queue::AgentState::WrapUp { call: about } => *about == call,
            other => other.call() == Some(call),
        });
        if !own {
            self.call(actor, call).await?;
        }
        Ok(())
    }

    /// The agent's newest browser takes over the leg of his running call: after a reload of the page.
    ///
    /// # Errors
    /// No running call.
    pub async fn reattach(&self, actor: &Actor) -> Result<CallState, CommandError> {
        let agent = actor.person.ok_or_else(no_person)?;
        let done = self.switch.ask(Ask::Reattach { agent }).await?;
        let call = done.call.ok_or_else(no_person)?;
        Ok(self.state_of(call).await)
    }

    async fn supervise(&self, actor: &Actor, call: CallId, verb: &str, ask: CallAsk) -> Result<Ask, CommandError> {
        let mut conn = self.store.reader().acquire().await?;
        let row = rows::call(&mut conn, call).await?;
        let orgs = row.map(|r| r.orgs).unwrap_or_default();
        actor.check_visible(Action::CallRead, Target::of(&orgs), "通话")?;
        actor.check(Action::CallSupervise, Target::of(&orgs))?;
        Ok(match verb {
            "release" => plain(call, Command::Release),
            "take_out" => Ask::Queue(queue::Command::TakeOut { call }),
            _ => {
                let priority = ask.priority.ok_or_else(|| missing("/priority", "请选择新的排队级别"))?;
                let reason: String = ask.reason.unwrap_or_default().chars().take(REASON_MAX).collect();
                Ask::Queue(queue::Command::Raise { call, priority, reason })
            }
        })
    }

    async fn state_of(&self, call: CallId) -> CallState {
        match self.live(call).await {
            Some(live) => {
                let third = live.third.map(ThirdView::of);
                CallState { id: call.to_string(), state: live.state.into(), muted: live.muted, third }
            }
            None => CallState { id: call.to_string(), state: "ended".into(), muted: false, third: None },
        }
    }

    /// The agent behind `actor`, and the floor.
    async fn agent(&self, actor: &Actor) -> Result<(PersonId, View), CommandError> {
        let person = actor.person.ok_or_else(no_person)?;
        actor.check(Action::CallAgent, Target::of(std::slice::from_ref(&actor.unit_path)))?;
        let view = self.switch.view(Vec::new()).await?;
        profile(&view, person)?;
        Ok((person, view))
    }

    async fn today(&self, person: PersonId, now: Timestamp) -> Result<TodayView, CommandError> {
        let (calls, talk) = rows::served_by(self.store.reader(), person, queues::midnight(now)).await?;
        Ok(TodayView { calls, average_ms: if calls > 0 { talk / calls } else { 0 } })
    }
}

fn plain(call: CallId, command: Command) -> Ask {
    Ask::Call { call, command: Do::Plain(command) }
}

fn profile(view: &View, person: PersonId) -> Result<&AgentProfile, Refusal> {
    view.profiles.iter().find(|p| p.person == person).ok_or_else(not_an_agent)
}

fn seat(view: &View, person: PersonId) -> Result<&AgentView, Refusal> {
    view.snapshot.agents.iter().find(|a| a.agent == person).ok_or_else(not_an_agent)
}

fn not_an_agent() -> Refusal {
    Refusal::conflict("calls.not_an_agent", "当前人员不是坐席：请由管理员分配坐席岗位和分机")
}

fn missing(field: &str, detail: &str) -> Refusal {
    Refusal::invalid("calls.missing", detail).field(field)
}

fn digit(text: Option<&str>) -> Result<Digit, Refusal> {
    let mut keys = text.unwrap_or_default().chars();
    let key = keys.next().filter(|_| keys.next().is_none());
    key.and_then(|k| Digit::try_from(k).ok()).ok_or_else(|| missing("/digit", "请给出一个按键：0–9、*、#、A–D"))
}

fn wanted(ask: StateAsk) -> Result<Wanted, Refusal> {
    match ask.state.as_str() {
        "ready" => Ok(Wanted::Ready),
        "offline" => Ok(Wanted::Offline),
        "not_ready" => {
            let reason = ask.reason.unwrap_or_default();
            let reason = reason.trim();
            if reason.is_empty() {
                return Err(missing("/reason", "示忙请选择原因"));
            }
            Ok(Wanted::NotReady { reason: reason.chars().filter(|c| !c.is_control()).take(REASON_MAX).collect() })
        }
        other => {
            let detail = format!("没有状态「{other}」：应为 ready、not_ready 或 offline");
            Err(Refusal::invalid("calls.unknown_state", detail).field("/state"))
        }
    }
}

fn wanted_view(wanted: &Wanted) -> StateView {
    match wanted {
        Wanted::Ready => StateView { state: "ready".into(), reason: None },
        Wanted::Offline => StateView { state: "offline".into(), reason: None },
        Wanted::NotReady { reason } => StateView { state: "not_ready".into(), reason: Some(reason.clone()) },
    }
}
