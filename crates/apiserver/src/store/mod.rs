//! The durable, revisioned key space: one redb file, an in-memory map of the current objects, and a window of recent
//! events for watches.
//!
//! | module | role |
//! |---|---|
//! | `disk` | the redb file: open, create, load, one transaction per batch |
//! | `memory` | what readers see: objects, and the event window by resource |
//! | `writer` | the one thread that writes: preconditions, revisions, group commit |
//! | `watch` | a position in the window |
//!
//! Invariants:
//! - a write is acknowledged only after its transaction is on disk (group commit: one fsync for all writes waiting);
//! - revisions are one strictly increasing sequence for the whole store, and never go backwards, also over restarts;
//! - readers and watchers see only what is durable, in revision order;
//! - the event window is durable too: a watch resumed after a restart misses nothing that is still inside the window;
//! - a batch whose transaction fails leaves nothing visible. Its revisions are not given out again: a gap is allowed,
//!   a second meaning of one number is not.

mod disk;
mod memory;
#[cfg(test)]
mod tests;
mod watch;
mod writer;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use bytes::Bytes;
use serde_json::Value;

pub use self::watch::Watcher;
use self::{
    memory::Memory,
    writer::{Handle, Write},
};

/// Where an object lives. `resource` is the storage name: `configmaps`, `machines.example.com`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Storage name of the resource.
    pub resource: Arc<str>,
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

/// A stored object: its JSON as it is served, and what filters need of it. Shared, never changed.
#[derive(Debug)]
pub struct Stored {
    /// Its key.
    pub key: Key,
    /// Revision of the write that made it; equals `metadata.resourceVersion` inside `json`.
    pub revision: u64,
    /// The object as compact JSON.
    pub json: Bytes,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
}

impl Stored {
    /// The object parsed.
    pub fn object(&self) -> Value {
        serde_json::from_slice(&self.json).expect("the store serialised it")
    }
}

/// What must hold for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// The key does not exist.
    Absent,
    /// The key exists at exactly this revision.
    Revision(u64),
}

/// A write. The store sets `metadata.resourceVersion`.
#[derive(Debug)]
pub enum Change {
    /// The object's new state.
    Put(Value),
    /// Removal; the value is the object's last state, shown by the DELETED event (with the revision of the deletion).
    Delete(Value),
}

/// Why a write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The key exists already.
    #[error("{0:?} exists already")]
    Exists(Key),
    /// The key is not there.
    #[error("{0:?} does not exist")]
    Missing(Key),
    /// The key is at another revision.
    #[error("{key:?} is at revision {found}")]
    Stale {
        /// The key.
        key: Key,
        /// Its revision.
        found: u64,
    },
    /// The disk refused (full, read-only, failing). The write did not happen and nothing of it is visible.
    #[error("the data folder cannot be written: {0}")]
    Disk(String),
}

/// Why the store did not open; each message names the file and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds the data folder.
    #[error("{path} is in use by another process: stop it, or choose another data folder")]
    Locked {
        /// The file.
        path: String,
    },
    /// The file is not a store, or damaged.
    #[error("{path} is damaged and cannot be opened: restore it from a backup, or move it away to begin anew")]
    Corrupt {
        /// The file.
        path: String,
        /// What the database said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A newer version of this program wrote the file, in a layout that this one does not know.
    #[error("{path} has layout {found}, this version reads up to {supported}: run the newer version that wrote it")]
    Newer {
        /// The file.
        path: String,
        /// The layout it has.
        found: u64,
        /// The newest layout known here.
        supported: u64,
    },
    /// The folder cannot be created or read.
    #[error("{path} cannot be used")]
    Io {
        /// The file or folder.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// It was created.
    Added,
    /// It changed.
    Modified,
    /// It was removed.
    Deleted,
}

/// One change, as watches see it.
#[derive(Debug)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The new state, or the last one for `Deleted`; its revision is the event's.
    pub object: Arc<Stored>,
    /// The state before, for selectors that an object enters or leaves.
    pub previous: Option<Arc<Stored>>,
}

/// The asked revision is older than the kept window (410 Expired), or newer than anything written.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// Older than the window, which begins at `.oldest`.
    #[error("too old resource version: {asked} ({oldest})")]
    Expired {
        /// The revision asked for.
        asked: u64,
        /// The oldest revision kept.
        oldest: u64,
    },
    /// Not reached yet.
    #[error("Too large resource version: {asked}, current: {current}")]
    Future {
        /// The revision asked for.
        asked: u64,
        /// The current one.
        current: u64,
    },
}

/// A page of a list: objects in key order at one revision.
#[derive(Debug)]
pub struct Page {
    /// The store's revision that the page shows.
    pub revision: u64,
    /// The objects.
    pub items: Vec<Arc<Stored>>,
}

/// How much history is kept for watches and lists at a revision. Older events go first, when either bound is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Number of events.
    pub events: usize,
    /// Bytes that those events hold in memory and on disk, beyond the current objects.
    pub bytes: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { events: 50_000, bytes: 32 << 20 }
    }
}

/// The store. Cheap to clone; the last clone's drop writes what was handed in and closes the file.
#[derive(Clone)]
pub struct Store {
    memory: Arc<Memory>,
    writer: Arc<Handle>,
}

impl Store {
    /// Opens or creates the store in `dir` (which is created, mode 0700).
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_with(dir, Window::default())
    }

    /// Opens with a window of another size than the default.
    pub fn open_with(dir: &Path, window: Window) -> Result<Self, OpenError> {
        let (memory, writer) = writer::start(dir, window)?;
        Ok(Self { memory, writer: Arc::new(writer) })
    }

    /// The newest durable revision; at least 1.
    pub fn revision(&self) -> u64 {
        self.memory.read().revision
    }

    /// One object.
    pub fn get(&self, key: &Key) -> Option<Arc<Stored>> {
        self.memory.read().objects.get(key).cloned()
    }

    /// All objects of a resource, in one namespace or in all, ordered by namespace and name: a consistent snapshot.
    pub fn list(&self, resource: &str, namespace: Option<&str>) -> Page {
        self.memory.list(resource, namespace)
    }

    /// A list as it was at `revision` (for `continue` and exact-match lists): rebuilt from the current objects and the
    /// event window.
    pub fn list_at(&self, resource: &str, namespace: Option<&str>, revision: u64) -> Result<Page, WatchError> {
        self.memory.list_at(resource, namespace, revision)
    }

    /// Revision of the last change to a resource (0: never), so that caches over it know when to rebuild.
    pub fn resource_revision(&self, resource: &str) -> u64 {
        self.memory.read().resources.get(resource).map_or(0, |r| r.changed)
    }

    /// Writes durably; returns what is stored now (or was, for a deletion).
    ///
    /// A caller that stops waiting (its future is dropped) does not take the write back: it may or may not happen.
    ///
    /// # Panics
    /// When the value is not a JSON object: decoders refuse those long before.
    pub async fn commit(
        &self,
        key: Key,
        precondition: Precondition,
        change: Change,
    ) -> Result<Arc<Stored>, CommitError> {
        let (Change::Put(value) | Change::Delete(value)) = &change;
        assert!(value.is_object(), "only JSON objects are stored");
        self.writer.write(|ack| Write { key, precondition, change, ack }).await
    }

    /// Events of a resource after revision `after`, past and future. Cheap: watchers share the window.
    ///
    /// The window is judged per resource: a quiet resource's watch does not expire because others are busy.
    pub fn watch(&self, resource: &str, namespace: Option<&str>, after: u64) -> Result<Watcher, WatchError> {
        Watcher::start(&self.memory, resource, namespace, after)
    }
}
