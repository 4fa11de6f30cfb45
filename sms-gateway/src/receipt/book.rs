//! Which message does a receipt speak of: the memory of one link, for receipts of the last minutes and for those that come
//! before the response to their submit (early receipts). Behind it stands the owner's table, for five days.

use super::id::{IdForms, receipt_keys};
use crate::pdu::canonical_number;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How long an early receipt waits in memory for its submit response.
pub const EARLY_FOR: Duration = Duration::from_secs(600);
/// Most messages and most early receipts remembered; the oldest go first. About 60 MB at the most.
const MAX_REMEMBERED: usize = 100_000;

/// A receipt that found its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match<K> {
    /// Whose receipt it is.
    pub key: K,
    /// More than one message fits, and this one was preferred: alarm, the link's id base is ambiguous.
    pub ambiguous: bool,
}

/// Submitted messages by the forms of their ids, and receipts `R` that found none yet.
#[derive(Debug)]
pub struct Book<K, R> {
    by_key: HashMap<(String, String), Vec<(IdForms, K)>>,
    ages: VecDeque<(IdForms, String, K)>,
    early: VecDeque<(Instant, Vec<String>, String, R)>,
}

impl<K: Clone + PartialEq, R> Default for Book<K, R> {
    fn default() -> Self {
        Self { by_key: HashMap::new(), ages: VecDeque::new(), early: VecDeque::new() }
    }
}

impl<K: Clone + PartialEq, R> Book<K, R> {
    /// A submit was answered with `id`. Returns the receipts that came before the answer.
    pub fn submitted(&mut self, id: &str, receiver: &str, key: K) -> Vec<R> {
        let (forms, receiver) = (IdForms::new(id), canonical_number(receiver).to_owned());
        for form in forms.keys() {
            self.by_key.entry((receiver.clone(), form.to_owned())).or_default().push((forms.clone(), key.clone()));
        }
        self.ages.push_back((forms.clone(), receiver.clone(), key));
        if self.ages.len() > MAX_REMEMBERED {
            self.forget_oldest();
        }
        self.take_early(&forms, &receiver)
    }

    /// A receipt came. With no match it is kept as early, and `None` returned.
    pub fn receipt<'a>(
        &mut self,
        ids: impl IntoIterator<Item = &'a str>,
        receiver: &str,
        receipt: R,
        now: Instant,
    ) -> Option<Match<K>> {
        let receiver = canonical_number(receiver).to_owned();
        let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        for id in &ids {
            if let Some(found) = self.find(id, &receiver) {
                return Some(found);
            }
        }
        self.early.retain(|(since, ..)| now < *since + EARLY_FOR);
        self.early.push_back((now, ids, receiver, receipt));
        if self.early.len() > MAX_REMEMBERED {
            self.early.pop_front();
        }
        None
    }

    fn find(&self, id: &str, receiver: &str) -> Option<Match<K>> {
        let mut hits: Vec<&(IdForms, K)> = Vec::new();
        for key in receipt_keys(id) {
            hits.extend(self.by_key.get(&(receiver.to_owned(), key)).into_iter().flatten());
        }
        let best = hits.iter().rev().max_by_key(|(forms, _)| forms.fit(id))?;
        Some(Match { key: best.1.clone(), ambiguous: hits.iter().any(|(_, key)| *key != best.1) })
    }

    fn take_early(&mut self, forms: &IdForms, receiver: &str) -> Vec<R> {
        let mut taken = Vec::new();
        for (since, ids, to, receipt) in std::mem::take(&mut self.early) {
            if to == receiver && ids.iter().any(|id| forms.fit(id) > 0) {
                taken.push(receipt);
            } else {
                self.early.push_back((since, ids, to, receipt));
            }
        }
        taken
    }

    fn forget_oldest(&mut self) {
        let Some((forms, receiver, key)) = self.ages.pop_front() else {
            return;
        };
        for form in forms.keys() {
            let place = (receiver.clone(), form.to_owned());
            if let Some(held) = self.by_key.get_mut(&place) {
                held.retain(|(_, other)| *other != key);
                if held.is_empty() {
                    self.by_key.remove(&place);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn hexadecimal_answer_and_decimal_receipt() {
        let mut book: Book<u32, ()> = Book::default();
        book.submitted("3f2a9c01", "8613800138000", 7);
        let found = book.receipt(["1059757057"], "13800138000", (), Instant::now()).unwrap();
        assert_eq!(found, Match { key: 7, ambiguous: false });
        assert!(book.receipt(["1059757057"], "13900139000", (), Instant::now()).is_none(), "another receiver");
    }

    #[test]
    fn an_early_receipt_is_found_by_its_submit() {
        let (mut book, now): (Book<u32, &str>, _) = (Book::default(), Instant::now());
        assert!(book.receipt(["00b8be19"], "138", "early", now).is_none());
        assert_eq!(book.submitted("B8BE19", "138", 1), ["early"]);
        assert!(book.submitted("B8BE19", "138", 1).is_empty(), "once");
        assert!(book.receipt(["77"], "139", "old", now).is_none());
        assert!(book.receipt(["78"], "139", "new", now + EARLY_FOR).is_none());
        assert!(book.submitted("77", "139", 2).is_empty(), "given up");
    }

    #[test]
    fn of_two_fitting_messages_the_raw_one_is_preferred_and_the_doubt_is_said() {
        let mut book: Book<u32, ()> = Book::default();
        book.submitted("16", "138", 1); // hexadecimal 10
        book.submitted("10", "138", 2); // is 16 as a decimal number
        let found = book.receipt(["10"], "138", (), Instant::now()).unwrap();
        assert_eq!(found, Match { key: 2, ambiguous: true });
    }

    #[test]
    fn bounded() {
        let mut book: Book<usize, ()> = Book::default();
        for key in 0..=MAX_REMEMBERED {
            book.submitted(&format!("m{key}"), "138", key);
        }
        assert!(book.receipt(["m0"], "138", (), Instant::now()).is_none());
        assert_eq!(book.by_key.len(), MAX_REMEMBERED);
    }
}
