//! What a receiver must know for its reports: loss, jitter (RFC 3550 §6.4, appendix A.3, A.8).

use super::rtcp::ReportBlock;
use super::seq::Unwrapper;

/// Reception figures of one source.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReceptionStats {
    ssrc: u32,
    sequence: Unwrapper<16>,
    first: i64,
    received: u64,
    /// Jitter times 16, in units of the media clock.
    jitter16: u32,
    transit: Option<i64>,
    expected_before: u64,
    received_before: u64,
}

impl ReceptionStats {
    /// Counts a packet that arrived at `now_ms` with a media clock of `clock` Hz.
    pub fn record(&mut self, ssrc: u32, sequence: u16, timestamp: u32, clock: u32, now_ms: u64) {
        if self.received == 0 || ssrc != self.ssrc {
            *self = Self { ssrc, ..Self::default() };
            self.first = i64::from(sequence);
        }
        self.sequence.unwrap(u32::from(sequence));
        self.received += 1;
        let arrival = (now_ms as i64).wrapping_mul(i64::from(clock / 1_000));
        let transit = arrival.wrapping_sub(i64::from(timestamp)) & 0xffff_ffff;
        if let Some(before) = self.transit.replace(transit) {
            let distance = (transit - before).unsigned_abs();
            let distance = distance.min((1 << 32) - distance).min(u64::from(clock)) as u32;
            self.jitter16 = self.jitter16 + distance - ((self.jitter16 + 8) >> 4);
        }
    }

    /// Packets received from the present source.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets lost so far (duplicates can make it smaller than the truth, never negative).
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    /// Interarrival jitter in units of the media clock.
    #[must_use]
    pub fn jitter(&self) -> u32 {
        self.jitter16 >> 4
    }

    /// The block for the next report; starts a new interval. `None` before the first packet.
    pub fn report(&mut self) -> Option<ReportBlock> {
        if self.received == 0 {
            return None;
        }
        let expected = self.expected();
        let expected_now = expected.saturating_sub(self.expected_before);
        let received_now = self.received - self.received_before;
        (self.expected_before, self.received_before) = (expected, self.received);
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction = (lost_now * 256).checked_div(expected_now).unwrap_or(0).min(255) as u8;
        Some(ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: fraction,
            cumulative_lost: self.lost().min(0x7f_ffff) as u32,
            highest_sequence: self.sequence.last().unwrap_or(0) as u32,
            jitter: self.jitter(),
            last_sr: 0,
            delay_since_sr: 0,
        })
    }

    fn expected(&self) -> u64 {
        self.sequence.last().map_or(0, |last| (last - self.first).max(0) as u64 + 1)
    }
}

/// NTP time of a Unix time in milliseconds (RFC 3550 §4).
#[must_use]
pub fn ntp_of_unix_ms(unix_ms: u64) -> u64 {
    const NTP_OFFSET_S: u64 = 2_208_988_800; // 1900 to 1970
    let seconds = (unix_ms / 1_000).wrapping_add(NTP_OFFSET_S);
    let fraction = ((unix_ms % 1_000) << 32) / 1_000;
    seconds << 32 | fraction
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_counted_over_the_wrap_and_per_interval() {
        let mut stats = ReceptionStats::default();
        for step in 0u32..100 {
            if step % 10 == 5 {
                continue;
            }
            let sequence = 65_500u16.wrapping_add(step as u16);
            stats.record(7, sequence, step * 160, 8_000, u64::from(step) * 20);
        }
        assert_eq!((stats.received(), stats.lost(), stats.jitter()), (90, 10, 0));
        let report = stats.report().unwrap();
        assert_eq!((report.fraction_lost, report.cumulative_lost), (25, 10));
        assert_eq!(stats.report().unwrap().fraction_lost, 0, "a new interval");
    }

    #[test]
    fn jitter_follows_uneven_arrival() {
        let mut stats = ReceptionStats::default();
        for step in 0u32..200 {
            let shake = if step % 2 == 0 { 0 } else { 10 };
            stats.record(7, step as u16, step * 160, 8_000, u64::from(step) * 20 + shake);
        }
        assert!((70..=80).contains(&stats.jitter()), "{}", stats.jitter());
    }
}
