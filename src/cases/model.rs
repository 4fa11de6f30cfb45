//! The case 工单 as state: what its events have made of it. [`Case::begin`] and [`Case::apply`] are total: they never refuse
//! and never look outside, so replaying a case's events gives the live state.
//!
//! Must not know: flows, calendars, rights. Personal texts are not in it: only whose key seals them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::flow::View;
use crate::events::cases::{
    Area, Attachment, Card, CaseEvent, Change, Channel, Clock, ClockChange, ClockKind, ContactRole, ItemChange,
    ItemKind, ItemState, LinkKind, Linked, Nature, Outcome, Overlay, Place, ResultCode, Secrecy, Segment, Solved,
    Stepped, Supplemented, UnitRef, Urgency, WorkItem,
};
use crate::events::{ActorRef, Subject};
use crate::ids::{CaseId, ClockId, OrgPath, PersonId, Timestamp, WorkItemId};

/// Client keys remembered per case: a phone that resends does so within a few steps, not after sixty-four.
const KEYS_MAX: usize = 64;

/// When and by whom an event was recorded.
#[derive(Debug, Clone)]
pub struct Stamp {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: ActorRef,
}

/// A case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Its id.
    pub id: CaseId,
    /// Its public number.
    pub public_no: String,
    /// Grows with every act: what `If-Match` compares.
    pub version: i64,
    // What was said.
    /// Channel.
    pub channel: Channel,
    /// Called number.
    pub hotline_no: Option<String>,
    /// Nature.
    pub nature: Nature,
    /// Class.
    pub class_code: String,
    /// Urgency.
    pub urgency: Urgency,
    /// Secrecy.
    pub secrecy: Secrecy,
    /// Title.
    pub title: String,
    /// The citizen's words at capture; never edited.
    pub narrative: String,
    /// What he wants to happen.
    pub demand: Option<String>,
    /// Words added since.
    pub supplements: Vec<Supplement>,
    /// Where.
    pub place: Option<Place>,
    /// In which area.
    pub area: Option<Area>,
    /// Files.
    pub attachments: Vec<Attachment>,
    // When.
    /// When it happened.
    pub occurred_at: Option<Timestamp>,
    /// When it was captured.
    pub reported_at: Timestamp,
    /// When it was accepted.
    pub accepted_at: Option<Timestamp>,
    /// When it came to its end.
    pub closed_at: Option<Timestamp>,
    /// When anything last happened.
    pub updated_at: Timestamp,
    // Who.
    /// The unit that captured it.
    pub collector: UnitRef,
    /// The person who captured it.
    pub collected_by: Option<PersonId>,
    /// The desk that dispatches.
    pub desk: UnitRef,
    /// Key owner of the requester's texts.
    pub owner: String,
    /// Whether a name is known.
    pub has_name: bool,
    /// Whether a number is known.
    pub has_phone: bool,
    // Where it stands.
    /// Flow key.
    pub flow: String,
    /// Version of the flow.
    pub flow_version: String,
    /// Version of the class tree.
    pub class_version: String,
    /// Node.
    pub node: String,
    /// The node's word.
    pub node_zh: String,
    /// Step, 1..=6.
    pub step: u8,
    /// Whether it is at an end.
    pub end: bool,
    /// Round, from 1.
    pub round: u32,
    /// Whether it was captured as a draft.
    pub draft: bool,
    /// Work items, in the order they were given.
    pub items: Vec<WorkItem>,
    /// Clocks, in the order they began.
    pub clocks: Vec<Clock>,
    /// Overlays.
    pub overlays: BTreeSet<Overlay>,
    /// Returns asked in this round.
    pub returns: u32,
    /// Urgings in all.
    pub urges: u32,
    // What came of it.
    /// Results, one per feeding back; the last counts, the first is never overwritten.
    pub results: Vec<CaseResult>,
    /// Revisits, in order.
    pub revisits: Vec<RevisitMade>,
    /// Links to other cases.
    pub links: Vec<CaseLink>,
    /// Linked calls, messages, meetings, orders.
    pub subjects: Vec<Contact>,
    /// Client keys seen, newest last.
    pub keys: Vec<String>,
}

