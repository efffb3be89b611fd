//! Random operations and restarts, against a model that is a map and a list of events.

use proptest::prelude::*;

use super::*;

const RESOURCES: [&str; 2] = ["pods", "nodes"];
const NAMESPACES: [&str; 2] = ["", "default"];
const KEEP: usize = 12;

/// One step. Numbers choose among few keys, so that steps meet.
#[derive(Debug, Clone)]
enum Step {
    Create(u8, u8),
    /// The second number spoils the revision when it is 0.
    Update(u8, u8),
    Delete(u8, u8),
    /// Writes handed in at once, which may share a batch.
    Burst(Vec<u8>),
    Reopen,
    ListAt(u8, u8),
    Watch(u8, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => any::<(u8, u8)>().prop_map(|(k, v)| Step::Create(k, v)),
        6 => any::<(u8, u8)>().prop_map(|(k, v)| Step::Update(k, v)),
        3 => any::<(u8, u8)>().prop_map(|(k, v)| Step::Delete(k, v)),
        1 => prop::collection::vec(any::<u8>(), 1..8).prop_map(Step::Burst),
        1 => Just(Step::Reopen),
        2 => any::<(u8, u8)>().prop_map(|(r, at)| Step::ListAt(r, at)),
        2 => any::<(u8, u8)>().prop_map(|(r, at)| Step::Watch(r, at)),
    ];
    prop::collection::vec(step, 1..50)
}

fn pick(n: u8) -> Key {
    let (n, resource) = (n % 16, RESOURCES[usize::from(n % 2)]);
    key(resource, NAMESPACES[usize::from(n / 2 % 2)], &format!("n{}", n / 4))
}

type Row = (Key, u64, String);

/// What has to be visible.
#[derive(Default)]
struct Model {
    revision: u64,
    objects: BTreeMap<Key, (u64, String)>,
    /// kind, key, revision, text, text before
    log: Vec<(EventKind, Key, u64, String, Option<String>)>,
}

impl Model {
    fn put(&mut self, key: &Key, text: &str) {
        self.revision += 1;
        let before = self.objects.insert(key.clone(), (self.revision, text.to_owned())).map(|(_, text)| text);
        let kind = if before.is_some() { EventKind::Modified } else { EventKind::Added };
        self.log.push((kind, key.clone(), self.revision, text.to_owned(), before));
    }

    fn delete(&mut self, key: &Key, text: &str) {
        self.revision += 1;
        let before = self.objects.remove(key).map(|(_, text)| text);
        self.log.push((EventKind::Deleted, key.clone(), self.revision, text.to_owned(), before));
    }

    /// The newest event of the resource that left a window of `KEEP` events. Exact as long as each batch is one write.
    fn trimmed(&self, resource: &str) -> u64 {
        let gone = self.log.len().saturating_sub(KEEP);
        self.log[..gone].iter().rev().find(|e| &*e.1.resource == resource).map_or(0, |e| e.2)
    }

    fn list(&self, resource: &str, revision: u64) -> Vec<Row> {
        let mut objects: BTreeMap<Key, (u64, String)> = BTreeMap::new();
        for (kind, key, at, text, _) in self.log.iter().filter(|e| &*e.1.resource == resource && e.2 <= revision) {
            match kind {
                EventKind::Deleted => objects.remove(key),
                _ => objects.insert(key.clone(), (*at, text.clone())),
            };
        }
        objects.into_iter().map(|(key, (at, text))| (key, at, text)).collect()
    }
}

fn rows(page: &Page) -> Vec<Row> {
    page.items.iter().map(|o| (o.key.clone(), o.revision, o.object()["data"].as_str().unwrap().to_owned())).collect()
}

