//! Every bound of the crate in one place, each with its reason.
//!
//! What comes from the network is hostile until shown otherwise: a bound that is exceeded is an
//! error of the message or of the peer, never growth of our memory.

/// Longest message in bytes. The largest UDP payload is 65,507 bytes, and nothing that a phone
/// or trunk sends comes near it; streams and WebSockets get the same bound.
pub const MESSAGE_BYTES: usize = 65_535;

/// Longest head (start line and header fields) in bytes on a stream, before the blank line must
/// have come. A third of the whole: real heads stay under 8 KiB even with many routes.
pub const HEAD_BYTES: usize = 24_576;

/// Most header fields in a message. Long proxy chains make about 60.
pub const FIELDS: usize = 256;

/// Longest single header field in bytes, folded lines included. Identity tokens (RFC 8224) and
/// certificates are the longest that are met, about 2 KiB; RFC 4475's `longreq` needs 3 KiB.
pub const FIELD_BYTES: usize = 16_384;

/// Longest method token in bytes. Registered ones have at most 9; `intmeth` of RFC 4475 has 33.
pub const METHOD_BYTES: usize = 128;

/// Longest URI in bytes; beyond it the request is answered 414.
pub const URI_BYTES: usize = 4_096;

/// Most values in one comma-separated list or repeated header (Via, Route, Contact).
pub const LIST_ITEMS: usize = 96;

/// Most parameters on one value.
pub const PARAMS: usize = 64;
