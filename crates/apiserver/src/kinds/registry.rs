//! Which resources are served: the built-in ones always, custom ones while their `CustomResourceDefinition` stands.
//!
//! Invariants:
//! - readers hold an immutable snapshot; a change builds a new one and swaps it;
//! - registrations arrive from the writer of a CRD and again from the watch over CRDs: the newest resourceVersion wins, so
//!   the order of arrival does not matter;
//! - the generation grows with every change of what is served, and only then.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use serde_json::Value;
use tokio::sync::watch;

use super::{Resource, builtin, crd::names::AcceptedNames, custom};
use crate::object;

/// All resources served now. Readers get a snapshot that never changes under them.
pub struct Registry {
    shared: Arc<Shared>,
}

/// The state behind the registry, which the CRD strategy sees too.
pub(super) struct Shared {
    snapshot: RwLock<Arc<Snapshot>>,
    changed: watch::Sender<u64>,
}

/// What is served at one moment.
pub(super) struct Snapshot {
    generation: u64,
    builtin: Vec<Arc<Resource>>,
    crds: BTreeMap<String, Entry>,
    all: Vec<Arc<Resource>>,
    by_plural: HashMap<String, Vec<Arc<Resource>>>,
}

#[derive(Clone)]
struct Entry {
    uid: String,
    revision: u64,
    /// What served resources are built from; an equal one needs no rebuild.
    shape: Value,
    names: AcceptedNames,
    resources: Vec<Arc<Resource>>,
}

impl Shared {
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        // A panic elsewhere cannot leave a half-made snapshot behind: the swap is one assignment.
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, crds: impl FnOnce(&Snapshot) -> Option<BTreeMap<String, Entry>>) {
        let mut slot = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(crds) = crds(&slot) {
            *slot = Arc::new(slot.with(crds));
            let generation = slot.generation;
            self.changed.send_if_modified(|seen| std::mem::replace(seen, generation) != generation);
        }
    }
}

impl Snapshot {
    fn new(builtin: Vec<Arc<Resource>>) -> Self {
        Self { generation: 0, builtin, crds: BTreeMap::new(), all: Vec::new(), by_plural: HashMap::new() }
            .with(BTreeMap::new())
    }

    fn with(&self, crds: BTreeMap<String, Entry>) -> Self {
        let mut added: Vec<_> = crds.values().flat_map(|e| e.resources.iter().cloned()).collect();
        added.sort_by(|a, b| {
            (&a.group, custom::version_rank(&a.version), &a.plural).cmp(&(
                &b.group,
                custom::version_rank(&b.version),
                &b.plural,
            ))
        });
        let all: Vec<_> = self.builtin.iter().cloned().chain(added).collect();
        let mut by_plural: HashMap<String, Vec<Arc<Resource>>> = HashMap::new();
        for r in &all {
            by_plural.entry(r.plural.clone()).or_default().push(Arc::clone(r));
        }
        let served = |m: &BTreeMap<String, Entry>| m.values().map(|e| e.shape.clone()).collect::<Vec<_>>();
        let generation = self.generation + u64::from(self.all.is_empty() || served(&crds) != served(&self.crds));
        Self { generation, builtin: self.builtin.clone(), crds, all, by_plural }
    }

    /// Names taken in `group` by others than the CRD called `except`.
    pub(super) fn taken(&self, group: &str, except: &str) -> Vec<AcceptedNames> {
        let builtin = self.builtin.iter().filter(|r| r.group == group).map(|r| AcceptedNames {
            group: r.group.clone(),
            plural: r.plural.clone(),
            singular: r.singular.clone(),
            short_names: r.short_names.clone(),
            kind: r.kind.clone(),
            list_kind: r.list_kind.clone(),
        });
        let custom = self.crds.iter().filter(|(n, e)| *n != except && e.names.group == group);
        builtin.chain(custom.map(|(_, e)| e.names.clone())).collect()
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// The built-in resources.
    pub fn new() -> Self {
        let shared = Arc::new_cyclic(|weak| {
            let builtin = builtin::resources(weak).into_iter().map(Arc::new).collect();
            Shared { snapshot: RwLock::new(Arc::new(Snapshot::new(builtin))), changed: watch::Sender::new(0) }
        });
        Self { shared }
    }

    /// A resource by group, version and plural.
    pub fn get(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        let snapshot = self.shared.snapshot();
        let found = snapshot.by_plural.get(plural)?.iter().find(|r| r.group == group && r.version == version);
        found.cloned()
    }

    /// A resource by group, version and kind, as `apiVersion` and `kind` of a document name it.
    pub fn by_kind(&self, group: &str, version: &str, kind: &str) -> Option<Arc<Resource>> {
        let snapshot = self.shared.snapshot();
        snapshot.all.iter().find(|r| r.group == group && r.version == version && r.kind == kind).cloned()
    }

    /// Everything served, in discovery order.
    pub fn all(&self) -> Vec<Arc<Resource>> {
        self.shared.snapshot().all.clone()
    }

    /// One served version of every stored resource: what a walk over all objects (garbage collection, the end of a
    /// namespace) has to look at.
    pub fn stored(&self) -> Vec<Arc<Resource>> {
        let mut seen = std::collections::BTreeSet::new();
        let snapshot = self.shared.snapshot();
        let stored = snapshot.all.iter().filter(|r| r.serves == super::Serves::Stored);
        stored.filter(|r| seen.insert(Arc::clone(&r.storage))).cloned().collect()
    }

    /// Counts changes of the set, so that caches over it (`OpenAPI`, discovery) know when to rebuild.
    pub fn generation(&self) -> u64 {
        self.shared.snapshot().generation
    }

    /// Tells of changes of the set: holds the newest generation.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// Names taken in `group` by others than the CRD called `except`.
    pub(crate) fn taken_names(&self, group: &str, except: &str) -> Vec<AcceptedNames> {
        self.shared.snapshot().taken(group, except)
    }

    /// Serves (or serves anew) what a `CustomResourceDefinition` object describes. The CRD was validated by its strategy.
    /// One that is not established yet only has its accepted names noted.
    pub fn register(&self, crd: &Value) {
        let revision = object::resource_version(crd).parse().unwrap_or(0);
        let shape = custom::shape(crd);
        self.shared.change(|now| {
            let old = now.crds.get(object::name(crd));
            if old.is_some_and(|e| e.uid == object::uid(crd) && e.revision > revision) {
                return None;
            }
            let resources = match old {
                Some(e) if e.shape == shape => e.resources.clone(),
                _ => custom::resources(crd).into_iter().map(Arc::new).collect(),
            };
            let entry =
                Entry { uid: object::uid(crd).into(), revision, shape, names: AcceptedNames::of(crd), resources };
            let mut crds = now.crds.clone();
            crds.insert(object::name(crd).to_owned(), entry);
            Some(crds)
        });
    }

    /// Stops serving a CRD's resource. A successor of the same name, registered already, stays.
    pub fn unregister(&self, crd: &Value) {
        self.shared.change(|now| {
            let mut crds = now.crds.clone();
            match crds.remove(object::name(crd)) {
                Some(e) if e.uid == object::uid(crd) => Some(crds),
                _ => None,
            }
        });
    }
}

#[cfg(test)]
mod tests;
