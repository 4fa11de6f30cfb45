//! The ports that domains name, filled with other domains: organisations for cases and messages, cases and orders for
//! replies by SMS. Translation only; every rule stays in its domain.

use crate::access::{Actor, CommandError, Origin, Refusal};
use crate::cases::{self, Cases};
use crate::dispatch::Dispatch;
use crate::events::cases::{Area, ContactRole, UnitRef};
use crate::events::{ActorRef, Subject};
use crate::ids::{CaseId, OrderId, OrgPath, PhoneNumber, Point, UnitId};
use crate::log::Vault;
use crate::messages::{self, CitizenText, Contact};
use crate::orgs::{Orgs, Unit, UnitKind, people};
use crate::store::{StoreError, Tx, WriteFuture};

/// People of one unit that a reminder goes to at most: beyond it a unit should name a handler.
const REMINDED_MAX: usize = 5;

/// The organisation tree and the duty list, as cases see them.
pub(super) struct OrgTree(pub(super) Orgs);

impl cases::ports::Units for OrgTree {
    fn unit(&self, id: UnitId) -> Option<UnitRef> {
        self.0.directory().tree.unit(id).map(unit_ref)
    }

    fn superior_of(&self, id: UnitId) -> Option<UnitRef> {
        let directory = self.0.directory();
        directory.tree.upwards(id).nth(1).map(unit_ref)
    }

    /// The government of the level that the unit belongs to dispatches: the county for its offices and townships, the city
    /// for its own offices.
    fn desk_of(&self, id: UnitId) -> Option<UnitRef> {
        let directory = self.0.directory();
        let county = directory.tree.county_of(id);
        county.or_else(|| directory.tree.level_of(id, UnitKind::City)).map(unit_ref)
    }

    fn front_desk(&self) -> Option<UnitRef> {
        self.0.directory().city().map(unit_ref)
    }

    fn area_of(&self, point: Point) -> Option<Area> {
        let directory = self.0.directory();
        let grid = directory.grid_at(point).map(|g| g.id.to_string());
        let unit = directory.unit_at(point).map(unit_ref)?;
        Some(Area { grid, unit, grids_version: "1".into() })
    }
}

impl cases::ports::DutyList for OrgTree {
    fn lead_for(&self, class_code: &str, area: Option<&Area>) -> Option<cases::ports::Proposal> {
        let directory = self.0.directory();
        let place = area.map(|a| a.unit.id).or_else(|| directory.city().map(|c| c.id))?;
        let answer = directory.duty_in(class_code, place)?;
        let unit = directory.tree.unit(answer.lead).map(unit_ref)?;
        let area = area.map_or("全市", |a| a.unit.name.as_str());
        Some(cases::ports::Proposal {
            reason: format!("职责清单：{area} · {class_code} → {}", unit.name), unit
        })
    }
}

fn unit_ref(unit: &Unit) -> UnitRef {
    UnitRef { id: unit.id, path: unit.path.clone(), name: unit.name.clone() }
}

/// Who is reminded for a unit: those who hold a post in it and have a number.
pub(super) struct Holders(pub(super) Vault);

impl messages::Contacts for Holders {
    fn duty_phones<'a>(&'a self, tx: &'a mut Tx, unit: UnitId) -> WriteFuture<'a, Vec<Contact>, StoreError> {
        Box::pin(async move {
            let now = tx.now();
            let (mut handlers, mut others) = (Vec::new(), Vec::new());
            for holder in people::holders(tx.conn(), &self.0, unit, None, now).await? {
                let Some(phone) = holder.phone else { continue };
                let seats = people::seats(tx.conn(), holder.person, now).await?;
                let handles = seats.iter().any(|s| {
                    s.seat.unit == unit && s.seat.grants.iter().any(|g| g.action == crate::access::Action::CaseHandle)
                });
                let group = if handles { &mut handlers } else { &mut others };
                group.push(Contact { name: holder.name, phone });
            }
            // Who may sign is asked to; a unit without handlers is told through whoever is there.
            let mut contacts = if handlers.is_empty() { others } else { handlers };
            contacts.truncate(REMINDED_MAX);
            contacts.dedup_by(|a, b| a.phone == b.phone);
            Ok(contacts)
        })
    }
}

/// Cases and orders, as replies by SMS reach them.
pub(super) struct Replies {
    pub(super) cases: Cases,
    pub(super) dispatch: Dispatch,
    pub(super) vault: Vault,
}

