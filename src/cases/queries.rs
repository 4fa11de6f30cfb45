//! Reading cases: one case with what the asker may do, its timeline, the history behind a telephone number.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::commands::{Cases, check_visible, not_found};
use super::engine::{self, By, Offer};
use super::lists::CaseLine;
use super::model::{Case, CaseLink, CaseResult, Contact, RevisitMade, Supplement};
use super::number::CODE_DIGITS;
use super::ports::Proposal;
use super::rows;
use crate::access::{
    Action, Actor, CommandError, Refusal, Target, audit, mask_name, mask_phone, show_masked, show_whole,
};
use crate::events::access::AccessEvent;
use crate::events::cases::{Area, Attachment, Clock, Place, WorkItem};
use crate::events::{Record, Subject};
use crate::ids::{CaseId, PhoneNumber, Timestamp};
use crate::log::{VaultError, of_subjects};
use crate::store::{Store, StoreError, Tx};

/// Cases shown of one telephone number.
const HISTORY_MAX: i64 = 20;

/// A case as its page shows it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct CaseDetail {
    /// The line of a list.
    #[serde(flatten)]
    pub line: CaseLine,
    /// The citizen's words.
    pub narrative: String,
    /// What he wants.
    pub demand: Option<String>,
    /// Secrecy.
    pub sensitivity: &'static str,
    /// Called number.
    pub hotline_no: Option<String>,
    /// Where, with its point.
    #[schema(value_type = Option<Object>)]
    pub location: Option<Place>,
    /// In which area.
    #[schema(value_type = Option<Object>)]
    pub area: Option<Area>,
    /// Who asks.
    pub requester: RequesterView,
    /// The code that opens the citizen's view; for those who take cases in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_code: Option<String>,
    /// The unit that captured it.
    pub collector: String,
    /// The desk that dispatches.
    pub desk: String,
    /// When it happened.
    #[schema(value_type = Option<String>)]
    pub occurred_at: Option<Timestamp>,
    /// When it was accepted.
    #[schema(value_type = Option<String>)]
    pub accepted_at: Option<Timestamp>,
    /// Words added.
    #[schema(value_type = Vec<Object>)]
    pub supplements: Vec<Supplement>,
    /// Files.
    #[schema(value_type = Vec<Object>)]
    pub attachments: Vec<Attachment>,
    /// Work items.
    #[schema(value_type = Vec<Object>)]
    pub work_items: Vec<WorkItem>,
    /// Clocks.
    #[schema(value_type = Vec<Object>)]
    pub clocks: Vec<Clock>,
    /// Returns of this round.
    pub returns: u32,
    /// Results.
    #[schema(value_type = Vec<Object>)]
    pub results: Vec<CaseResult>,
    /// Revisits.
    #[schema(value_type = Vec<Object>)]
    pub revisits: Vec<RevisitMade>,
    /// Links to other cases that the asker may see.
    #[schema(value_type = Vec<Object>)]
    pub links: Vec<CaseLink>,
    /// Linked calls, messages, meetings, orders.
    #[schema(value_type = Vec<Object>)]
    pub subjects: Vec<Contact>,
    /// Whom the duty list proposes, while it is to be dispatched.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub proposal: Option<Proposal>,
    /// The units that the case concerns, for whoever records something about it.
    #[serde(skip)]
    #[schema(ignore)]
    pub orgs: Vec<crate::ids::OrgPath>,
    /// What the asker may do now, with the schema of each body.
    #[schema(value_type = Vec<Object>)]
    pub verbs: Vec<Offer>,
}

/// The requester as the asker may see him.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RequesterView {
    /// Name, masked unless `whole`.
    pub name: Option<String>,
    /// Number, masked unless `whole`.
    pub phone: Option<String>,
    /// Whether this is unmasked.
    pub whole: bool,
    /// Whether the asker may have it unmasked (each time audited).
    pub may_unmask: bool,
    /// The code with which the requester follows his case, when this is unmasked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_code: Option<String>,
}

