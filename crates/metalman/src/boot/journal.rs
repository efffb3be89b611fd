//! What is seen and told of Machines' boots, on its way into their status: what DHCP, TFTP and HTTP see while a machine
//! boots, what fails there, and what machines report.
//!
//! Each Machine of which there is something to write has a mailbox, and a clerk that empties it: everything that waits there
//! goes in one write, in the order in which it was seen. Servers only put things in ([`Journal::note`]), and go on. A report
//! that must not be lost ([`Journal::write`]) is answered once it is written, and takes along what waited before it.
//!
//! Invariants: putting something in never blocks and never waits for the API server; what waits is bounded, for each
//! Machine and altogether; without a report that hurries, a Machine is written at most once in [`PACE`]; what could not be
//! written is tried again for minutes, and then counted.

mod clerk;
mod entry;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use metalman_core::api::Machine;
use tokio::{
    sync::{Notify, Semaphore, mpsc, oneshot},
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub use self::entry::Entry;
use self::entry::Filed;
use crate::{metrics::Metrics, status::StatusWriter};

/// How often a Machine is written, when nothing hurries.
const PACE: Duration = Duration::from_secs(3);
/// Machines with something to write at most: as many as boot at once.
const MAILBOXES: usize = 16_384;
/// What waits for one Machine at most.
const WAITING: usize = 32;
/// Writes under way at once; the API server keeps room for others.
const AT_ONCE: usize = 16;
/// How long what waits may still be written once the process stops.
const FLUSH: Duration = Duration::from_secs(3);

/// Why a report was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwritten {
    /// Too much waits.
    #[error("too many reports wait to be written")]
    Busy,
    /// There is no such Machine any more.
    #[error("the Machine is gone")]
    Gone,
    /// The API server did not take it, or the process stops.
    #[error("the API server is away")]
    Away,
}

/// Takes what is to be written.
#[derive(Debug)]
pub struct Journal {
    boxes: Mutex<BTreeMap<Key, Mailbox>>,
    /// Mailboxes that want a clerk.
    wanted: mpsc::Sender<Key>,
    metrics: Arc<Metrics>,
}

/// Writes what [`Journal`] takes.
#[derive(Debug)]
pub struct JournalWriter {
    journal: Arc<Journal>,
    wanted: mpsc::Receiver<Key>,
}

/// A Machine: one that was deleted and made again under its name is another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    name: String,
    uid: Option<String>,
}

#[derive(Debug, Default)]
struct Mailbox {
    filed: Vec<Filed>,
    /// Wakes the clerk before its time.
    hurry: Arc<Notify>,
}

impl Journal {
    /// A pair of both.
    pub fn new(metrics: Arc<Metrics>) -> (Arc<Self>, JournalWriter) {
        let (wanted, clerks) = mpsc::channel(MAILBOXES);
        let journal = Arc::new(Self { boxes: Mutex::default(), wanted, metrics });
        (journal.clone(), JournalWriter { journal, wanted: clerks })
    }

    /// Has it written soon; from any thread. What does not fit is counted and forgotten.
    pub fn note(&self, machine: &Machine, entry: Entry) {
        if self.file(machine, Filed { entry, at: Timestamp::now(), done: None }).is_err() {
            self.metrics.boot.unwritten("full");
        }
    }

    /// Has it written now, and waits until it is. Giving up the wait takes nothing back.
    pub async fn write(&self, machine: &Machine, entry: Entry) -> Result<(), Unwritten> {
        let (done, written) = oneshot::channel();
        self.file(machine, Filed { entry, at: Timestamp::now(), done: Some(done) })?;
        // A clerk that ended without a word was stopped.
        written.await.unwrap_or(Err(Unwritten::Away))
    }

    fn file(&self, machine: &Machine, filed: Filed) -> Result<(), Unwritten> {
        let key = Key { name: machine.name().to_owned(), uid: machine.metadata.uid.clone() };
        let mut boxes = self.lock();
        if let Some(mailbox) = boxes.get_mut(&key) {
            return mailbox.put(filed);
        }
        if boxes.len() >= MAILBOXES || self.wanted.try_send(key.clone()).is_err() {
            return Err(Unwritten::Busy);
        }
        boxes.entry(key).or_default().put(filed)
    }

    /// Everything that waits for a Machine; none when nothing does, and then its mailbox is gone.
    fn take(&self, key: &Key) -> Option<Vec<Filed>> {
        let mut boxes = self.lock();
        let mailbox = boxes.get_mut(key)?;
        if mailbox.filed.is_empty() {
            boxes.remove(key);
            return None;
        }
        Some(std::mem::take(&mut mailbox.filed))
    }

    /// Puts back what could not be written, before what came meanwhile.
    fn put_back(&self, key: &Key, mut kept: Vec<Filed>) {
        let mut boxes = self.lock();
        let mailbox = boxes.entry(key.clone()).or_default();
        kept.append(&mut mailbox.filed);
        mailbox.filed = kept;
    }

    fn hurry(&self, key: &Key) -> Option<Arc<Notify>> {
        self.lock().get(key).map(|mailbox| mailbox.hurry.clone())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Mailbox>> {
        self.boxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    fn put(&mut self, filed: Filed) -> Result<(), Unwritten> {
        if let Some(last) = self.filed.last_mut().filter(|last| filed.supersedes(last)) {
            *last = filed;
            return Ok(());
        }
        if self.filed.len() >= WAITING {
            return Err(Unwritten::Busy);
        }
        if filed.done.is_some() {
            self.hurry.notify_one();
        }
        self.filed.push(filed);
        Ok(())
    }
}

impl JournalWriter {
    /// Writes until stopped, and then for a moment what still waits.
    pub async fn run(mut self, writer: StatusWriter, stop: CancellationToken) {
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        let mut clerks = JoinSet::new();
        while let Some(Some(key)) = stop.run_until_cancelled(self.wanted.recv()).await {
            clerks.spawn(clerk::run(self.journal.clone(), key, writer.clone(), permits.clone(), stop.clone()));
            while let Some(ended) = clerks.try_join_next() {
                propagate(ended);
            }
        }
        let flush = async {
            while let Some(ended) = clerks.join_next().await {
                propagate(ended);
            }
        };
        if tokio::time::timeout(FLUSH, flush).await.is_err() {
            warn!(machines = clerks.len(), "progress of machines' boots was not written before the end");
        }
    }
}

/// A clerk's panic is the process's: its Machine would not be written any more, and nobody would know.
fn propagate(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

#[cfg(test)]
mod tests;
