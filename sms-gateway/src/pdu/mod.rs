//! SMPP 3.4 protocol data units: octets to values and back, byte for byte.
//!
//! The writer is strict: a value that would not fit its field cannot be made ([`COctet::new`]) or is refused ([`EncodeError`]).
//! The reader is tolerant where centres are known to differ (a response with or without its body, a receipted id without NUL,
//! unknown TLVs kept) and never allocates more than the frame it was given. It knows no session and no text.

mod address;
mod body;
mod codec;
mod status;
mod time;
mod tlv;
mod wire;

#[cfg(test)]
mod vectors;

pub use address::{Address, canonical_number};
pub use body::{
    Alert, Bind, BindMode, BindResp, Body, Cancel, Data, Destination, Message, Multi, MultiResp, Outbind, Query,
    QueryResp, Replace, Unsuccessful,
};
pub use codec::{BadPdu, Codec, EncodeError, FrameError, HEADER_LEN, MAX_PDU_LEN, Pdu};
pub use status::{Class, Status};
pub use time::relative_time;
pub use tlv::{MAX_TLVS, Tlv, Tlvs, tag};
pub use wire::{COctet, FieldError, FieldFault, Octets};

/// Highest sequence number a side may use (SMPP 3.4 §3.2); after it comes 1 again.
pub const MAX_SEQUENCE: u32 = 0x7FFF_FFFF;

/// Bits of `esm_class` (SMPP 3.4 §5.2.12).
pub mod esm {
    /// The text begins with a user data header.
    pub const UDHI: u8 = 0x40;
    /// Mask of the message type bits 5–2.
    pub const TYPE_MASK: u8 = 0x3C;
    /// S→E: a delivery receipt 状态报告.
    pub const RECEIPT: u8 = 0x04;
    /// S→E: an intermediate notification (a receipt that is not the last one).
    pub const INTERMEDIATE: u8 = 0x20;
}
