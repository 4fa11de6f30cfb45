//! SMPP times (SMPP 3.4 §7.1). We write only relative ones: timed sending stays with the owner of the message.

use super::wire::COctet;
use std::time::Duration;

/// Longest relative time we write: 63 days. Its fields are calendar units, and whole days stay exact.
const MAX_RELATIVE: Duration = Duration::from_secs(63 * 86_400);

/// `YYMMDDhhmmss000R`: from now, as the validity of a message. Rounded up to a second, at most 63 days.
pub fn relative_time(span: Duration) -> COctet<17> {
    let up = u64::from(span.subsec_nanos() > 0);
    let seconds = (span.min(MAX_RELATIVE).as_secs() + up).max(1);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let text = format!("0000{days:02}{:02}{:02}{:02}000R", rest / 3_600, rest / 60 % 60, rest % 60);
    COctet::new(text).expect("16 octets, since days < 100")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hours_as_in_the_specification() {
        assert_eq!(relative_time(Duration::from_secs(7_200)).text(), "000000020000000R");
        assert_eq!(relative_time(Duration::from_millis(1_500)).text(), "000000000002000R");
        assert_eq!(relative_time(Duration::MAX).as_bytes().len(), 16);
    }
}