/// Added words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Supplement {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The words.
    pub text: String,
}

/// A result as fed back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseResult {
    /// Round.
    pub round: u32,
    /// When.
    pub at: Timestamp,
    /// By which person.
    pub person: Option<PersonId>,
    /// By whom, in words.
    pub by: String,
    /// The result.
    pub code: ResultCode,
    /// The answer.
    pub answer: String,
    /// Whether a co-handler fed back for his own part.
    pub co: bool,
}

/// A revisit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RevisitMade {
    /// Round.
    pub round: u32,
    /// When.
    pub at: Timestamp,
    /// Whether it is solved, in the citizen's words.
    pub solved: Solved,
    /// With the handling, 1..=5.
    pub satisfied_process: Option<u8>,
    /// With the result, 1..=5.
    pub satisfied_result: Option<u8>,
}

/// A link to another case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseLink {
    /// The other.
    pub case_id: CaseId,
    /// How.
    pub relation: LinkKind,
    /// Since when.
    pub at: Timestamp,
}

/// A linked subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// Which.
    pub subject: Subject,
    /// What it is to the case.
    pub role: ContactRole,
    /// Since when.
    pub at: Timestamp,
}

impl Case {
    /// The case as its first event makes it; `None` for any other event.
    pub fn begin(event: &CaseEvent, stamp: &Stamp) -> Option<Self> {
        let CaseEvent::Captured(s) = event else { return None };
        let f = &s.facts;
        let mut case = Self {
            id: f.id,
            public_no: s.public_no.clone(),
            version: 0,
            channel: f.channel,
            hotline_no: f.hotline_no.clone(),
            nature: f.nature,
            class_code: f.class_code.clone(),
            urgency: f.urgency,
            secrecy: f.sensitivity,
            title: s.title.clone(),
            narrative: f.narrative.clone(),
            demand: f.demand.clone(),
            supplements: Vec::new(),
            place: f.place.clone(),
            area: f.area.clone(),
            attachments: Vec::new(),
            occurred_at: f.occurred_at,
            reported_at: stamp.at,
            accepted_at: None,
            closed_at: None,
            updated_at: stamp.at,
            collector: f.collector.clone(),
            collected_by: f.collected_by,
            desk: f.desk.clone(),
            owner: f.owner.clone(),
            has_name: f.requester_name.is_some(),
            has_phone: f.requester_phone.is_some(),
            flow: f.flow.clone(),
            flow_version: f.flow_version.clone(),
            class_version: f.class_version.clone(),
            node: String::new(),
            node_zh: String::new(),
            step: 1,
            end: false,
            round: 1,
            draft: false,
            items: Vec::new(),
            clocks: Vec::new(),
            overlays: BTreeSet::new(),
            returns: 0,
            urges: 0,
            results: Vec::new(),
            revisits: Vec::new(),
            links: Vec::new(),
            subjects: Vec::new(),
            keys: Vec::new(),
        };
        case.subjects.extend(f.subjects.iter().map(|s| Contact {
            subject: s.clone(),
            role: ContactRole::Source,
            at: stamp.at,
        }));
        case.settle(&s.change, s.key.as_deref(), stamp);
        case.draft = case.node == "draft";
        Some(case)
    }

