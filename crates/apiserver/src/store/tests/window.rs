//! Watches, lists at a revision, and the bounds of the window.

use super::*;

fn small(events: usize) -> Window {
    Window { events, bytes: usize::MAX }
}

#[tokio::test]
async fn a_watch_replays_and_follows_one_resource_and_namespace() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let (a, b) = (key("pods", "one", "a"), key("pods", "two", "b"));
    create(&store, &a, "1").await.unwrap();
    create(&store, &b, "1").await.unwrap();
    create(&store, &key("secrets", "one", "a"), "1").await.unwrap();
    let mut all = store.watch("pods", None, 1).unwrap();
    let mut two = store.watch("pods", Some("two"), 1).unwrap();
    assert_eq!(all.position(), 1);
    assert_eq!(two.position(), 2, "the first event is of another namespace");
    for expected in [2, 3] {
        assert_eq!(next(&mut all).await.unwrap().object.revision, expected);
    }
    assert_eq!(next(&mut two).await.unwrap().object.key, b);
    assert_eq!((all.position(), two.position()), (4, 4), "other resources move the position on");

    let waiting = tokio::spawn(async move { (next(&mut all).await.unwrap(), all) });
    update(&store, &a, 2, "2").await.unwrap();
    let (event, mut all) = waiting.await.unwrap();
    assert_eq!((event.kind, event.object.revision), (EventKind::Modified, 5));
    assert_eq!(event.previous.as_ref().unwrap().labels["text"], "1");
    delete(&store, &b, 3, "bye").await.unwrap();
    let event = next(&mut all).await.unwrap();
    assert_eq!((event.kind, event.object.revision), (EventKind::Deleted, 6));
    assert_eq!(event.object.object()["data"], "bye");
    assert_eq!(event.previous.as_ref().unwrap().revision, 3);
    assert_eq!(next(&mut two).await.unwrap().object.revision, 6);
}

#[tokio::test]
async fn revisions_outside_the_window_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_with(dir.path(), small(3)).unwrap();
    create(&store, &key("quiet", "", "q"), "1").await.unwrap();
    let mut quiet = store.watch("quiet", None, 2).unwrap();
    let k = key("pods", "default", "a");
    let mut lagging = store.watch("pods", None, 1).unwrap();
    let mut revision = create(&store, &k, "0").await.unwrap().revision;
    for i in 1..6 {
        revision = update(&store, &k, revision, &i.to_string()).await.unwrap().revision;
    }
    // Revisions 3 to 8 were written, 6 to 8 are kept.
    assert_eq!(revision, 8);
    let check = |store: &Store| {
        assert!(matches!(store.watch("pods", None, 4), Err(WatchError::Expired { asked: 4, oldest: 5 })));
        assert!(matches!(store.list_at("pods", None, 4), Err(WatchError::Expired { asked: 4, oldest: 5 })));
        assert!(matches!(store.watch("pods", None, 9), Err(WatchError::Future { asked: 9, current: 8 })));
        assert!(matches!(store.list_at("pods", None, 9), Err(WatchError::Future { asked: 9, current: 8 })));
        assert_eq!(store.list_at("pods", None, 5).unwrap().items[0].labels["text"], "2");
        // What happened to others does not concern a quiet resource.
        assert!(matches!(store.watch("quiet", None, 1), Err(WatchError::Expired { asked: 1, oldest: 2 })));
        assert!(store.watch("quiet", None, 2).is_ok());
        assert!(store.watch("unheard-of", None, 0).is_ok());
    };
    check(&store);
    assert!(matches!(next(&mut lagging).await, Err(WatchError::Expired { asked: 1, oldest: 5 })));
    assert_eq!(events(&store, "pods", 5).await.len(), 3);
    assert_eq!(quiet.position(), 8);

    drop(store);
    assert!(matches!(next(&mut quiet).await, Err(WatchError::Expired { .. })), "the store is closed");
    let store = Store::open_with(dir.path(), small(3)).unwrap();
    check(&store);
    let replay = events(&store, "pods", 5).await;
    assert_eq!(replay.iter().map(|e| e.object.labels["text"].as_str()).collect::<Vec<_>>(), ["3", "4", "5"]);
    assert_eq!(replay[0].previous.as_ref().unwrap().labels["text"], "2");
}

