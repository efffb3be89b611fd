//! The end of a namespace: everything in it is deleted, then the finalizer `kubernetes` is removed and it goes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use super::{
    RETRY,
    follow::{Follower, Seen},
    write::{self, Policy, delete, settle, update},
};
use crate::{
    kinds::{Registry, crd::status::set_condition, namespace::FINALIZER},
    object,
    store::{Change, CommitError, EventKind, Key, Store, Stored},
};

/// What is left in a namespace.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Remains {
    /// Objects, by resource.
    resources: BTreeMap<String, usize>,
    /// Objects, by a finalizer that holds them.
    finalizers: BTreeMap<String, usize>,
}

/// The namespace's next state given what is left in it; `None` when it is as it should be.
pub(super) fn next_state(namespace: &Value, remains: &Remains, now: &str) -> Option<Change> {
    if !object::is_deleting(namespace) {
        return None;
    }
    let mut next = namespace.clone();
    mark(&mut next, remains, now);
    if remains.resources.is_empty()
        && let Some(list) = next.pointer_mut("/spec/finalizers").and_then(Value::as_array_mut)
    {
        list.retain(|f| f != FINALIZER);
    }
    let change = settle(next);
    // Finalizers of others may keep it for long: what is written already is not written again.
    match &change {
        Change::Put(next) if next == namespace => None,
        _ => Some(change),
    }
}

/// Says in the status that the namespace is ending, and what holds it.
fn mark(next: &mut Value, remains: &Remains, now: &str) {
    if !next["status"].is_object() {
        next["status"] = serde_json::json!({});
    }
    next["status"]["phase"] = "Terminating".into();
    let list = |map: &BTreeMap<String, usize>, what: &str| {
        map.iter().map(|(name, n)| format!("{name} {what} {n} resource instances")).collect::<Vec<_>>().join(", ")
    };
    let left = !remains.resources.is_empty();
    let (reason, message) = if left {
        ("SomeResourcesRemain", format!("Some resources are remaining: {}", list(&remains.resources, "has")))
    } else {
        ("ContentRemoved", "All content successfully removed".to_owned())
    };
    set_condition(next, "NamespaceContentRemaining", left, reason, &message, now);
    let held = !remains.finalizers.is_empty();
    let (reason, message) = if held {
        let finalizers = list(&remains.finalizers, "in");
        ("SomeFinalizersRemain", format!("Some content in the namespace has finalizers remaining: {finalizers}"))
    } else {
        ("ContentHasNoFinalizers", "All content-preserving finalizers finished".to_owned())
    };
    set_condition(next, "NamespaceFinalizersRemaining", held, reason, &message, now);
}

/// Deletes what is in the namespace and says what is left.
async fn sweep(store: &Store, registry: &Registry, namespace: &str, now: &str) -> Result<Remains, CommitError> {
    let mut remains = Remains::default();
    for r in registry.stored().iter().filter(|r| r.namespaced) {
        for stored in store.list(&r.storage, Some(namespace)).items {
            update(store, &stored.key, "", |o| delete(o, Policy::Background, now)).await?;
        }
        for stored in store.list(&r.storage, Some(namespace)).items {
            *remains.resources.entry(format!("{}.{}", r.plural, r.group)).or_default() += 1;
            for f in object::finalizers(&stored.object()) {
                *remains.finalizers.entry(f).or_default() += 1;
            }
        }
    }
    Ok(remains)
}

/// Brings an ending namespace forward. Says whether there is nothing more to do for it.
async fn process(store: &Store, registry: &Registry, key: &Key) -> Result<bool, CommitError> {
    let deleting = |s: &Arc<Stored>| object::is_deleting(&s.object());
    if !store.get(key).as_ref().is_some_and(deleting) {
        return Ok(true);
    }
    let now = write::text(jiff::Timestamp::now());
    // First of all clients see that it ends, also when sweeping takes long.
    update(store, key, "", |mut n| {
        let begins = object::is_deleting(&n) && n["status"]["phase"] != "Terminating" && n["status"].is_object();
        begins.then(|| {
            n["status"]["phase"] = "Terminating".into();
            Change::Put(n)
        })
    })
    .await?;
    let remains = sweep(store, registry, &key.name, &now).await?;
    update(store, key, "", |n| next_state(&n, &remains, &now)).await?;
    Ok(store.get(key).is_none())
}

/// Runs until dropped.
pub(super) async fn run(store: Store, registry: Arc<Registry>) {
    let mut follower = Follower::new(&store, "namespaces");
    let mut ending: BTreeSet<Key> = BTreeSet::new();
    loop {
        tokio::select! {
            seen = follower.next() => match seen {
                Seen::Listed(items) => ending = items.iter().map(|s| s.key.clone()).collect(),
                Seen::Event(e) if e.kind == EventKind::Deleted => {
                    ending.remove(&e.object.key);
                }
                Seen::Event(e) => {
                    ending.insert(e.object.key.clone());
                }
            },
            // What others' finalizers hold tells us nothing when it goes: look again.
            () = tokio::time::sleep(RETRY), if !ending.is_empty() => {}
        }
        for key in ending.clone() {
            match process(&store, &registry, &key).await {
                Ok(true) => {
                    ending.remove(&key);
                }
                Ok(false) => {}
                Err(error) => tracing::warn!(namespace = &*key.name, %error, "ending a namespace will be tried again"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
