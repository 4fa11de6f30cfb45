//! Commands about units, grids, the duty list, phone areas and roles.

use super::duty::{Duty, DutyLead, check_class};
use super::geometry::Area;
use super::people;
use super::roles::{Role, administrator, grant_text};
use super::rows;
use super::unit::{Grid, NewUnit, Unit, check_code, check_name};
use crate::access::{Action, Actor, CommandError, Refusal, Target};
use crate::events::orgs::OrgEvent;
use crate::events::{NewEvent, Subject};
use crate::ids::{GridId, OrgPath, PersonId, PhoneNumber, Point, Timestamp, UnitId};
use crate::log::{Vault, append};
use crate::store::Tx;

/// What shall be otherwise with a unit; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct UnitChange {
    /// Its name.
    pub name: Option<String>,
    /// Its official code; an empty text takes it away.
    pub gov_code: Option<String>,
    /// Its duty phone; an empty text takes it away.
    pub duty_phone: Option<String>,
    /// Where its office is.
    pub place: Option<Point>,
    /// Its area.
    pub boundary: Option<Area>,
}

/// What is needed to draw a grid.
#[derive(Debug, Clone)]
pub struct NewGrid {
    /// An existing grid's id draws it anew; a new id may be given too.
    pub id: Option<GridId>,
    /// Its code, unique: up to 32 letters, digits, `-`.
    pub code: String,
    /// Its name.
    pub name: String,
    /// `community`, `rural` or `dedicated`.
    pub kind: String,
    /// The unit it belongs to.
    pub unit: UnitId,
    /// Who leads it.
    pub leader: Option<PersonId>,
    /// Its area.
    pub area: Area,
    /// From when; now if none is given.
    pub from: Option<Timestamp>,
}

/// What is needed for a line of the duty list.
#[derive(Debug, Clone)]
pub struct NewDuty {
    /// Its id; a new one if none is given.
    pub id: Option<String>,
    /// Class code.
    pub class: String,
    /// The unit whose area it holds in.
    pub area: UnitId,
    /// Who leads.
    pub lead: DutyLead,
    /// Who helps.
    pub co: Vec<UnitId>,
    /// From when; now if none is given.
    pub from: Option<Timestamp>,
}

/// Founds a unit.
pub async fn create_unit(tx: &mut Tx, vault: &Vault, actor: &Actor, new: NewUnit) -> Result<Unit, CommandError> {
    check_code(&new.code)?;
    let name = check_name(&new.name)?;
    let from = new.from.unwrap_or_else(|| tx.now());
    let parent = match new.parent {
        Some(id) => Some(need_unit(tx, id, from).await?),
        None => None,
    };
    let above = parent.as_ref().map_or_else(OrgPath::root, |p| p.path.clone());
    check_managed(actor, &above)?;
    if !new.kind.fits_under(parent.as_ref().map(|p| p.kind)) {
        return Err(Refusal::invalid("orgs.misplaced", "该类型的单位不能设在这个上级之下").field("/parent").into());
    }
    let path = above.child(&new.code);
    if rows::path_taken(tx.conn(), &path, from).await? {
        return Err(taken().into());
    }
    let unit = Unit {
        id: new.id.unwrap_or_else(|| UnitId::new(tx.ids())),
        parent: new.parent,
        path,
        code: new.code,
        kind: new.kind,
        name,
        gov_code: new.gov_code.filter(|c| !c.is_empty()),
        duty_phone: new.duty_phone.filter(|p| !p.is_empty()).map(|p| check_phone(&p)).transpose()?,
        place: new.place,
        boundary: new.boundary,
        valid_from: from,
        valid_to: None,
    };
    rows::insert_unit(tx, &unit).await?;
    let event = OrgEvent::UnitCreated {
        unit: unit.id,
        path: unit.path.clone(),
        unit_kind: unit.kind.to_string(),
        name: unit.name.clone(),
        from,
    };
    tell(tx, vault, actor, Subject::new("unit", unit.id), unit.path.clone(), &event).await?;
    Ok(unit)
}

