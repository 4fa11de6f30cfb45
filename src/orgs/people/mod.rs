//! People, their posts and stand-ins, and the seat that a person acts from.
//!
//! **Commands:** [`add_person`], [`change_person`], [`create_post`], [`close_post`], [`fill_post`], [`vacate_post`].
//! **Lookups:** [`seats`], [`seat`], [`chief`], [`person_by_phone`], [`phone_of`], [`list`].

mod commands;
pub(super) mod rows;

use std::sync::Arc;

use sqlx::AnyConnection;

pub(super) use commands::check_role_change;
pub use commands::{
    NewPerson, NewPost, PersonChange, add_person, change_person, close_post, create_post, fill_post, vacate_post,
};
pub use rows::{PersonFilter, PersonRow, PostRow, list, person, post, posts_of_unit};

use crate::access::Seat;
use crate::ids::{OrgPath, PersonId, PhoneNumber, PostId, Timestamp, UnitId};
use crate::log::{Vault, VaultError};
use crate::store::StoreError;

/// A post that a person may act under now.
#[derive(Debug, Clone)]
pub struct SeatRow {
    /// What [`crate::access::Actor`] is made of.
    pub seat: Seat,
    /// The post's title.
    pub title: String,
    /// Whether as a stand-in.
    pub stand_in: bool,
}

/// All seats of a person at `at`: his own posts first, then those he stands in for.
pub async fn seats(conn: &mut AnyConnection, person: PersonId, at: Timestamp) -> Result<Vec<SeatRow>, StoreError> {
    rows::seats(conn, person, at).await
}

/// The seat under `post`, or under the person's first post; `None` if he does not hold it at `at`.
pub async fn seat(
    conn: &mut AnyConnection,
    person: PersonId,
    post: Option<PostId>,
    at: Timestamp,
) -> Result<Option<Seat>, StoreError> {
    let mut seats = rows::seats(conn, person, at).await?.into_iter().map(|s| s.seat);
    Ok(match post {
        Some(post) => seats.find(|s| s.post == post),
        None => seats.next(),
    })
}

/// A person as orders and messages need him.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Who.
    pub person: PersonId,
    /// His name.
    pub name: String,
    /// His mobile number.
    pub phone: Option<PhoneNumber>,
    /// The unit of the post he was found by.
    pub unit: UnitId,
    /// Its place.
    pub unit_path: OrgPath,
}

/// The chief of a unit: who holds its post marked as chief; a stand-in while there is one.
pub async fn chief(
    conn: &mut AnyConnection,
    vault: &Vault,
    unit: UnitId,
    at: Timestamp,
) -> Result<Option<Contact>, StoreError> {
    let first = rows::chiefs(conn, unit, at).await?.into_iter().take(1).collect();
    Ok(contacts(conn, vault, first).await?.pop())
}

/// Everybody who holds a post with `role` in the unit: whom a message to the unit goes to.
pub async fn holders(
    conn: &mut AnyConnection,
    vault: &Vault,
    unit: UnitId,
    role: Option<&str>,
    at: Timestamp,
) -> Result<Vec<Contact>, StoreError> {
    let found = rows::holders(conn, unit, role, at).await?;
    contacts(conn, vault, found).await
}

async fn contacts(
    conn: &mut AnyConnection,
    vault: &Vault,
    found: Vec<rows::Holder>,
) -> Result<Vec<Contact>, StoreError> {
    let mut contacts = Vec::with_capacity(found.len());
    for h in found {
        let phone = phone_of(conn, vault, h.person).await?;
        contacts.push(Contact { person: h.person, name: h.name, phone, unit: h.unit, unit_path: h.unit_path });
    }
    Ok(contacts)
}

/// A person's number in clear: for sending and calling, never for showing without `personal.read` and an audit event.
pub async fn phone_of(
    conn: &mut AnyConnection,
    vault: &Vault,
    person: PersonId,
) -> Result<Option<PhoneNumber>, StoreError> {
    let Some(sealed) = rows::phone_sealed(conn, person).await? else { return Ok(None) };
    match vault.open_text(conn, &owner(person), &sealed).await {
        Ok(text) => Ok(PhoneNumber::parse(&text).ok()),
        Err(VaultError::Erased) => Ok(None),
        Err(VaultError::Store(e)) => Err(e),
        Err(e) => Err(StoreError::Damaged(e.to_string())),
    }
}

/// Who has this number: by its blind index, nothing is opened. Several people may share one; the first known comes first.
pub async fn person_by_phone(
    conn: &mut AnyConnection,
    vault: &Vault,
    phone: &PhoneNumber,
) -> Result<Vec<PersonId>, StoreError> {
    rows::by_phone_index(conn, &vault.index(phone.as_str())).await
}

/// Whose key seals a person's texts.
pub(super) fn owner(person: PersonId) -> String {
    format!("person:{person}")
}

pub(super) fn shared(grants: Vec<crate::access::Grant>) -> Arc<[crate::access::Grant]> {
    grants.into()
}
