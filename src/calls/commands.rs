//! What others may ask of calls: lists and single calls, recordings, links to cases, drafts, figures. The agents' own
//! commands are in [`super::desk`].

use std::path::PathBuf;
use std::sync::Arc;

use liandong_dialplans::PlanSet;

use super::day::Day;
use super::queue::figures::figures;
use super::records::write_one;
use super::rows::{self, CallRow};
use super::switch::{Areas, Entry, LiveCall, Switch};
use super::views::{
    CallCaseView, CallFilter, CallView, CodeView, EndView, FigureView, NamedView, Recording, RecordingView, ThirdView,
    WrapUpView,
};
use crate::access::{self, Action, Actor, CommandError, Refusal, Sensitivity, Target};
use crate::events::Subject;
use crate::events::access::AccessEvent;
use crate::events::calls::CallsEvent;
use crate::ids::{CallId, CaseId, Timestamp};
use crate::log::{Vault, VaultError};
use crate::store::{Store, StoreError, Tx};

/// Calls in one page.
const PAGE_MAX: i64 = 200;
/// Longest intake form that is kept.
const DRAFT_MAX: usize = 64 * 1024;
/// The connect rate looks so far back (GB/T 33358).
pub(super) const FIGURES_BACK_MS: i64 = 24 * 3_600_000;

/// The domain's door. Cloning shares it.
#[derive(Clone)]
pub struct Calls {
    pub(super) store: Store,
    pub(super) vault: Vault,
    pub(super) switch: Switch,
    pub(super) plans: Arc<PlanSet>,
    pub(super) areas: Arc<dyn Areas>,
    pub(super) wrap_up_codes: Arc<[CodeView]>,
    pub(super) day: Arc<Day>,
    data: PathBuf,
}

impl Calls {
    /// The door. Recordings lie below `data`; after-call work chooses from `wrap_up_codes`.
    pub fn new(
        store: Store,
        vault: Vault,
        switch: Switch,
        plans: Arc<PlanSet>,
        areas: Arc<dyn Areas>,
        data: PathBuf,
        wrap_up_codes: Arc<[CodeView]>,
    ) -> Self {
        Self { store, vault, switch, plans, areas, wrap_up_codes, day: Arc::default(), data }
    }

    /// The plans that calls run.
    pub fn plans(&self) -> &Arc<PlanSet> {
        &self.plans
    }

    /// The switch.
    pub fn switch(&self) -> &Switch {
        &self.switch
    }

