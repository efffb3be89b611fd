//! What readers see: the current objects and the event window, behind one lock.
//!
//! Invariants:
//! - only the writer thread changes it, and only with what is durable already;
//! - `order` holds one entry for each event of all `Resource::events`, by ascending revision;
//! - a resource's events after its `trimmed` revision are complete, so undoing them from the current objects gives the
//!   state at any revision from `trimmed` on;
//! - the lock is held for the time of cloning pointers, never over I/O or (de)serialising.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use tokio::sync::watch;

use super::{Event, EventKind, Key, Page, Stored, WatchError, Window};

/// The readers' view, shared by the store's clones, its watchers and the writer thread.
pub(super) struct Memory {
    window: Window,
    state: RwLock<State>,
}

/// What the lock guards.
pub(super) struct State {
    /// The newest durable revision.
    pub(super) revision: u64,
    /// The current objects.
    pub(super) objects: BTreeMap<Key, Arc<Stored>>,
    /// The event window, by resource, so that watchers of a quiet resource never look at the events of a busy one.
    pub(super) resources: HashMap<Arc<str>, Resource>,
    /// All events of the window in order, for eviction.
    order: VecDeque<Slot>,
    /// Sum of the slots' bytes.
    bytes: usize,
    /// The writer has ended: no event will follow.
    pub(super) closed: bool,
}

/// One resource's part of the window.
pub(super) struct Resource {
    /// Its name, shared by all its keys.
    pub(super) name: Arc<str>,
    /// Revision of its last change.
    pub(super) changed: u64,
    /// Revision of the newest of its events that left the window: the oldest revision a watch may resume from.
    pub(super) trimmed: u64,
    /// Its events, by ascending revision.
    pub(super) events: VecDeque<Arc<Event>>,
    /// Wakes its watchers.
    pub(super) wake: watch::Sender<()>,
}

/// An event's place in the order of eviction.
struct Slot {
    revision: u64,
    resource: Arc<str>,
    bytes: usize,
}

/// What the file held.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) revision: u64,
    pub(super) objects: BTreeMap<Key, Arc<Stored>>,
    /// `changed` and `trimmed` of each resource.
    pub(super) resources: BTreeMap<Arc<str>, (u64, u64)>,
    /// The window, by ascending revision.
    pub(super) events: Vec<Event>,
}

/// Events that have to leave the window so that a batch fits.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Eviction {
    count: usize,
    /// The new `trimmed` revision of each resource concerned.
    pub(super) trimmed: BTreeMap<Arc<str>, u64>,
    /// Events at or below this revision go.
    pub(super) up_to: u64,
}

/// What an event costs beyond the current objects: the states that only it keeps alive, and its own overhead.
fn cost(event: &Event) -> usize {
    const OVERHEAD: usize = 256;
    let previous = event.previous.as_ref().map_or(0, |p| p.json.len());
    let last = if event.kind == EventKind::Deleted { event.object.json.len() } else { 0 };
    OVERHEAD + previous + last
}

impl Resource {
    fn new(name: Arc<str>, changed: u64, trimmed: u64) -> Self {
        Self { name, changed, trimmed, events: VecDeque::new(), wake: watch::Sender::new(()) }
    }

    /// Its events after a revision.
    pub(super) fn after(&self, revision: u64) -> impl DoubleEndedIterator<Item = &Arc<Event>> {
        let start = self.events.partition_point(|e| e.object.revision <= revision);
        self.events.range(start..)
    }
}

impl State {
    /// The resource's part of the window, begun when it is new.
    pub(super) fn resource(&mut self, name: &str) -> &mut Resource {
        if !self.resources.contains_key(name) {
            let name: Arc<str> = name.into();
            self.resources.insert(Arc::clone(&name), Resource::new(name, 0, 0));
        }
        self.resources.get_mut(name).expect("just inserted")
    }

    fn append(&mut self, event: Arc<Event>) {
        let revision = event.object.revision;
        let bytes = cost(&event);
        let resource = self.resource(&event.object.key.resource);
        resource.changed = revision;
        resource.events.push_back(event);
        let resource = Arc::clone(&resource.name);
        self.order.push_back(Slot { revision, resource, bytes });
        self.bytes += bytes;
        self.revision = revision;
    }

    /// The current objects of a resource, in one namespace or all.
    fn objects_of<'a>(
        &'a self,
        resource: &'a str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Arc<Stored>> + 'a {
        let first = Key { resource: resource.into(), namespace: namespace.unwrap_or_default().into(), name: "".into() };
        self.objects
            .range(first..)
            .take_while(move |(key, _)| *key.resource == *resource && namespace.is_none_or(|n| *key.namespace == *n))
            .map(|(_, object)| object)
    }
}

