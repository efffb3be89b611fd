//! The one thread that writes: it takes all waiting writes, checks them against memory overlaid with the batch so far,
//! gives out revisions, makes one durable transaction, publishes, and acknowledges, in that order.
//!
//! Invariants:
//! - nothing is published or acknowledged that is not durable;
//! - a revision that was given out once is not given out again, also when its transaction failed;
//! - after a failed transaction the file may hold the batch or not (a failing sync leaves that open). Before anything
//!   else is written, the same transaction sets back whatever the failed batch may have left ([`Repair`]).

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
    thread::JoinHandle,
};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::{
    Change, CommitError, Event, EventKind, Key, OpenError, Precondition, Stored, Window,
    disk::{Batch, Disk, Repair},
    memory::Memory,
};
use crate::object;

/// A batch is closed at this many writes or bytes: the bound of what one transaction keeps in memory.
const BATCH_WRITES: usize = 512;
const BATCH_BYTES: usize = 8 << 20;
/// Writes that may wait for the next batch; more make their callers wait.
const QUEUE: usize = 1024;

type Ack = oneshot::Sender<Result<Arc<Stored>, CommitError>>;

/// A write on its way to the thread.
pub(super) struct Write {
    pub(super) key: Key,
    pub(super) precondition: Precondition,
    pub(super) change: Change,
    pub(super) ack: Ack,
}

/// The way to the thread; dropping it ends the thread and waits until the file is closed.
pub(super) struct Handle {
    queue: Option<mpsc::Sender<Write>>,
    thread: Option<JoinHandle<()>>,
}

/// Opens the file, reads it, and starts the thread.
///
/// The thread does the reading too: it allocates the objects' successors, and an allocator with arenas per thread can
/// use the memory of what they replace only when it came from the same thread. (A third of the resident memory after a
/// restart, with glibc's.)
pub(super) fn start(dir: &Path, window: Window) -> Result<(Arc<Memory>, Handle), OpenError> {
    let (queue, waiting) = mpsc::channel(QUEUE);
    let (opened, outcome) = std::sync::mpsc::sync_channel(1);
    let folder = dir.to_owned();
    let thread = std::thread::Builder::new().name("store-writer".into()).spawn(move || {
        let (disk, memory) = match Disk::open(&folder) {
            Ok((disk, loaded)) => (disk, Arc::new(Memory::new(loaded, window))),
            Err(error) => return opened.send(Err(error)).unwrap_or(()),
        };
        let next = memory.read().revision + 1;
        let mut writer = Writer { disk, memory: Arc::clone(&memory), next, repair: None, scratch: Vec::new() };
        if opened.send(Ok(Arc::clone(&memory))).is_ok() {
            writer.run(waiting);
        }
        drop(writer);
        memory.close();
    });
    let io = |source| OpenError::Io { path: dir.display().to_string(), source };
    let handle = Handle { queue: Some(queue), thread: Some(thread.map_err(io)?) };
    let memory = outcome.recv().map_err(|_| io(std::io::Error::other("the writer thread ended while opening")))??;
    Ok((memory, handle))
}

impl Handle {
    /// Hands a write in and waits for its outcome.
    pub(super) async fn write(&self, write: impl FnOnce(Ack) -> Write) -> Result<Arc<Stored>, CommitError> {
        let stopped = || CommitError::Disk("the store has stopped".into());
        let (ack, outcome) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(write(ack)).await.map_err(|_| stopped())?;
        outcome.await.map_err(|_| stopped())?
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by the panic hook; here is nobody to tell.
            let _ = thread.join();
        }
    }
}

struct Writer {
    disk: Disk,
    memory: Arc<Memory>,
    /// The next revision to give out.
    next: u64,
    /// What a failed transaction may have left in the file.
    repair: Option<Repair>,
    /// Where objects are serialised.
    scratch: Vec<u8>,
}

/// A batch being put together.
#[derive(Default)]
struct Draft {
    events: Vec<Event>,
    acks: Vec<(Ack, Arc<Stored>)>,
    /// Writes refused by their precondition. They are told after the transaction: what refused them may be another
    /// write of this batch, which nobody may learn of before it is durable.
    refused: Vec<(Ack, CommitError)>,
    /// State of the keys that the batch touches.
    overlay: HashMap<Key, Option<Arc<Stored>>>,
    bytes: usize,
}

impl Writer {
    fn run(&mut self, mut waiting: mpsc::Receiver<Write>) {
        while let Some(first) = waiting.blocking_recv() {
            let mut draft = Draft::default();
            let mut writes = 1;
            self.plan(&mut draft, first);
            while writes < BATCH_WRITES && draft.bytes < BATCH_BYTES {
                let Ok(write) = waiting.try_recv() else { break };
                self.plan(&mut draft, write);
                writes += 1;
            }
            self.finish(draft);
        }
    }

