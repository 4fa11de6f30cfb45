//! Commands about people and posts.

use super::owner;
use super::rows::{self, Holding, PostRow};
use crate::access::{Action, Actor, CommandError, Refusal, Scope, Target};
use crate::events::orgs::OrgEvent;
use crate::events::{Personal, Subject};
use crate::ids::{OrgPath, PersonId, PhoneNumber, PostId, Timestamp, UnitId};
use crate::log::Vault;
use crate::orgs::commands::{check_managed, need_unit, not_there, tell};
use crate::orgs::roles::{Role, administrator, exclusive};
use crate::orgs::rows as org_rows;
use crate::orgs::unit::check_name;
use crate::store::Tx;

/// A new person.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// The id; a new one if none is given.
    pub id: Option<PersonId>,
    /// The name.
    pub name: String,
    /// The mobile number.
    pub phone: Option<PhoneNumber>,
}

/// What shall be otherwise with a person.
#[derive(Debug, Clone, Default)]
pub struct PersonChange {
    /// The name.
    pub name: Option<String>,
    /// The number; `Some(None)` takes it away.
    pub phone: Option<Option<PhoneNumber>>,
}

/// A new post.
#[derive(Debug, Clone)]
pub struct NewPost {
    /// The id; a new one if none is given.
    pub id: Option<PostId>,
    /// Its unit.
    pub unit: UnitId,
    /// Its title.
    pub title: String,
    /// Its role's code.
    pub role: String,
    /// Whether its holder is the unit's chief.
    pub chief: bool,
    /// From when; now if none is given.
    pub from: Option<Timestamp>,
}

/// Makes a person known. He has no post and no account yet.
pub async fn add_person(tx: &mut Tx, vault: &Vault, actor: &Actor, new: NewPerson) -> Result<PersonId, CommandError> {
    let name = check_name(&new.name)?;
    if !actor.may_somewhere(Action::OrgManage) {
        actor.check(Action::OrgManage, Target::of(&[]))?;
    }
    let id = new.id.unwrap_or_else(|| PersonId::new(tx.ids()));
    let sealed = seal(tx, vault, id, new.phone.as_ref()).await?;
    rows::insert_person(tx, id, &name, sealed).await?;
    let event = OrgEvent::PersonAdded { person: id, name, phone: personal(id, new.phone.as_ref()) };
    tell(tx, vault, actor, Subject::from(id), actor.unit_path.clone(), &event).await?;
    Ok(id)
}

/// Changes a person's name or number. `version` is what the asker read.
pub async fn change_person(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    id: PersonId,
    version: Option<i64>,
    change: PersonChange,
) -> Result<(), CommandError> {
    let (row, paths) = rows::person(tx.conn(), id).await?.ok_or_else(|| not_there("人员"))?;
    check_person(actor, &paths)?;
    if version.is_some_and(|v| v != row.version) {
        return Err(outdated().into());
    }
    let name = change.name.as_deref().map(check_name).transpose()?.unwrap_or(row.name);
    let phone = match &change.phone {
        Some(phone) => Some(seal(tx, vault, id, phone.as_ref()).await?),
        None => None,
    };
    rows::update_person(tx, id, &name, phone).await?;
    let number = change.phone.flatten();
    let event = OrgEvent::PersonChanged { person: id, name, phone: personal(id, number.as_ref()) };
    let path = paths.first().cloned().unwrap_or_else(|| actor.unit_path.clone());
    tell(tx, vault, actor, Subject::from(id), path, &event).await
}