    /// Takes in one event. Events of other cases and a second capture change nothing but the version.
    pub fn apply(&mut self, event: &CaseEvent, stamp: &Stamp) {
        match event {
            CaseEvent::Supplemented(s) => self.supplement(s, stamp),
            CaseEvent::Accepted(_) => self.accepted_at = self.accepted_at.or(Some(stamp.at)),
            CaseEvent::Answered(s) | CaseEvent::FedBack(s) | CaseEvent::CoFedBack(s) => {
                let co = matches!(event, CaseEvent::CoFedBack(_));
                self.attachments.extend(s.facts.attachments.iter().cloned());
                self.results.push(CaseResult {
                    round: self.round,
                    at: stamp.at,
                    person: stamp.by.person,
                    by: stamp.by.name.clone(),
                    code: s.facts.result_code,
                    answer: s.facts.answer_text.clone(),
                    co,
                });
            }
            CaseEvent::ReturnRequested(s) => self.returns = s.facts.count,
            CaseEvent::Revisited(s) => self.revisits.push(RevisitMade {
                round: self.round,
                at: stamp.at,
                solved: s.facts.solved,
                satisfied_process: s.facts.satisfied_process,
                satisfied_result: s.facts.satisfied_result,
            }),
            CaseEvent::Urged(s) => self.urges = s.facts.count,
            CaseEvent::Linked(s) => self.link(&s.facts, stamp),
            CaseEvent::RungReached(s) => {
                if let Some(c) = self.clock_mut(s.facts.clock) {
                    c.fired.push(s.facts.percent);
                    c.next_rung_at = s.facts.next_rung_at;
                }
            }
            CaseEvent::DeadlineMoved(s) => {
                if let Some(c) = self.clock_mut(s.facts.clock) {
                    c.due_at = s.facts.due_at;
                    c.provisional = s.facts.provisional;
                    c.next_rung_at = s.facts.next_rung_at;
                    c.calendar_version = s.facts.calendar_version.clone();
                }
            }
            CaseEvent::Reopened(_) => self.returns = 0,
            _ => {}
        }
        self.settle(event.change(), event.key(), stamp);
        // What the clocks tell and what is linked is no edit: nobody's `If-Match` fails because a rung was reached or an SMS
        // went out.
        if matches!(event, CaseEvent::RungReached(_) | CaseEvent::DeadlineMoved(_) | CaseEvent::Linked(_)) {
            self.version -= 1;
        }
    }

    /// The open lead item: the one given last, so that a unit below stands before the one that sent down.
    pub fn lead(&self) -> Option<&WorkItem> {
        self.items.iter().rev().find(|i| i.kind == ItemKind::Lead && is_open(i))
    }

    /// The open co-handling items.
    pub fn co_items(&self) -> impl Iterator<Item = &WorkItem> {
        self.items.iter().filter(|i| i.kind == ItemKind::CoHandle && is_open(i))
    }

    /// All open items.
    pub fn open_items(&self) -> impl Iterator<Item = &WorkItem> {
        self.items.iter().filter(|i| is_open(i))
    }

    /// An item.
    pub fn item(&self, id: WorkItemId) -> Option<&WorkItem> {
        self.items.iter().find(|i| i.id == id)
    }

    /// The clocks that have not ended.
    pub fn open_clocks(&self) -> impl Iterator<Item = &Clock> {
        self.clocks.iter().filter(|c| c.outcome.is_none())
    }

    /// The open clock of a kind.
    pub fn open_clock(&self, kind: ClockKind) -> Option<&Clock> {
        self.open_clocks().find(|c| c.kind == kind)
    }

    /// The card: red once a clock has run out, yellow from its 80 % rung, green while clocks run.
    pub fn card(&self) -> Card {
        let highest = self.open_clocks().map(|c| c.fired.iter().copied().max().unwrap_or(0)).max();
        match highest {
            None => Card::None,
            Some(100..) => Card::Red,
            Some(80..) => Card::Yellow,
            Some(_) => Card::Green,
        }
    }