    /// Checks one write and adds it to the draft.
    fn plan(&mut self, draft: &mut Draft, write: Write) {
        let Write { key, precondition, change, ack } = write;
        let current = match draft.overlay.get(&key) {
            Some(state) => state.clone(),
            None => self.memory.read().objects.get(&key).cloned(),
        };
        let previous = match check(&key, precondition, &change, current) {
            Ok(previous) => previous,
            Err(error) => return draft.refused.push((ack, error)),
        };
        let revision = self.next;
        self.next += 1;
        // Keys of one object share their strings over its versions; all keys of a resource share its name.
        let key = match &previous {
            Some(object) => object.key.clone(),
            None => match self.memory.read().resources.get(&key.resource) {
                Some(known) => Key { resource: Arc::clone(&known.name), ..key },
                None => key,
            },
        };
        let (kind, value) = match (change, &previous) {
            (Change::Put(value), None) => (EventKind::Added, value),
            (Change::Put(value), Some(_)) => (EventKind::Modified, value),
            (Change::Delete(value), _) => (EventKind::Deleted, value),
        };
        let object = Arc::new(stored(key.clone(), revision, value, &mut self.scratch));
        draft.bytes += object.json.len() + previous.as_ref().map_or(0, |p| p.json.len());
        draft.overlay.insert(key, (kind != EventKind::Deleted).then(|| Arc::clone(&object)));
        draft.acks.push((ack, Arc::clone(&object)));
        draft.events.push(Event { kind, object, previous });
    }

    /// Makes the draft durable, shows it, and answers everyone.
    fn finish(&mut self, draft: Draft) {
        let Draft { events, acks, refused, overlay, .. } = draft;
        if !events.is_empty()
            && let Err(error) = self.write(events, overlay)
        {
            tracing::error!(%error, writes = acks.len(), "the data folder cannot be written");
            // What refused the refused may not have happened, so they failed for the same reason.
            for ack in acks.into_iter().map(|(ack, _)| ack).chain(refused.into_iter().map(|(ack, _)| ack)) {
                // A failed send is a caller that no longer waits, here and below.
                let _ = ack.send(Err(CommitError::Disk(error.clone())));
            }
            return;
        }
        for (ack, object) in acks {
            let _ = ack.send(Ok(object));
        }
        for (ack, error) in refused {
            let _ = ack.send(Err(error));
        }
    }

    fn write(&mut self, events: Vec<Event>, overlay: HashMap<Key, Option<Arc<Stored>>>) -> Result<(), String> {
        // Also when it fails again the next batch tries again: the disk may have been cleaned up by then.
        if self.disk.recover()? == Some(self.memory.read().revision) {
            self.repair = None;
        }
        let eviction = self.memory.plan_eviction(&events);
        let batch = Batch { events: &events, eviction: &eviction, repair: self.repair.as_ref() };
        if let Err(error) = self.disk.append(&batch) {
            // Events that may be gone from the file must be gone from the window too.
            self.memory.evict(&eviction);
            self.expect_remains(overlay.into_keys());
            return Err(error);
        }
        self.repair = None;
        self.memory.publish(events, &eviction);
        Ok(())
    }

    /// Notes what the next transaction has to set back.
    fn expect_remains(&mut self, keys: impl Iterator<Item = Key>) {
        let state = self.memory.read();
        let mut objects = self.repair.take().map(|r| r.objects).unwrap_or_default();
        objects.extend(keys.map(|key| {
            let object = state.objects.get(&key).cloned();
            (key, object)
        }));
        let resources: BTreeMap<_, _> =
            state.resources.values().map(|r| (Arc::clone(&r.name), (r.changed, r.trimmed))).collect();
        self.repair = Some(Repair { revision: state.revision, objects, resources });
    }
}

/// The state that the write replaces, when its precondition holds.
fn check(
    key: &Key,
    precondition: Precondition,
    change: &Change,
    current: Option<Arc<Stored>>,
) -> Result<Option<Arc<Stored>>, CommitError> {
    match (precondition, current) {
        (Precondition::Absent, Some(_)) => Err(CommitError::Exists(key.clone())),
        (Precondition::Absent, None) if matches!(change, Change::Put(_)) => Ok(None),
        (_, None) => Err(CommitError::Missing(key.clone())),
        (Precondition::Revision(asked), Some(found)) if found.revision != asked => {
            Err(CommitError::Stale { key: key.clone(), found: found.revision })
        }
        (Precondition::Revision(_), found) => Ok(found),
    }
}

/// The object as it is kept: with its revision, and serialised.
fn stored(key: Key, revision: u64, mut value: Value, scratch: &mut Vec<u8>) -> Stored {
    object::set_meta(&mut value, "resourceVersion", &revision.to_string());
    let labels = value.pointer("/metadata/labels").map(labels).unwrap_or_default();
    // Into a scratch buffer first: a Vec that grew keeps up to twice what it holds, for the life of the object.
    scratch.clear();
    serde_json::to_writer(&mut *scratch, &value).expect("a Value has string keys only, and a Vec takes all");
    Stored { key, revision, json: Bytes::copy_from_slice(scratch), labels }
}

/// `metadata.labels` as filters see them; what is not a string cannot be selected by.
pub(super) fn labels(value: &Value) -> BTreeMap<String, String> {
    let Some(map) = value.as_object() else { return BTreeMap::new() };
    map.iter().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
}
