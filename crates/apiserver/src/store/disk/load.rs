//! Reading the file into memory at start, distrusting it.
//!
//! Invariants:
//! - every page's checksum was verified before anything is believed;
//! - whatever comes out is consistent: each event's state after it is known, and every JSON text parses;
//! - a file that holds far more than its content is compacted here, where nobody waits for a write.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable};
use serde::Deserialize;
use serde_json::Value;

use super::{
    super::{Event, EventKind, Key, Stored, memory::Loaded, writer::labels},
    COMPACT_FROM, EVENTS, Fault, LAYOUT, META, OBJECTS, RESOURCES, REVISION, SUPPORTED, builder, file_bytes,
    open_checked,
};

pub(super) const ADDED: u8 = 0;
pub(super) const MODIFIED: u8 = 1;
pub(super) const DELETED: u8 = 2;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// redb said so.
    #[error("{0}")]
    Database(Fault),
    /// It is a redb file, but its content does not fit together.
    #[error("{0}")]
    Damaged(String),
    /// A newer layout.
    #[error("layout {0} is newer than this version")]
    Newer(u64),
}

/// All of redb's error types become its one big enum first.
impl<E: Into<Fault>> From<E> for Error {
    fn from(error: E) -> Self {
        Self::Database(error.into())
    }
}

/// Opens the file and reads everything.
pub(super) fn load(path: &Path) -> Result<(Database, Loaded), Error> {
    let mut database = open_checked(path)?;
    let loaded = read(&database)?;
    let live: usize = loaded.objects.values().map(|o| o.json.len()).sum::<usize>()
        + loaded.events.iter().filter_map(|e| e.previous.as_ref()).map(|p| p.json.len()).sum::<usize>();
    let bytes = file_bytes(path)?;
    if bytes > COMPACT_FROM
        && bytes / 4 > live as u64
        && let Err(error) = database.compact()
    {
        // Worth a try, not worth a failure: a full disk is the likely cause, and the content is as it was.
        tracing::warn!(%error, "the data file cannot be compacted");
        drop(database);
        database = builder().open(path)?;
    }
    Ok((database, loaded))
}

/// The newest revision that the file shows.
pub(super) fn revision(database: &Database) -> Result<u64, Error> {
    number(&database.begin_read()?, REVISION)
}

fn number(txn: &ReadTransaction, name: &str) -> Result<u64, Error> {
    let meta = match txn.open_table(META) {
        Err(redb::TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Err(Error::Damaged("it is a database of another program".into())),
        Ok(meta) => meta,
    };
    let value = meta.get(name)?.map(|v| v.value());
    value.ok_or_else(|| Error::Damaged(format!("its {name} record is missing")))
}

fn read(database: &Database) -> Result<Loaded, Error> {
    let txn = database.begin_read()?;
    match number(&txn, LAYOUT)? {
        SUPPORTED => {}
        newer if newer > SUPPORTED => return Err(Error::Newer(newer)),
        other => return Err(Error::Damaged(format!("layout {other} never existed"))),
    }
    let mut loaded = Loaded { revision: number(&txn, REVISION)?, ..Loaded::default() };
    let mut names = Names::default();

    for entry in txn.open_table(RESOURCES)?.iter()? {
        let (name, row) = entry?;
        loaded.resources.insert(names.share(name.value()), row.value());
    }
    for entry in txn.open_table(OBJECTS)?.iter()? {
        let (key, json) = entry?;
        let (resource, namespace, name) = key.value();
        let key = names.key(resource, namespace, name);
        let object = parse(key.clone(), json.value())?;
        loaded.objects.insert(key, object);
    }

    // Backwards: each event says what was before it, so the state after each is known in turn.
    let mut states: HashMap<Key, Option<Arc<Stored>>> = HashMap::new();
    for entry in txn.open_table(EVENTS)?.iter()?.rev() {
        let (revision, row) = entry?;
        let (revision, (kind, resource, namespace, name, before, last)) = (revision.value(), row.value());
        let key = names.key(resource, namespace, name);
        let after = match states.remove(&key) {
            Some(state) => state,
            None => loaded.objects.get(&key).cloned(),
        };
        let key = after.as_ref().map_or(key, |o| o.key.clone());
        let (kind, object, previous) = match (kind, after) {
            (ADDED, Some(after)) => (EventKind::Added, after, None),
            (MODIFIED, Some(after)) => (EventKind::Modified, after, Some(parse(key.clone(), before)?)),
            (DELETED, None) => (EventKind::Deleted, parse(key.clone(), last)?, Some(parse(key.clone(), before)?)),
            _ => return Err(Error::Damaged(format!("event {revision} contradicts what follows it"))),
        };
        if object.revision != revision || revision > loaded.revision {
            return Err(Error::Damaged(format!("event {revision} shows revision {}", object.revision)));
        }
        states.insert(key, previous.clone());
        loaded.events.push(Event { kind, object, previous });
    }
    loaded.events.reverse();
    Ok(loaded)
}

/// What the store needs to know of an object. The rest is only checked to be JSON.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(rename = "resourceVersion", borrow)]
    resource_version: Cow<'a, str>,
    #[serde(default)]
    labels: Value,
}

fn parse(key: Key, json: &[u8]) -> Result<Arc<Stored>, Error> {
    let damaged = |what: &dyn std::fmt::Display| {
        Error::Damaged(format!("{} {}/{} is unreadable: {what}", key.resource, key.namespace, key.name))
    };
    let head: Head<'_> = serde_json::from_slice(json).map_err(|e| damaged(&e))?;
    let revision = head.metadata.resource_version.parse().map_err(|e| damaged(&e))?;
    let labels = labels(&head.metadata.labels);
    Ok(Arc::new(Stored { revision, json: Bytes::copy_from_slice(json), labels, key }))
}

/// Resource and namespace names, each in memory once.
#[derive(Default)]
struct Names(BTreeMap<Box<str>, Arc<str>>);

impl Names {
    fn share(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        let new: Arc<str> = name.into();
        self.0.insert(name.into(), Arc::clone(&new));
        new
    }

    fn key(&mut self, resource: &str, namespace: &str, name: &str) -> Key {
        Key { resource: self.share(resource), namespace: self.share(namespace), name: name.into() }
    }
}
