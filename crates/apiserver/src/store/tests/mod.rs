//! The store against its contract.

mod crash;
mod damage;
mod full_disk;
mod model;
mod window;

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use tokio::{task::JoinSet, time::timeout};

use super::*;

/// Nothing here waits longer than this unless it is broken.
const DEADLINE: Duration = Duration::from_mins(1);

fn key(resource: &str, namespace: &str, name: &str) -> Key {
    Key { resource: resource.into(), namespace: namespace.into(), name: name.into() }
}

fn object(key: &Key, text: &str) -> Value {
    json!({"metadata": {"name": &*key.name, "namespace": &*key.namespace, "labels": {"text": text}}, "data": text})
}

async fn create(store: &Store, key: &Key, text: &str) -> Result<Arc<Stored>, CommitError> {
    store.commit(key.clone(), Precondition::Absent, Change::Put(object(key, text))).await
}

async fn update(store: &Store, key: &Key, revision: u64, text: &str) -> Result<Arc<Stored>, CommitError> {
    store.commit(key.clone(), Precondition::Revision(revision), Change::Put(object(key, text))).await
}

async fn delete(store: &Store, key: &Key, revision: u64, text: &str) -> Result<Arc<Stored>, CommitError> {
    store.commit(key.clone(), Precondition::Revision(revision), Change::Delete(object(key, text))).await
}

/// The next event, which has to be there or to come.
async fn next(watcher: &mut Watcher) -> Result<Arc<Event>, WatchError> {
    timeout(DEADLINE, watcher.next()).await.expect("an event")
}

/// All events of a resource after a revision, up to the present.
async fn events(store: &Store, resource: &str, after: u64) -> Vec<Arc<Event>> {
    let mut watcher = store.watch(resource, None, after).expect("inside the window");
    let mut found = Vec::new();
    while watcher.position() < store.revision() {
        found.push(next(&mut watcher).await.expect("inside the window"));
    }
    found
}

fn names(page: &Page) -> Vec<String> {
    page.items.iter().map(|o| format!("{}/{}", o.key.namespace, o.key.name)).collect()
}

#[tokio::test]
async fn a_write_is_readable_with_its_revision_inside() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.revision(), 1);
    let k = key("configmaps", "default", "a");
    let created = create(&store, &k, "one").await.unwrap();
    assert_eq!(created.revision, 2);
    assert_eq!(created.object()["metadata"]["resourceVersion"], "2");
    assert_eq!(created.labels["text"], "one");
    assert!(Arc::ptr_eq(&created, &store.get(&k).unwrap()));
    assert_eq!(store.revision(), 2);

    let updated = update(&store, &k, 2, "two").await.unwrap();
    assert_eq!((updated.revision, store.get(&k).unwrap().object()["data"].clone()), (3, "two".into()));
    let gone = delete(&store, &k, 3, "last").await.unwrap();
    assert_eq!((gone.revision, gone.object()["metadata"]["resourceVersion"].clone()), (4, "4".into()));
    assert!(store.get(&k).is_none());
    assert_eq!(store.resource_revision("configmaps"), 4);
    assert_eq!(store.resource_revision("secrets"), 0);
}

#[tokio::test]
async fn preconditions_refuse_and_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let k = key("configmaps", "default", "a");
    assert!(matches!(update(&store, &k, 2, "x").await, Err(CommitError::Missing(found)) if found == k));
    assert!(matches!(delete(&store, &k, 2, "x").await, Err(CommitError::Missing(_))));
    let absent = store.commit(k.clone(), Precondition::Absent, Change::Delete(object(&k, "x"))).await;
    assert!(matches!(absent, Err(CommitError::Missing(_))));
    create(&store, &k, "one").await.unwrap();
    assert!(matches!(create(&store, &k, "x").await, Err(CommitError::Exists(found)) if found == k));
    assert!(matches!(update(&store, &k, 7, "x").await, Err(CommitError::Stale { found: 2, .. })));
    assert!(matches!(delete(&store, &k, 1, "x").await, Err(CommitError::Stale { found: 2, .. })));
    assert_eq!((store.revision(), store.get(&k).unwrap().labels["text"].as_str()), (2, "one"));
}

