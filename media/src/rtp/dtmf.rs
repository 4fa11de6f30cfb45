//! Named telephone events, i.e. keys pressed (RFC 4733 §2.3; DTMF §3.2).

/// One telephone-event payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// Event code; 0–15 are the DTMF keys.
    pub event: u8,
    /// The key has been released.
    pub end: bool,
    /// Power in −dBm0, 0–63.
    pub volume: u8,
    /// Length so far, in units of the payload's clock.
    pub duration: u16,
}

impl TelephoneEvent {
    /// Reads the first event of a payload; `None` if it is too short.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let bytes = payload.first_chunk::<4>()?;
        Some(Self {
            event: bytes[0],
            end: bytes[1] & 0x80 != 0,
            volume: bytes[1] & 0x3f,
            duration: u16::from_be_bytes([bytes[2], bytes[3]]),
        })
    }

    /// The four bytes of the payload.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [self.event, u8::from(self.end) << 7 | self.volume & 0x3f, high, low]
    }
}

/// The key of an event code: `0`–`9`, `*`, `#`, `A`–`D`; `None` for other events.
#[must_use]
pub fn digit_of(event: u8) -> Option<char> {
    b"0123456789*#ABCD".get(usize::from(event)).map(|&byte| char::from(byte))
}

/// The event code of a key; `None` if there is no such key.
#[must_use]
pub fn event_of(digit: char) -> Option<u8> {
    let digit = digit.to_ascii_uppercase();
    (0..16).find(|&event| digit_of(event) == Some(digit))
}

/// Makes one digit of the dozen packets that one key press sends.
///
/// Packets of one press share the timestamp, so the first that arrives reports the key (at once,
/// not at its release) and the others, retransmitted ends included, are silent.
#[derive(Clone, Copy, Debug, Default)]
pub struct DtmfReceiver {
    last: Option<(u32, u8)>,
}

impl DtmfReceiver {
    /// Takes an event packet with its RTP timestamp; the key if this is a new press.
    pub fn handle(&mut self, timestamp: u32, event: TelephoneEvent) -> Option<char> {
        let stale = self.last.is_some_and(|(at, key)| {
            let behind = at.wrapping_sub(timestamp);
            (behind == 0 && key == event.event) || (behind > 0 && behind < u32::MAX / 2)
        });
        if stale {
            return None;
        }
        let digit = digit_of(event.event)?;
        self.last = Some((timestamp, event.event));
        Some(digit)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(event: u8, end: bool) -> TelephoneEvent {
        TelephoneEvent { event, end, volume: 10, duration: 160 }
    }

    #[test]
    fn one_press_is_one_digit_whatever_is_lost_or_late() {
        let mut receiver = DtmfReceiver::default();
        assert_eq!(receiver.handle(100, packet(5, false)), Some('5'));
        assert_eq!(receiver.handle(100, packet(5, true)), None);
        assert_eq!(receiver.handle(900, packet(5, true)), Some('5'));
        assert_eq!(receiver.handle(100, packet(5, true)), None, "a late end of the former press");
        assert_eq!(receiver.handle(900, packet(5, true)), None);
    }

    #[test]
    fn events_that_are_no_keys_are_ignored() {
        assert_eq!(DtmfReceiver::default().handle(1, packet(16, false)), None);
    }

    proptest! {
        #[test]
        fn payloads_read_back(event: u8, end: bool, volume in 0u8..64, duration: u16) {
            let sent = TelephoneEvent { event, end, volume, duration };
            prop_assert_eq!(TelephoneEvent::parse(&sent.to_bytes()).unwrap(), sent);
        }

        #[test]
        fn keys_and_codes_agree(event in 0u8..16) {
            prop_assert_eq!(event_of(digit_of(event).unwrap()), Some(event));
        }
    }
}
