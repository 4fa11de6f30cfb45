//! What the switch needs of others, named as ports: who the agents are, where callers and queues belong, the phones and
//! the media. `hub.rs` plugs the parts in; tests plug in their own.

use std::pin::Pin;

use liandong_dialplans::QueueName;

use crate::calls::call::{LegCommand, LegId};
use crate::ids::{CallId, OrgPath, PersonId};
use crate::store::StoreError;

/// An agent, as accounts and posts say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentProfile {
    /// Who.
    pub person: PersonId,
    /// His extension.
    pub extension: String,
    /// His name.
    pub name: String,
    /// The queues that he serves.
    pub queues: Vec<QueueName>,
    /// The place of the unit of the post by which he is an agent.
    pub unit_path: OrgPath,
    /// Whether his phone may dial numbers outside.
    pub may_dial: bool,
}

/// The future of a port.
pub type PortFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The port to accounts and posts.
pub trait Agents: Send + Sync {
    /// All agents as they are now. Asked at the start and after each change.
    fn members(&self) -> PortFuture<'_, Result<Vec<AgentProfile>, StoreError>>;
}

/// A county-level unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct County {
    /// Its code in paths, such as `jinshui`.
    pub code: String,
    /// Its name, such as 金水区.
    pub name: String,
}

/// The port to the organisation tree. Answers from memory: it is asked while a caller waits for the first ring.
pub trait Areas: Send + Sync {
    /// The county that a phone number belongs to.
    fn county_of(&self, number: &str) -> Option<County>;
    /// The unit whose queue this is: who may see its calls is decided by it.
    fn home_of(&self, queue: &QueueName) -> OrgPath;
    /// The hub's own unit: the owner of calls that are in no queue yet.
    fn home(&self) -> OrgPath;
}

/// The port to the phones: the edge.
pub trait Phones: Send + Sync {
    /// Asks something of a leg. Never blocks.
    fn command(&self, call: CallId, leg: LegId, command: LegCommand);
    /// Whether the agent has a phone at present.
    fn is_registered(&self, agent: PersonId) -> bool;
    /// The agent's newest browser takes the leg over.
    fn reattach(&self, call: CallId, leg: LegId);
}

impl Phones for crate::calls::edge::Edge {
    fn command(&self, call: CallId, leg: LegId, command: LegCommand) {
        Self::command(self, call, leg, command);
    }

    fn is_registered(&self, agent: PersonId) -> bool {
        Self::is_registered(self, agent)
    }

    fn reattach(&self, call: CallId, leg: LegId) {
        Self::reattach(self, call, leg);
    }
}
