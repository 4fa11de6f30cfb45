//! The demo city (`liandong demo`): 郑州市 with its counties, townships, villages, grids, departments, duty list, people and
//! accounts. Seeded and deterministic: ids, places and names are the same on every machine; only password salts and the
//! log's instants differ. Made once, in one transaction; a second start finds it and changes nothing but, if it was given
//! another, the password.
//!
//! **Public:** [`password`] (where the demo's one password comes from), [`seed`], [`accounts`].
//!
//! Must not know: cases, calls, messages: what the demo shows of them is made by using it.

mod map;
mod people;
mod places;
mod plan;
mod responders;

use std::io;
use std::path::Path;

use ring::rand::{SecureRandom, SystemRandom};

use crate::access::{Actor, CommandError, Refusal};
use crate::log::Vault;
use crate::orgs::accounts::{self, NewAccount, Prepared};
use crate::orgs::people::{NewPerson, NewPost, add_person, create_post, fill_post};
use crate::orgs::{NewDuty, NewGrid, NewUnit, Orgs, Role, UnitKind};
use crate::orgs::{create_unit, draw_grid, set_duty, set_phone_area, set_role};
use crate::store::{Store, Tx};

pub use plan::{DemoIds, ids};

/// The variable that gives the demo's password.
pub const PASSWORD_VARIABLE: &str = "LIANDONG_DEMO_PASSWORD";
/// The file in the data folder that keeps a password made at the first start: SIP, SMPP and meetings need it again.
const PASSWORD_FILE: &str = "demo-password";
/// Length of a password made here.
const PASSWORD_LENGTH: usize = 16;
/// Letters and digits that nobody takes for each other.
const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// The demo's one password: from the environment, else from the data folder, else made now and kept there (mode 0600).
pub fn password(data: &Path) -> io::Result<String> {
    if let Ok(given) = std::env::var(PASSWORD_VARIABLE)
        && !given.is_empty()
    {
        return Ok(given);
    }
    kept_password(data)
}

fn kept_password(data: &Path) -> io::Result<String> {
    let path = data.join(PASSWORD_FILE);
    match std::fs::read_to_string(&path) {
        Ok(kept) if !kept.trim().is_empty() => return Ok(kept.trim().to_owned()),
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let made = make_password()?;
    keep(&path, &made)?;
    Ok(made)
}

fn make_password() -> io::Result<String> {
    let random = SystemRandom::new();
    let mut text = String::with_capacity(PASSWORD_LENGTH);
    while text.len() < PASSWORD_LENGTH {
        let mut byte = [0];
        random.fill(&mut byte).map_err(|_| io::Error::other("no randomness"))?;
        // Bytes beyond the last whole multiple are thrown away, so that each letter is equally likely.
        let fair = 256 / LETTERS.len() * LETTERS.len();
        if usize::from(byte[0]) < fair {
            text.push(char::from(LETTERS[usize::from(byte[0]) % LETTERS.len()]));
        }
    }
    Ok(text)
}

fn keep(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

/// An account as the start prints it. Every password is the demo's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoAccount {
    /// The user name.
    pub user: &'static str,
    /// The person's name.
    pub name: &'static str,
    /// The post.
    pub title: &'static str,
    /// The telephone's extension.
    pub extension: Option<&'static str>,
}

/// The accounts, in the order to print them.
pub fn accounts() -> Vec<DemoAccount> {
    let line =
        |u: &people::DemoUser| DemoAccount { user: u.user, name: u.name, title: u.title, extension: u.extension };
    people::USERS.iter().map(line).collect()
}

/// Makes the demo city if it is not there, and sees to it that `password` is everybody's. Refused on a database that holds
/// another city.
pub async fn seed(store: &Store, vault: &Vault, orgs: &Orgs, password: &str) -> Result<(), CommandError> {
    if orgs.directory().city().is_some() {
        return renew_passwords(store, vault, orgs, password).await;
    }
    let mut prepared = Vec::with_capacity(people::USERS.len());
    for _ in people::USERS {
        prepared.push(orgs.hasher().prepare(password)); // a salt for each
    }
    let passwords = futures_util::future::try_join_all(prepared).await?;
    let (vault, realm) = (vault.clone(), orgs.policy().realm.clone());
    store
        .write(move |tx| {
            Box::pin(async move { Builder { tx, vault, actor: Actor::hub("演示数据") }.build(passwords, &realm).await })
        })
        .await?;
    Ok(orgs.reload().await?)
}

/// Founds a real city in an empty database: its unit and the roles it starts from. Refused if a city is there.
pub async fn found(store: &Store, vault: &Vault, orgs: &Orgs, name: &str, code: &str) -> Result<(), CommandError> {
    if let Some(city) = orgs.directory().city() {
        return Err(Refusal::conflict("orgs.city_exists", format!("该数据库已有城市「{}」", city.name)).into());
    }
    let city = NewUnit {
        id: None,
        parent: None,
        code: code.to_owned(),
        kind: UnitKind::City,
        name: name.to_owned(),
        gov_code: None,
        duty_phone: None,
        place: None,
        boundary: None,
        from: None,
    };
    let vault = vault.clone();
    store
        .write(move |tx| {
            Box::pin(async move {
                let mut builder = Builder { tx, vault, actor: Actor::hub("建库") };
                for role in people::roles() {
                    builder.role(role).await?;
                }
                builder.unit(city).await
            })
        })
        .await?;
    Ok(orgs.reload().await?)
}

/// The password may have been given anew: whoever does not have it gets it.
async fn renew_passwords(store: &Store, vault: &Vault, orgs: &Orgs, password: &str) -> Result<(), CommandError> {
    for user in people::USERS {
        let right = orgs.has_password(user.user, password).await?.ok_or_else(|| {
            Refusal::conflict("demo.foreign", "该数据库不是演示数据，liandong demo 不会改动它；请另选 --data 目录")
        })?;
        if right {
            continue;
        }
        let prepared = orgs.hasher().prepare(password).await?;
        let (vault, realm) = (vault.clone(), orgs.policy().realm.clone());
        store
            .write(move |tx| {
                Box::pin(async move {
                    let actor = Actor::hub("演示数据");
                    accounts::reset_password(tx, &vault, &actor, user.user, prepared, &realm).await
                })
            })
            .await?;
    }
    Ok(())
}

/// Writes the plan through the domain's own commands.
struct Builder<'a> {
    tx: &'a mut Tx,
    vault: Vault,
    actor: Actor,
}

