//! Texts of short messages: alphabets, units and segments, user data headers, long messages joined again.
//!
//! Pure. Knows octets and characters, no PDU layout and no link.

mod decode;
mod gsm7;
mod join;
mod split;
mod udh;

pub use decode::{Decoding, decode};
pub use gsm7::{decode_septets, encode_septets, is_gsm, pack, unpack};
pub use join::{GIVE_UP_AFTER, Joined, Joiner, MAX_OPEN, PartKey, Whole};
pub use split::{Alphabet, Count, MAX_SEGMENTS, Repertoire, Split, TooLong, count, split, split_in};
pub use udh::{Concatenation, References, split_header};
