//! Liandong 联动: the communications and command hub of a city government, built around one log.
//! `ARCHITECTURE.md` is the map; `hub` wires the parts, each folder here is a domain or a layer below them.

pub mod access;
pub mod calls;
pub mod cases;
pub mod config;
pub mod demo;
pub mod dispatch;
pub mod events;
pub mod http;
pub mod hub;
pub mod ids;
pub mod log;
pub mod meetings;
pub mod messages;
pub mod orgs;
pub mod store;