    /// Calls that `actor` may see, newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self, actor: &Actor, filter: &CallFilter) -> Result<Vec<CallView>, CommandError> {
        let visible = actor.predicate(Action::CallRead, "orgs", "agent", "0", 1);
        let peer = filter.number.as_ref().map(|n| self.vault.index(n.as_str()));
        let limit = filter.limit.clamp(1, PAGE_MAX);
        let rows = rows::list(self.store.reader(), &visible, filter, peer, limit).await?;
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            views.push(self.view(row, None).await?);
        }
        Ok(views)
    }

    /// One call.
    ///
    /// # Errors
    /// Not found, also for those who may not see it.
    pub async fn call(&self, actor: &Actor, id: CallId) -> Result<CallView, CommandError> {
        let row = self.row(actor, id).await?;
        let live = if row.state == "ended" { None } else { self.live(id).await };
        self.view(row, live).await
    }

    /// Whether `actor` may see the call; the units that it concerns.
    ///
    /// # Errors
    /// Not found, also for those who may not see it.
    pub async fn check_visible(&self, tx: &mut Tx, actor: &Actor, id: CallId) -> Result<(), CommandError> {
        let row = rows::call(tx.conn(), id).await?.ok_or_else(hidden)?;
        see(actor, Action::CallRead, &row)
    }

    /// Notes that the call is about a case: in the transaction that opens the case.
    ///
    /// # Errors
    /// Not found, also for those who may not see the call.
    pub async fn link(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        id: CallId,
        case_id: CaseId,
        public_no: Option<String>,
    ) -> Result<(), CommandError> {
        let row = rows::call(tx.conn(), id).await?.ok_or_else(hidden)?;
        see(actor, Action::CallRead, &row)?;
        let event = CallsEvent::Linked { case_id, public_no };
        let at = tx.now();
        let entry =
            Entry { at, subject: Subject::from(id), call: Some(id), orgs: row.orgs, actor: actor.as_ref(), event };
        write_one(tx, &self.vault, &entry).await?;
        Ok(())
    }

    /// The number at the far end, whole: needs `personal.read`, and leaves an audit event with the purpose.
    ///
    /// # Errors
    /// Not found, no right, no purpose.
    pub async fn read_number(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        id: CallId,
        purpose: &str,
    ) -> Result<Option<String>, CommandError> {
        let row = rows::call(tx.conn(), id).await?.ok_or_else(hidden)?;
        see(actor, Action::CallRead, &row)?;
        actor.check(Action::PersonalRead, target(&row))?;
        if purpose.trim().is_empty() {
            return Err(Refusal::invalid("access.purpose", "请说明查看完整号码的用途").field("/purpose").into());
        }
        let number = self.open(tx.conn(), &row, row.peer_sealed.as_deref()).await?;
        let event = AccessEvent::PersonalRead {
            subject: format!("call:{id}"),
            fields: vec!["number".into()],
            purpose: Some(purpose.chars().take(200).collect()),
        };
        access::audit(tx, &self.vault, actor, &event).await?;
        Ok(number)
    }

    /// The number at the far end, for the hub's own use: to dial back, to look up what else its owner is about. It goes
    /// to no screen; for that there is [`Self::read_number`].
    ///
    /// # Errors
    /// Not found, also for those who may not see the call.
    pub async fn far_number(&self, actor: &Actor, id: CallId) -> Result<Option<String>, CommandError> {
        let row = self.row(actor, id).await?;
        let mut conn = self.store.reader().acquire().await.map_err(StoreError::from)?;
        Ok(self.open(&mut conn, &row, row.peer_sealed.as_deref()).await?)
    }

    /// The recording of a call; each playing is audited.
    ///
    /// # Errors
    /// Not found, no right, no recording.
    pub async fn recording(&self, tx: &mut Tx, actor: &Actor, id: CallId) -> Result<Recording, CommandError> {
        let row = rows::call(tx.conn(), id).await?.ok_or_else(hidden)?;
        see(actor, Action::CallRead, &row)?;
        actor.check(Action::RecordingPlay, target(&row))?;
        let none = || Refusal::not_found("calls.no_recording", "该通话没有录音，或录音文件已不在磁盘上");
        let path = self.data.join(row.recording_path.as_deref().ok_or_else(none)?);
        let (header, data) = liandong_media::record::wav::served(&path).map_err(|_| none())?;
        access::audit(tx, &self.vault, actor, &AccessEvent::RecordingPlayed { subject: format!("call:{id}") }).await?;
        Ok(Recording { path, header: header.to_vec(), data })
    }

    /// Keeps an intake form as it is typed.
    ///
    /// # Errors
    /// Not found, or too long.
    pub async fn put_draft(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        call: CallId,
        form: &serde_json::Value,
    ) -> Result<Timestamp, CommandError> {
        let person = actor.person.ok_or_else(no_person)?;
        self.check_visible(tx, actor, call).await?;
        let text = form.to_string();
        if text.len() > DRAFT_MAX {
            let detail = format!("登记草稿不得超过{}KB", DRAFT_MAX / 1024);
            return Err(Refusal::new(access::RefusalKind::TooLarge, "calls.draft_too_long", detail).into());
        }
        let sealed = self.vault.seal(tx, &draft_owner(call), &text).await?;
        rows::put_draft(tx, call, person, &sealed).await?;
        Ok(tx.now())
    }

    /// The kept intake form of `actor` for a call, and when it was kept.
    ///
    /// # Errors
    /// Not found.
    pub async fn draft(&self, actor: &Actor, call: CallId) -> Result<(serde_json::Value, Timestamp), CommandError> {
        let person = actor.person.ok_or_else(no_person)?;
        let mut conn = self.store.reader().acquire().await.map_err(StoreError::from)?;
        let none = || Refusal::not_found("calls.no_draft", "没有保存的登记草稿");
        let (sealed, saved_at) = rows::draft(&mut conn, call, person).await?.ok_or_else(none)?;
        let text = self.vault.open_text(&mut conn, &draft_owner(call), &sealed).await.map_err(|_| none())?;
        let form = serde_json::from_str(&text).map_err(|e| StoreError::Damaged(e.to_string()))?;
        Ok((form, saved_at))
    }

    /// The figures over the calls that `actor` may see whose callers asked for a person in a stretch of time.
    ///
    /// # Errors
    /// The store's.
    pub async fn figures(
        &self,
        actor: &Actor,
        queue: Option<&str>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<FigureView>, CommandError> {
        let visible = actor.predicate(Action::CallRead, "orgs", "agent", "0", 1);
        let facts = rows::facts(self.store.reader(), &visible, from, to).await?;
        let mine = facts.iter().filter(|f| queue.is_none_or(|q| f.queue.as_str() == q));
        Ok(figures(mine).into_iter().map(|f| FigureView::new(f, true)).collect())
    }

    pub(super) async fn row(&self, actor: &Actor, id: CallId) -> Result<CallRow, CommandError> {
        let mut conn = self.store.reader().acquire().await.map_err(StoreError::from)?;
        let row = rows::call(&mut conn, id).await?.ok_or_else(hidden)?;
        see(actor, Action::CallRead, &row)?;
        Ok(row)
    }

    /// What the switch says of a call that may be up.
    pub(super) async fn live(&self, id: CallId) -> Option<LiveCall> {
        let view = self.switch.view(vec![id]).await.ok()?;
        view.calls.into_iter().find(|c| c.call == id)
    }

    /// A row as screens show it; `live` is the switch's word on it.
    pub(super) async fn view(&self, row: CallRow, live: Option<LiveCall>) -> Result<CallView, CommandError> {
        let mut conn = self.store.reader().acquire().await.map_err(StoreError::from)?;
        let number = self.open(&mut conn, &row, row.peer_sealed.as_deref()).await?;
        let name = self.open(&mut conn, &row, row.name_sealed.as_deref()).await?;
        let wrap_up = self.wrap_up_of(&mut conn, &row).await?;
        drop(conn);
        let internal = row.direction == "internal";
        let far = EndView {
            number: number.map(|n| if internal { n } else { access::mask_phone(&n) }).unwrap_or_default(),
            name: name.map(|n| if internal { n } else { access::mask_name(&n) }),
            area: row.area.clone(),
        };
        let near = EndView { number: row.line.clone(), name: None, area: None };
        let (from, to) = if row.direction == "in" { (far, near) } else { (near, far) };
        let named = |id: &Option<String>, name: &Option<String>| {
            id.clone().map(|id| NamedView { name: name.clone().unwrap_or_else(|| id.clone()), id })
        };
        let recording = row.recording_path.as_ref().map(|_| RecordingView {
            available: true,
            state: row.recording_state.clone().unwrap_or_default(),
            duration_ms: row.recording_ms,
        });
        Ok(CallView {
            id: row.id.to_string(),
            direction: row.direction.clone(),
            state: live.as_ref().map_or_else(|| row.state.clone(), |l| l.state.to_owned()),
            from,
            to,
            queue: named(&row.queue, &row.queue_title),
            agent: named(&row.agent.map(|a| a.to_string()), &row.agent_name),
            started_at: row.started_at,
            queued_at: row.queued_at,
            answered_at: row.answered_at,
            ended_at: row.ended_at,
            wait_ms: row.wait_ms,
            talk_ms: row.talk_ms,
            result: row.outcome.map(|o| if o == "missed" { "no_answer".to_owned() } else { o }),
            ended_by: row.ended_by,
            cause: row.cause,
            muted: live.as_ref().is_some_and(|l| l.muted),
            third: live.and_then(|l| l.third).map(ThirdView::of),
            recording,
            case: row
                .cases
                .last()
                .map(|id| CallCaseView { id: id.clone(), public_no: row.case_no.unwrap_or_default() }),
            case_ids: row.cases,
            wrap_up,
        })
    }

    async fn wrap_up_of(
        &self,
        conn: &mut sqlx::AnyConnection,
        row: &CallRow,
    ) -> Result<Option<WrapUpView>, StoreError> {
        let Some(code) = row.wrap_code.clone() else { return Ok(None) };
        let note = match &row.wrap_note_sealed {
            None => None,
            Some(sealed) => match self.vault.open_text(conn, &self.note_owner(row), sealed).await {
                Ok(text) => Some(text),
                Err(VaultError::Erased) => None,
                Err(VaultError::Store(e)) => return Err(e),
                Err(VaultError::Damaged) => return Err(StoreError::Damaged(format!("call {}: its note", row.id))),
            },
        };
        Ok(Some(WrapUpView { name: row.wrap_name.clone().unwrap_or_else(|| code.clone()), code, note }))
    }

    /// Whose key seals the note about a call.
    pub(super) fn note_owner(&self, row: &CallRow) -> String {
        row.peer.as_ref().map_or_else(|| format!("call:{}", row.id), |peer| format!("phone:{peer}"))
    }

    /// One of a row's sealed texts; `None` once the person was erased.
    async fn open(
        &self,
        conn: &mut sqlx::AnyConnection,
        row: &CallRow,
        sealed: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        let (Some(peer), Some(sealed)) = (&row.peer, sealed) else { return Ok(None) };
        match self.vault.open_text(conn, &format!("phone:{peer}"), sealed).await {
            Ok(text) => Ok(Some(text)),
            Err(VaultError::Erased) => Ok(None),
            Err(VaultError::Store(e)) => Err(e),
            Err(VaultError::Damaged) => Err(StoreError::Damaged(format!("call {}: its sealed text", row.id))),
        }
    }
}

/// Drafts go with a key of their own: they are needed for a day, not for ever.
fn draft_owner(call: CallId) -> String {
    format!("draft:{call}")
}

fn target(row: &CallRow) -> Target<'_> {
    Target { orgs: &row.orgs, owner: row.agent, sensitivity: Sensitivity::Open }
}

pub(super) fn see(actor: &Actor, action: Action, row: &CallRow) -> Result<(), CommandError> {
    Ok(actor.check_visible(action, target(row), "通话")?)
}

pub(super) fn hidden() -> Refusal {
    Refusal::not_found("access.not_found", "没有找到该通话，或当前岗位无权查看")
}

pub(super) fn no_person() -> Refusal {
    Refusal::forbidden("calls.no_person", "只有登录的人员可以使用坐席功能").who_may("坐席")
}
