//! What others may ask of dispatch.

use super::order::{Context, LADDER_MAX, Order, OrderCommand, OrderState, Rung};
use super::rows::{self, OrderRow};
use super::views::{LadderView, OrderFilter, OrderView, ReachedView, ResponderView};
use crate::access::{self, Action, Actor, CommandError, Refusal};
use crate::events::NewEvent;
use crate::events::dispatch::{DispatchEvent, ResponderState};
use crate::ids::{CaseId, OrderId, OrgPath, PhoneNumber, Point, ResponderId, Timestamp};
use crate::log::{self, Vault};
use crate::store::{Store, StoreError, Tx};

/// Longest order: it must fit two SMS with its frame.
const TEXT_MAX: usize = 200;
/// Orders in one page.
const PAGE_MAX: i64 = 200;
/// The timers of unanswered alerts.
pub(super) const TIMER: &str = "dispatch.answer";

/// The domain's door. Cloning shares it.
#[derive(Clone)]
pub struct Dispatch {
    vault: Vault,
}

/// An order to be given.
#[derive(Debug, Clone)]
pub struct GiveOrder {
    /// The case it serves.
    pub case: Option<CaseId>,
    /// The case's units, which see the order too.
    pub case_orgs: Vec<OrgPath>,
    /// What is to be done.
    pub text: String,
    /// Who is to do it.
    pub target: Target,
}

/// Who is to do it.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A named responder.
    Responder(ResponderId),
    /// The nearest free one, of a skill if given.
    Nearest {
        /// To which place.
        to: Point,
        /// With which skill.
        skill: Option<String>,
    },
}

/// Who asks for a change of an order: a signed-in person, or a phone that the order's ladder knows.
#[derive(Debug, Clone)]
pub enum OrderAsk {
    /// A person with the right to handle or give orders.
    Actor(Actor),
    /// The holder of a number on the ladder, by SMS or keypad.
    Phone(PhoneNumber),
}

/// A responder to be made.
#[derive(Debug, Clone)]
pub struct NewResponder {
    /// Its name.
    pub name: String,
    /// What it can do.
    pub skill: String,
    /// Its unit.
    pub org: OrgPath,
    /// Where it stands.
    pub place: Option<Point>,
    /// How long each may take to answer, in seconds.
    pub answer_seconds: i64,
    /// Whom to alert, with the hours in which he is on duty.
    pub ladder: Vec<(Rung, Option<Timestamp>, Option<Timestamp>)>,
}

impl Dispatch {
    /// The domain with the vault that seals its numbers.
    pub fn new(vault: Vault) -> Self {
        Self { vault }
    }

    /// Makes a responder with its ladder.
    pub async fn add_responder(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        new: NewResponder,
    ) -> Result<ResponderId, CommandError> {
        actor.check(Action::DispatchOrder, access::Target::of(std::slice::from_ref(&new.org)))?;
        if new.ladder.is_empty() || new.ladder.len() > LADDER_MAX {
            let text = format!("值班表应有 1 至 {LADDER_MAX} 人，收到 {} 人", new.ladder.len());
            return Err(Refusal::invalid("responder.ladder", text).into());
        }
        let id = ResponderId::new(tx.ids());
        let view = ResponderView {
            id,
            name: new.name,
            skill: new.skill,
            org: new.org,
            state: ResponderState::Free,
            place: new.place,
            placed_at: new.place.map(|_| tx.now()),
            answer_seconds: new.answer_seconds.clamp(10, 3_600),
            distance_m: None,
        };
        rows::insert_responder(tx, &view).await?;
        for (place, (rung, from, to)) in new.ladder.iter().enumerate() {
            rows::insert_rung(tx, id, i64::try_from(place).unwrap_or(0), rung, (*from, *to)).await?;
        }
        Ok(id)
    }