/// What is known behind a number, for the agent's screen when it rings.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct PhoneHistory {
    /// Cases that are not at an end, newest first.
    pub open: Vec<CaseLine>,
    /// The last ones that are.
    pub closed: Vec<CaseLine>,
}

impl CaseDetail {
    /// The units that the case concerns.
    pub fn orgs(&self) -> Vec<crate::ids::OrgPath> {
        self.orgs.clone()
    }
}

impl Cases {
    /// One case, if the actor may see it. Personal texts are masked.
    pub async fn detail(&self, store: &Store, actor: &Actor, id: CaseId) -> Result<CaseDetail, CommandError> {
        let mut conn = store.reader().acquire().await?;
        let stored = rows::load(&mut conn, id).await?.ok_or_else(not_found)?;
        check_visible(actor, &stored.case)?;
        let party = rows::requester(&mut conn, id).await?.unwrap_or_default();
        let requester = RequesterView {
            name: self.open_sealed(&mut conn, &party.owner, &party.name, mask_name).await?,
            phone: self.open_sealed(&mut conn, &party.owner, &party.phone, mask_phone).await?,
            whole: false,
            may_unmask: may_unmask(actor, &stored.case),
            query_code: None,
        };
        let mut detail = self.describe(actor, &stored.case, requester);
        detail.links = self.visible_links(&mut conn, actor, &stored.case).await?;
        Ok(detail)
    }

    /// A case as a command left it, for its answer.
    pub async fn answer(&self, tx: &mut Tx, actor: &Actor, case: &Case) -> Result<CaseDetail, CommandError> {
        let party = rows::requester(tx.conn(), case.id).await?.unwrap_or_default();
        let requester = RequesterView {
            name: self.open_sealed(tx.conn(), &party.owner, &party.name, mask_name).await?,
            phone: self.open_sealed(tx.conn(), &party.owner, &party.phone, mask_phone).await?,
            whole: false,
            may_unmask: may_unmask(actor, case),
            query_code: None,
        };
        let mut detail = self.describe(actor, case, requester);
        detail.links = self.visible_links(tx.conn(), actor, case).await?;
        Ok(detail)
    }

    /// The requester unmasked, which is audited with its purpose.
    pub async fn unmask(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        id: CaseId,
        purpose: &str,
    ) -> Result<RequesterView, CommandError> {
        let case = self.visible(tx, actor, id).await?;
        let target =
            Target { orgs: &case.orgs(), owner: case.collected_by, sensitivity: engine::sensitivity(case.secrecy) };
        actor.check(Action::PersonalRead, target)?;
        if purpose.trim().is_empty() {
            return Err(Refusal::invalid("case.no_purpose", "查看个人信息须说明用途").field("purpose").into());
        }
        let party = rows::requester(tx.conn(), id).await?.unwrap_or_default();
        let view = RequesterView {
            name: self.open_sealed(tx.conn(), &party.owner, &party.name, show_whole).await?,
            phone: self.open_sealed(tx.conn(), &party.owner, &party.phone, show_whole).await?,
            whole: true,
            may_unmask: true,
            query_code: self.query_code(tx, id).await?,
        };
        let read = AccessEvent::PersonalRead {
            subject: Subject::from(id).to_string(),
            fields: vec!["name".into(), "phone".into(), "query_code".into()],
            purpose: Some(purpose.trim().chars().take(200).collect()),
        };
        audit(tx, &self.0.parts.vault, actor, &read).await?;
        Ok(view)
    }

    /// The requester's number, for parts of the hub that call or write through it. It never leaves the hub by this.
    pub async fn requester_phone(&self, tx: &mut Tx, id: CaseId) -> Result<Option<PhoneNumber>, StoreError> {
        let party = rows::requester(tx.conn(), id).await?.unwrap_or_default();
        let text = self.open_sealed(tx.conn(), &party.owner, &party.phone, show_whole).await?;
        Ok(text.and_then(|t| PhoneNumber::parse(&t).ok()))
    }