#[tokio::test]
async fn bytes_bound_the_window_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_with(dir.path(), Window { events: usize::MAX, bytes: 100_000 }).unwrap();
    let k = key("pods", "default", "a");
    let text = "x".repeat(10_000);
    let mut revision = create(&store, &k, &text).await.unwrap().revision;
    for _ in 0..50 {
        revision = update(&store, &k, revision, &text).await.unwrap().revision;
    }
    let Err(WatchError::Expired { oldest, .. }) = store.watch("pods", None, 1) else {
        panic!("the first events are long gone")
    };
    let kept = revision - oldest;
    // Each state holds the text twice: as a label and as data.
    assert!((2..=5).contains(&kept), "{kept}");
    assert_eq!(events(&store, "pods", oldest).await.len() as u64, kept);
}

#[tokio::test]
async fn a_smaller_window_at_reopening_trims_with_the_next_write() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    for i in 0..20 {
        create(&store, &key("pods", "default", &i.to_string()), "x").await.unwrap();
    }
    drop(store);
    let store = Store::open_with(dir.path(), small(5)).unwrap();
    assert_eq!(events(&store, "pods", 1).await.len(), 20);
    create(&store, &key("pods", "default", "last"), "x").await.unwrap();
    assert!(matches!(store.watch("pods", None, 16), Err(WatchError::Expired { oldest: 17, .. })));
    assert_eq!(events(&store, "pods", 17).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_watchers_all_see_everything_in_order() {
    const WATCHERS: usize = 200;
    const WRITES: usize = 300;
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let mut watchers = JoinSet::new();
    for i in 0..WATCHERS {
        let namespace = (i % 2 == 0).then_some("even");
        let mut watcher = store.watch("pods", namespace, 1).unwrap();
        watchers.spawn(async move {
            let expected = if namespace.is_some() { WRITES / 2 } else { WRITES };
            let (mut seen, mut last) = (0, 1);
            while seen < expected {
                let event = next(&mut watcher).await.unwrap();
                assert!(event.object.revision > last);
                last = event.object.revision;
                seen += 1;
            }
            watcher.position()
        });
    }
    for i in 0..WRITES {
        let namespace = if i % 2 == 0 { "even" } else { "odd" };
        create(&store, &key("pods", namespace, &i.to_string()), "x").await.unwrap();
        create(&store, &key("noise", namespace, &i.to_string()), "x").await.unwrap();
    }
    let positions = watchers.join_all().await;
    assert_eq!(positions.len(), WATCHERS);
    assert!(positions.iter().all(|p| *p <= store.revision() && *p > 2 * WRITES as u64 - 4));
}

#[tokio::test]
async fn the_file_does_not_grow_with_the_number_of_writes() {
    let dir = tempfile::tempdir().unwrap();
    let window = Window { events: 50, bytes: 1 << 20 };
    let store = Store::open_with(dir.path(), window).unwrap();
    let text = "x".repeat(2_000);
    let keys: Vec<_> = (0..20).map(|i| key("pods", "default", &i.to_string())).collect();
    for k in &keys {
        create(&store, k, &text).await.unwrap();
    }
    let churn = async |rounds: usize| {
        for _ in 0..rounds {
            let writes = keys.iter().map(|k| update(&store, k, store.get(k).unwrap().revision, &text));
            futures::future::try_join_all(writes).await.unwrap();
        }
        std::fs::metadata(dir.path().join("store.redb")).unwrap().len()
    };
    let settled = churn(30).await;
    let later = churn(150).await;
    assert!(later <= settled + settled / 2, "{settled} bytes grew to {later}");
}
