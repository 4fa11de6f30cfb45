//! Guest links: what an SMS carries so that a unit's duty officer joins without an account. Short, for an SMS is short:
//! version, meeting, place of the unit among the invited, hour of expiry, and a tag, in 46 letters.
//!
//! Must not know: who sends it, what page it opens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::token::Signer;
use crate::ids::{MeetingId, Timestamp};

/// The first byte: another layout gets another number.
const VERSION: u8 = 1;
/// Bytes of the tag: 96 bits, which nobody guesses over a network.
const TAG: usize = 12;
const BODY: usize = 1 + 16 + 1 + 4;
const HOUR: i64 = 3_600_000;

/// An invitation that a link proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invitation {
    /// The meeting.
    pub meeting: MeetingId,
    /// Place of the unit among the invited.
    pub invited: u8,
}

/// Why a link opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkError {
    /// It was not made here, or was changed on the way.
    Forged,
    /// It is too old.
    Expired,
}

impl Invitation {
    /// The link's text, good until `until` (rounded up to the hour).
    pub fn seal(self, signer: &Signer, until: Timestamp) -> String {
        let mut bytes = Vec::with_capacity(BODY + TAG);
        bytes.push(VERSION);
        bytes.extend_from_slice(self.meeting.0.as_bytes());
        bytes.push(self.invited);
        let hour = u32::try_from(until.0.div_euclid(HOUR) + 1).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&hour.to_be_bytes());
        let tag = tag(signer, &bytes);
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a link at `now`.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn open(signer: &Signer, text: &str, now: Timestamp) -> Result<Self, LinkError> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| LinkError::Forged)?;
        let (body, given) = bytes.split_at_checked(BODY).ok_or(LinkError::Forged)?;
        if given.len() != TAG || !same(&tag(signer, body), given) || body[0] != VERSION {
            return Err(LinkError::Forged);
        }
        let mut meeting = [0; 16];
        meeting.copy_from_slice(&body[1..17]);
        let hour = body[18..].iter().fold(0i64, |hour, byte| hour << 8 | i64::from(*byte));
        if now.0 >= hour.saturating_mul(HOUR) {
            return Err(LinkError::Expired);
        }
        Ok(Self { meeting: MeetingId(uuid::Uuid::from_bytes(meeting)), invited: body[17] })
    }
}

/// Compares without telling by its time where the first difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}

/// The tag of a link's body, which cannot be taken for the signature of a token.
fn tag(signer: &Signer, body: &[u8]) -> [u8; TAG] {
    let whole = signer.tag(&[b"guest link\0", body].concat());
    let mut tag = [0; TAG];
    tag.copy_from_slice(&whole.as_ref()[..TAG]);
    tag
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn a_link_is_short_and_good_for_its_time() {
        let signer = Signer::new("key", "secret");
        let invitation = Invitation { meeting: MeetingId(uuid::Uuid::from_u128(7)), invited: 3 };
        let link = invitation.seal(&signer, NOW.plus_millis(HOUR));
        assert_eq!(link.len(), 46);
        assert_eq!(Invitation::open(&signer, &link, NOW), Ok(invitation));
        assert_eq!(Invitation::open(&signer, &link, NOW.plus_millis(3 * HOUR)), Err(LinkError::Expired));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let signer = Signer::new("key", "secret");
        let link = Invitation { meeting: MeetingId(uuid::Uuid::from_u128(7)), invited: 3 }.seal(&signer, NOW);
        let bytes = URL_SAFE_NO_PAD.decode(&link).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let text = URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(Invitation::open(&signer, &text, NOW), Err(LinkError::Forged), "byte {at}");
        }
        assert_eq!(Invitation::open(&signer, "", NOW), Err(LinkError::Forged));
        assert_eq!(Invitation::open(&signer, "呵", NOW), Err(LinkError::Forged));
    }
}
