//! Addresses with their type of number and numbering plan (SMPP 3.4 §5.2.5–5.2.8).

use super::wire::{COctet, FieldError, FieldFault, Put, Reader};
use bytes::{BufMut, BytesMut};

/// An address whose text has at most `N - 1` octets: 21 in most PDUs, 65 in `data_sm`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Address<const N: usize = 21> {
    /// Type of number: 0 unknown, 1 international, 2 national, 3 network, 5 alphanumeric.
    pub ton: u8,
    /// Numbering plan: 0 unknown, 1 E.164.
    pub npi: u8,
    /// The digits.
    pub number: COctet<N>,
}

impl<const N: usize> Address<N> {
    /// Fails if the number is too long for the field.
    pub fn new(ton: u8, npi: u8, number: &str) -> Result<Self, FieldFault> {
        Ok(Self { ton, npi, number: COctet::new(number)? })
    }

    pub(super) fn read(reader: &mut Reader, field: &'static str) -> Result<Self, FieldError> {
        Ok(Self { ton: reader.u8(field)?, npi: reader.u8(field)?, number: reader.c_octet(field)? })
    }

    pub(super) fn write(&self, out: &mut BytesMut) {
        out.put_u8(self.ton);
        out.put_u8(self.npi);
        out.c_octet(&self.number);
    }
}

/// One form for one phone: a Chinese mobile number loses `+`, `00` and `86`; any other number loses only a leading `+`.
///
/// Centres report the same receiver as `8613…`, `+8613…` or `13…`, and receipts are matched by receiver.
pub fn canonical_number(number: &str) -> &str {
    let bare = number.trim().trim_start_matches('+');
    let is_mobile =
        |digits: &str| digits.len() == 11 && digits.starts_with('1') && digits.bytes().all(|b| b.is_ascii_digit());
    for prefix in ["0086", "86"] {
        if let Some(rest) = bare.strip_prefix(prefix).filter(|rest| is_mobile(rest)) {
            return rest;
        }
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::canonical_number;

    #[test]
    fn one_phone_has_one_form() {
        for form in ["13800138000", "8613800138000", "+8613800138000", "008613800138000"] {
            assert_eq!(canonical_number(form), "13800138000");
        }
        assert_eq!(canonical_number("106903710001"), "106903710001");
        assert_eq!(canonical_number("+4915112345678"), "4915112345678");
        assert_eq!(canonical_number("8610123"), "8610123");
    }
}
