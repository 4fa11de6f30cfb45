//! Organisations and people: the effective-dated tree 市/县/乡/村 with departments and companies beside it, grids 网格,
//! the duty list 职责清单, people and their posts 岗位, roles, accounts and sign-in.
//!
//! **Commands:** [`create_unit`], [`change_unit`], [`move_unit`], [`close_unit`], [`draw_grid`], [`close_grid`],
//! [`set_duty`], [`end_duty`], [`set_phone_area`], [`set_role`]; those of [`people`] and [`accounts`].
//! **Lookups:** the [`Directory`] in memory ([`Orgs::directory`]): unit by id and path, children, grid and unit at a
//! point, whose duty a class is, county of a phone's area, duty phone; and by SQL: people, seats, chiefs, phones.
//! **Events:** `org.…` ([`crate::events::orgs`]); what happens to accounts is `access.…`.
//!
//! Must not know: cases, calls, messages, or any other domain; HTTP; what a class code means.

pub mod accounts;
mod commands;
mod directory;
mod duty;
mod follow;
mod geometry;
pub mod people;
mod roles;
mod rows;
#[cfg(test)]
mod tests;
mod tree;
mod unit;

use std::sync::Arc;

use tokio::sync::watch;

pub use commands::{
    NewDuty, NewGrid, UnitChange, change_unit, close_grid, close_unit, create_unit, draw_grid, end_duty, move_unit,
    set_duty, set_phone_area, set_role,
};
pub use directory::Directory;
pub use duty::{Duty, DutyAnswer, DutyLead, DutyList};
pub use follow::follow_directory;
pub use geometry::{Area, AreaIndex, Ring};
pub use roles::{Administrator, Role, administrator};
pub use tree::Tree;
pub use unit::{Grid, NewUnit, Unit, UnitKind};

use crate::access::{Action, Actor, CommandError, Refusal, Target, audit};
use crate::events::access::AccessEvent;
use crate::ids::{PersonId, PhoneNumber, Timestamp, UnitId};
use crate::log::Vault;
use crate::store::{Migration, Store, StoreError, Tx};
use accounts::{Hasher, Policy};

/// The tables of organisations and people.
pub const MIGRATIONS: &[Migration] = &[Migration { name: "orgs/001_orgs", sql: include_str!("schema/001_orgs.sql") }];

/// The domain's handle: its directory in memory, and what signing in needs. Cloning shares it.
#[derive(Clone)]
pub struct Orgs {
    store: Store,
    vault: Vault,
    policy: Arc<Policy>,
    hasher: Hasher,
    directory: Arc<watch::Sender<Arc<Directory>>>,
    known: Arc<accounts::Known>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Orgs {
    /// Loads the directory and makes the handle.
    pub async fn open(store: Store, vault: Vault, policy: Policy) -> Result<Self, StoreError> {
        Self::with(store, vault, policy, Hasher::strong(), Arc::new(Timestamp::now)).await
    }

    /// The same with a hasher and a clock of one's own, for tests.
    pub async fn with(
        store: Store,
        vault: Vault,
        policy: Policy,
        hasher: Hasher,
        clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    ) -> Result<Self, StoreError> {
        let (directory, _) = watch::channel(Arc::new(Directory::default()));
        let (policy, directory, known) = (Arc::new(policy), Arc::new(directory), Arc::default());
        let orgs = Self { store, vault, policy, hasher, directory, known, clock };
        orgs.reload().await?;
        Ok(orgs)
    }

    /// The directory as it is now. Hold it for one piece of work, not for long.
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.borrow().clone()
    }

    /// Wakes whoever keeps something made from the directory.
    pub fn directory_changes(&self) -> watch::Receiver<Arc<Directory>> {
        self.directory.subscribe()
    }

    /// Reads the directory anew. Followers do it when something changed; a command's caller may do it at once.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let mut conn = self.store.reader().acquire().await?;
        let directory = rows::directory(&mut conn, self.now()).await?;
        self.directory.send_replace(Arc::new(directory));
        Ok(())
    }

    /// The policy of sign-ins.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Makes passwords ready for commands.
    pub fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// All roles, by code.
    pub async fn roles(&self) -> Result<Vec<Role>, StoreError> {
        let mut conn = self.store.reader().acquire().await?;
        rows::roles(&mut conn).await
    }

    /// A unit through all its changes, oldest first.
    pub async fn unit_history(&self, id: UnitId) -> Result<Vec<Unit>, StoreError> {
        let mut conn = self.store.reader().acquire().await?;
        rows::unit_history(&mut conn, id).await
    }

    /// The whole tree as it was or will be at another instant.
    pub async fn tree_at(&self, at: Timestamp) -> Result<Tree, StoreError> {
        let mut conn = self.store.reader().acquire().await?;
        Ok(Tree::new(rows::units_at(&mut conn, at).await?))
    }
}

