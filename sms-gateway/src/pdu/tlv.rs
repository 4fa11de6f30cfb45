//! Optional parameters (SMPP 3.4 §5.3): kept in order, unknown ones too, so that a PDU can be written again unchanged.

use super::wire::{FieldError, FieldFault, Octets, Reader};
use bytes::{BufMut, BytesMut};

/// Most TLVs read from one PDU. Real ones carry fewer than ten; a frame full of empty TLVs would multiply its size in memory.
pub const MAX_TLVS: usize = 128;

/// Tags we act on (SMPP 3.4 table 5-7).
pub mod tag {
    /// Text of an error, for people.
    pub const ADDITIONAL_STATUS_INFO: u16 = 0x001D;
    /// The id of the message that a receipt speaks of.
    pub const RECEIPTED_MESSAGE_ID: u16 = 0x001E;
    /// Our own reference, echoed in receipts.
    pub const USER_MESSAGE_REFERENCE: u16 = 0x0204;
    /// Concatenation: reference of the long message.
    pub const SAR_MSG_REF_NUM: u16 = 0x020C;
    /// Concatenation: number of segments.
    pub const SAR_TOTAL_SEGMENTS: u16 = 0x020E;
    /// Concatenation: this segment, from 1.
    pub const SAR_SEGMENT_SEQNUM: u16 = 0x020F;
    /// The centre's interface version, in bind responses.
    pub const SC_INTERFACE_VERSION: u16 = 0x0210;
    /// Network type and error code of a failed delivery.
    pub const NETWORK_ERROR_CODE: u16 = 0x0423;
    /// The text when it is not in `short_message`.
    pub const MESSAGE_PAYLOAD: u16 = 0x0424;
    /// State of the message a receipt speaks of.
    pub const MESSAGE_STATE: u16 = 0x0427;
}

/// One optional parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tlv {
    /// See [`tag`]; any other value is kept as it is.
    pub tag: u16,
    /// At most 65,535 octets.
    pub value: Octets,
}

/// The optional parameters of one PDU in the order of the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tlvs(pub Vec<Tlv>);

impl Tlvs {
    /// The first TLV with this tag.
    pub fn find(&self, tag: u16) -> Option<&[u8]> {
        self.0.iter().find(|tlv| tlv.tag == tag).map(|tlv| &*tlv.value)
    }

    /// A one-octet TLV; `None` if absent or of another length.
    pub fn u8(&self, tag: u16) -> Option<u8> {
        match self.find(tag)? {
            [value] => Some(*value),
            _ => None,
        }
    }

    /// A two-octet TLV; `None` if absent or of another length.
    pub fn u16(&self, tag: u16) -> Option<u16> {
        match self.find(tag)? {
            [high, low] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }

    /// A text TLV up to its first NUL; centres leave the NUL out (facts: "accept without NUL").
    pub fn text(&self, tag: u16) -> Option<String> {
        let value = self.find(tag)?;
        let end = value.iter().position(|octet| *octet == 0).unwrap_or(value.len());
        Some(String::from_utf8_lossy(&value[..end]).into_owned())
    }

    /// Appends a parameter.
    pub fn push(&mut self, tag: u16, value: impl Into<Vec<u8>>) {
        self.0.push(Tlv { tag, value: Octets(value.into().into()) });
    }

    pub(super) fn read(reader: &mut Reader) -> Result<Self, FieldError> {
        let mut tlvs = Vec::new();
        while !reader.is_empty() {
            if tlvs.len() == MAX_TLVS {
                return Err(FieldFault::Trailing(reader.len()).at("tlv"));
            }
            let tag = reader.u16("tlv")?;
            let len = reader.u16("tlv")?;
            tlvs.push(Tlv { tag, value: reader.octets(len.into(), "tlv")? });
        }
        Ok(Self(tlvs))
    }

    pub(super) fn write(&self, out: &mut BytesMut) -> Result<(), FieldError> {
        for tlv in &self.0 {
            let len = u16::try_from(tlv.value.len()).map_err(|_| FieldFault::TooLong { max: 65_535 }.at("tlv"))?;
            out.put_u16(tlv.tag);
            out.put_u16(len);
            out.put_slice(&tlv.value);
        }
        Ok(())
    }
}