    /// Gives an order and alerts the first on its ladder.
    pub async fn give(&self, tx: &mut Tx, actor: &Actor, wish: GiveOrder) -> Result<OrderView, CommandError> {
        let text = wish.text.trim().to_owned();
        if text.is_empty() || text.chars().count() > TEXT_MAX {
            return Err(Refusal::invalid("order.text", format!("指令内容应为 1 至 {TEXT_MAX} 字"))
                .field("/text")
                .into());
        }
        let responder = self.choose(tx, actor, &wish.target).await?;
        actor.check(Action::DispatchOrder, access::Target::of(std::slice::from_ref(&responder.org)))?;
        let now = tx.now();
        let ladder = rows::ladder(tx, responder.id, now).await?;
        if ladder.is_empty() {
            let text = format!("「{}」当前没有值班人员，请先排班或改派", responder.name);
            return Err(Refusal::conflict("responder.nobody_on_duty", text).into());
        }
        let place = match &wish.target {
            Target::Nearest { to, .. } => Some(*to),
            Target::Responder(_) => None,
        };
        let order = Order {
            id: OrderId::new(tx.ids()),
            case: wish.case,
            text,
            responder: responder.id,
            responder_name: responder.name.clone(),
            place,
            state: OrderState::Given,
            ladder,
            alerted: 0,
            exhausted: false,
            answer_seconds: responder.answer_seconds,
            given_at: now,
            reached: vec![(OrderState::Given, now)],
            result: None,
        };
        let mut orgs = vec![responder.org.clone(), actor.unit_path.clone()];
        orgs.extend(wish.case_orgs);
        orgs.sort();
        orgs.dedup();
        let mut row = OrderRow { order, orgs, given_by: actor.name.clone() };
        rows::insert_order(tx, &row).await?;
        let mut events = vec![given(&row.order, responder.distance_m)];
        events.extend(row.order.first_alert(&self.context(&actor.name, now)));
        self.record(tx, actor, &mut row, events).await?;
        self.set_responder(tx, actor, &row, responder.place).await?;
        Ok(view(&row))
    }

    /// Carries out a command on an order.
    pub async fn act(
        &self,
        tx: &mut Tx,
        ask: OrderAsk,
        id: OrderId,
        command: OrderCommand,
    ) -> Result<OrderView, CommandError> {
        let mut row = rows::order(tx, id).await?.ok_or_else(no_order)?;
        let (actor, by) = self.entitled(&ask, &row, &command)?;
        let events = row.order.decide(&command, &self.context(&by, tx.now()))?;
        self.record(tx, &actor, &mut row, events).await?;
        self.set_responder(tx, &actor, &row, None).await?;
        Ok(view(&row))
    }

    /// A person's SMS "1" (or keypad 1): accepts the order that waits for his answer. `None` if none does; a refusal if
    /// several do.
    pub async fn accept_by_phone(&self, tx: &mut Tx, phone: &PhoneNumber) -> Result<Option<OrderView>, CommandError> {
        let waiting = rows::waiting_for_phone(tx, phone.as_str()).await?;
        match &waiting[..] {
            [] => Ok(None),
            [one] => {
                let id = one.order.id;
                self.act(tx, OrderAsk::Phone(phone.clone()), id, OrderCommand::Accept).await.map(Some)
            }
            several => {
                let text = format!("您有 {} 条待接受的指令，请在系统中逐条接受", several.len());
                Err(Refusal::conflict("order.several", text).into())
            }
        }
    }

    /// The timer of an alert is over.
    pub(super) async fn no_answer(&self, tx: &mut Tx, id: OrderId, step: usize) -> Result<(), StoreError> {
        let Some(mut row) = rows::order(tx, id).await? else { return Ok(()) };
        let actor = Actor::hub("调度升级");
        let context = self.context(&actor.name, tx.now());
        // A silence is never refused: it changes something or nothing.
        let events = row.order.decide(&OrderCommand::NoAnswer { step }, &context).unwrap_or_default();
        self.record(tx, &actor, &mut row, events).await
    }

    /// Sets a responder's state or place.
    pub async fn place_responder(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        id: ResponderId,
        state: Option<ResponderState>,
        place: Option<Point>,
    ) -> Result<ResponderView, CommandError> {
        let found = rows::responder(tx, id).await?.ok_or_else(no_responder)?;
        let orgs = [found.org.clone()];
        let target = access::Target::of(&orgs);
        actor.check_visible(Action::DispatchRead, target, "力量")?;
        if !actor.may(Action::OrderHandle, target) {
            actor.check(Action::DispatchOrder, target)?;
        }
        let state = state.unwrap_or(found.state);
        rows::update_responder(tx, id, state, place).await?;
        let place = place.or(found.place);
        let event = DispatchEvent::ResponderChanged { responder: id, name: found.name.clone(), state, place };
        let subject = crate::events::Subject::new("responder", id);
        log::append(tx, &self.vault, NewEvent::of(subject, orgs.to_vec(), actor.as_ref(), &event)).await?;
        Ok(ResponderView { state, place, ..found })
    }

