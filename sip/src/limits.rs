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

/// Most server transactions at once; beyond it requests are answered 503 without Retry-After.
/// A finished one lives 32 s and takes about 1 KiB, a call has two: some 2,000 calls a second for
/// as long as one likes, in about 130 MiB.
pub const SERVER_TRANSACTIONS: usize = 131_072;

/// Most client transactions at once.
pub const CLIENT_TRANSACTIONS: usize = 131_072;

/// Longest that an INVITE may wait for its final answer, in milliseconds. Longer than any queue
/// should hold a caller without answering; only there so that nothing waits for ever.
pub const INVITE_WAIT_MS: u64 = 15 * 60_000;

/// A waiting INVITE's last provisional answer is repeated this often, so that proxies on the way
/// do not give up (RFC 3261 §13.3.1.1: every minute).
pub const PROVISIONAL_REFRESH_MS: u64 = 60_000;

/// 100 Trying leaves after this time if nothing else did (RFC 3261 §17.2.1).
pub const TRYING_AFTER_MS: u64 = 200;

/// Most forked answers to one INVITE whose ACKs are remembered.
pub const FORKS: usize = 8;

/// How long a digest nonce may be answered, in milliseconds. Long enough that a phone that
/// registers each minute or two answers with the nonce it knows.
pub const NONCE_MS: u64 = 5 * 60_000;

/// Most nonces whose counts are remembered; older ones become stale. At 1,000 phones a second
/// the oldest still gets a minute.
pub const NONCES: usize = 65_536;

/// Most contacts of one address of record: a person's phone, softphone and browser tabs, with
/// room for those that a crash left behind.
pub const CONTACTS_PER_ACCOUNT: usize = 16;

/// Most bindings in a registrar.
pub const BINDINGS: usize = 100_000;

/// Most Path headers kept with a binding.
pub const PATHS: usize = 8;

/// Longest SDP in bytes. A browser's offer with many candidates has about 8 KiB.
pub const SDP_BYTES: usize = 32_768;

/// Most lines in an SDP.
pub const SDP_LINES: usize = 1_024;

/// Most media descriptions in an SDP.
pub const SDP_MEDIA: usize = 32;

/// How deep multipart bodies are searched: SDP in an alternative in a mixed body is the deepest
/// that makes sense.
pub const MULTIPART_DEPTH: usize = 2;

/// Most parts of a multipart body that are looked at.
pub const MULTIPART_PARTS: usize = 16;
