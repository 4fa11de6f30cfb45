//! What messages need from others, named as small ports; `hub.rs` plugs the other domains in.

use crate::access::Refusal;
use crate::events::Subject;
use crate::ids::{CaseId, OrderId, OrgPath, PhoneNumber, UnitId};
use crate::store::{StoreError, Tx, WriteFuture};

/// Somebody who can be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// A person's name.
    pub name: String,
    /// His number.
    pub phone: PhoneNumber,
}

/// Who works where.
pub trait Contacts: Send + Sync + 'static {
    /// Who is to be reminded for a unit.
    fn duty_phones<'a>(&'a self, tx: &'a mut Tx, unit: UnitId) -> WriteFuture<'a, Vec<Contact>, StoreError>;
}

/// A citizen's text that answers no open question.
#[derive(Debug, Clone)]
pub struct CitizenText {
    /// The message's subject, to be linked to the case.
    pub message: Subject,
    /// Who wrote.
    pub from: PhoneNumber,
    /// What he wrote.
    pub text: String,
}

/// The matters that messages are about.
pub trait Matters: Send + Sync + 'static {
    /// Signs for a case as the unit whose phone answered. `Err` inside: why not, in words for the answer.
    fn sign<'a>(
        &'a self,
        tx: &'a mut Tx,
        case: CaseId,
        phone: &'a PhoneNumber,
    ) -> WriteFuture<'a, Result<(), Refusal>, StoreError>;

    /// Accepts an order for the holder of the phone.
    fn accept<'a>(
        &'a self,
        tx: &'a mut Tx,
        order: OrderId,
        phone: &'a PhoneNumber,
    ) -> WriteFuture<'a, Result<(), Refusal>, StoreError>;

    /// The case whose public number stands in the text, if it is the case of whoever has this telephone number.
    fn citizens_case<'a>(
        &'a self,
        tx: &'a mut Tx,
        from: &'a PhoneNumber,
        text: &'a str,
    ) -> WriteFuture<'a, Option<CaseId>, StoreError>;

    /// Takes a citizen's text as a supplement to his case.
    fn supplement<'a>(&'a self, tx: &'a mut Tx, case: CaseId, text: CitizenText) -> WriteFuture<'a, (), StoreError>;

    /// Takes a citizen's text as a new matter: a draft with this id.
    fn open_draft<'a>(&'a self, tx: &'a mut Tx, case: CaseId, text: CitizenText) -> WriteFuture<'a, (), StoreError>;

    /// The number of a case's citizen, unless he wants no messages.
    fn requester_phone<'a>(&'a self, tx: &'a mut Tx, case: CaseId) -> WriteFuture<'a, Option<PhoneNumber>, StoreError>;

    /// Further words for a case's templates, such as the query code for its citizen.
    fn words<'a>(
        &'a self,
        tx: &'a mut Tx,
        case: CaseId,
        to_citizen: bool,
    ) -> WriteFuture<'a, Vec<(String, String)>, StoreError>;

    /// Puts a message on a case's timeline and tells which units the case concerns.
    fn link<'a>(&'a self, tx: &'a mut Tx, case: CaseId, message: Subject) -> WriteFuture<'a, Vec<OrgPath>, StoreError>;
}
