//! What others may ask of cases. Each command runs in the caller's transaction and appends its event there.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::classes::Classes;
use super::clocks::{Calendars, HolidayYear};
use super::engine::{self, Act, By, Captor, CaptureBody, Meta, World};
use super::flow::{CITY, Flow, check_text};
use super::model::{Case, Stamp};
use super::number::{SERIALS, find_public_no, public_no, query_code};
use super::ports::{DutyList, Units};
use super::rows::{self, PartyRow};
use crate::access::{Action, Actor, CommandError, Refusal, RefusalKind, Target};
use crate::events::cases::{CaseEvent, ContactRole, PersonalText, UnitRef};
use crate::events::{ActorRef, DomainEvent, NewEvent, Personal, Subject};
use crate::ids::{CaseId, PhoneNumber};
use crate::log::{Vault, append, cancel_timer, set_timer};
use crate::store::{Store, StoreError, Tx};

/// The kind of the timers by which clocks speak; the key is the case.
pub(super) const CLOCK_TIMER: &str = "case.clock";
/// Rungs told at once for one case: three clocks with all their rungs; more fire with the next timer.
const RUNGS_AT_ONCE: usize = 64;
/// Characters of a citizen's SMS that become the title.
const SMS_TITLE: usize = 40;
/// Cases re-projected in one page after a calendar's import.
const REPROJECT_PAGE: i64 = 500;

/// The block of serials that this site hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberBlock {
    /// First serial.
    pub first: u32,
    /// Last serial.
    pub last: u32,
}

impl Default for NumberBlock {
    /// All: a city with one hub.
    fn default() -> Self {
        Self { first: 0, last: SERIALS - 1 }
    }
}

/// What cases are built from.
pub struct Parts {
    /// This hub's site name.
    pub site: String,
    /// Seals personal texts.
    pub vault: Vault,
    /// The organisation tree.
    pub units: Arc<dyn Units>,
    /// The duty list.
    pub duty: Arc<dyn DutyList>,
    /// The block of serials.
    pub block: NumberBlock,
}

/// The domain's door. Cloning shares it.
#[derive(Clone)]
pub struct Cases(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) parts: Parts,
    pub(super) classes: Classes,
    /// The flow of new cases.
    pub(super) flow: Arc<Flow>,
    /// Every version that some case keeps.
    flows: HashMap<String, Arc<Flow>>,
    /// Replaced as a whole when a calendar is imported.
    calendars: watch::Sender<Arc<Calendars>>,
}

/// How a verb was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish<'a> {
    /// The version that the asker saw (`If-Match`); a case changed since is not touched.
    pub version: Option<i64>,
    /// The client's key: the same key a second time changes nothing.
    pub key: Option<&'a str>,
}

/// Why cases could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A flow.
    #[error("flow {0}")]
    Flow(String),
}

impl Cases {
    /// Reads flows and calendars and keeps the shipped flow's version.
    pub async fn open(store: &Store, parts: Parts) -> Result<Self, OpenError> {
        Self::open_with(store, parts, CITY).await
    }