#[tokio::test]
async fn lists_are_ordered_and_bounded_by_resource_and_namespace() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let all = [("pods", "b", "1"), ("pods", "a", "2"), ("pods", "a", "10"), ("pods", "ab", "0"), ("podsx", "a", "z")];
    for (resource, namespace, name) in all {
        create(&store, &key(resource, namespace, name), "").await.unwrap();
    }
    create(&store, &key("nodes", "", "n"), "").await.unwrap();
    assert_eq!(names(&store.list("pods", None)), ["a/10", "a/2", "ab/0", "b/1"]);
    assert_eq!(names(&store.list("pods", Some("a"))), ["a/10", "a/2"]);
    assert_eq!(names(&store.list("nodes", None)), ["/n"]);
    assert_eq!(names(&store.list("pod", None)), [""; 0]);
    assert_eq!(store.list("pods", None).revision, store.revision());
}

#[tokio::test]
async fn everything_is_there_again_after_reopening_in_the_same_process() {
    let dir = tempfile::tempdir().unwrap();
    let k = key("configmaps", "default", "a");
    for round in 0..5_u64 {
        let store = Store::open(dir.path()).unwrap();
        let clone = store.clone();
        drop(store);
        assert_eq!(clone.revision(), 1 + round);
        let written = match clone.get(&k) {
            None => create(&clone, &k, "0").await.unwrap(),
            Some(now) => {
                assert_eq!(now.labels["text"], (round - 1).to_string());
                update(&clone, &k, now.revision, &round.to_string()).await.unwrap()
            }
        };
        assert_eq!(written.revision, 2 + round);
        assert_eq!(clone.resource_revision("configmaps"), 2 + round);
    }
}

#[tokio::test]
async fn writes_handed_in_before_the_last_drop_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    for i in 0..100 {
        let k = key("configmaps", "default", &i.to_string());
        let mut commit = Box::pin(create(&store, &k, "x"));
        // Polled once, so that it is in the queue, and then abandoned.
        let _ = futures::poll!(&mut commit);
    }
    drop(store);
    assert_eq!(Store::open(dir.path()).unwrap().list("configmaps", None).items.len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_conflicting_writers_wins_each_round() {
    const TASKS: u64 = 24;
    const ROUNDS: u64 = 20;
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let k = key("leases", "default", "leader");
    let mut revision = None;
    let mut revisions = BTreeSet::new();
    for round in 0..ROUNDS {
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let (store, k) = (store.clone(), k.clone());
            let precondition = revision.map_or(Precondition::Absent, Precondition::Revision);
            tasks.spawn(async move {
                let value = object(&k, &format!("{round}-{task}"));
                store.commit(k, precondition, Change::Put(value)).await
            });
        }
        let outcomes = tasks.join_all().await;
        let winners: Vec<_> = outcomes.iter().filter_map(|o| o.as_ref().ok()).collect();
        assert_eq!(winners.len(), 1, "round {round}");
        assert!(Arc::ptr_eq(winners[0], &store.get(&k).unwrap()));
        for loser in outcomes.iter().filter_map(|o| o.as_ref().err()) {
            match loser {
                CommitError::Exists(_) => assert_eq!(round, 0),
                CommitError::Stale { found, .. } => assert_eq!(*found, winners[0].revision),
                other => panic!("{other}"),
            }
        }
        revision = Some(winners[0].revision);
        assert!(revisions.insert(winners[0].revision));
    }
    let seen: Vec<u64> = events(&store, "leases", 1).await.iter().map(|e| e.object.revision).collect();
    assert_eq!(seen, revisions.into_iter().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lists_beside_writers_are_snapshots() {
    // Each task moves one object back and forth between two names; a snapshot sees every pair with at least one of
    // both, and exactly the objects that the events up to its revision leave.
    const TASKS: usize = 8;
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = store.clone();
        tasks.spawn(async move {
            let mut old: Option<Arc<Stored>> = None;
            for round in 0..40 {
                let new = key("pods", "default", &format!("{task}-{}", round % 2));
                let created = create(&store, &new, "x").await.unwrap();
                if let Some(old) = old.replace(created) {
                    delete(&store, &old.key, old.revision, "x").await.unwrap();
                }
            }
        });
    }
    let mut pages = Vec::new();
    while !tasks.is_empty() {
        pages.push(store.list("pods", None));
        let _ = tokio::time::timeout(Duration::from_millis(1), tasks.join_next()).await;
    }
    let log = events(&store, "pods", 1).await;
    assert_eq!(store.list("pods", None).items.len(), TASKS);
    for page in pages {
        let mut expected: BTreeMap<Key, u64> = BTreeMap::new();
        for event in log.iter().take_while(|e| e.object.revision <= page.revision) {
            match event.kind {
                EventKind::Deleted => expected.remove(&event.object.key),
                _ => expected.insert(event.object.key.clone(), event.object.revision),
            };
        }
        let found: Vec<_> = page.items.iter().map(|o| (o.key.clone(), o.revision)).collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "at {}", page.revision);
    }
}
