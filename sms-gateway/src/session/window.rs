//! The window: requests sent and not answered, with their deadlines.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Requests that timed out and whose late answers are still of use; the oldest go first.
const MAX_LATE: usize = 1_000;

/// What an answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered<T> {
    /// A request within its time.
    InTime(T),
    /// One that was already declared unknown.
    Late(T),
}

/// Requests in flight, each with a token of its owner.
#[derive(Debug)]
pub struct Window<T> {
    size: usize,
    time_out: Duration,
    open: HashMap<u32, T>,
    /// By deadline, which is the order of sending.
    deadlines: VecDeque<(Instant, u32)>,
    late: VecDeque<(u32, T)>,
}

impl<T: Copy> Window<T> {
    /// `size` ≥ 1 requests at once, each unknown after `time_out`.
    pub fn new(size: usize, time_out: Duration) -> Self {
        Self { size: size.max(1), time_out, open: HashMap::new(), deadlines: VecDeque::new(), late: VecDeque::new() }
    }

    /// Whether one more may be sent.
    pub fn has_room(&self) -> bool {
        self.open.len() < self.size
    }

    /// How many are unanswered.
    pub fn in_flight(&self) -> usize {
        self.open.len()
    }

    /// A request goes out. The caller asked [`Self::has_room`].
    pub fn sent(&mut self, sequence: u32, token: T, now: Instant) {
        self.open.insert(sequence, token);
        self.deadlines.push_back((now + self.time_out, sequence));
    }

    /// An answer came; `None` if nothing was asked under this number.
    pub fn answered(&mut self, sequence: u32) -> Option<Answered<T>> {
        if let Some(token) = self.open.remove(&sequence) {
            self.drop_stale();
            return Some(Answered::InTime(token));
        }
        let at = self.late.iter().position(|(number, _)| *number == sequence)?;
        self.late.remove(at).map(|(_, token)| Answered::Late(token))
    }

    /// The next request whose time is over.
    pub fn timed_out(&mut self, now: Instant) -> Option<T> {
        let (_, sequence) = *self.deadlines.front().filter(|(deadline, _)| *deadline <= now)?;
        let token = self.open.remove(&sequence)?;
        self.drop_stale();
        self.late.push_back((sequence, token));
        if self.late.len() > MAX_LATE {
            self.late.pop_front();
        }
        Some(token)
    }

    /// The connection is gone: everything in flight, in the order of sending.
    pub fn lost(&mut self) -> Vec<T> {
        let order = std::mem::take(&mut self.deadlines);
        self.late.clear();
        order.into_iter().filter_map(|(_, sequence)| self.open.remove(&sequence)).collect()
    }

    /// The next deadline.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    /// Keeps the front of `deadlines` an open request.
    fn drop_stale(&mut self) {
        while self.deadlines.front().is_some_and(|(_, sequence)| !self.open.contains_key(sequence)) {
            self.deadlines.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_late_answers_and_loss() {
        let now = Instant::now();
        let mut window = Window::new(3, Duration::from_secs(60));
        for sequence in 1..=3 {
            window.sent(sequence, sequence * 10, now + Duration::from_secs(sequence.into()));
        }
        assert!(!window.has_room());
        assert_eq!(window.answered(2), Some(Answered::InTime(20)));
        assert_eq!(window.answered(2), None);
        assert_eq!(window.poll_timeout(), Some(now + Duration::from_secs(61)));
        assert_eq!(window.timed_out(now + Duration::from_secs(60)), None);
        assert_eq!(window.timed_out(now + Duration::from_secs(61)), Some(10));
        assert_eq!(window.poll_timeout(), Some(now + Duration::from_secs(63)), "2 was answered");
        assert_eq!(window.answered(1), Some(Answered::Late(10)));
        window.sent(4, 40, now);
        assert_eq!(window.lost(), [30, 40]);
        assert_eq!((window.in_flight(), window.poll_timeout()), (0, None));
    }
}