impl Replies {
    /// Everybody behind a number, in every seat he has.
    async fn actors(&self, tx: &mut Tx, phone: &PhoneNumber) -> Result<Vec<Actor>, StoreError> {
        let now = tx.now();
        let mut actors = Vec::new();
        for person in people::person_by_phone(tx.conn(), &self.vault, phone).await? {
            for row in people::seats(tx.conn(), person, now).await? {
                actors.push(Actor::person(row.seat, Origin { via: "sms", ..Origin::default() }));
            }
        }
        Ok(actors)
    }
}

impl messages::Matters for Replies {
    fn sign<'a>(
        &'a self,
        tx: &'a mut Tx,
        case: CaseId,
        phone: &'a PhoneNumber,
    ) -> WriteFuture<'a, Result<(), Refusal>, StoreError> {
        Box::pin(async move {
            let mut refused = Refusal::forbidden("message.unknown_phone", "该号码未登记为承办单位人员，不能签收");
            for actor in self.actors(tx, phone).await? {
                match self.cases.sign_by_person(tx, &actor, case, "sms").await {
                    Ok(_) => return Ok(Ok(())),
                    Err(CommandError::Refused(refusal)) => refused = refusal,
                    Err(CommandError::Store(e)) => return Err(e),
                }
            }
            Ok(Err(refused))
        })
    }

    fn accept<'a>(
        &'a self,
        tx: &'a mut Tx,
        order: OrderId,
        phone: &'a PhoneNumber,
    ) -> WriteFuture<'a, Result<(), Refusal>, StoreError> {
        use crate::dispatch::{OrderAsk, OrderCommand};
        Box::pin(async move {
            let ask = OrderAsk::Phone(phone.clone());
            only_store(self.dispatch.act(tx, ask, order, OrderCommand::Accept).await.map(drop))
        })
    }

    fn citizens_case<'a>(
        &'a self,
        tx: &'a mut Tx,
        from: &'a PhoneNumber,
        text: &'a str,
    ) -> WriteFuture<'a, Option<CaseId>, StoreError> {
        Box::pin(self.cases.of_citizen(tx, from, text))
    }

    fn supplement<'a>(&'a self, tx: &'a mut Tx, case: CaseId, text: CitizenText) -> WriteFuture<'a, (), StoreError> {
        Box::pin(async move {
            let CitizenText { message, text, .. } = text;
            self.cases.supplement_by_citizen(tx, case, &text, message).await.map_err(store).map(drop)
        })
    }

    fn open_draft<'a>(&'a self, tx: &'a mut Tx, case: CaseId, text: CitizenText) -> WriteFuture<'a, (), StoreError> {
        Box::pin(async move {
            let CitizenText { message, from, text } = text;
            self.cases.open_draft_from_sms(tx, case, &from, &text, message).await.map_err(store).map(drop)
        })
    }

    fn requester_phone<'a>(&'a self, tx: &'a mut Tx, case: CaseId) -> WriteFuture<'a, Option<PhoneNumber>, StoreError> {
        Box::pin(self.cases.requester_phone(tx, case))
    }

    fn words<'a>(
        &'a self,
        tx: &'a mut Tx,
        case: CaseId,
        to_citizen: bool,
    ) -> WriteFuture<'a, Vec<(String, String)>, StoreError> {
        Box::pin(async move {
            if !to_citizen {
                return Ok(Vec::new());
            }
            let code = self.cases.query_code(tx, case).await?;
            Ok(code.map(|code| ("query_code".to_owned(), code)).into_iter().collect())
        })
    }

    fn link<'a>(&'a self, tx: &'a mut Tx, case: CaseId, message: Subject) -> WriteFuture<'a, Vec<OrgPath>, StoreError> {
        Box::pin(async move {
            let by = ActorRef::part("system", "短信");
            match self.cases.link_subject(tx, case, message, ContactRole::Related, by).await {
                Ok(case) => Ok(case.orgs()),
                // A case that takes no more links (it was voided): the message stands by itself.
                Err(CommandError::Refused(_)) => Ok(Vec::new()),
                Err(CommandError::Store(e)) => Err(e),
            }
        })
    }
}

fn only_store(done: Result<(), CommandError>) -> Result<Result<(), Refusal>, StoreError> {
    match done {
        Ok(()) => Ok(Ok(())),
        Err(CommandError::Refused(refusal)) => Ok(Err(refusal)),
        Err(CommandError::Store(e)) => Err(e),
    }
}

/// Where a refusal would mean that the hub is set up wrongly.
fn store(e: CommandError) -> StoreError {
    match e {
        CommandError::Store(e) => e,
        CommandError::Refused(refusal) => StoreError::Damaged(refusal.detail),
    }
}