    /// The same with another flow for new cases.
    pub async fn open_with(store: &Store, parts: Parts, text: &str) -> Result<Self, OpenError> {
        let classes = Classes::shipped();
        let mut calendars = Calendars::shipped();
        for year in rows::holidays(store.reader()).await? {
            calendars = calendars.with_year(year).map_err(|e| StoreError::Damaged(e.to_string()))?;
        }
        let read = |text: &str| {
            check_text(text, &classes, &calendars)
                .map_err(|found| OpenError::Flow(found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
        };
        let flow = Arc::new(read(text)?);
        let (version, key, text) = (flow.version.clone(), flow.key.clone(), text.to_owned());
        store.write(move |tx| Box::pin(async move { rows::put_flow(tx, &version, &key, &text).await })).await?;
        let mut flows = HashMap::from([(flow.version.clone(), flow.clone())]);
        for text in rows::flows(store.reader()).await? {
            // An old version that a newer checker refuses still serves its cases as the present one.
            match read(&text) {
                Ok(old) => drop(flows.insert(old.version.clone(), Arc::new(old))),
                Err(e) => {
                    tracing::warn!(error = %e, "a stored flow version cannot be used; its cases go by the present one")
                }
            }
        }
        Ok(Self(Arc::new(Inner { parts, classes, flow, flows, calendars: watch::Sender::new(Arc::new(calendars)) })))
    }

    /// The class tree.
    pub fn classes(&self) -> &Classes {
        &self.0.classes
    }

    /// The calendars as of now.
    pub fn calendars(&self) -> Arc<Calendars> {
        self.0.calendars.borrow().clone()
    }

    /// Opens a case 采集登记. The same key gives the case that it made before.
    pub async fn capture(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        body: &CaptureBody,
        key: Option<&str>,
    ) -> Result<Case, CommandError> {
        actor.check(Action::CaseCapture, Target::of(std::slice::from_ref(&actor.unit_path)))?;
        let unit = self.unit_of(actor)?;
        let begin = Beginning { id: CaseId::new(tx.ids()), subjects: Vec::new() };
        self.capture_for(tx, By::actor(actor), body, unit, begin, key).await
    }

    async fn capture_for(
        &self,
        tx: &mut Tx,
        by: By<'_>,
        body: &CaptureBody,
        unit: UnitRef,
        begin: Beginning,
        key: Option<&str>,
    ) -> Result<Case, CommandError> {
        let client_key =
            key.map(|k| format!("{}:{k}", by.actor.person.map_or_else(|| by.actor.name.clone(), |p| p.to_string())));
        if let Some(k) = &client_key
            && let Some(first) = rows::load_by_key(tx.conn(), k).await?
        {
            return Ok(first.case);
        }
        let phone = body.requester.as_ref().and_then(|r| r.phone.clone());
        let query_code = query_code(tx.ids().uuid());
        let captor = Captor {
            id: begin.id,
            desk: self.units().desk_of(unit.id).unwrap_or_else(|| unit.clone()),
            unit,
            person: by.actor.person,
            phone_owner: phone.as_ref().map(|p| self.owner_of(p)),
            public_no: self.next_number(tx).await?,
            query_code: query_code.clone(),
            subjects: begin.subjects,
        };
        let calendars = self.calendars();
        let meta = Meta { now: tx.now(), key };
        let event = engine::capture(self.world(&self.0.flow, &calendars), body, captor, by, meta, tx.ids())?;
        let stamp = Stamp { at: tx.now(), by: by.actor_ref() };
        let case =
            Case::begin(&event, &stamp).ok_or_else(|| StoreError::Damaged("a captured case does not begin".into()))?;
        let party = self.seal_requester(tx, &case, PartyRow::default(), &event).await?;
        let code_sealed = self.vault().seal(tx, &case.owner, &query_code).await?;
        rows::insert(tx, &case, &code_sealed, client_key.as_deref()).await?;
        if let Some(party) = party {
            rows::put_requester(tx, case.id, &party).await?;
        }
        rows::project(tx, &case, &event).await?;
        self.tell(tx, None, &case, event, stamp.by).await?;
        Ok(case)
    }

    /// Carries a verb out on a case that the actor may see.
    pub async fn act(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        id: CaseId,
        act: Act,
        wish: Wish<'_>,
    ) -> Result<Case, CommandError> {
        let case = self.visible(tx, actor, id).await?;
        self.act_on(tx, By::actor(actor), case, act, wish).await
    }

    pub(super) async fn act_by(&self, tx: &mut Tx, by: By<'_>, case: Case, act: Act) -> Result<Case, CommandError> {
        self.act_on(tx, by, case, act, Wish::default()).await
    }

    async fn act_on(
        &self,
        tx: &mut Tx,
        by: By<'_>,
        case: Case,
        act: Act,
        wish: Wish<'_>,
    ) -> Result<Case, CommandError> {
        if wish.key.is_some_and(|k| case.keys.iter().any(|seen| seen == k)) {
            return Ok(case);
        }
        if wish.version.is_some_and(|v| v != case.version) {
            let detail = "工单已被他人更新，请刷新后再操作";
            return Err(Refusal::new(RefusalKind::Outdated, "case.outdated", detail).into());
        }
        let (calendars, flow) = (self.calendars(), self.flow_of(&case));
        let world = self.world(&flow, &calendars);
        // Rungs that are due are told before the verb, so that a clock stopped late ends late.
        let case = self.tell_rungs(tx, world, case).await?;
        let meta = Meta { now: tx.now(), key: wish.key };
        let mut event = engine::step(world, &case, &act, by, meta, tx.ids())?;
        self.own_phone(&mut event);
        self.record(tx, case, event, by.actor_ref()).await
    }

    /// An SMS from a citizen becomes a draft at the front desk, with an id that the message already names.
    pub async fn open_draft_from_sms(
        &self,
        tx: &mut Tx,
        id: CaseId,
        phone: &PhoneNumber,
        text: &str,
        message: Subject,
    ) -> Result<Case, CommandError> {
        let unit = self.units().front_desk().ok_or_else(no_front_desk)?;
        let title: String = text.trim().chars().filter(|c| !c.is_control()).take(SMS_TITLE).collect();
        let body = CaptureBody {
            channel: crate::events::cases::Channel::Sms,
            nature: None,
            class_code: "other.other".into(),
            urgency: crate::events::cases::Urgency::Normal,
            sensitivity: Default::default(),
            title: if title.trim().is_empty() { "短信诉求".into() } else { title },
            narrative: text.to_owned(),
            demand: None,
            occurred_at: None,
            place: None,
            requester: Some(engine::RequesterBody { name: None, phone: Some(phone.clone()) }),
            call_id: None,
            hotline_no: None,
            draft: true,
        };
        let hub = Actor::hub("短信");
        let key = message.to_string();
        let by = By { actor: &hub, unit: None, citizen: true, via: "sms" };
        self.capture_for(tx, by, &body, unit, Beginning { id, subjects: vec![message] }, Some(&key)).await
    }

    /// The case whose public number stands in a text, if its citizen has this telephone number: to anybody else it is not
    /// there.
    pub async fn of_citizen(&self, tx: &mut Tx, phone: &PhoneNumber, text: &str) -> Result<Option<CaseId>, StoreError> {
        let Some(no) = find_public_no(text) else { return Ok(None) };
        let Some(stored) = rows::load_by_no(tx.conn(), &no).await? else { return Ok(None) };
        let party = rows::requester(tx.conn(), stored.case.id).await?.unwrap_or_default();
        Ok((party.phone_index == self.0.parts.vault.index(phone.as_str())).then_some(stored.case.id))
    }

    /// A citizen's word on his own case (see [`Cases::of_citizen`]). A case that is at its end only gets the message
    /// linked.
    pub async fn supplement_by_citizen(
        &self,
        tx: &mut Tx,
        id: CaseId,
        text: &str,
        message: Subject,
    ) -> Result<Case, CommandError> {
        let by = ActorRef::part("citizen", "诉求人");
        let case = self.link_subject(tx, id, message, ContactRole::Related, by).await?;
        let hub = Actor::hub("短信");
        let by = By { actor: &hub, unit: None, citizen: true, via: "sms" };
        let body = engine::SupplementBody { text: Some(text.to_owned()), ..Default::default() };
        match self.act_on(tx, by, case.clone(), Act::Supplement(body), Wish::default()).await {
            Err(CommandError::Refused(_)) => Ok(case),
            done => done,
        }
    }

    /// A unit signs by replying from its duty phone. `via` is `sms` or `phone`.
    pub async fn sign_by_unit(&self, tx: &mut Tx, unit: &UnitRef, id: CaseId, via: &str) -> Result<Case, CommandError> {
        let case = rows::load(tx.conn(), id).await?.ok_or_else(not_found)?.case;
        let hub = Actor::hub("签收");
        let by = By { actor: &hub, unit: Some(unit), citizen: false, via };
        self.act_on(tx, by, case, Act::Sign(Default::default()), Wish::default()).await
    }

    /// A person signs by replying from his own phone.
    pub async fn sign_by_person(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        id: CaseId,
        via: &str,
    ) -> Result<Case, CommandError> {
        let case = self.visible(tx, actor, id).await?;
        let by = By { actor, unit: None, citizen: false, via };
        self.act_on(tx, by, case, Act::Sign(Default::default()), Wish::default()).await
    }

    /// Links a call, message, meeting or order to a case: its events then stand on the case's timeline. Linking it twice
    /// changes nothing. For other parts of the hub; who asked is named by `by`.
    pub async fn link_subject(
        &self,
        tx: &mut Tx,
        id: CaseId,
        subject: Subject,
        role: ContactRole,
        by: ActorRef,
    ) -> Result<Case, CommandError> {
        let case = rows::load(tx.conn(), id).await?.ok_or_else(not_found)?.case;
        self.link(tx, case, subject, role, by).await
    }

    async fn link(
        &self,
        tx: &mut Tx,
        case: Case,
        subject: Subject,
        role: ContactRole,
        by: ActorRef,
    ) -> Result<Case, CommandError> {
        if case.subjects.iter().any(|c| c.subject == subject) {
            return Ok(case);
        }
        let public_no = case.public_no.clone();
        let (calendars, flow) = (self.calendars(), self.flow_of(&case));
        let body = engine::LinkBody { subject: Some(subject), role: Some(role), ..Default::default() };
        let hub = Actor::hub(&by.name);
        let meta = Meta { now: tx.now(), key: None };
        match engine::step(self.world(&flow, &calendars), &case, &Act::Link(body), By::actor(&hub), meta, tx.ids()) {
            Ok(event) => self.record(tx, case, event, by).await,
            // A follower must not stand still because a case has five hundred links.
            Err(r) => {
                tracing::warn!(case = public_no, code = r.code, "a subject was not linked");
                Ok(case)
            }
        }
    }

    /// Tells what the clocks of a case have reached; the timer of its next rung is set anew.
    pub(super) async fn ring(&self, tx: &mut Tx, id: CaseId) -> Result<(), StoreError> {
        let Some(stored) = rows::load(tx.conn(), id).await? else { return Ok(()) };
        let (calendars, flow) = (self.calendars(), self.flow_of(&stored.case));
        let case = self.tell_rungs(tx, self.world(&flow, &calendars), stored.case).await.map_err(only_store)?;
        // The fired timer is gone; what is left to ring needs one, also where the clock of this machine ran ahead.
        match case.next_rung_at() {
            Some(at) => set_timer(tx, CLOCK_TIMER, &id.to_string(), at, "").await,
            None => Ok(()),
        }
    }

    async fn tell_rungs(&self, tx: &mut Tx, world: World<'_>, mut case: Case) -> Result<Case, CommandError> {
        for _ in 0..RUNGS_AT_ONCE {
            let Some(event) = engine::rungs(world, &case, tx.now()) else { break };
            if let CaseEvent::RungReached(s) = &event {
                let f = &s.facts;
                rows::claim_rung(tx, case.id, f.clock, f.percent, f.epoch, f.reached_at).await?;
            }
            case = self.record(tx, case, event, ActorRef::part("system", "时限")).await?;
        }
        Ok(case)
    }

    /// Imports a year's holiday list: the open clocks that it concerns are re-projected in this transaction, each shift
    /// is an event, and from the commit on new clocks go by it. Returns how many clocks moved.
    pub async fn import_holidays(&self, tx: &mut Tx, actor: &Actor, year: HolidayYear) -> Result<usize, CommandError> {
        actor.check(Action::SystemManage, Target::of(std::slice::from_ref(&actor.unit_path)))?;
        let bad = |e: super::clocks::CalendarError| {
            Refusal::invalid("calendar.bad_list", format!("节假日清单不可用：{e}")).field("/days")
        };
        let next = Arc::new(self.calendars().with_year(year.clone()).map_err(bad)?);
        rows::put_holidays(tx, &year).await?;
        let mut moved = 0;
        for name in next.names() {
            moved += self.reproject(tx, &next, name, actor).await?;
        }
        let this = self.clone();
        tx.after_commit(move || {
            this.0.calendars.send_replace(next);
        });
        Ok(moved)
    }

    async fn reproject(
        &self,
        tx: &mut Tx,
        calendars: &Calendars,
        name: &str,
        actor: &Actor,
    ) -> Result<usize, CommandError> {
        let Ok(calendar) = calendars.named(name) else { return Ok(0) };
        let (mut after, mut moved) = (String::new(), 0);
        loop {
            let ids = rows::outdated(tx, name, &calendar.version, &after, REPROJECT_PAGE).await?;
            let Some(last) = ids.last() else { return Ok(moved) };
            after = last.clone();
            for id in ids {
                moved += self.reproject_case(tx, calendars, &id, actor).await?;
            }
        }
    }

    async fn reproject_case(
        &self,
        tx: &mut Tx,
        calendars: &Calendars,
        id: &str,
        actor: &Actor,
    ) -> Result<usize, CommandError> {
        let id: CaseId = id.parse().map_err(|_| StoreError::Damaged("a case's id".into()))?;
        let Some(stored) = rows::load(tx.conn(), id).await? else { return Ok(0) };
        let (mut case, mut moved) = (stored.case, 0);
        let flow = self.flow_of(&case);
        let clocks: Vec<_> = case.open_clocks().map(|c| c.id).collect();
        for clock in clocks {
            if let Some(event) = engine::reproject(self.world(&flow, calendars), &case, clock) {
                moved += 1;
                case = self.record(tx, case, event, actor.as_ref()).await?;
            }
        }
        Ok(moved)
    }

    /// Applies an event to the case and writes everything: the row, what it touched, the log, the timer.
    async fn record(&self, tx: &mut Tx, before: Case, event: CaseEvent, by: ActorRef) -> Result<Case, CommandError> {
        let mut case = before.clone();
        case.apply(&event, &Stamp { at: tx.now(), by: by.clone() });
        if matches!(event, CaseEvent::Supplemented(_)) {
            let known = rows::requester(tx.conn(), case.id).await?.unwrap_or_default();
            if let Some(party) = self.seal_requester(tx, &case, known, &event).await? {
                rows::put_requester(tx, case.id, &party).await?;
            }
        }
        rows::update(tx, &case).await?;
        rows::project(tx, &case, &event).await?;
        self.tell(tx, Some(&before), &case, event, by).await?;
        Ok(case)
    }

    /// Appends the event and moves the timer if the next rung moved.
    async fn tell(
        &self,
        tx: &mut Tx,
        before: Option<&Case>,
        case: &Case,
        event: CaseEvent,
        by: ActorRef,
    ) -> Result<(), StoreError> {
        if by.person.is_some() && by.person == case.collected_by {
            rows::news::put_look(tx, case.id).await?; // his own doing is no news to him
        }
        append(tx, &self.0.parts.vault, NewEvent::of(case.id, case.orgs(), by, &event)).await?;
        let (old, new) = (before.and_then(Case::next_rung_at), case.next_rung_at());
        match new {
            _ if old == new => Ok(()),
            Some(at) => set_timer(tx, CLOCK_TIMER, &case.id.to_string(), at, "").await,
            None => cancel_timer(tx, CLOCK_TIMER, &case.id.to_string()).await,
        }
    }

    /// The requester's row as the event leaves it, or `None` if the event says nothing about him.
    async fn seal_requester(
        &self,
        tx: &mut Tx,
        case: &Case,
        known: PartyRow,
        event: &CaseEvent,
    ) -> Result<Option<PartyRow>, StoreError> {
        let (name, phone) = match event {
            CaseEvent::Captured(s) => (&s.facts.requester_name, &s.facts.requester_phone),
            CaseEvent::Supplemented(s) => (&s.facts.requester_name, &s.facts.requester_phone),
            _ => return Ok(None),
        };
        if name.is_none() && phone.is_none() {
            return Ok(None);
        }
        let vault = &self.0.parts.vault;
        let mut party = PartyRow { owner: case.owner.clone(), ..known };
        if let Some(PersonalText::Plain(p)) = name {
            party.name = vault.seal(tx, &p.owner, &p.text).await?;
        }
        if let Some(PersonalText::Plain(p)) = phone {
            party.phone = vault.seal(tx, &p.owner, &p.text).await?;
            party.phone_index = vault.index(&p.text);
        }
        Ok(Some(party))
    }

    /// Puts the key owner of a number that became known into a supplement: the engine does not know the index.
    fn own_phone(&self, event: &mut CaseEvent) {
        let CaseEvent::Supplemented(s) = event else { return };
        let f = &mut s.facts;
        if let Some(PersonalText::Plain(phone)) = &mut f.requester_phone {
            let owner = self.owner_of_text(&phone.text);
            phone.owner.clone_from(&owner);
            if let Some(PersonalText::Plain(name)) = &mut f.requester_name {
                *name = Personal::new(&owner, std::mem::take(&mut name.text));
            }
            f.owner = Some(owner);
        }
    }

    async fn next_number(&self, tx: &mut Tx) -> Result<String, CommandError> {
        let (day, block) = (tx.now().civil().date(), self.0.parts.block);
        let serial = rows::next_serial(tx, &day.to_string(), block.first).await?;
        match u32::try_from(serial).ok().filter(|s| *s <= block.last) {
            Some(serial) => Ok(public_no(day, serial)),
            None => Err(Refusal::new(
                RefusalKind::Unavailable,
                "case.numbers_used_up",
                "本站今日的工单编号已用完，请联系系统管理员扩大号段",
            )
            .into()),
        }
    }

    /// The case, if the actor may see it: for commands of other domains that concern it.
    pub async fn visible(&self, tx: &mut Tx, actor: &Actor, id: CaseId) -> Result<Case, CommandError> {
        let case = rows::load(tx.conn(), id).await?.ok_or_else(not_found)?.case;
        check_visible(actor, &case)?;
        Ok(case)
    }

    fn unit_of(&self, actor: &Actor) -> Result<UnitRef, Refusal> {
        let unit = actor.unit.map_or_else(|| self.units().front_desk(), |id| self.units().unit(id));
        unit.ok_or_else(|| Refusal::conflict("case.no_unit", "当前岗位所属单位已撤销，不能登记工单，请联系系统管理员"))
    }

    pub(super) fn flow_of(&self, case: &Case) -> Arc<Flow> {
        self.0.flows.get(&case.flow_version).unwrap_or(&self.0.flow).clone()
    }

    pub(super) fn world<'a>(&'a self, flow: &'a Flow, calendars: &'a Calendars) -> World<'a> {
        World { flow, classes: &self.0.classes, calendars, units: self.units() }
    }

