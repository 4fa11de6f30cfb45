//! Reading and writing single fields. Knows octets and bounds, no PDU.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::fmt;

/// A C-octet string of at most `N` octets *including* its NUL, as the tables of SMPP 3.4 §4 count it.
///
/// `Debug` shows only the length: such fields hold phone numbers and passwords.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct COctet<const N: usize>(Bytes);

impl<const N: usize> COctet<N> {
    /// Fails if the text is longer than `N - 1` octets or holds a NUL.
    pub fn new(text: impl AsRef<[u8]>) -> Result<Self, FieldFault> {
        let text = text.as_ref();
        if text.len() >= N {
            return Err(FieldFault::TooLong { max: N - 1 });
        }
        if text.contains(&0) {
            return Err(FieldFault::NulInside);
        }
        Ok(Self(Bytes::copy_from_slice(text)))
    }

    /// The octets without the NUL.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text; octets that are not UTF-8 become U+FFFD (centres send Latin-1 here now and then).
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// Whether only the NUL is on the wire.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<const N: usize> fmt::Debug for COctet<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} of {} octets>", self.0.len(), N - 1)
    }
}

/// Octets of a text or a TLV. `Debug` shows only the length: it may be what a citizen wrote.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Octets(pub Bytes);

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} octets>", self.0.len())
    }
}

impl std::ops::Deref for Octets {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Octets {
    fn from(octets: Vec<u8>) -> Self {
        Self(octets.into())
    }
}

/// What is wrong with which field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {fault}")]
pub struct FieldError {
    /// The field's name in the specification.
    pub field: &'static str,
    /// What is wrong with it.
    pub fault: FieldFault,
}

/// A fault of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldFault {
    /// The PDU ends inside the field.
    #[error("the PDU ends inside it")]
    Short,
    /// No NUL before the field's limit or the PDU's end.
    #[error("longer than {max} octets, or not ended by NUL")]
    TooLong {
        /// Longest content in octets, without the NUL.
        max: usize,
    },
    /// A NUL within a text that is to be written.
    #[error("holds a NUL")]
    NulInside,
    /// A count or an enumeration outside its range.
    #[error("value {0} is out of range")]
    Range(u32),
    /// Octets are left that belong to no field.
    #[error("{0} octets left over")]
    Trailing(usize),
}

impl FieldFault {
    /// The fault at a named field.
    pub(crate) fn at(self, field: &'static str) -> FieldError {
        FieldError { field, fault: self }
    }
}

/// Takes fields off the front of one PDU's body. Slices, never copies.
pub(crate) struct Reader(Bytes);

impl Reader {
    pub(crate) fn new(body: Bytes) -> Self {
        Self(body)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, FieldError> {
        self.0.try_get_u8().map_err(|_| FieldFault::Short.at(field))
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, FieldError> {
        self.0.try_get_u16().map_err(|_| FieldFault::Short.at(field))
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, FieldError> {
        self.0.try_get_u32().map_err(|_| FieldFault::Short.at(field))
    }

    pub(crate) fn octets(&mut self, len: usize, field: &'static str) -> Result<Octets, FieldError> {
        if len > self.0.len() {
            return Err(FieldFault::Short.at(field));
        }
        Ok(Octets(self.0.split_to(len)))
    }

    pub(crate) fn c_octet<const N: usize>(&mut self, field: &'static str) -> Result<COctet<N>, FieldError> {
        let reach = &self.0[..self.0.len().min(N)];
        let Some(end) = reach.iter().position(|octet| *octet == 0) else {
            let fault = if self.0.len() < N { FieldFault::Short } else { FieldFault::TooLong { max: N - 1 } };
            return Err(fault.at(field));
        };
        let text = self.0.split_to(end);
        self.0.advance(1);
        Ok(COctet(text))
    }
}

/// Appends fields. Cannot fail: what it takes is already checked.
pub(crate) trait Put {
    fn c_octet<const N: usize>(&mut self, text: &COctet<N>);
}

impl Put for BytesMut {
    fn c_octet<const N: usize>(&mut self, text: &COctet<N>) {
        self.put_slice(text.as_bytes());
        self.put_u8(0);
    }
}