/// Changes what a unit is called, or where it is.
pub async fn change_unit(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    id: UnitId,
    change: UnitChange,
    from: Option<Timestamp>,
) -> Result<Unit, CommandError> {
    let mut unit = changeable(tx, actor, id).await?;
    if let Some(name) = change.name {
        unit.name = check_name(&name)?;
    }
    if let Some(code) = change.gov_code {
        unit.gov_code = Some(code).filter(|c| !c.is_empty());
    }
    if let Some(phone) = change.duty_phone {
        unit.duty_phone = Some(phone).filter(|p| !p.is_empty()).map(|p| check_phone(&p)).transpose()?;
    }
    unit.place = change.place.or(unit.place);
    unit.boundary = change.boundary.or(unit.boundary);
    unit.valid_from = begin_period(tx, &unit, from)?;
    rows::end_unit(tx, id, unit.valid_from).await?;
    rows::insert_unit(tx, &unit).await?;
    let event =
        OrgEvent::UnitChanged { unit: id, path: unit.path.clone(), name: unit.name.clone(), from: unit.valid_from };
    tell(tx, vault, actor, Subject::new("unit", id), unit.path.clone(), &event).await?;
    Ok(unit)
}

/// Puts a unit, with all below it, under another parent, from now on.
pub async fn move_unit(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    id: UnitId,
    parent: UnitId,
) -> Result<Unit, CommandError> {
    let now = tx.now();
    let unit = changeable(tx, actor, id).await?;
    let above = need_unit(tx, parent, now).await?;
    check_managed(actor, &above.path)?;
    if !unit.kind.fits_under(Some(above.kind)) || above.path.is_within(&unit.path) {
        return Err(Refusal::invalid("orgs.misplaced", "该单位不能划归这个上级").field("/parent").into());
    }
    let path = above.path.child(&unit.code);
    if rows::path_taken(tx.conn(), &path, now).await? {
        return Err(taken().into());
    }
    let moved = rows::subtree_at(tx.conn(), &unit.path, now).await?;
    let mut answer = unit.clone();
    for mut below in moved {
        let rest = below.path.as_str().strip_prefix(unit.path.as_str()).unwrap_or_default();
        below.path = OrgPath::from_stored(format!("{path}{rest}"));
        below.valid_from = now;
        if below.id == id {
            below.parent = Some(parent);
            answer = below.clone();
        }
        rows::end_unit(tx, below.id, now).await?;
        rows::insert_unit(tx, &below).await?;
        people::rows::refresh_holders_of(tx, below.id).await?;
    }
    let event = OrgEvent::UnitMoved { unit: id, old_path: unit.path, path: answer.path.clone(), from: now };
    tell(tx, vault, actor, Subject::new("unit", id), answer.path.clone(), &event).await?;
    Ok(answer)
}

/// Dissolves a unit that has nothing below it and no filled post.
pub async fn close_unit(tx: &mut Tx, vault: &Vault, actor: &Actor, id: UnitId) -> Result<(), CommandError> {
    let now = tx.now();
    let unit = changeable(tx, actor, id).await?;
    if rows::subtree_at(tx.conn(), &unit.path, now).await?.len() > 1 {
        return Err(Refusal::conflict("orgs.has_units", "该单位还有下级单位，应先撤并下级").into());
    }
    if people::rows::unit_has_holders(tx.conn(), id, now).await? {
        return Err(Refusal::conflict("orgs.has_people", "该单位还有在岗人员，应先免去其岗位").into());
    }
    rows::end_unit(tx, id, now).await?;
    let event = OrgEvent::UnitClosed { unit: id, path: unit.path.clone(), from: now };
    tell(tx, vault, actor, Subject::new("unit", id), unit.path, &event).await
}

/// Draws a grid, or draws it anew.
pub async fn draw_grid(tx: &mut Tx, vault: &Vault, actor: &Actor, new: NewGrid) -> Result<Grid, CommandError> {
    check_code(&new.code)?;
    let name = check_name(&new.name)?;
    if !["community", "rural", "dedicated"].contains(&new.kind.as_str()) {
        return Err(Refusal::invalid("orgs.grid_kind", "网格类型应为 community、rural 或 dedicated")
            .field("/kind")
            .into());
    }
    let from = new.from.unwrap_or_else(|| tx.now());
    let unit = need_unit(tx, new.unit, from).await?;
    check_managed(actor, &unit.path)?;
    let id = new.id.unwrap_or_else(|| GridId::new(tx.ids()));
    if let Some(old) = rows::grid_at(tx.conn(), id, from).await? {
        let owner = need_unit(tx, old.unit, from).await?;
        check_managed(actor, &owner.path)?;
    }
    if rows::grid_code_taken(tx.conn(), &new.code, id, from).await? {
        return Err(Refusal::conflict("orgs.grid_code_taken", "已有网格使用该编码").field("/code").into());
    }
    let grid = Grid {
        id,
        code: new.code,
        name,
        kind: new.kind,
        unit: new.unit,
        leader: new.leader,
        area: new.area,
        valid_from: from,
        valid_to: None,
    };
    rows::end_grid(tx, id, from).await?;
    rows::insert_grid(tx, &grid).await?;
    let event = OrgEvent::GridDrawn { grid: id, code: grid.code.clone(), unit: grid.unit, leader: grid.leader, from };
    tell(tx, vault, actor, Subject::new("grid", id), unit.path, &event).await?;
    Ok(grid)
}