    pub(super) fn units(&self) -> &dyn Units {
        &*self.0.parts.units
    }

    /// Whose key seals the texts of whoever has this number.
    pub(super) fn vault(&self) -> &Vault {
        &self.0.parts.vault
    }

    fn owner_of(&self, phone: &PhoneNumber) -> String {
        self.owner_of_text(phone.as_str())
    }

    fn owner_of_text(&self, phone: &str) -> String {
        format!("phone:{}", self.0.parts.vault.index(phone))
    }
}

/// What a case begins with.
struct Beginning {
    id: CaseId,
    subjects: Vec<Subject>,
}

/// Whether the actor may see the case; else it is not there for him.
pub(super) fn check_visible(actor: &Actor, case: &Case) -> Result<(), Refusal> {
    let target =
        Target { orgs: &case.orgs(), owner: case.collected_by, sensitivity: engine::sensitivity(case.secrecy) };
    actor.check_visible(Action::CaseRead, target, "工单")
}

pub(super) fn not_found() -> Refusal {
    Refusal::not_found("access.not_found", "没有找到该工单，或当前岗位无权查看")
}

fn no_front_desk() -> Refusal {
    Refusal::new(RefusalKind::Unavailable, "case.no_front_desk", "没有设置受理短信和网上诉求的单位，请联系系统管理员")
}

fn only_store(e: CommandError) -> StoreError {
    match e {
        CommandError::Store(e) => e,
        CommandError::Refused(r) => StoreError::Damaged(r.to_string()),
    }
}

/// Reads a case event from the log; used by replays and by whoever follows.
pub fn read_event(record: &crate::events::Record) -> Option<CaseEvent> {
    CaseEvent::from_record(record)
}
