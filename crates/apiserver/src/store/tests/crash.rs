//! `kill -9` in the middle of a storm of writes: nothing acknowledged is lost, and resumed watches miss nothing.

use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader, Write as _},
    process::{Command, Stdio},
};

use super::*;

/// Names the data folder to the child.
const FOLDER: &str = "STORE_TEST_STORM";
const TASKS: usize = 8;

/// Not a test of its own but the victim: this binary runs itself with only this "test".
#[test]
fn storm() {
    let Some(dir) = env::var_os(FOLDER) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(Path::new(&dir)).unwrap();
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            tasks.spawn(write_forever(store.clone(), task));
        }
        tasks.join_all().await;
    });
}

async fn write_forever(store: Store, task: usize) {
    for step in 0_u64.. {
        let k = key("pods", "default", &format!("{task}-{}", step * 7 % 5));
        let text = format!("{task}/{step}/{}", "x".repeat(usize::try_from(step % 50).unwrap() * 40));
        let (word, written) = match store.get(&k) {
            None => ("put", create(&store, &k, &text).await),
            Some(now) if step % 9 == 0 => ("delete", delete(&store, &k, now.revision, &text).await),
            Some(now) => ("put", update(&store, &k, now.revision, &text).await),
        };
        let revision = written.unwrap().revision;
        // One line, one write to the pipe: a killed process leaves whole lines, but for the last.
        writeln!(std::io::stdout().lock(), "ack {revision} {word} {}", k.name).unwrap();
    }
}

/// Starts the storm, kills it after that many acknowledgements, and returns all that it had acknowledged.
fn interrupted_storm(dir: &Path, kill_after: usize) -> Vec<(u64, String, String)> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "store::tests::crash::storm", "--nocapture", "--test-threads=1"])
        .env(FOLDER, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut acks = Vec::new();
    let mut killed = false;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).unwrap() == 0 || !line.ends_with('\n') {
            break;
        }
        // The test harness may have begun a line of its own.
        if let Some((_, ack)) = line.trim_end().split_once("ack ") {
            let mut words = ack.split(' ').map(str::to_owned);
            let revision = words.next().unwrap().parse().unwrap();
            acks.push((revision, words.next().unwrap(), words.next().unwrap()));
        }
        if acks.len() >= kill_after && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    assert!(killed, "the storm ended by itself after {} writes", acks.len());
    acks
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged: BTreeMap<u64, (String, String)> = BTreeMap::new();
    for kill_after in [1, 50, 333, 8, 512, 100] {
        let before = acknowledged.keys().next_back().copied().unwrap_or(1);
        for (revision, word, name) in interrupted_storm(dir.path(), kill_after) {
            assert!(revision > before, "revision {revision} was given out twice");
            assert!(acknowledged.insert(revision, (word, name)).is_none());
        }
        let store = Store::open(dir.path()).unwrap();
        assert!(store.revision() >= *acknowledged.keys().next_back().unwrap());

        // The log is complete, in order, and consistent with itself and with the objects.
        let log = events(&store, "pods", 1).await;
        let mut state: BTreeMap<Key, Arc<Stored>> = BTreeMap::new();
        let mut by_revision = HashMap::new();
        let mut last = 1;
        for event in &log {
            let object = &event.object;
            assert!(object.revision > last);
            last = object.revision;
            assert_eq!(object.object()["metadata"]["resourceVersion"], last.to_string());
            let previous = match event.kind {
                EventKind::Deleted => state.remove(&object.key),
                _ => state.insert(object.key.clone(), Arc::clone(object)),
            };
            assert_eq!(event.previous.as_ref().map(|o| &o.json), previous.as_ref().map(|o| &o.json));
            by_revision.insert(last, event);
        }
        assert_eq!(last, store.revision());
        let found = store.list("pods", None);
        assert!(found.items.iter().map(|o| &o.json).eq(state.values().map(|o| &o.json)));
        for (revision, (word, name)) in &acknowledged {
            let event = by_revision.get(revision).unwrap_or_else(|| panic!("write {revision} is lost"));
            let kind = if event.kind == EventKind::Deleted { "delete" } else { "put" };
            assert_eq!((kind, &*event.object.key.name), (word.as_str(), name.as_str()));
        }

        // A watch resumed from any acknowledged revision gets the rest.
        for revision in acknowledged.keys().step_by(1 + acknowledged.len() / 20) {
            let rest = events(&store, "pods", *revision).await;
            let expected = log.iter().filter(|e| e.object.revision > *revision);
            assert!(rest.iter().map(|e| e.object.revision).eq(expected.map(|e| e.object.revision)));
        }
    }
    assert!(acknowledged.len() > 1_000);
}