/// Gives up a grid.
pub async fn close_grid(tx: &mut Tx, vault: &Vault, actor: &Actor, id: GridId) -> Result<(), CommandError> {
    let now = tx.now();
    let grid = rows::grid_at(tx.conn(), id, now).await?.ok_or_else(|| not_there("网格"))?;
    let unit = need_unit(tx, grid.unit, now).await?;
    actor.check_visible(Action::OrgManage, Target::of(std::slice::from_ref(&unit.path)), "网格")?;
    rows::end_grid(tx, id, now).await?;
    tell(tx, vault, actor, Subject::new("grid", id), unit.path, &OrgEvent::GridClosed { grid: id, from: now }).await
}

/// Writes a line of the duty list.
pub async fn set_duty(tx: &mut Tx, vault: &Vault, actor: &Actor, new: NewDuty) -> Result<Duty, CommandError> {
    check_class(&new.class)?;
    let from = new.from.unwrap_or_else(|| tx.now());
    let area = need_unit(tx, new.area, from).await?;
    check_managed(actor, &area.path)?;
    if let DutyLead::Unit(lead) = new.lead {
        need_neighbour(tx, actor, lead, from).await?;
    }
    for co in &new.co {
        need_neighbour(tx, actor, *co, from).await?;
    }
    let id = new.id.unwrap_or_else(|| tx.ids().uuid().to_string());
    let duty = Duty { id, class: new.class, area: new.area, lead: new.lead, co: new.co };
    rows::insert_duty(tx, &duty, from).await?;
    let event = OrgEvent::DutySet {
        duty: duty.id.clone(),
        class: duty.class.clone(),
        area: area.path.clone(),
        lead: duty.lead.to_string(),
        co: duty.co.clone(),
        from,
    };
    tell(tx, vault, actor, Subject::new("duty", &duty.id), area.path, &event).await?;
    Ok(duty)
}

/// Strikes out a line of the duty list.
pub async fn end_duty(tx: &mut Tx, vault: &Vault, actor: &Actor, id: &str) -> Result<(), CommandError> {
    let now = tx.now();
    let lines = rows::duties_at(tx.conn(), now).await?;
    let line = lines.into_iter().find(|d| d.id == id).ok_or_else(|| not_there("职责条目"))?;
    let area = need_unit(tx, line.area, now).await?;
    actor.check_visible(Action::OrgManage, Target::of(std::slice::from_ref(&area.path)), "职责条目")?;
    rows::end_duty(tx, id, now).await?;
    let event = OrgEvent::DutyEnded { duty: id.to_owned(), from: now };
    tell(tx, vault, actor, Subject::new("duty", id), area.path, &event).await
}

/// Says from whose area numbers call that begin with `prefix`.
pub async fn set_phone_area(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    prefix: &str,
    unit: Option<UnitId>,
) -> Result<(), CommandError> {
    let now = tx.now();
    if prefix.is_empty() || prefix.len() > 12 || !prefix.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refusal::invalid("orgs.prefix", "号码前缀应为1至12位数字，含区号").field("/prefix").into());
    }
    let path = match unit {
        Some(id) => need_unit(tx, id, now).await?.path,
        None => actor.unit_path.clone(),
    };
    actor.check(Action::OrgManage, Target::of(std::slice::from_ref(&path)))?;
    rows::set_phone_area(tx, prefix, unit).await?;
    let event = OrgEvent::PhoneAreaSet { prefix: prefix.to_owned(), unit };
    tell(tx, vault, actor, Subject::new("phone_area", prefix), path, &event).await
}