async fn run(steps: Vec<Step>) {
    let dir = tempfile::tempdir().unwrap();
    let window = Window { events: KEEP, bytes: usize::MAX };
    let mut store = Store::open_with(dir.path(), window).unwrap();
    let mut model = Model { revision: 1, ..Model::default() };
    for step in steps {
        match step {
            Step::Create(k, v) => {
                let (k, text) = (pick(k), v.to_string());
                match (create(&store, &k, &text).await, model.objects.contains_key(&k)) {
                    (Ok(_), false) => model.put(&k, &text),
                    (Err(CommitError::Exists(_)), true) => {}
                    (outcome, known) => panic!("{outcome:?}, known: {known}"),
                }
            }
            Step::Update(k, v) => {
                let (k, text) = (pick(k), v.to_string());
                let now = model.objects.get(&k).map(|o| o.0);
                let asked = if v == 0 { 1_000_000 } else { now.unwrap_or(5) };
                match (update(&store, &k, asked, &text).await, now) {
                    (Ok(_), Some(now)) if now == asked => model.put(&k, &text),
                    (Err(CommitError::Missing(_)), None) => {}
                    (Err(CommitError::Stale { found, .. }), Some(now)) if now != asked => assert_eq!(found, now),
                    (outcome, known) => panic!("{outcome:?}, known: {known:?}"),
                }
            }
            Step::Delete(k, v) => {
                let (k, text) = (pick(k), format!("gone{v}"));
                let now = model.objects.get(&k).map(|o| o.0);
                match (delete(&store, &k, now.unwrap_or(5), &text).await, now) {
                    (Ok(_), Some(_)) => model.delete(&k, &text),
                    (Err(CommitError::Missing(_)), None) => {}
                    (outcome, known) => panic!("{outcome:?}, known: {known:?}"),
                }
            }
            Step::Burst(keys) => {
                let keys: Vec<_> = keys.into_iter().map(pick).collect();
                let outcomes = futures::future::join_all(keys.iter().map(|k| create(&store, k, "burst"))).await;
                for (k, outcome) in keys.iter().zip(outcomes) {
                    match (outcome, model.objects.contains_key(k)) {
                        (Ok(_), false) => model.put(k, "burst"),
                        (Err(CommitError::Exists(_)), true) => {}
                        (outcome, known) => panic!("{outcome:?}, known: {known}"),
                    }
                }
            }
            Step::Reopen => {
                drop(store);
                store = Store::open_with(dir.path(), window).unwrap();
            }
            Step::ListAt(r, at) => {
                let resource = RESOURCES[usize::from(r % 2)];
                let at = u64::from(at) % (model.revision + 2);
                match store.list_at(resource, None, at) {
                    Ok(page) => {
                        assert_eq!((page.revision, rows(&page)), (at, model.list(resource, at)));
                    }
                    Err(WatchError::Future { .. }) => assert!(at > model.revision),
                    // A batch does not trim itself, so bursts leave the window a little longer than the model's.
                    Err(WatchError::Expired { .. }) => assert!(at < model.trimmed(resource)),
                }
            }
            Step::Watch(r, at) => {
                let resource = RESOURCES[usize::from(r % 2)];
                let at = u64::from(at) % (model.revision + 2);
                match store.watch(resource, None, at) {
                    Ok(_) => replay(&store, &model, resource, at).await,
                    Err(WatchError::Future { .. }) => assert!(at > model.revision),
                    Err(WatchError::Expired { .. }) => assert!(at < model.trimmed(resource)),
                }
            }
        }
        assert_eq!(store.revision(), model.revision);
        for resource in RESOURCES {
            assert_eq!(rows(&store.list(resource, None)), model.list(resource, u64::MAX));
            let changed = model.log.iter().rev().find(|e| &*e.1.resource == resource).map_or(0, |e| e.2);
            assert_eq!(store.resource_revision(resource), changed);
            // What is inside the window by count has to be there, whatever happened.
            replay(&store, &model, resource, model.trimmed(resource)).await;
        }
    }
}

async fn replay(store: &Store, model: &Model, resource: &str, after: u64) {
    let text = |o: &Stored| o.object()["data"].as_str().unwrap().to_owned();
    let found: Vec<_> = events(store, resource, after)
        .await
        .iter()
        .map(|e| {
            let o = &e.object;
            assert_eq!(o.object()["metadata"]["resourceVersion"], o.revision.to_string());
            (e.kind, o.key.clone(), o.revision, text(o), e.previous.as_deref().map(text))
        })
        .collect();
    let expected: Vec<_> = model.log.iter().filter(|e| &*e.1.resource == resource && e.2 > after).cloned().collect();
    assert_eq!(found, expected, "{resource} after {after}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn behaves_like_a_map_and_a_log(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}