    /// The code that opens the citizen's view, for the message that tells it to him.
    pub async fn query_code(&self, tx: &mut Tx, id: CaseId) -> Result<Option<String>, StoreError> {
        match rows::load(tx.conn(), id).await? {
            Some(stored) => self.open_code(tx.conn(), &stored).await,
            None => Ok(None),
        }
    }

    /// A case's query code; none once the requester was erased.
    pub(super) async fn open_code(
        &self,
        conn: &mut sqlx::AnyConnection,
        stored: &rows::Stored,
    ) -> Result<Option<String>, StoreError> {
        // A database from before the codes were sealed has them as they are.
        if stored.code_sealed.len() == CODE_DIGITS {
            return Ok(Some(stored.code_sealed.clone()));
        }
        self.open_sealed(conn, &stored.case.owner, &stored.code_sealed, show_whole).await
    }

    /// The units that a case concerns, for parts of the hub that record something about it.
    pub async fn orgs_of(&self, tx: &mut Tx, id: CaseId) -> Result<Vec<crate::ids::OrgPath>, StoreError> {
        Ok(rows::load(tx.conn(), id).await?.map(|s| s.case.orgs()).unwrap_or_default())
    }

    /// The events of a case and of everything linked to it, in the log's order, after `seq`. Personal texts are masked.
    pub async fn timeline(
        &self,
        store: &Store,
        actor: &Actor,
        id: CaseId,
        seq: i64,
    ) -> Result<Vec<Record>, CommandError> {
        let mut conn = store.reader().acquire().await?;
        let case = rows::load(&mut conn, id).await?.ok_or_else(not_found)?.case;
        check_visible(actor, &case)?;
        let subjects: Vec<Subject> =
            [Subject::from(id)].into_iter().chain(case.subjects.iter().map(|c| c.subject.clone())).collect();
        let mut records = of_subjects(store.reader(), &self.0.parts.site, &subjects, seq).await?;
        for record in &mut records {
            self.0.parts.vault.open_value(&mut conn, &mut record.body, show_masked).await.map_err(sealed)?;
        }
        Ok(records)
    }

    /// What is known behind a number, as far as the actor may see it.
    pub async fn of_phone(
        &self,
        store: &Store,
        actor: &Actor,
        phone: &PhoneNumber,
    ) -> Result<PhoneHistory, CommandError> {
        let read = actor.predicate(Action::CaseRead, "c.orgs", "c.owner", "c.secrecy", 2);
        let index = self.0.parts.vault.index(phone.as_str());
        let cases = rows::of_phone(store.reader(), &index, &read.sql, read.binds, HISTORY_MAX).await?;
        let (closed, open): (Vec<CaseLine>, Vec<CaseLine>) = cases.iter().map(|c| self.line(c)).partition(|l| l.ended);
        Ok(PhoneHistory { open, closed })
    }

