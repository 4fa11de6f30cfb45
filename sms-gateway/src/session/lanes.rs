//! Which message goes next: emergency > order > reminder > notice, with guards, so that no lane starves the two below the first.

use std::collections::BTreeMap;

/// Urgency of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// 应急: warnings to our people.
    Emergency,
    /// 指令: dispatch orders.
    Order,
    /// 提醒: case reminders.
    Reminder,
    /// 通知: mass notices.
    Notice,
}

impl Lane {
    /// All lanes, the most urgent first.
    pub const ALL: [Self; 4] = [Self::Emergency, Self::Order, Self::Reminder, Self::Notice];

    /// Share of the link in per cent that this lane keeps while it waits, whatever the more urgent ones want.
    /// An emergency may take the whole link only while no order and no reminder waits: orders are how help is sent.
    fn guard(self) -> u32 {
        match self {
            Self::Order => 20,
            Self::Reminder => 10,
            Self::Emergency | Self::Notice => 0,
        }
    }
}

/// Queued items by lane, each lane in the order of entry.
#[derive(Debug)]
pub struct Lanes<T> {
    queues: [BTreeMap<u64, T>; 4],
    /// Claims of guarded lanes that wait, in hundredths of a turn.
    claims: [u32; 4],
    entered: u64,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { queues: Default::default(), claims: [0; 4], entered: 0 }
    }
}

impl<T> Lanes<T> {
    /// Queues an item at the end of its lane. The place is needed to put it back.
    pub fn push(&mut self, lane: Lane, item: T) -> u64 {
        self.entered += 1;
        self.queues[lane as usize].insert(self.entered, item);
        self.entered
    }

    /// Puts an item back where it was: before everything that entered its lane later.
    pub fn put_back(&mut self, lane: Lane, place: u64, item: T) {
        self.queues[lane as usize].insert(place, item);
    }

    /// The next item with its lane and place.
    pub fn pop(&mut self) -> Option<(Lane, u64, T)> {
        let lane = self.choose()?;
        let (place, item) = self.queues[lane as usize].pop_first()?;
        Some((lane, place, item))
    }

    /// Removes what `drop` says, in order.
    pub fn remove(&mut self, mut drop: impl FnMut(&T) -> bool) -> Vec<(Lane, T)> {
        let mut removed = Vec::new();
        for lane in Lane::ALL {
            let taken = self.queues[lane as usize].extract_if(.., |_, item| drop(item));
            removed.extend(taken.map(|(_, item)| (lane, item)));
        }
        removed
    }

    /// How many wait in all.
    pub fn len(&self) -> usize {
        self.queues.iter().map(BTreeMap::len).sum()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queues.iter().all(BTreeMap::is_empty)
    }

    /// A guarded lane whose claim has grown to a turn, else the most urgent one that waits.
    fn choose(&mut self) -> Option<Lane> {
        let waits = |lane: Lane| !self.queues[lane as usize].is_empty();
        let urgent = Lane::ALL.into_iter().find(|lane| waits(*lane))?;
        let mut chosen = urgent;
        for lane in Lane::ALL.into_iter().filter(|lane| lane.guard() > 0) {
            let claim = if waits(lane) { self.claims[lane as usize] + lane.guard() } else { 0 };
            self.claims[lane as usize] = claim;
            if claim >= 100 && chosen == urgent {
                chosen = lane;
            }
        }
        self.claims[chosen as usize] = self.claims[chosen as usize].saturating_sub(100);
        Some(chosen)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shares(lanes: &mut Lanes<()>, turns: usize) -> [usize; 4] {
        let mut taken = [0; 4];
        for _ in 0..turns {
            taken[lanes.pop().unwrap().0 as usize] += 1;
        }
        taken
    }

    fn filled(which: &[Lane]) -> Lanes<()> {
        let mut lanes = Lanes::default();
        for lane in which {
            for _ in 0..1_000 {
                lanes.push(*lane, ());
            }
        }
        lanes
    }

    #[test]
    fn guards_hold_while_everything_waits() {
        let taken = shares(&mut filled(&Lane::ALL), 1_000);
        assert!(taken[1] >= 199 && taken[2] >= 99 && taken[0] >= 699, "{taken:?}");
        assert_eq!(
            shares(&mut filled(&[Lane::Order, Lane::Reminder]), 100),
            [0, 90, 10, 0],
            "orders first, but not only"
        );
        assert_eq!(shares(&mut filled(&[Lane::Emergency, Lane::Notice]), 100), [100, 0, 0, 0]);
    }

    #[test]
    fn an_emergency_is_next_after_ten_thousand_notices() {
        let mut lanes = filled(&[Lane::Notice]);
        lanes.push(Lane::Emergency, ());
        assert_eq!(lanes.pop().unwrap().0, Lane::Emergency);
    }

    #[test]
    fn what_is_put_back_is_first_again_in_its_old_order() {
        let mut lanes = Lanes::default();
        for item in 1..=3 {
            lanes.push(Lane::Order, item);
        }
        let (first, second) = (lanes.pop().unwrap(), lanes.pop().unwrap());
        lanes.put_back(first.0, first.1, first.2);
        lanes.put_back(second.0, second.1, second.2);
        let order: Vec<i32> = std::iter::from_fn(|| lanes.pop().map(|(_, _, item)| item)).collect();
        assert_eq!(order, [1, 2, 3]);
    }

    #[test]
    fn removal_tells_the_lanes() {
        let mut lanes = Lanes::default();
        lanes.push(Lane::Notice, 1);
        lanes.push(Lane::Order, 1);
        lanes.push(Lane::Notice, 2);
        assert_eq!(lanes.remove(|item| *item == 1), [(Lane::Order, 1), (Lane::Notice, 1)]);
        assert_eq!((lanes.len(), lanes.is_empty()), (1, false));
    }
}