impl Memory {
    pub(super) fn new(loaded: Loaded, window: Window) -> Self {
        let mut state = State {
            revision: loaded.revision,
            objects: loaded.objects,
            resources: HashMap::new(),
            order: VecDeque::with_capacity(loaded.events.len()),
            bytes: 0,
            closed: false,
        };
        for (name, (changed, trimmed)) in loaded.resources {
            state.resources.insert(Arc::clone(&name), Resource::new(name, changed, trimmed));
        }
        for event in loaded.events {
            state.append(Arc::new(event));
        }
        state.revision = loaded.revision;
        Self { window, state: RwLock::new(state) }
    }

    // Nothing that runs under the lock leaves a half-made change behind when it panics on an invariant, so a poisoned
    // lock is not worth bringing every reader down.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn list(&self, resource: &str, namespace: Option<&str>) -> Page {
        let state = self.read();
        Page { revision: state.revision, items: state.objects_of(resource, namespace).cloned().collect() }
    }

    pub(super) fn list_at(&self, resource: &str, namespace: Option<&str>, revision: u64) -> Result<Page, WatchError> {
        let (current, undo) = {
            let state = self.read();
            let current: Vec<_> = state.objects_of(resource, namespace).cloned().collect();
            let undo: Vec<_> = match check_window(&state, resource, revision)? {
                Some(found) => found.after(revision).rev().filter(|e| in_namespace(e, namespace)).cloned().collect(),
                None => Vec::new(),
            };
            (current, undo)
        };
        if undo.is_empty() {
            return Ok(Page { revision, items: current });
        }
        let mut objects: BTreeMap<&Key, Arc<Stored>> = current.iter().map(|o| (&o.key, Arc::clone(o))).collect();
        // From the newest to the oldest, so that what stays is the state before the first change after `revision`.
        for event in &undo {
            match &event.previous {
                Some(before) => objects.insert(&event.object.key, Arc::clone(before)),
                None => objects.remove(&event.object.key),
            };
        }
        Ok(Page { revision, items: objects.into_values().collect() })
    }

    /// Which events make room for a batch, oldest first. A batch never evicts its own events: the window may be
    /// over its bounds by one batch.
    pub(super) fn plan_eviction(&self, batch: &[Event]) -> Eviction {
        let state = self.read();
        let mut events = state.order.len() + batch.len();
        let mut bytes = state.bytes + batch.iter().map(cost).sum::<usize>();
        let mut eviction = Eviction::default();
        for slot in &state.order {
            if events <= self.window.events && bytes <= self.window.bytes {
                break;
            }
            events -= 1;
            bytes -= slot.bytes;
            eviction.count += 1;
            eviction.up_to = slot.revision;
            eviction.trimmed.insert(Arc::clone(&slot.resource), slot.revision);
        }
        eviction
    }

    /// Drops the events of a plan made since the last change.
    pub(super) fn evict(&self, eviction: &Eviction) {
        // Freed after the lock is released: the last reference to thousands of objects may be here.
        let mut garbage = Vec::with_capacity(eviction.count);
        let mut state = self.write();
        let state = &mut *state;
        for slot in state.order.drain(..eviction.count) {
            state.bytes -= slot.bytes;
            if let Some(resource) = state.resources.get_mut(&slot.resource) {
                garbage.extend(resource.events.pop_front());
                resource.trimmed = slot.revision;
            }
        }
    }

    /// Shows a durable batch to readers and watchers, all at once.
    pub(super) fn publish(&self, batch: Vec<Event>, eviction: &Eviction) {
        self.evict(eviction);
        let mut touched: Vec<Arc<str>> = Vec::new();
        {
            let mut state = self.write();
            for event in batch {
                let key = &event.object.key;
                if !touched.contains(&key.resource) {
                    touched.push(Arc::clone(&key.resource));
                }
                match event.kind {
                    EventKind::Deleted => state.objects.remove(key),
                    EventKind::Added | EventKind::Modified => {
                        state.objects.insert(key.clone(), Arc::clone(&event.object))
                    }
                };
                state.append(Arc::new(event));
            }
        }
        let state = self.read();
        for resource in touched.iter().filter_map(|name| state.resources.get(name)) {
            resource.wake.send_replace(());
        }
    }

    /// No more events: watchers end.
    pub(super) fn close(&self) {
        self.write().closed = true;
        for resource in self.read().resources.values() {
            resource.wake.send_replace(());
        }
    }
}

/// The event is about an object of this namespace.
pub(super) fn in_namespace(event: &Event, namespace: Option<&str>) -> bool {
    namespace.is_none_or(|n| *event.object.key.namespace == *n)
}

/// The resource, when its history since `revision` is complete; `None` when it never had any.
pub(super) fn check_window<'a>(
    state: &'a State,
    resource: &str,
    revision: u64,
) -> Result<Option<&'a Resource>, WatchError> {
    if revision > state.revision {
        return Err(WatchError::Future { asked: revision, current: state.revision });
    }
    match state.resources.get(resource) {
        Some(r) if revision < r.trimmed => Err(WatchError::Expired { asked: revision, oldest: r.trimmed }),
        found => Ok(found),
    }
}