/// Writes a role. Refused if it would make somebody two administrators at once.
pub async fn set_role(tx: &mut Tx, vault: &Vault, actor: &Actor, role: Role) -> Result<(), CommandError> {
    check_role_code(&role.code)?;
    check_name(&role.name)?;
    let root = [actor.unit_path.clone()];
    actor.check(Action::SecurityManage, Target::of(&root))?;
    if administrator(&role.grants)?.is_some() {
        people::check_role_change(tx, &role).await?;
    }
    rows::put_role(tx, &role).await?;
    let event = OrgEvent::RoleSet {
        role: role.code.clone(),
        name: role.name.clone(),
        grants: role.grants.iter().map(grant_text).collect(),
    };
    let [path] = root;
    tell(tx, vault, actor, Subject::new("role", &role.code), path, &event).await
}

/// Appends an event of this domain.
pub(super) async fn tell(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    subject: Subject,
    path: OrgPath,
    event: &OrgEvent,
) -> Result<(), CommandError> {
    append(tx, vault, NewEvent::of(subject, vec![path], actor.as_ref(), event)).await?;
    Ok(())
}

/// The unit, or the refusal that it is not there.
pub(super) async fn need_unit(tx: &mut Tx, id: UnitId, at: Timestamp) -> Result<Unit, CommandError> {
    Ok(rows::unit_at(tx.conn(), id, at).await?.ok_or_else(|| not_there("单位"))?)
}

/// The refusal that a thing is not there.
pub(super) fn not_there(what: &str) -> Refusal {
    Refusal::not_found("access.not_found", format!("没有找到该{what}，或当前岗位无权查看"))
}

/// Refuses whoever does not manage what lies at `path`; who may not even see it is told that it is not there.
pub(super) fn check_managed(actor: &Actor, path: &OrgPath) -> Result<(), Refusal> {
    let target = std::slice::from_ref(path);
    if !actor.may(Action::OrgManage, Target::of(target)) && !actor.may(Action::OrgRead, Target::of(target)) {
        return Err(not_there("单位"));
    }
    actor.check(Action::OrgManage, Target::of(target))
}

/// A unit that may be made responsible: one that the actor may see, or a department of a level above him.
async fn need_neighbour(tx: &mut Tx, actor: &Actor, id: UnitId, at: Timestamp) -> Result<Unit, CommandError> {
    let unit = need_unit(tx, id, at).await?;
    let above = unit.path.parent().is_some_and(|parent| actor.unit_path.is_within(&parent));
    let seen = actor.may(Action::OrgRead, Target::of(std::slice::from_ref(&unit.path)));
    if seen || actor.unit_path.is_within(&unit.path) || (above && !unit.kind.is_level()) {
        return Ok(unit);
    }
    Err(not_there("单位").into())
}

async fn changeable(tx: &mut Tx, actor: &Actor, id: UnitId) -> Result<Unit, CommandError> {
    let now = tx.now();
    let unit = need_unit(tx, id, now).await?;
    let target = [unit.path.clone()];
    if !actor.may(Action::OrgRead, Target::of(&target)) {
        return Err(not_there("单位").into());
    }
    actor.check(Action::OrgManage, Target::of(&target))?;
    match unit.valid_to {
        Some(at) => Err(Refusal::conflict("orgs.change_planned", format!("该单位已有预定于{at}的变更")).into()),
        None => Ok(unit),
    }
}

/// When a change of the unit begins: not before the period it ends.
fn begin_period(tx: &Tx, unit: &Unit, from: Option<Timestamp>) -> Result<Timestamp, Refusal> {
    let from = from.unwrap_or_else(|| tx.now());
    if from < unit.valid_from {
        let detail = format!("生效时间早于上次变更（{}）", unit.valid_from);
        return Err(Refusal::invalid("orgs.too_early", detail).field("/from"));
    }
    Ok(from)
}

fn check_phone(text: &str) -> Result<String, Refusal> {
    PhoneNumber::parse(text)
        .map(|p| p.as_str().to_owned())
        .map_err(|e| Refusal::invalid("orgs.phone", format!("值班电话有误：{e}")).field("/duty_phone"))
}

fn check_role_code(code: &str) -> Result<(), Refusal> {
    if (1..=32).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    {
        return Ok(());
    }
    Err(Refusal::invalid("orgs.role_code", "角色代码应为1至32位小写字母、数字或下划线").field("/code"))
}

fn taken() -> Refusal {
    Refusal::conflict("orgs.code_taken", "同一上级之下已有该代码的单位").field("/code")
}
