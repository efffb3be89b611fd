//! A transaction that was reported as failed and is in the file all the same: a sync may fail after the data arrived.

use serde_json::json;

use super::*;
use crate::store::{Store, memory::Loaded};

const WINDOW: Window = Window { events: 4, bytes: usize::MAX };

fn key(name: &str) -> Key {
    Key { resource: "pods".into(), namespace: "default".into(), name: name.into() }
}

fn writer(dir: &Path) -> Writer {
    let (disk, loaded): (Disk, Loaded) = Disk::open(dir).unwrap();
    let memory = Arc::new(Memory::new(loaded, WINDOW));
    let next = memory.read().revision + 1;
    Writer { disk, memory, next, repair: None, scratch: Vec::new() }
}

/// A batch of (name, text), where an empty text deletes.
fn draft(writer: &mut Writer, batch: &[(&str, &str)]) -> Draft {
    let mut draft = Draft::default();
    for (name, text) in batch {
        let current = writer.memory.read().objects.get(&key(name)).map(|o| o.revision);
        let value = json!({"metadata": {"name": name}, "data": text});
        let change = if text.is_empty() { Change::Delete(value) } else { Change::Put(value) };
        let precondition = current.map_or(Precondition::Absent, Precondition::Revision);
        writer.plan(&mut draft, Write { key: key(name), precondition, change, ack: oneshot::channel().0 });
    }
    assert!(draft.refused.is_empty());
    draft
}

fn write(writer: &mut Writer, batch: &[(&str, &str)]) {
    let draft = draft(writer, batch);
    writer.write(draft.events, draft.overlay).unwrap();
}

/// Puts a batch into the file, and then treats it as failed.
fn fail_after_the_fact(writer: &mut Writer, batch: &[(&str, &str)]) {
    let draft = draft(writer, batch);
    let eviction = writer.memory.plan_eviction(&draft.events);
    writer.disk.append(&Batch { events: &draft.events, eviction: &eviction, repair: None }).unwrap();
    writer.disk.fail();
    writer.memory.evict(&eviction);
    writer.expect_remains(draft.overlay.into_keys());
}

fn content(memory: &Memory) -> Vec<(String, u64, String)> {
    let text = |o: &Stored| o.object()["data"].as_str().unwrap().to_owned();
    memory.list("pods", None).items.iter().map(|o| (o.key.name.to_string(), o.revision, text(o))).collect()
}

#[tokio::test]
async fn what_was_reported_as_failed_is_set_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(dir.path());
    write(&mut writer, &[("changed", "old"), ("deleted", "old")]);
    write(&mut writer, &[("changed", "newer")]);
    fail_after_the_fact(&mut writer, &[("changed", "phantom"), ("deleted", ""), ("created", "phantom")]);
    let visible = vec![("changed".into(), 4, "newer".into()), ("deleted".into(), 3, "old".into())];
    assert_eq!((writer.memory.read().revision, content(&writer.memory)), (4, visible));

    // 5, 6 and 7 were given out to the failed batch.
    write(&mut writer, &[("other", "x")]);
    let expected = vec![
        ("changed".into(), 4, "newer".into()),
        ("deleted".into(), 3, "old".into()),
        ("other".into(), 8, "x".into()),
    ];
    assert_eq!(content(&writer.memory), expected);
    drop(writer);

    let store = Store::open_with(dir.path(), WINDOW).unwrap();
    assert_eq!((store.revision(), content(&store.memory)), (8, expected));
    // The failed batch pushed events out of the window; what is left is complete and without it.
    let oldest = store.memory.read().resources["pods"].trimmed;
    let mut watcher = store.watch("pods", None, oldest).unwrap();
    let mut seen = Vec::new();
    while watcher.position() < 8 {
        seen.push(watcher.next().await.unwrap().object.revision);
    }
    assert_eq!((oldest, seen), (3, vec![4, 8]));
}

#[test]
fn a_failure_that_left_nothing_behind_needs_no_repair() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(dir.path());
    write(&mut writer, &[("a", "1")]);
    let lost = draft(&mut writer, &[("a", "2")]);
    writer.disk.fail();
    writer.expect_remains(lost.overlay.into_keys());
    write(&mut writer, &[("a", "3")]);
    assert!(writer.repair.is_none());
    assert_eq!(content(&writer.memory), [("a".into(), 4, "3".into())]);
}

#[test]
fn a_closed_file_refuses_until_it_opens_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(dir.path());
    write(&mut writer, &[("a", "1")]);
    writer.disk.fail();
    let file = dir.path().join("store.redb");
    std::fs::rename(&file, dir.path().join("away")).unwrap();
    let failed = draft(&mut writer, &[("a", "2")]);
    writer.write(failed.events, failed.overlay).unwrap_err();
    assert_eq!(content(&writer.memory), [("a".into(), 2, "1".into())]);
    std::fs::rename(dir.path().join("away"), &file).unwrap();
    write(&mut writer, &[("a", "3")]);
    assert_eq!(content(&writer.memory), [("a".into(), 4, "3".into())]);
}
