//! The vault's memory of opened person keys: a text is sealed or opened without asking the database and unwrapping anew.
//!
//! It must never give a key that the database would not: an erased person's, or to seal with, one whose transaction may
//! still fail. Pure; must not know the database or any cipher.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::aead::LessSafeKey;

/// Keys in one generation; two are kept, some 3 MiB. A city's busy hour has fewer people.
const GENERATION_MAX: usize = 2_048;

/// The memory. One for each vault.
#[derive(Default)]
pub(super) struct Keys(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    young: HashMap<String, Kept>,
    old: HashMap<String, Kept>,
    erasures: u64,
}

#[derive(Clone)]
struct Kept {
    key: Arc<LessSafeKey>,
    /// The job that found it where it may be uncommitted; `None` once it surely is on disk.
    job: Option<u64>,
}

impl Keys {
    /// The key to open a text with: a text that can be read was sealed by whoever has the key, committed or not.
    pub(super) fn to_open(&self, owner: &str) -> Option<Arc<LessSafeKey>> {
        self.inner().get(owner).map(|kept| kept.key)
    }

    /// The key that `job` may seal with: one on disk or his own.
    pub(super) fn to_seal(&self, owner: &str, job: u64) -> Option<Arc<LessSafeKey>> {
        self.inner().get(owner).filter(|kept| kept.job.is_none_or(|made| made == job)).map(|kept| kept.key)
    }

    /// Keeps a key that `job` has in its transaction.
    pub(super) fn put(&self, owner: &str, key: Arc<LessSafeKey>, job: Option<u64>) {
        self.inner().insert(owner.to_owned(), Kept { key, job });
    }

    /// The transaction of `job` is on disk.
    pub(super) fn committed(&self, owner: &str, job: u64) {
        let mut inner = self.inner();
        if let Some(mut kept) = inner.get(owner).filter(|kept| kept.job == Some(job)) {
            kept.job = None;
            inner.insert(owner.to_owned(), kept);
        }
    }

    /// How many erasures there were: asked before a key is read outside the writer.
    pub(super) fn erasures(&self) -> u64 {
        self.inner().erasures
    }

    /// Keeps a key that was read outside the writer, unless somebody was erased since: it may have been he.
    pub(super) fn put_read(&self, owner: &str, key: Arc<LessSafeKey>, erasures: u64) {
        let mut inner = self.inner();
        if inner.erasures == erasures && inner.get(owner).is_none() {
            // Seen by a reader, it may still be the writer's own unfinished view; sealing asks the database once more.
            inner.insert(owner.to_owned(), Kept { key, job: Some(0) });
        }
    }

    /// Forgets the person's key.
    pub(super) fn erase(&self, owner: &str) {
        let mut inner = self.inner();
        inner.young.remove(owner);
        inner.old.remove(owner);
        inner.erasures += 1;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn get(&mut self, owner: &str) -> Option<Kept> {
        if let Some(kept) = self.young.get(owner) {
            return Some(kept.clone());
        }
        let kept = self.old.remove(owner)?;
        self.insert(owner.to_owned(), kept.clone());
        Some(kept)
    }

    fn insert(&mut self, owner: String, kept: Kept) {
        if self.young.len() >= GENERATION_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(owner, kept);
    }
}

#[cfg(test)]
mod tests {
    use ring::aead::{AES_256_GCM, UnboundKey};

    use super::*;

    fn key() -> Arc<LessSafeKey> {
        Arc::new(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[1; 32]).expect("32 bytes")))
    }

    #[test]
    fn a_key_seals_for_others_only_after_its_commit() {
        let keys = Keys::default();
        keys.put("a", key(), Some(1));
        assert!(keys.to_seal("a", 1).is_some() && keys.to_open("a").is_some());
        assert!(keys.to_seal("a", 2).is_none(), "job 1 may still fail");
        keys.committed("a", 2);
        assert!(keys.to_seal("a", 2).is_none());
        keys.committed("a", 1);
        assert!(keys.to_seal("a", 2).is_some());
    }

    #[test]
    fn an_erased_person_is_forgotten_also_by_who_read_him_before() {
        let keys = Keys::default();
        let before = keys.erasures();
        keys.put("a", key(), None);
        keys.erase("a");
        assert!(keys.to_open("a").is_none() && keys.to_seal("a", 1).is_none());
        keys.put_read("a", key(), before);
        assert!(keys.to_open("a").is_none(), "it was read before the erasure");
        keys.put_read("b", key(), keys.erasures());
        assert!(keys.to_open("b").is_some() && keys.to_seal("b", 1).is_none());
    }

    #[test]
    fn memory_is_bounded_and_keeps_what_is_used() {
        let keys = Keys::default();
        keys.put("used", key(), None);
        for n in 0..5 * GENERATION_MAX {
            keys.put(&n.to_string(), key(), None);
            assert!(keys.to_open("used").is_some());
        }
        let inner = keys.inner();
        assert!(inner.young.len() <= GENERATION_MAX && inner.old.len() <= GENERATION_MAX);
    }
}
