//! Which Machine is looked at when.
//!
//! Role: a pure queue by time. What it is for runs elsewhere; the queue says what may begin now.
//!
//! Invariants:
//! - one step at a time for a Machine, and one for a BMC: that alone keeps two changing requests to one BMC apart;
//! - who waits for a busy BMC takes no room from others, so that a dead BMC delays only the Machines behind it;
//! - being woken never puts off what was due sooner, and is not lost while the Machine's step runs.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

/// A Machine's place.
#[derive(Debug)]
enum Place {
    /// In the queue.
    Due(Instant),
    /// Due since then, and waiting for its BMC.
    Parked(Instant),
    /// Its step runs, at that BMC if it has one; to be run again at that time.
    Running { endpoint: Option<Arc<str>>, again: Option<Instant> },
}

/// A step that may begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// The Machine.
    pub(super) name: Arc<str>,
    /// How long after its time.
    pub(super) lag: Duration,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    most: usize,
    running: usize,
    places: HashMap<Arc<str>, Place>,
    due: BTreeSet<(Instant, Arc<str>)>,
    /// Who waits for a BMC that is busy; an entry, even an empty one, for each that is.
    busy: BTreeMap<Arc<str>, VecDeque<Arc<str>>>,
}

impl Queue {
    /// An empty queue that lets so many steps run at once.
    pub(super) fn new(most: usize) -> Self {
        Self { most, running: 0, places: HashMap::new(), due: BTreeSet::new(), busy: BTreeMap::new() }
    }

    /// How many Machines wait or run.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether the Machine waits or runs.
    pub(super) fn contains(&self, name: &Arc<str>) -> bool {
        self.places.contains_key(name)
    }

    /// Has a Machine looked at, at that time or sooner.
    pub(super) fn wake(&mut self, name: &Arc<str>, at: Instant) {
        match self.places.get_mut(name) {
            None => self.insert(name.clone(), at),
            Some(Place::Due(due)) if at < *due => {
                self.due.remove(&(*due, name.clone()));
                self.insert(name.clone(), at);
            }
            Some(Place::Running { again, .. }) => *again = Some(again.map_or(at, |again| again.min(at))),
            Some(Place::Due(_) | Place::Parked(_)) => {}
        }
    }

    fn insert(&mut self, name: Arc<str>, at: Instant) {
        self.due.insert((at, name.clone()));
        self.places.insert(name, Place::Due(at));
    }

    /// The next step that may begin at that time. `endpoint` tells which BMC the Machine has now.
    pub(super) fn start(&mut self, now: Instant, endpoint: impl Fn(&Arc<str>) -> Option<Arc<str>>) -> Option<Start> {
        while self.running < self.most {
            let (at, _) = self.due.first().filter(|(at, _)| *at <= now)?;
            let at = *at;
            let (_, name) = self.due.pop_first()?;
            let endpoint = endpoint(&name);
            if let Some(endpoint) = &endpoint {
                if let Some(waiting) = self.busy.get_mut(endpoint) {
                    waiting.push_back(name.clone());
                    self.places.insert(name, Place::Parked(at));
                    continue;
                }
                self.busy.insert(endpoint.clone(), VecDeque::new());
            }
            self.places.insert(name.clone(), Place::Running { endpoint, again: None });
            self.running += 1;
            return Some(Start { name, lag: now.saturating_duration_since(at) });
        }
        None
    }

    /// A step ended; the Machine is to be looked at again at that time. None: only when it is woken.
    pub(super) fn finished(&mut self, name: &Arc<str>, next: Option<Instant>) {
        let Some(Place::Running { endpoint, again }) = self.places.remove(name) else { return };
        self.running -= 1;
        if let Some(at) = next.into_iter().chain(again).min() {
            self.insert(name.clone(), at);
        }
        // All of them go back to their old times, and the first of them is next at that BMC.
        for waiting in endpoint.and_then(|endpoint| self.busy.remove(&endpoint)).unwrap_or_default() {
            if let Some(Place::Parked(at)) = self.places.get(&waiting) {
                let at = *at;
                self.insert(waiting, at);
            }
        }
    }

    /// When the next step is due that may begin; none while as many run as may.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().filter(|_| self.running < self.most).map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests;