    /// The cases that a subject is linked to, for parts of the hub.
    pub async fn of_subject(&self, tx: &mut Tx, subject: &Subject) -> Result<Vec<CaseId>, StoreError> {
        let ids = rows::cases_of_subject(tx.conn(), &subject.to_string()).await?;
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Whether the actor may link this subject: he must be able to see it by its own right, else linking would show him
    /// its events. What has no event is not there: a call is in the log before anybody learns its id.
    pub async fn may_link(&self, store: &Store, actor: &Actor, subject: &Subject) -> Result<(), CommandError> {
        let actions: &[Action] = match subject.kind.as_str() {
            "call" => &[Action::CallRead, Action::CallAgent, Action::CallDial],
            "message" => &[Action::MessageRead, Action::MessageSend],
            "meeting" => &[Action::MeetingRead, Action::MeetingHold],
            "order" => &[Action::DispatchRead, Action::DispatchOrder, Action::OrderHandle],
            _ => &[],
        };
        let records = of_subjects(store.reader(), &self.0.parts.site, std::slice::from_ref(subject), 0).await?;
        let seen = records.iter().any(|r| {
            (r.actor.person.is_some() && r.actor.person == actor.person)
                || actions.iter().any(|a| actor.may(*a, Target::of(&r.orgs)))
        });
        if seen {
            return Ok(());
        }
        Err(Refusal::not_found("access.not_found", "没有找到要关联的事项，或当前岗位无权查看").field("/subject").into())
    }

    fn describe(&self, actor: &Actor, case: &Case, requester: RequesterView) -> CaseDetail {
        let (calendars, flow) = (self.calendars(), self.flow_of(case));
        let verbs = engine::offers(self.world(&flow, &calendars), case, By::actor(actor));
        let dispatches = verbs.iter().any(|o| matches!(o.verb, super::flow::Verb::Assign | super::flow::Verb::Accept));
        CaseDetail {
            line: self.line(case),
            narrative: case.narrative.clone(),
            demand: case.demand.clone(),
            sensitivity: case.secrecy.as_str(),
            hotline_no: case.hotline_no.clone(),
            location: case.place.clone(),
            area: case.area.clone(),
            requester,
            query_code: None,
            collector: case.collector.name.clone(),
            desk: case.desk.name.clone(),
            occurred_at: case.occurred_at,
            accepted_at: case.accepted_at,
            supplements: case.supplements.clone(),
            attachments: case.attachments.clone(),
            work_items: case.items.clone(),
            clocks: case.clocks.clone(),
            returns: case.returns,
            results: case.results.clone(),
            revisits: case.revisits.clone(),
            links: Vec::new(),
            subjects: case.subjects.clone(),
            proposal: if dispatches { self.0.parts.duty.lead_for(&case.class_code, case.area.as_ref()) } else { None },
            orgs: case.orgs(),
            verbs,
        }
    }

    /// Links to cases that the actor may not see are not told.
    async fn visible_links(
        &self,
        conn: &mut sqlx::AnyConnection,
        actor: &Actor,
        case: &Case,
    ) -> Result<Vec<CaseLink>, StoreError> {
        let mut links = Vec::new();
        for link in &case.links {
            let other = rows::load(conn, link.case_id).await?;
            links.extend(other.filter(|o| check_visible(actor, &o.case).is_ok()).map(|_| link.clone()));
        }
        Ok(links)
    }

    async fn open_sealed(
        &self,
        conn: &mut sqlx::AnyConnection,
        owner: &str,
        sealed_text: &str,
        show: fn(&str) -> String,
    ) -> Result<Option<String>, StoreError> {
        if sealed_text.is_empty() {
            return Ok(None);
        }
        match self.0.parts.vault.open_text(conn, owner, sealed_text).await {
            Ok(text) => Ok(Some(show(&text))),
            Err(VaultError::Erased) => Ok(None),
            Err(e) => Err(sealed(e)),
        }
    }

    /// Names of the boxes and nodes, for the console's filters.
    pub fn nodes(&self) -> BTreeMap<String, Value> {
        self.0
            .flow
            .nodes
            .iter()
            .map(|(k, n)| (k.clone(), serde_json::json!({ "zh": n.zh, "step": n.step, "end": n.is_end() })))
            .collect()
    }
}

fn may_unmask(actor: &Actor, case: &Case) -> bool {
    let target =
        Target { orgs: &case.orgs(), owner: case.collected_by, sensitivity: engine::sensitivity(case.secrecy) };
    actor.may(Action::PersonalRead, target)
}

fn sealed(e: VaultError) -> StoreError {
    match e {
        VaultError::Store(e) => e,
        e => StoreError::Damaged(e.to_string()),
    }
}
