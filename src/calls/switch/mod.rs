//! The switch 话务交换: owns all live calls and the queues, feeds them what phones, media, desks and time bring, and
//! performs what they ask for.
//!
//! [`Floor`] is the pure part; [`run`](Ready::start) is the one task that owns it. Media commands go through lanes (one
//! call's commands in order), events through the one writer of [`crate::calls::records`]: speech waits for neither disk
//! nor database.
//!
//! Must not know: SQL, HTTP, rights (the desk checks them before it asks).

mod facts;
mod floor;
mod hold;
mod media;
mod ports;
mod run;
#[cfg(test)]
mod tests;

pub use facts::Entry;
pub(in crate::calls) use facts::{state_of, state_words};
pub(in crate::calls) use floor::recording_path;
pub use floor::{Ask, CALLS_MAX, Do, Done, Floor, LiveCall, MediaWork, Out, Third};
pub use media::Sound;
pub use ports::{AgentProfile, Agents, Areas, County, Phones, PortFuture};
pub use run::{Ready, Setup, Switch, View};

/// A recording's path below the data folder, as rows and events keep it: the file may move with the folder.
fn facts_path(whole: &std::path::Path) -> String {
    let text = whole.display().to_string();
    text.rfind("recordings/").map_or(text.clone(), |at| text[at..].to_owned())
}