/// Founds a post.
pub async fn create_post(tx: &mut Tx, vault: &Vault, actor: &Actor, new: NewPost) -> Result<PostRow, CommandError> {
    let title = check_name(&new.title)?;
    let now = tx.now();
    let unit = need_unit(tx, new.unit, now).await?;
    if !actor.may(Action::SecurityManage, Target::of(std::slice::from_ref(&unit.path))) {
        check_managed(actor, &unit.path)?;
    }
    let role = need_role(tx, &new.role).await?;
    check_post(actor, &unit.path, &role)?;
    let post = PostRow {
        id: new.id.unwrap_or_else(|| PostId::new(tx.ids())),
        unit: new.unit,
        title,
        role: role.code,
        chief: new.chief,
        valid_from: new.from.unwrap_or(now),
        valid_to: None,
    };
    rows::insert_post(tx, &post).await?;
    let event =
        OrgEvent::PostCreated { post: post.id, unit: post.unit, title: post.title.clone(), role: post.role.clone() };
    tell(tx, vault, actor, Subject::new("post", post.id), unit.path, &event).await?;
    Ok(post)
}

/// Gives up a post; whoever holds it leaves it.
pub async fn close_post(tx: &mut Tx, vault: &Vault, actor: &Actor, id: PostId) -> Result<(), CommandError> {
    let (_, path) = managed_post(tx, actor, id).await?;
    for person in rows::end_holdings(tx, id, None).await? {
        rows::refresh(tx, person).await?;
    }
    rows::end_post(tx, id).await?;
    tell(tx, vault, actor, Subject::new("post", id), path, &OrgEvent::PostClosed { post: id }).await
}

/// Gives a post to a person. A holder succeeds the one before; a stand-in comes beside him.
pub async fn fill_post(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    post: PostId,
    person: PersonId,
    stand_in: bool,
    period: (Option<Timestamp>, Option<Timestamp>),
) -> Result<(), CommandError> {
    let now = tx.now();
    let (from, until) = (period.0.unwrap_or(now), period.1);
    if until.is_some_and(|u| u <= from) {
        return Err(Refusal::invalid("orgs.period", "结束时间应晚于开始时间").field("/until").into());
    }
    let (row, path) = managed_post(tx, actor, post).await?;
    let (_, paths) = rows::person(tx.conn(), person).await?.ok_or_else(|| not_there("人员"))?;
    check_known(actor, &paths)?;
    let role = need_role(tx, &row.role).await?;
    check_exclusive(tx, person, &role).await?;
    // Whoever holds the post already with other dates gets the new ones.
    let mut left = rows::end_holdings(tx, post, Some(person)).await?;
    if !stand_in && from <= now {
        left.extend(end_holder(tx, post, now).await?);
    }
    rows::insert_holding(tx, &Holding { post, person, stand_in, from, until }).await?;
    left.push(person);
    left.sort_unstable();
    left.dedup();
    for one in left {
        rows::refresh(tx, one).await?;
    }
    let event = OrgEvent::PostFilled { post, person, stand_in, from, until };
    tell(tx, vault, actor, Subject::new("post", post), path, &event).await
}

/// Takes a person from a post.
pub async fn vacate_post(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    post: PostId,
    person: PersonId,
) -> Result<(), CommandError> {
    let (_, path) = managed_post(tx, actor, post).await?;
    if rows::end_holdings(tx, post, Some(person)).await?.is_empty() {
        return Err(not_there("任职").into());
    }
    rows::refresh(tx, person).await?;
    tell(tx, vault, actor, Subject::new("post", post), path, &OrgEvent::PostVacated { post, person }).await
}

/// Refuses a change of a role that would make one of its holders two administrators.
pub(in crate::orgs) async fn check_role_change(tx: &mut Tx, role: &Role) -> Result<(), CommandError> {
    let now = tx.now();
    for person in rows::people_with_role(tx.conn(), &role.code, now).await? {
        check_exclusive(tx, person, role).await?;
    }
    Ok(())
}

async fn check_exclusive(tx: &mut Tx, person: PersonId, role: &Role) -> Result<(), CommandError> {
    let now = tx.now();
    let Some(wanted) = administrator(&role.grants)? else { return Ok(()) };
    for held in rows::roles_of(tx.conn(), person, now).await?.iter().filter(|r| r.code != role.code) {
        if let Some(other) = administrator(&held.grants)?
            && other != wanted
        {
            return Err(exclusive(other, wanted).into());
        }
    }
    Ok(())
}

