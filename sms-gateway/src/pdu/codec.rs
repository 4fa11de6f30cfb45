//! Frames: the header, the length rule, whole PDUs in and out of a byte stream.

use super::body::Body;
use super::status::Status;
use super::wire::{FieldError, FieldFault, Reader};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// Length of the header in octets.
pub const HEADER_LEN: usize = 16;
/// Longest PDU we read or write in octets: `message_payload` may hold 65,535, and the rest of a body fits beside it.
pub const MAX_PDU_LEN: usize = 70_000;
/// The response bit of a `command_id`.
const RESPONSE: u32 = 0x8000_0000;

/// One PDU. In a request `status` is 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdu {
    /// Result of a response.
    pub status: Status,
    /// 1–0x7FFFFFFF from us; peers' other values are echoed.
    pub sequence: u32,
    /// Command and body.
    pub body: Body,
}

/// A PDU whose frame is sound but whose body is not: the connection goes on, and a request is answered with [`BadPdu::answer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("PDU 0x{command:08x}, sequence {sequence}: {}", match fault { Some(fault) => fault.to_string(), None => "unknown command".into() })]
pub struct BadPdu {
    /// The `command_id`.
    pub command: u32,
    /// The `command_status`.
    pub status: Status,
    /// The sequence number.
    pub sequence: u32,
    /// The first wrong field; `None` means an unknown command.
    pub fault: Option<FieldError>,
}

/// The length field is out of range: where the next PDU begins is not known. Answer `generic_nack` 0x02 and close.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// `command_length` is below 16 or above [`MAX_PDU_LEN`].
    #[error("command_length {0} is not within 16 and 70000")]
    Length(u32),
    /// The connection failed.
    #[error("connection: {0}")]
    Io(#[from] std::io::Error),
}

/// A PDU that cannot be written: a text or list too long for its count.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A field does not fit.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The whole PDU would be longer than [`MAX_PDU_LEN`].
    #[error("PDU of {0} octets is longer than 70000")]
    TooLong(usize),
    /// The connection failed.
    #[error("connection: {0}")]
    Io(#[from] std::io::Error),
}

impl Pdu {
    /// A request.
    pub fn request(sequence: u32, body: Body) -> Self {
        Self { status: Status::ROK, sequence, body }
    }

    /// A response.
    pub fn response(sequence: u32, status: Status, body: Body) -> Self {
        Self { status, sequence, body }
    }

    /// Reads one whole frame, header included.
    pub fn decode(frame: Bytes) -> Result<Self, BadPdu> {
        let mut reader = Reader::new(frame);
        let mut header = || reader.u32("header");
        let (_, command, status, sequence) = match (header(), header(), header(), header()) {
            (Ok(length), Ok(command), Ok(status), Ok(sequence)) => (length, command, status, sequence),
            _ => {
                return Err(BadPdu {
                    command: 0,
                    status: Status::ROK,
                    sequence: 0,
                    fault: Some(FieldFault::Short.at("header")),
                });
            }
        };
        let status = Status(status);
        let bad = |fault| BadPdu { command, status, sequence, fault };
        match Body::read(command, &mut reader) {
            Ok(Some(body)) => Ok(Self { status, sequence, body }),
            Ok(None) => Err(bad(None)),
            Err(fault) => Err(bad(Some(fault))),
        }
    }

    /// Appends the frame to `out`; on an error `out` is as before.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        let start = out.len();
        let written = self.encode_at(start, out);
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    fn encode_at(&self, start: usize, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.put_u32(0);
        out.put_u32(self.body.command());
        out.put_u32(self.status.0);
        out.put_u32(self.sequence);
        self.body.write(out)?;
        let len = out.len() - start;
        if len > MAX_PDU_LEN {
            return Err(EncodeError::TooLong(len));
        }
        let length = u32::try_from(len).expect("at most 70,000");
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }
}

impl BadPdu {
    /// Whether it is a response, which is never answered.
    pub fn is_response(&self) -> bool {
        self.command & RESPONSE != 0
    }

    /// The `generic_nack` for a bad request: 0x03 for an unknown command, 0xC0 for TLVs, else 0x02 (SMPP 3.4 §4.3).
    pub fn answer(&self) -> Pdu {
        let status = match self.fault {
            None => Status::RINVCMDID,
            Some(fault) if fault.field == "tlv" => Status::RINVOPTPARSTREAM,
            Some(fault) if fault.field == "sm_length" => Status::RINVMSGLEN,
            Some(_) => Status::RINVCMDLEN,
        };
        Pdu::response(self.sequence, status, Body::GenericNack)
    }
}

/// Cuts a byte stream into PDUs. A bad body is an item, so that one wrong PDU does not end the connection.
#[derive(Debug, Default)]
pub struct Codec;

impl Decoder for Codec {
    type Item = Result<Pdu, BadPdu>;
    type Error = FrameError;

    fn decode(&mut self, stream: &mut BytesMut) -> Result<Option<Self::Item>, FrameError> {
        let Some(length) = stream.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length);
        let len = usize::try_from(length).unwrap_or(usize::MAX);
        if !(HEADER_LEN..=MAX_PDU_LEN).contains(&len) {
            return Err(FrameError::Length(length));
        }
        if stream.len() < len {
            return Ok(None); // no reserve: a length alone must not buy memory
        }
        Ok(Some(Pdu::decode(stream.copy_to_bytes(len))))
    }
}

impl Encoder<Pdu> for Codec {
    type Error = EncodeError;

    fn encode(&mut self, pdu: Pdu, out: &mut BytesMut) -> Result<(), EncodeError> {
        pdu.encode(out)
    }
}