/// Whether `actor` may see that this unit is there: what his right to see organisations reaches; the units above his own;
/// and the departments and companies beside those, to which matters are sent. Other counties are hidden.
pub fn may_see_unit(actor: &Actor, tree: &Tree, unit: &Unit) -> bool {
    if actor.may(Action::OrgRead, Target::of(std::slice::from_ref(&unit.path))) || actor.unit_path.is_within(&unit.path)
    {
        return true;
    }
    let parent = unit.parent.and_then(|p| tree.unit(p));
    !unit.kind.is_level() && parent.is_some_and(|p| actor.unit_path.is_within(&p.path))
}

/// Reads a person's number whole: needs `personal.read` over his units, and leaves an audit event with the purpose.
pub async fn read_phone(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    person: PersonId,
    purpose: &str,
) -> Result<Option<PhoneNumber>, CommandError> {
    let (_, paths) = people::person(tx.conn(), person).await?.ok_or_else(|| commands::not_there("人员"))?;
    actor.check_visible(Action::OrgRead, Target::of(&paths), "人员")?;
    actor.check(Action::PersonalRead, Target::of(&paths))?;
    if purpose.trim().is_empty() {
        return Err(Refusal::invalid("access.purpose", "请说明查看个人信息的用途").field("/purpose").into());
    }
    let phone = people::phone_of(tx.conn(), vault, person).await?;
    let event = AccessEvent::PersonalRead {
        subject: format!("person:{person}"),
        fields: vec!["phone".into()],
        purpose: Some(purpose.chars().take(200).collect()),
    };
    audit(tx, vault, actor, &event).await?;
    Ok(phone)
}

/// What `liandong user add` asks for.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The user name.
    pub user: String,
    /// The person's name.
    pub name: String,
    /// The first password.
    pub password: String,
    /// The role's code.
    pub role: String,
    /// The place of the unit, such as `/zz/jinshui/`; the unit must be there.
    pub unit: String,
    /// The post's title; the role's name if none is given.
    pub title: Option<String>,
    /// The mobile number.
    pub phone: Option<PhoneNumber>,
    /// The telephone's extension.
    pub extension: Option<String>,
}

/// Makes a person with a post and an account in one transaction: for the command line, where whoever may write the
/// database may do this. The password must be changed at the first sign-in.
pub async fn add_user(orgs: &Orgs, new: NewUser) -> Result<PersonId, CommandError> {
    let user = accounts::check_user(&new.user)?;
    accounts::check_password(&user, &new.password)?;
    let password = orgs.hasher.prepare(&new.password).await?;
    let directory = orgs.directory();
    let unit = directory.tree.at_path(&crate::ids::OrgPath::from_stored(new.unit.clone()));
    let unit = unit.ok_or_else(|| {
        Refusal::invalid("orgs.no_unit", format!("没有位于 {} 的单位；路径形如 /zz/jinshui/", new.unit)).field("/unit")
    })?;
    let (unit, vault, realm) = (unit.id, orgs.vault.clone(), orgs.policy.realm.clone());
    orgs.store
        .write(move |tx| Box::pin(async move { write_user(tx, &vault, new, user, unit, password, realm).await }))
        .await
}

async fn write_user(
    tx: &mut Tx,
    vault: &Vault,
    new: NewUser,
    user: String,
    unit: UnitId,
    password: accounts::Prepared,
    realm: String,
) -> Result<PersonId, CommandError> {
    let actor = Actor::hub("命令行");
    let role = rows::role(tx.conn(), &new.role).await?;
    let title = new.title.unwrap_or_else(|| role.map_or_else(|| new.role.clone(), |r| r.name));
    let person = people::NewPerson { id: None, name: new.name, phone: new.phone };
    let person = people::add_person(tx, vault, &actor, person).await?;
    let post = people::NewPost { id: None, unit, title, role: new.role, chief: false, from: None };
    let post = people::create_post(tx, vault, &actor, post).await?;
    people::fill_post(tx, vault, &actor, post.id, person, false, (None, None)).await?;
    let account = accounts::NewAccount { user, person, password, must_change: true, extension: new.extension, realm };
    accounts::create_account(tx, vault, &actor, account).await?;
    Ok(person)
}
