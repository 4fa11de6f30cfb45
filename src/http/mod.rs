//! HTTP: the REST API, the events socket, the console's files. Handlers are thin: they read the request, compose public
//! commands of the domains in one transaction, and write the answer.
//!
//! Must not know: any rule of a domain, any SQL.

pub mod api;
mod ask;
mod body;
mod command;
mod console;
mod events;
mod feed;
mod health;
mod livekit;
mod problem;
mod refused;
mod router;
mod rows;
mod serve;
mod sip;

use std::sync::Arc;

pub use ask::{Ask, Authenticator, COOKIE, Https, Peer, Signed, Token};
pub use body::{Body, Params};
pub use command::{MIGRATIONS, command};
pub use feed::Feed;
pub use problem::{Answer, Problem, ProblemBody};
pub use router::{document, router};
pub(crate) use serve::tls_config;
pub use serve::{serve_plain, serve_tls};
pub use sip::SipNames;

use crate::config::Config;
use crate::log::Vault;
use crate::store::Store;

/// What handlers work with. Cloning shares it.
#[derive(Clone)]
pub struct Api(Arc<Parts>);

/// The sandbox link and the number that its phones see.
pub type Sandbox = (Arc<liandong_sms::link::SandboxLink>, String);

/// The parts behind [`Api`]; built by `hub`.
pub struct Parts {
    /// The configuration.
    pub config: Arc<Config>,
    /// The database.
    pub store: Store,
    /// Seals and opens personal texts.
    pub vault: Vault,
    /// Organisations, people, sign-in.
    pub orgs: crate::orgs::Orgs,
    /// Cases.
    pub cases: crate::cases::Cases,
    /// Messages.
    pub messages: crate::messages::Messages,
    /// The SMS links.
    pub gateways: Vec<Arc<crate::messages::Gateway>>,
    /// The sandbox link and its source number, where it runs.
    pub sandbox: Option<Sandbox>,
    /// Dispatch.
    pub dispatch: crate::dispatch::Dispatch,
    /// Calls: the switch, desks, records.
    pub calls: crate::calls::Calls,
    /// SIP, for browsers' WebSockets.
    pub edge: crate::calls::edge::Edge,
    /// Tells the registrar of a browser's credentials.
    pub sip_names: Arc<dyn SipNames>,
    /// Meetings.
    pub meetings: crate::meetings::Meetings,
    /// Live rooms.
    pub rooms: crate::meetings::signal::Rooms,
    /// Who a token belongs to.
    pub authenticator: Arc<dyn Authenticator>,
    /// New events, read once for all sockets.
    pub feed: Feed,
    /// Renders `/metrics`.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

impl Api {
    /// The state of the router.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for Api {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