async fn end_holder(tx: &mut Tx, post: PostId, now: Timestamp) -> Result<Vec<PersonId>, CommandError> {
    let mut left = Vec::new();
    for person in rows::own_holders(tx.conn(), post, now).await? {
        left.extend(rows::end_holdings(tx, post, Some(person)).await?);
    }
    Ok(left)
}

async fn managed_post(tx: &mut Tx, actor: &Actor, id: PostId) -> Result<(PostRow, OrgPath), CommandError> {
    let now = tx.now();
    let post = rows::post(tx.conn(), id).await?.filter(|p| p.valid_to.is_none_or(|t| t > now));
    let post = post.ok_or_else(|| not_there("岗位"))?;
    let unit = need_unit(tx, post.unit, now).await?;
    let role = need_role(tx, &post.role).await?;
    if !actor.may(Action::OrgRead, Target::of(std::slice::from_ref(&unit.path)))
        && !actor.may_somewhere(Action::SecurityManage)
    {
        return Err(not_there("岗位").into());
    }
    check_post(actor, &unit.path, &role)?;
    Ok((post, unit.path))
}

/// Posts carry rights: the security administrator founds and fills them. Whoever manages the unit may do so too for roles
/// whose every right he holds himself there, so that nobody can give more than he has.
fn check_post(actor: &Actor, path: &OrgPath, role: &Role) -> Result<(), Refusal> {
    let orgs = std::slice::from_ref(path);
    if actor.may(Action::SecurityManage, Target::of(orgs)) {
        return Ok(());
    }
    actor.check(Action::OrgManage, Target::of(orgs))?;
    // A right over all below is had only by whoever reaches below himself: the child stands for any.
    let below = [path.child("-")];
    let beyond = role.grants.iter().find(|g| {
        let orgs = if g.scope == Scope::Subtree { below.as_slice() } else { orgs };
        !actor.may(g.action, Target { orgs, owner: None, sensitivity: g.ceiling })
    });
    match beyond {
        None => Ok(()),
        Some(g) => Err(Refusal::forbidden(
            "orgs.beyond_own_rights",
            format!("该角色含有「{}」权限，超出您自己的权限", g.action.zh()),
        )
        .who_may("安全管理员")),
    }
}

/// Whoever fills a post must know the person: one of his own units, or one who has no post yet.
fn check_known(actor: &Actor, paths: &[OrgPath]) -> Result<(), Refusal> {
    let seen = actor.may(Action::OrgRead, Target::of(paths)) || actor.may(Action::SecurityManage, Target::of(paths));
    if paths.is_empty() || seen { Ok(()) } else { Err(not_there("人员")) }
}

fn check_person(actor: &Actor, paths: &[OrgPath]) -> Result<(), Refusal> {
    if !actor.may(Action::OrgRead, Target::of(paths)) {
        return Err(not_there("人员"));
    }
    actor.check(Action::OrgManage, Target::of(paths))
}

async fn need_role(tx: &mut Tx, code: &str) -> Result<Role, CommandError> {
    let role = org_rows::role(tx.conn(), code).await?;
    Ok(role.ok_or_else(|| Refusal::invalid("orgs.no_role", format!("没有代码为“{code}”的角色")).field("/role"))?)
}

/// The number sealed, and its blind index.
async fn seal(
    tx: &mut Tx,
    vault: &Vault,
    id: PersonId,
    phone: Option<&PhoneNumber>,
) -> Result<Option<(String, String)>, CommandError> {
    let Some(phone) = phone else { return Ok(None) };
    let sealed = vault.seal(tx, &owner(id), phone.as_str()).await?;
    Ok(Some((sealed, vault.index(phone.as_str()))))
}

fn personal(id: PersonId, phone: Option<&PhoneNumber>) -> Option<Personal> {
    phone.map(|p| Personal::new(owner(id), p.as_str()))
}

/// The refusal that somebody else changed the thing meanwhile.
pub(in crate::orgs) fn outdated() -> Refusal {
    Refusal::new(crate::access::RefusalKind::Outdated, "access.outdated", "内容已被他人修改，请刷新后再改")
}