    /// The earliest end of an open clock.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.open_clocks().filter_map(|c| c.due_at).min()
    }

    /// The earliest rung of an open clock.
    pub fn next_rung_at(&self) -> Option<Timestamp> {
        self.open_clocks().filter_map(|c| c.next_rung_at).min()
    }

    /// The units that the case concerns, the desk first: who may see it is decided by these.
    pub fn orgs(&self) -> Vec<OrgPath> {
        let area = self.area.as_ref().map(|a| &a.unit.path);
        let items = self.items.iter().map(|i| &i.unit.path);
        let mut orgs: Vec<OrgPath> = Vec::new();
        for path in [&self.desk.path, &self.collector.path].into_iter().chain(area).chain(items) {
            if !orgs.contains(path) {
                orgs.push(path.clone());
            }
        }
        orgs
    }

    /// The last result of this round that a lead fed back.
    pub fn result(&self) -> Option<&CaseResult> {
        self.results.iter().rev().find(|r| !r.co)
    }

    /// The last revisit of this round.
    pub fn revisited(&self) -> Option<&RevisitMade> {
        self.revisits.iter().rev().find(|r| r.round == self.round)
    }

    /// Whether this is the person's own work: he signed for the open lead item or fed the last result back; once no lead is
    /// open, whether he did so at any time in this round.
    pub fn is_work_of(&self, person: PersonId) -> bool {
        let signed = |i: &WorkItem| i.signed_by.as_ref().is_some_and(|b| b.person == Some(person));
        let fed_back = self.result().is_some_and(|r| r.round == self.round && r.person == Some(person));
        match self.lead() {
            Some(lead) => signed(lead) || fed_back,
            None => {
                fed_back || self.items.iter().any(|i| i.kind == ItemKind::Lead && i.round == self.round && signed(i))
            }
        }
    }

    /// What guards may look at.
    pub fn view<'a>(&'a self, overlays: &'a [Overlay]) -> View<'a> {
        let lead = self.lead();
        View {
            channel: self.channel,
            nature: self.nature,
            urgency: self.urgency,
            secrecy: self.secrecy,
            class_code: &self.class_code,
            overlays,
            draft: self.draft,
            round: self.round,
            returns: self.returns,
            solved: self.revisited().map(|r| r.solved),
            revisits: u32::try_from(self.revisits.iter().filter(|r| r.round == self.round).count()).unwrap_or(u32::MAX),
            self_settled: lead.is_some_and(|l| l.unit.id == self.collector.id && l.sender.id == self.collector.id),
            sent_down: lead.is_some_and(|l| l.parent.is_some()),
            lead_signed: lead.is_some_and(|l| l.state == ItemState::Signed),
        }
    }

    fn supplement(&mut self, s: &Stepped<Supplemented>, stamp: &Stamp) {
        let f = &s.facts;
        if let Some(text) = &f.text {
            self.supplements.push(Supplement { at: stamp.at, by: stamp.by.name.clone(), text: text.clone() });
        }
        self.title = f.new_title.clone().unwrap_or_else(|| std::mem::take(&mut self.title));
        self.class_code = f.class_code.clone().unwrap_or_else(|| std::mem::take(&mut self.class_code));
        self.nature = f.nature.unwrap_or(self.nature);
        self.urgency = f.urgency.unwrap_or(self.urgency);
        self.place = f.place.clone().or(self.place.take());
        self.area = f.area.clone().or(self.area.take());
        self.owner = f.owner.clone().unwrap_or_else(|| std::mem::take(&mut self.owner));
        self.has_name |= f.requester_name.is_some();
        self.has_phone |= f.requester_phone.is_some();
        self.attachments.extend(f.attachments.iter().cloned());
    }

    fn link(&mut self, linked: &Linked, stamp: &Stamp) {
        match linked {
            Linked::Case { case_id, relation, .. } => {
                self.links.push(CaseLink { case_id: *case_id, relation: *relation, at: stamp.at });
            }
            Linked::Subject { subject, role } => {
                self.subjects.push(Contact { subject: subject.clone(), role: *role, at: stamp.at });
            }
        }
    }

    fn settle(&mut self, change: &Change, key: Option<&str>, stamp: &Stamp) {
        self.version += 1;
        self.updated_at = stamp.at;
        if let Some(key) = key {
            self.keys.push(key.to_owned());
            let over = self.keys.len().saturating_sub(KEYS_MAX);
            self.keys.drain(..over);
        }
        self.round = change.round.unwrap_or(self.round);
        if let Some(desk) = &change.desk {
            self.desk = desk.clone();
        }
        change.items.iter().for_each(|c| self.change_item(c, stamp));
        change.clocks.iter().for_each(|c| self.change_clock(c, stamp));
        self.overlays.extend(change.overlays_on.iter().copied());
        change.overlays_off.iter().for_each(|o| {
            self.overlays.remove(o);
        });
        if let Some(moved) = &change.moved {
            self.node = moved.to.clone();
            self.node_zh = moved.zh.clone();
            self.step = moved.step;
            self.end = moved.end;
            self.closed_at = moved.end.then_some(stamp.at);
        }
    }

    fn change_item(&mut self, change: &ItemChange, stamp: &Stamp) {
        match change {
            ItemChange::Opened { item } => self.items.push(item.clone()),
            ItemChange::Became { id, state } => {
                let Some(item) = self.items.iter_mut().find(|i| i.id == *id) else { return };
                item.state = *state;
                match state {
                    ItemState::Offered => {}
                    ItemState::Signed => {
                        item.signed_at = Some(stamp.at);
                        item.signed_by = Some(stamp.by.clone());
                    }
                    _ => {
                        item.ended_at = Some(stamp.at);
                        item.ended_by = Some(stamp.by.clone());
                    }
                }
            }
        }
    }

    fn change_clock(&mut self, change: &ClockChange, stamp: &Stamp) {
        let id = match change {
            ClockChange::Started { clock } => return self.clocks.push(clock.clone()),
            ClockChange::Paused { id, .. }
            | ClockChange::Resumed { id, .. }
            | ClockChange::Rebudgeted { id, .. }
            | ClockChange::Ended { id, .. } => *id,
        };
        let Some(clock) = self.clock_mut(id) else { return };
        match change {
            ClockChange::Started { .. } => {}
            ClockChange::Paused { reason, .. } => {
                turn(clock, stamp.at, Some((false, reason)));
                (clock.due_at, clock.next_rung_at) = (None, None);
            }
            ClockChange::Resumed { reason, due_at, provisional, next_rung_at, .. } => {
                turn(clock, stamp.at, Some((true, reason)));
                (clock.due_at, clock.provisional, clock.next_rung_at) = (*due_at, *provisional, *next_rung_at);
            }
            ClockChange::Rebudgeted { budget, epoch, due_at, provisional, next_rung_at, .. } => {
                (clock.budget, clock.epoch, clock.due_at) = (*budget, *epoch, *due_at);
                (clock.provisional, clock.next_rung_at) = (*provisional, *next_rung_at);
                clock.fired.clear();
            }
            ClockChange::Ended { outcome, .. } => {
                turn(clock, stamp.at, None);
                (clock.outcome, clock.ended_at, clock.next_rung_at) = (Some(*outcome), Some(stamp.at), None);
            }
        }
    }

    fn clock_mut(&mut self, id: ClockId) -> Option<&mut Clock> {
        self.clocks.iter_mut().find(|c| c.id == id)
    }
}

/// Closes the ledger's open segment and begins the next.
pub(super) fn turn(clock: &mut Clock, at: Timestamp, next: Option<(bool, &str)>) {
    if let Some(open) = clock.segments.last_mut() {
        open.to = Some(at);
    }
    if let Some((run, reason)) = next {
        clock.segments.push(Segment { from: at, to: None, run, reason: reason.to_owned() });
    }
}

/// Whether an item still asks something of its holder.
pub fn is_open(item: &WorkItem) -> bool {
    matches!(item.state, ItemState::Offered | ItemState::Signed)
}

/// How a clock that ends at `at` ended.
pub(super) fn outcome(clock: &Clock, at: Timestamp) -> Outcome {
    let late = clock.fired.contains(&100) || clock.due_at.is_some_and(|due| at > due);
    if late { Outcome::Late } else { Outcome::Met }
}