impl Builder<'_> {
    async fn build(mut self, passwords: Vec<Prepared>, realm: &str) -> Result<(), CommandError> {
        let plan = plan::Plan::draw();
        for role in people::roles() {
            self.role(role).await?;
        }
        for unit in plan.units {
            self.unit(unit).await?;
        }
        for chief in plan.chiefs {
            self.hire(chief, None).await?;
        }
        for (user, password) in plan.users.into_iter().zip(passwords) {
            self.hire(user, Some((password, realm))).await?;
        }
        for grid in plan.grids {
            self.grid(grid).await?;
        }
        for duty in plan.duties {
            self.duty(duty).await?;
        }
        for (prefix, unit) in plan.phone_areas {
            set_phone_area(self.tx, &self.vault, &self.actor, prefix, Some(unit)).await?;
        }
        responders::hire(self.tx, &self.vault, &self.actor).await
    }

    async fn role(&mut self, role: Role) -> Result<(), CommandError> {
        set_role(self.tx, &self.vault, &self.actor, role).await
    }

    async fn unit(&mut self, unit: NewUnit) -> Result<(), CommandError> {
        create_unit(self.tx, &self.vault, &self.actor, unit).await.map(drop)
    }

    async fn grid(&mut self, grid: NewGrid) -> Result<(), CommandError> {
        draw_grid(self.tx, &self.vault, &self.actor, grid).await.map(drop)
    }

    async fn duty(&mut self, duty: NewDuty) -> Result<(), CommandError> {
        set_duty(self.tx, &self.vault, &self.actor, duty).await.map(drop)
    }

    async fn hire(&mut self, hire: plan::Hire, account: Option<(Prepared, &str)>) -> Result<(), CommandError> {
        let Builder { tx, vault, actor } = self;
        let person = NewPerson { id: Some(hire.person), name: hire.name, phone: Some(hire.phone) };
        add_person(tx, vault, actor, person).await?;
        let post = NewPost {
            id: Some(hire.post),
            unit: hire.unit,
            title: hire.title,
            role: hire.role.to_owned(),
            chief: hire.chief,
            from: Some(hire.from),
        };
        create_post(tx, vault, actor, post).await?;
        fill_post(tx, vault, actor, hire.post, hire.person, false, (Some(hire.from), None)).await?;
        let (Some((password, realm)), Some(user)) = (account, hire.user) else { return Ok(()) };
        let account = NewAccount {
            user: user.to_owned(),
            person: hire.person,
            password,
            must_change: true,
            extension: hire.extension.map(str::to_owned),
            realm: realm.to_owned(),
        };
        accounts::create_account(tx, vault, actor, account).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::access::Origin;
    use crate::ids::{OrgPath, Point, Timestamp};
    use crate::log;
    use crate::orgs::accounts::{Hasher, Policy, SignIn, Stage};
    use crate::orgs::{MIGRATIONS, UnitKind};
    use crate::store::testing::stores;

    const PASSWORD: &str = "Story-2026-water";

    async fn sign_in(orgs: &Orgs, user: &str, password: &str) -> Result<accounts::SignedIn, CommandError> {
        let ask = SignIn {
            user: user.into(),
            password: password.into(),
            totp: None,
            address: Some([127, 0, 0, 1].into()),
            agent: "test".into(),
        };
        orgs.sign_in(ask).await
    }

    #[tokio::test]
    async fn the_demo_city_is_made_once_and_everybody_can_sign_in() {
        for test in stores(&[log::MIGRATIONS, MIGRATIONS, crate::dispatch::MIGRATIONS]).await {
            let vault = Vault::new([7; 32]);
            let policy = Policy::demo("liandong", 15);
            let clock = Arc::new(Timestamp::now);
            let orgs = Orgs::with(test.store.clone(), vault.clone(), policy, Hasher::quick(), clock).await.unwrap();
            let begun = Instant::now();
            seed(&test.store, &vault, &orgs, PASSWORD).await.unwrap();
            println!("seeded {:?} in {:?}", test.store.dialect(), begun.elapsed());
            check_places(&orgs);
            check_duties(&orgs);
            for account in super::accounts() {
                let signed = sign_in(&orgs, account.user, PASSWORD).await.unwrap();
                assert_eq!(signed.stage, Stage::Full, "{}", account.user);
                let actor = orgs.authenticate(&signed.token, None, Origin::default()).await.unwrap();
                assert_eq!(actor.name, account.name);
                let phone = orgs.sip_account(account.extension.unwrap_or(account.user)).await.unwrap().unwrap();
                let name = account.extension.unwrap_or(account.user);
                assert_eq!(phone.ha1, accounts::Ha1::new(name, "liandong", PASSWORD));
            }
            let events = *test.store.last_seq().borrow();
            seed(&test.store, &vault, &orgs, PASSWORD).await.unwrap();
            assert_eq!(*test.store.last_seq().borrow(), events, "the second start writes nothing");
            seed(&test.store, &vault, &orgs, "Another-2026-water").await.unwrap();
            sign_in(&orgs, "agent1", "Another-2026-water").await.unwrap();
            assert!(sign_in(&orgs, "agent1", PASSWORD).await.is_err());
            assert!(log::verify(test.store.reader()).await.unwrap().is_ok());
        }
    }

    fn check_places(orgs: &Orgs) {
        let directory = orgs.directory();
        let count = |kind| directory.tree.iter().filter(|u| u.kind == kind).count();
        assert_eq!((count(UnitKind::City), count(UnitKind::County), count(UnitKind::Township)), (1, 16, 208));
        assert!(count(UnitKind::Village) >= 1000, "{}", count(UnitKind::Village));
        assert!(directory.grid_count() >= 2000, "{}", directory.grid_count());
        for path in ["/zz/jinshui/", "/zz/water/", "/zz/jinshui/008/"] {
            assert!(directory.tree.at_path(&OrgPath::from_stored(path)).is_some(), "{path}");
        }
        // Every point of the city lies in one grid, and that grid in the county whose area holds the point.
        let mut dice = map::Dice::new(3);
        for _ in 0..500 {
            let point = Point { lon: 112.7 + 1.52 * dice.unit(), lat: 34.27 + 0.7 * dice.unit() };
            let unit = directory.unit_at(point).unwrap();
            assert_eq!(unit.kind, UnitKind::Village);
            let county = directory.tree.county_of(unit.id).unwrap();
            assert!(county.boundary.as_ref().unwrap().contains(point), "{point:?} is not in {}", county.name);
        }
    }

    fn check_duties(orgs: &Orgs) {
        let directory = orgs.directory();
        let lead = |class: &str| {
            let place = Point { lon: 113.66, lat: 34.80 };
            let answer = directory.duty_at(class, place).unwrap_or_else(|| panic!("nobody answers for {class}"));
            directory.tree.unit(answer.lead).unwrap().path.clone()
        };
        assert_eq!(lead("water.supply.pipe_burst").as_str(), "/zz/water/");
        assert_eq!(lead("road.damage").as_str(), "/zz/jinshui/chengguan/");
        assert_eq!(lead("consult.policy").as_str(), "/zz/jinshui/");
        assert_eq!(lead("env.garbage").as_str().matches('/').count(), 4, "a township");
        for class in [
            "water.supply.outage",
            "power.outage",
            "gas.leak",
            "heating.none",
            "road.manhole",
            "lighting.streetlamp",
            "noise.construction",
            "traffic.signal",
            "transit.bus",
            "property.service",
            "other.other",
        ] {
            lead(class);
        }
    }

    #[test]
    fn a_password_is_made_once_and_kept_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let made = kept_password(folder.path()).unwrap();
        assert_eq!(made.len(), PASSWORD_LENGTH);
        assert_eq!(kept_password(folder.path()).unwrap(), made);
        let mode = std::fs::metadata(folder.path().join(PASSWORD_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
