//! Which events become an object, which raise the count of one, and which are too many.
//!
//! Invariants: pure (time is an argument); at most [`KEPT`] series are remembered; requests follow a token bucket.

use std::{collections::BTreeMap, time::Duration};

/// The Machine's uid, the reason, the note.
pub(super) type Key = (String, &'static str, String);

/// Series remembered; the one silent for longest goes first.
const KEPT: usize = 1024;
/// A series is raised at most this often.
const RAISE: Duration = Duration::from_secs(10);
/// After this silence the same event is a new object (Kubernetes' own recorders wait as long).
const SILENCE: Duration = Duration::from_mins(6);
/// Requests at once, and between two of them in the long run.
const BURST: u32 = 50;
const REFILL: Duration = Duration::from_millis(500);

/// What to do with an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Make an object.
    Create,
    /// Write this count to that object.
    Raise { name: String, count: i32 },
    /// Nothing: it was counted, and is written with a later one.
    Skip,
    /// Nothing: too many.
    Drop,
}

#[derive(Debug)]
struct Entry {
    name: Option<String>,
    count: i32,
    seen: Duration,
    asked: Duration,
}

/// The series under way.
#[derive(Debug)]
pub(super) struct Series {
    entries: BTreeMap<Key, Entry>,
    /// Tokens, in units of one request's share of [`REFILL`].
    spent: Duration,
    spent_at: Duration,
}

impl Default for Series {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), spent: Duration::ZERO, spent_at: Duration::ZERO }
    }
}

impl Series {
    /// Takes in an event; `now` counts from any fixed moment.
    pub(super) fn step(&mut self, key: Key, now: Duration) -> Step {
        if let Some(entry) = self.entries.get_mut(&key)
            && now.saturating_sub(entry.seen) < SILENCE
        {
            entry.count = entry.count.saturating_add(1);
            entry.seen = now;
            if now.saturating_sub(entry.asked) < RAISE {
                return Step::Skip;
            }
            let (name, count) = (entry.name.clone(), entry.count);
            if !self.spend(now) {
                return Step::Skip;
            }
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.asked = now;
            }
            return name.map_or(Step::Create, |name| Step::Raise { name, count });
        }
        if !self.spend(now) {
            return Step::Drop;
        }
        if self.entries.len() >= KEPT {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.seen).map(|(key, _)| key.clone());
            oldest.map(|key| self.entries.remove(&key));
        }
        self.entries.insert(key, Entry { name: None, count: 1, seen: now, asked: now });
        Step::Create
    }

    /// The object of that series was written.
    pub(super) fn written(&mut self, key: &Key, name: String) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.name = Some(name);
        }
    }

    /// The object could not be written.
    pub(super) fn forget(&mut self, key: &Key) {
        self.entries.remove(key);
    }

    fn spend(&mut self, now: Duration) -> bool {
        self.spent = self.spent.saturating_sub(now.saturating_sub(self.spent_at));
        self.spent_at = now;
        let fits = self.spent + REFILL <= REFILL * BURST;
        if fits {
            self.spent += REFILL;
        }
        fits
    }
}
