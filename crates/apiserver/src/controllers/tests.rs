//! The controllers together, over a real store.

use std::{path::Path, time::Instant};

use serde_json::{Value, json};

use super::*;
use crate::{
    object,
    store::{Change, Key, Precondition},
};

const NOW: &str = "2026-01-01T00:00:00Z";

/// A store in a folder of its own, with the controllers running over it.
pub(super) struct Cluster {
    pub(super) store: Store,
    pub(super) registry: Arc<Registry>,
    stop: CancellationToken,
    tasks: Tasks,
    _dir: tempfile::TempDir,
}

fn open(dir: &Path) -> (Store, Arc<Registry>) {
    (Store::open(dir).unwrap(), Arc::new(Registry::new()))
}

impl Cluster {
    pub(super) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, registry) = open(dir.path());
        let stop = CancellationToken::new();
        let mut tasks = Tasks::default();
        spawn(&mut tasks, &store, &registry, "the CA", &stop);
        Self { store, registry, stop, tasks, _dir: dir }
    }

    pub(super) async fn put(&self, resource: &str, object: Value) -> Key {
        let key = key(resource, object::namespace(&object), object::name(&object));
        self.store.commit(key.clone(), Precondition::Absent, Change::Put(object)).await.unwrap();
        key
    }

    pub(super) fn get(&self, key: &Key) -> Option<Value> {
        self.store.get(key).map(|s| s.object())
    }

    /// Deletes as a client would.
    pub(super) async fn delete(&self, key: &Key, policy: write::Policy) {
        write::update(&self.store, key, "", |o| write::delete(o, policy, NOW)).await.unwrap();
    }

    pub(super) async fn change(&self, key: &Key, change: impl Fn(&mut Value)) {
        let decide = |mut o: Value| {
            change(&mut o);
            Some(write::settle(o))
        };
        assert!(write::update(&self.store, key, "", decide).await.unwrap());
    }

    pub(super) async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !holds() {
            assert!(Instant::now() < deadline, "never happened: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn until_gone(&self, key: &Key) {
        self.until(&format!("{key:?} is gone"), || self.store.get(key).is_none()).await;
    }
}

pub(super) fn key(resource: &str, namespace: &str, name: &str) -> Key {
    Key { resource: resource.into(), namespace: namespace.into(), name: name.into() }
}

pub(super) fn config_map(name: &str, owners: &[(&str, &str, bool)]) -> Value {
    let owners: Vec<Value> = owners
        .iter()
        .map(|(name, uid, block)| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid, "blockOwnerDeletion": block})
        })
        .collect();
    let mut meta = json!({"name": name, "namespace": "x", "uid": format!("uid-{name}")});
    if !owners.is_empty() {
        meta["ownerReferences"] = owners.into();
    }
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
}

pub(super) fn namespace(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "uid": format!("ns-{name}")},
        "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn controllers_end_when_told() {
    let mut c = Cluster::start();
    c.put("namespaces", namespace("x")).await;
    c.until("the namespace has its account", || c.store.get(&key("serviceaccounts", "x", "default")).is_some()).await;
    c.stop.cancel();
    while let Some(ended) = c.tasks.next_ended().await {
        assert!(!ended.panicked, "{ended}");
    }
}

#[test]
fn deletion_marks_what_is_held_and_removes_the_rest() {
    use write::{Policy, delete, release};
    let plain = config_map("a", &[]);
    assert!(matches!(delete(plain.clone(), Policy::Background, NOW), Some(Change::Delete(_))));
    let Some(Change::Put(marked)) = delete(plain, Policy::Foreground, NOW) else { panic!("foreground waits") };
    assert_eq!(marked["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    assert_eq!(marked["metadata"]["deletionTimestamp"], NOW);
    assert!(delete(marked.clone(), Policy::Background, NOW).is_none(), "it was marked before");
    assert!(release(marked.clone(), "other").is_none());
    assert!(matches!(release(marked, "foregroundDeletion"), Some(Change::Delete(_))));
    let Some(Change::Put(ns)) = delete(namespace("x"), Policy::Background, NOW) else { panic!("held by its spec") };
    assert_eq!(ns["metadata"]["deletionTimestamp"], NOW);
}
