//! The SMS gateway 短信网关: SMPP links to operators' centres, an SMPP server for departments' programs,
//! and a sandbox link that needs neither.
//!
//! Levels, each knowing only those before it:
//! [`pdu`] (octets) · [`text`] (alphabets, segments) · [`receipt`] (delivery receipts 状态报告) ·
//! [`session`] (pure protocol machines) · [`link`] (thin tokio shells: the only place with sockets and clocks).
//!
//! It must not know: cases, templates, people, consent, the log, SQL, HTTP. Whoever owns the messages stores them;
//! the gateway answers a peer only after that owner said that the message is on disk.
//! No tracing call in this crate carries a phone number or a text.

pub mod link;
pub mod pdu;
pub mod receipt;
pub mod session;
pub mod text;