    /// The responders that `actor` may see, nearest first when a place is given.
    pub async fn responders(
        &self,
        store: &Store,
        actor: &Actor,
        near: Option<Point>,
    ) -> Result<Vec<ResponderView>, StoreError> {
        let visible = responders_visible(actor, Action::DispatchRead);
        let mut found = rows::responders(store.reader(), visible).await?;
        if let Some(near) = near {
            measure(&mut found, near);
        }
        Ok(found)
    }

    /// The orders that `actor` may see, newest first.
    pub async fn orders(
        &self,
        store: &Store,
        actor: &Actor,
        filter: OrderFilter,
    ) -> Result<Vec<OrderView>, StoreError> {
        let action = if actor.may_somewhere(Action::DispatchRead) { Action::DispatchRead } else { Action::OrderHandle };
        let visible = actor.predicate(action, "orgs", "given_by", "0", 1);
        let filter = OrderFilter { limit: filter.limit.clamp(1, PAGE_MAX), ..filter };
        Ok(rows::orders(store.reader(), visible, &filter).await?.iter().map(view).collect())
    }

    /// One order.
    pub async fn order(&self, tx: &mut Tx, actor: &Actor, id: OrderId) -> Result<OrderView, CommandError> {
        let row = rows::order(tx, id).await?.ok_or_else(no_order)?;
        check_visible(actor, &row)?;
        Ok(view(&row))
    }

    async fn choose(&self, tx: &mut Tx, actor: &Actor, target: &Target) -> Result<ResponderView, CommandError> {
        match target {
            Target::Responder(id) => {
                let found = rows::responder(tx, *id).await?.ok_or_else(no_responder)?;
                let orgs = [found.org.clone()];
                actor.check_visible(Action::DispatchRead, access::Target::of(&orgs), "力量")?;
                if found.state == ResponderState::OffDuty {
                    let text = format!("「{}」已停用，请改派", found.name);
                    return Err(Refusal::conflict("responder.off_duty", text).into());
                }
                Ok(found)
            }
            Target::Nearest { to, skill } => {
                let visible = responders_visible(actor, Action::DispatchOrder);
                let mut free = rows::free_responders(tx, visible).await?;
                free.retain(|r| r.place.is_some() && skill.as_ref().is_none_or(|s| *s == r.skill));
                measure(&mut free, *to);
                let text = "附近没有空闲的力量，请指定力量或稍后重试";
                free.into_iter().next().ok_or_else(|| Refusal::conflict("responder.none_free", text).into())
            }
        }
    }

    /// Who may do what: the responder's side handles, the giver's side cancels.
    fn entitled(&self, ask: &OrderAsk, row: &OrderRow, command: &OrderCommand) -> Result<(Actor, String), Refusal> {
        match ask {
            OrderAsk::Actor(actor) => {
                check_visible(actor, row)?;
                let action = match command {
                    OrderCommand::Cancel { .. } => Action::DispatchOrder,
                    _ => Action::OrderHandle,
                };
                let target = access::Target::of(&row.orgs);
                if !actor.may(Action::DispatchOrder, target) {
                    actor.check(action, target)?;
                }
                Ok((actor.clone(), actor.name.clone()))
            }
            OrderAsk::Phone(phone) => {
                let rung = row.order.ladder.iter().find(|r| r.phone == phone.as_str()).ok_or_else(no_order)?;
                Ok((Actor::hub(&rung.name), rung.name.clone()))
            }
        }
    }

