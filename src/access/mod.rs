//! Who asks and what he may: the actor and his post, rights (checked in commands, and as an SQL predicate for lists),
//! refusals, masking, audit.
//!
//! Must not know: how people and posts are stored (`orgs` builds the [`Actor`]), HTTP, any other domain's rules.

mod actor;
mod audit;
mod masking;
mod refusal;
mod rights;

pub use actor::{Actor, Origin, Seat};
pub use audit::audit;
pub use masking::{mask_name, mask_phone, show_masked, show_whole};
pub use refusal::{CommandError, Refusal, RefusalKind};
pub use rights::{Action, Grant, Predicate, Scope, Sensitivity, Target, orgs_column, read_orgs_column};
