use serde_json::json;

use super::*;
use crate::store::Key;

fn now() -> Timestamp {
    "2026-01-01T02:00:00Z".parse().unwrap()
}

#[test]
fn an_hour_after_it_was_last_seen() {
    for (event, expected) in [
        (json!({}), false),
        (json!({"metadata": {"creationTimestamp": "2026-01-01T01:00:00Z"}}), false),
        (json!({"metadata": {"creationTimestamp": "2026-01-01T00:59:59Z"}}), true),
        (
            json!({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}, "lastTimestamp": "2026-01-01T01:30:00Z"}),
            false,
        ),
        (
            json!({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
                "series": {"lastObservedTime": "2026-01-01T01:30:00.000001Z"}}),
            false,
        ),
        (
            json!({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}, "eventTime": null, "lastTimestamp": "x"}),
            true,
        ),
        (
            json!({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}, "lastTimestamp": "2036-01-01T00:00:00Z"}),
            true,
        ),
    ] {
        assert_eq!(expired(&event, now()), expected, "{event}");
    }
}

#[tokio::test]
async fn old_events_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    for (name, created) in [("old", "2026-01-01T00:00:00Z"), ("new", "2026-01-01T01:59:00Z")] {
        let key = Key { resource: "events".into(), namespace: "x".into(), name: name.into() };
        let event = json!({"metadata": {"name": name, "namespace": "x", "creationTimestamp": created}});
        store.commit(key, Precondition::Absent, Change::Put(event)).await.unwrap();
    }
    sweep(&store, now()).await.unwrap();
    let left: Vec<_> = store.list("events", None).items.iter().map(|s| s.key.name.to_string()).collect();
    assert_eq!(left, ["new"]);
}