    /// Appends the events, projects them, keeps the timer of the waiting alert right.
    async fn record(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        row: &mut OrderRow,
        events: Vec<DispatchEvent>,
    ) -> Result<(), StoreError> {
        let now = tx.now();
        for event in events {
            row.order.apply(&event, now);
            let new = NewEvent::of(row.order.id, row.orgs.clone(), actor.as_ref(), &event);
            log::append(tx, &self.vault, new).await?;
        }
        rows::update_order(tx, &row.order).await?;
        let key = row.order.id.to_string();
        match row.order.waiting_step() {
            Some(step) => {
                let due = now.plus_millis(row.order.answer_seconds * 1_000);
                log::set_timer(tx, TIMER, &key, due, &step.to_string()).await
            }
            None => log::cancel_timer(tx, TIMER, &key).await,
        }
    }

    /// The responder is as busy as its orders make it.
    async fn set_responder(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        row: &OrderRow,
        place: Option<Point>,
    ) -> Result<(), StoreError> {
        let id = row.order.responder;
        let state = match row.order.state {
            OrderState::Given | OrderState::Accepted => ResponderState::Assigned,
            OrderState::EnRoute => ResponderState::EnRoute,
            OrderState::OnSite => ResponderState::OnSite,
            _ if rows::has_open_order(tx, id).await? => ResponderState::Assigned,
            _ => ResponderState::Free,
        };
        rows::update_responder(tx, id, state, None).await?;
        let name = row.order.responder_name.clone();
        let event = DispatchEvent::ResponderChanged { responder: id, name, state, place };
        let subject = crate::events::Subject::new("responder", id);
        log::append(tx, &self.vault, NewEvent::of(subject, row.orgs.clone(), actor.as_ref(), &event)).await?;
        Ok(())
    }

    fn context<'a>(&'a self, by: &'a str, now: Timestamp) -> Context<'a> {
        Context { by, now, vault: &self.vault }
    }
}

fn given(order: &Order, distance_m: Option<i64>) -> DispatchEvent {
    DispatchEvent::Given {
        order: order.id,
        case: order.case,
        text: order.text.clone(),
        responder: order.responder,
        responder_name: order.responder_name.clone(),
        place: order.place,
        distance_m,
        ladder: i64::try_from(order.ladder.len()).unwrap_or(0),
    }
}

fn view(row: &OrderRow) -> OrderView {
    let order = &row.order;
    let masked = |phone: &str| access::mask_phone(phone);
    OrderView {
        id: order.id,
        case_id: order.case,
        text: order.text.clone(),
        responder_id: order.responder,
        responder: order.responder_name.clone(),
        state: order.state,
        state_zh: order.state.zh(),
        place: order.place,
        given_by: row.given_by.clone(),
        given_at: order.given_at,
        ladder: order
            .ladder
            .iter()
            .map(|r| LadderView {
                name: r.name.clone(),
                role: if r.role == crate::events::dispatch::LadderRole::Chief { "chief" } else { "duty" }.into(),
                phone: masked(&r.phone),
            })
            .collect(),
        alerted: order.alerted,
        exhausted: order.exhausted,
        reached: order.reached.iter().map(|(state, at)| ReachedView { state: *state, at: *at }).collect(),
        result: order.result.clone(),
    }
}

/// Fills the distances and sorts by them; the unplaced go last.
fn measure(found: &mut [ResponderView], to: Point) {
    for responder in found.iter_mut() {
        #[allow(clippy::cast_possible_truncation)] // metres on this earth fit
        let metres = responder.place.map(|p| p.distance_m(to).round() as i64);
        responder.distance_m = metres;
    }
    found.sort_by_key(|r| r.distance_m.unwrap_or(i64::MAX));
}

/// Responders have one unit; the predicate's form wants it between bars.
fn responders_visible(actor: &Actor, action: Action) -> access::Predicate {
    actor.predicate(action, "('|' || org || '|')", "''", "0", 1)
}

fn check_visible(actor: &Actor, row: &OrderRow) -> Result<(), Refusal> {
    let target = access::Target::of(&row.orgs);
    if actor.may(Action::OrderHandle, target) {
        return Ok(());
    }
    actor.check_visible(Action::DispatchRead, target, "指令")
}

fn no_order() -> Refusal {
    Refusal::not_found("access.not_found", "没有找到该指令，或当前岗位无权查看")
}

fn no_responder() -> Refusal {
    Refusal::not_found("access.not_found", "没有找到该力量，或当前岗位无权查看")
}
