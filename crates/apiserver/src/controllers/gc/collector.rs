//! The collector: its index of dependents, its queue, and the work on one item.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use serde_json::Value;

use super::{
    Message,
    head::{Head, Owner},
    judge::{State, Verdict, judge, without},
};
use crate::{
    controllers::write::{self, FOREGROUND, ORPHAN, delete, release, settle, update},
    kinds::{Registry, Resource},
    store::{CommitError, Key, Store},
};

/// One thing to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Work {
    /// A dependent: are its owners still there?
    Judge(Key),
    /// An owner that may be deleted in the foreground: does anything block it?
    Foreground(Key),
    /// An owner whose dependents are to be orphaned.
    Orphan(Key),
}

struct Node {
    uid: String,
    owners: Vec<Owner>,
}

pub(super) struct Collector {
    store: Store,
    registry: Arc<Registry>,
    /// Objects with owners.
    nodes: HashMap<Key, Node>,
    /// Their keys by the uids of their owners.
    dependents: HashMap<String, BTreeSet<Key>>,
    queue: VecDeque<Work>,
    failed: Vec<Work>,
}

impl Collector {
    pub(super) fn new(store: Store, registry: Arc<Registry>) -> Self {
        Self {
            store,
            registry,
            nodes: HashMap::new(),
            dependents: HashMap::new(),
            queue: VecDeque::new(),
            failed: Vec::new(),
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }
    pub(super) fn retry(&mut self) {
        self.queue.extend(self.failed.drain(..));
    }
    pub(super) fn judge_all(&mut self) {
        self.queue.extend(self.nodes.keys().cloned().map(Work::Judge));
    }

    /// Notes what a follower saw, and queues what follows from it.
    pub(super) fn take(&mut self, message: Message) {
        match message {
            Message::Seen(key, head) => self.seen(key, &head),
            Message::Gone(key, head) => self.gone(&key, &head),
            Message::Listed(resource, items) => {
                let listed: BTreeSet<&Key> = items.iter().map(|(k, _)| k).collect();
                let lost: Vec<Key> =
                    self.nodes.keys().filter(|k| k.resource == resource && !listed.contains(k)).cloned().collect();
                for key in lost {
                    self.forget(&key);
                }
                for (key, head) in items {
                    self.seen(key, &head);
                }
                // Between the lists owners may have gone without an event.
                self.judge_all();
            }
        }
    }

    fn seen(&mut self, key: Key, head: &Head) {
        if head.deleting() {
            if head.has(ORPHAN) {
                self.queue.push_back(Work::Orphan(key.clone()));
            }
            if head.has(FOREGROUND) {
                self.queue.push_back(Work::Foreground(key.clone()));
            }
        }
        let known = self.nodes.get(&key).is_some_and(|n| n.uid == head.uid && n.owners == head.owner_references);
        if known || (head.owner_references.is_empty() && !self.nodes.contains_key(&key)) {
            return;
        }
        self.forget(&key);
        if head.owner_references.is_empty() {
            return;
        }
        for owner in &head.owner_references {
            self.dependents.entry(owner.uid.clone()).or_default().insert(key.clone());
        }
        self.nodes.insert(key.clone(), Node { uid: head.uid.clone(), owners: head.owner_references.clone() });
        self.queue.push_back(Work::Judge(key));
    }

    fn gone(&mut self, key: &Key, head: &Head) {
        self.forget(key);
        if let Some(keys) = self.dependents.get(&head.uid) {
            self.queue.extend(keys.iter().cloned().map(Work::Judge));
        }
    }

    /// Takes a node out of the index. Its former owners may have waited for it.
    fn forget(&mut self, key: &Key) {
        let Some(node) = self.nodes.remove(key) else { return };
        for owner in node.owners {
            if let Some(keys) = self.dependents.get_mut(&owner.uid) {
                keys.remove(key);
                if keys.is_empty() {
                    self.dependents.remove(&owner.uid);
                }
            }
            if let Some((_, owner)) = self.locate(key, &owner) {
                self.queue.push_back(Work::Foreground(owner));
            }
        }
    }

    /// Does all that is queued.
    pub(super) async fn work(&mut self) {
        while let Some(work) = self.queue.pop_front() {
            let done = match &work {
                Work::Judge(key) => self.judge(key).await,
                Work::Foreground(key) => self.foreground(key).await,
                Work::Orphan(key) => self.orphan(key).await,
            };
            if let Err(error) = done {
                tracing::warn!(%error, "garbage collection will be tried again");
                self.failed.push(work);
            }
        }
    }

    /// Where an owner is; `None` when that cannot be said.
    fn locate(&self, dependent: &Key, owner: &Owner) -> Option<(Arc<Resource>, Key)> {
        let (group, version) = owner.api_version.split_once('/').unwrap_or(("", &owner.api_version));
        let resource = self.registry.by_kind(group, version, &owner.kind)?;
        let namespace = match (resource.namespaced, dependent.namespace.is_empty()) {
            (false, _) => "".into(),
            // A cluster-scoped object cannot have an owner in some namespace: the reference does not say in which.
            (true, true) => return None,
            // Nor can an owner be in another namespace: it is looked for in the dependent's own.
            (true, false) => Arc::clone(&dependent.namespace),
        };
        let key = Key { resource: Arc::clone(&resource.storage), namespace, name: owner.name.as_str().into() };
        Some((resource, key))
    }

    fn state(&self, dependent: &Key, owner: &Owner) -> State {
        let Some((_, key)) = self.locate(dependent, owner) else { return State::Unknown };
        let head = self.store.get(&key).map(|s| Head::of(&s)).filter(|h| h.uid == owner.uid);
        match head {
            None => State::Absent,
            Some(h) if h.deleting() && h.has(FOREGROUND) => State::Waiting,
            Some(_) => State::Solid,
        }
    }

    async fn judge(&self, key: &Key) -> Result<(), CommitError> {
        let Some(stored) = self.store.get(key) else { return Ok(()) };
        let head = Head::of(&stored);
        // One that is being deleted in the foreground must not be held by owners that wait for it in turn.
        if head.deleting() && !head.has(FOREGROUND) {
            return Ok(());
        }
        let states = head.owner_references.iter().map(|o| (o.clone(), self.state(key, o))).collect::<Vec<_>>();
        let parent = self.dependents.contains_key(&head.uid);
        match judge(&states, parent, &head.finalizers) {
            Verdict::Keep => {}
            Verdict::Drop(owners) => {
                update(&self.store, key, &head.uid, |o| without(o, &owners).map(settle)).await?;
            }
            Verdict::Delete(_) if head.deleting() => {}
            Verdict::Delete(policy) => {
                let now = write::text(jiff::Timestamp::now());
                // Only as judged: a change of the owners since is judged when it is seen.
                let owners = |o: &Value| o.pointer("/metadata/ownerReferences").cloned();
                let judged = owners(&stored.object());
                let decide = |o: Value| if owners(&o) == judged { delete(o, policy, &now) } else { None };
                let written = update(&self.store, key, &head.uid, decide);
                if written.await? {
                    tracing::debug!(
                        resource = &*key.resource,
                        namespace = &*key.namespace,
                        name = &*key.name,
                        "collected"
                    );
                }
            }
        }
        Ok(())
    }

    /// Everything in the store that names this owner.
    fn search(&self, owner: &Key, uid: &str) -> Vec<(Key, Head)> {
        let mut found = Vec::new();
        for r in self.registry.stored() {
            if !owner.namespace.is_empty() && !r.namespaced {
                continue;
            }
            let namespace = Some(&*owner.namespace).filter(|n| !n.is_empty());
            for stored in self.store.list(&r.storage, namespace).items {
                let head = Head::of(&stored);
                if head.owner_references.iter().any(|o| o.uid == uid) {
                    found.push((stored.key.clone(), head));
                }
            }
        }
        found
    }

    async fn foreground(&mut self, key: &Key) -> Result<(), CommitError> {
        let Some(head) = self.store.get(key).map(|s| Head::of(&s)) else { return Ok(()) };
        if !head.deleting() || !head.has(FOREGROUND) {
            return Ok(());
        }
        let dependents = self.search(key, &head.uid);
        let blocks = |h: &Head| h.owner_references.iter().any(|o| o.uid == head.uid && o.block_owner_deletion);
        if !dependents.iter().any(|(_, h)| blocks(h)) {
            update(&self.store, key, &head.uid, |o| release(o, FOREGROUND)).await?;
            return Ok(());
        }
        self.queue.extend(dependents.into_iter().filter(|(_, h)| !h.deleting()).map(|(k, _)| Work::Judge(k)));
        Ok(())
    }

    async fn orphan(&self, key: &Key) -> Result<(), CommitError> {
        let Some(head) = self.store.get(key).map(|s| Head::of(&s)) else { return Ok(()) };
        if !head.deleting() || !head.has(ORPHAN) {
            return Ok(());
        }
        let owner = [head.uid.clone()];
        for (dependent, h) in self.search(key, &head.uid) {
            update(&self.store, &dependent, &h.uid, |o| without(o, &owner).map(settle)).await?;
        }
        update(&self.store, key, &head.uid, |o| release(o, ORPHAN)).await?;
        Ok(())
    }
}
