//! The life of `CustomResourceDefinitions` beyond their writing: serving them after a restart, granting names that were
//! freed, and deleting their objects before they go.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use super::{
    RETRY,
    follow::{Follower, Seen},
    write::{self, Policy, delete, release, update},
};
use crate::{
    kinds::{
        Registry, condition_true,
        crd::{CLEANUP_FINALIZER, names::AcceptedNames, status},
        storage_name,
    },
    object,
    store::{Change, CommitError, EventKind, Key, Store},
};

const CRDS: &str = "customresourcedefinitions.apiextensions.k8s.io";

fn text<'a>(crd: &'a Value, pointer: &str) -> &'a str {
    crd.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Registers everything stored: before the first request is served.
pub(super) fn register_all(store: &Store, registry: &Registry) {
    for stored in store.list(CRDS, None).items {
        registry.register(&stored.object());
    }
}

/// A definition being deleted, given how many of its objects are left.
pub(super) fn ending(mut crd: Value, left: usize, now: &str) -> Option<Change> {
    if !object::is_deleting(&crd) {
        return None;
    }
    if left == 0 {
        return release(crd, CLEANUP_FINALIZER);
    }
    let before = crd.clone();
    let message = "CustomResource deletion is in progress";
    status::set_condition(&mut crd, "Terminating", true, "InstanceDeletionInProgress", message, now);
    (crd != before).then_some(Change::Put(crd))
}

/// A definition that waits for names, given those that others hold now.
pub(super) fn granted(mut crd: Value, others: &[AcceptedNames], now: &str) -> Option<Change> {
    if condition_true(&crd, "NamesAccepted") || object::is_deleting(&crd) {
        return None;
    }
    let before = crd.clone();
    status::settle(&mut crd, others, now);
    (crd != before).then_some(Change::Put(crd))
}

/// Deletes the objects of an ending definition, and lets it go when none is left. Says whether it is done with.
async fn clean(store: &Store, key: &Key) -> Result<bool, CommitError> {
    let Some(crd) = store.get(key).map(|s| s.object()) else { return Ok(true) };
    if !object::is_deleting(&crd) || !object::finalizers(&crd).iter().any(|f| f == CLEANUP_FINALIZER) {
        return Ok(true);
    }
    let now = write::text(jiff::Timestamp::now());
    let storage = storage_name(text(&crd, "/spec/group"), text(&crd, "/spec/names/plural"));
    for stored in store.list(&storage, None).items {
        update(store, &stored.key, "", |o| delete(o, Policy::Background, &now)).await?;
    }
    let left = store.list(&storage, None).items.len();
    update(store, key, object::uid(&crd), |c| ending(c, left, &now)).await?;
    Ok(left == 0)
}

/// Grants names to definitions that had to do without.
async fn grant(store: &Store, registry: &Registry) -> Result<(), CommitError> {
    let now = write::text(jiff::Timestamp::now());
    for stored in store.list(CRDS, None).items {
        let crd = stored.object();
        if condition_true(&crd, "NamesAccepted") {
            continue;
        }
        let others = registry.taken_names(text(&crd, "/spec/group"), object::name(&crd));
        update(store, &stored.key, object::uid(&crd), |c| granted(c, &others, &now)).await?;
    }
    Ok(())
}

/// Runs until dropped.
pub(super) async fn run(store: Store, registry: Arc<Registry>) {
    let mut follower = Follower::new(&store, CRDS);
    let mut pending: BTreeSet<Key> = BTreeSet::new();
    let mut freed = true;
    loop {
        tokio::select! {
            seen = follower.next() => match seen {
                Seen::Listed(items) => {
                    for stored in items {
                        registry.register(&stored.object());
                        pending.insert(stored.key.clone());
                    }
                    freed = true;
                }
                Seen::Event(e) => {
                    let crd = e.object.object();
                    if e.kind == EventKind::Deleted {
                        registry.unregister(&crd);
                    } else {
                        registry.register(&crd);
                        pending.insert(e.object.key.clone());
                    }
                    // Any change may free a name.
                    freed = true;
                }
            },
            () = tokio::time::sleep(RETRY), if freed || !pending.is_empty() => {}
        }
        for key in pending.clone() {
            match clean(&store, &key).await {
                Ok(true) => {
                    pending.remove(&key);
                }
                Ok(false) => {}
                Err(error) => tracing::warn!(crd = &*key.name, %error, "cleaning up will be tried again"),
            }
        }
        if freed {
            match grant(&store, &registry).await {
                Ok(()) => freed = false,
                Err(error) => tracing::warn!(%error, "granting names will be tried again"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
