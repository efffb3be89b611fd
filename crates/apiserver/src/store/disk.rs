//! The redb file: opening, creating, loading, and one transaction per batch.
//!
//! Tables: `objects` (current state by key), `events` (the window by revision), `resources` (last change and last
//! trimmed event), `meta` (layout version, newest revision).
//!
//! Invariants:
//! - an event is kept as what it *undid*: the state before it, and for a deletion also the last state shown. The state
//!   after it is the next event's "before", or the current object. So a change is written twice, not three times, and
//!   loading walks the window backwards, which at the same time proves that it is complete;
//! - the file appears under its name only when it is complete, so an empty or short file is damage, never a new store;
//! - `store.lock` is held for the store's life, also while the database is closed and opened again after a fault.

mod load;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::{Database, DatabaseError, Durability, ReadableTable, StorageError, TableDefinition};

use super::{
    Event, EventKind, Key, OpenError, Stored,
    memory::{Eviction, Loaded},
};

const OBJECTS: TableDefinition<'_, (&str, &str, &str), &[u8]> = TableDefinition::new("objects");
/// Revision → kind, resource, namespace, name, state before, last state (deletions only).
const EVENTS: TableDefinition<'_, u64, EventRow<'_>> = TableDefinition::new("events");
const RESOURCES: TableDefinition<'_, &str, (u64, u64)> = TableDefinition::new("resources");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

type EventRow<'a> = (u8, &'a str, &'a str, &'a str, &'a [u8], &'a [u8]);

const LAYOUT: &str = "layout";
const REVISION: &str = "revision";
/// The layout written here. Raise it with any change that an older version would misread.
const SUPPORTED: u64 = 1;

/// The objects are in memory; redb's cache serves only the inner pages of its trees.
const CACHE_BYTES: usize = 8 << 20;
/// Files below this size are not worth compacting.
const COMPACT_FROM: u64 = 64 << 20;

/// The open file.
pub(super) struct Disk {
    path: PathBuf,
    /// `None` after a fault, until the file could be opened again.
    database: Option<Database>,
    _lock: File,
}

/// A batch for one transaction.
pub(super) struct Batch<'a> {
    pub(super) events: &'a [Event],
    pub(super) eviction: &'a Eviction,
    pub(super) repair: Option<&'a Repair>,
}

/// The state to set back after a transaction whose outcome is unknown.
pub(super) struct Repair {
    /// The newest revision that counts.
    pub(super) revision: u64,
    /// The keys that the failed batches touched, as they are.
    pub(super) objects: BTreeMap<Key, Option<Arc<Stored>>>,
    /// All resources: last change and last trimmed event.
    pub(super) resources: BTreeMap<Arc<str>, (u64, u64)>,
}

/// Any of redb's errors. Its many enums convert into this one.
type Fault = redb::Error;

impl Disk {
    /// Opens or creates the file in `dir`, and reads it.
    pub(super) fn open(dir: &Path) -> Result<(Self, Loaded), OpenError> {
        let io = |path: &Path| {
            let path = path.display().to_string();
            move |source| OpenError::Io { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io(dir))?;
        let path = dir.join("store.redb");
        let lock = take_lock(&dir.join("store.lock"), &path)?;
        if !path.try_exists().map_err(io(&path))? {
            create(dir, &path).map_err(|e| open_error(&path, e))?;
        }
        // Opening a pipe would hang, and a folder gives a less clear error.
        if !fs::metadata(&path).map_err(io(&path))?.is_file() {
            return Err(io(&path)(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let (database, loaded) = guard(|| load::load(&path)).map_err(|e| open_error(&path, e))?;
        Ok((Self { path, database: Some(database), _lock: lock }, loaded))
    }

    /// Opens the database again after a fault; returns the revision that the file then shows. `None`: there was no
    /// fault.
    pub(super) fn recover(&mut self) -> Result<Option<u64>, String> {
        if self.database.is_some() {
            return Ok(None);
        }
        let (database, revision) = guard(|| {
            let database = builder().open(&self.path)?;
            let revision = load::revision(&database)?;
            Ok((database, revision))
        })
        .map_err(|e| e.to_string())?;
        self.database = Some(database);
        Ok(Some(revision))
    }

    /// Closes the database as a fault does.
    #[cfg(test)]
    pub(super) fn fail(&mut self) {
        self.database = None;
    }

    /// Writes a batch durably. After an error the file holds all of it or nothing, which of both is unknown until
    /// `recover`.
    pub(super) fn append(&mut self, batch: &Batch<'_>) -> Result<(), String> {
        let database = self.database.take().ok_or("the database is closed after a fault")?;
        // redb takes no more writes after an I/O error until it is opened again, so a fault drops the database. Its
        // panics are treated alike: no input of ours should cause one, and a dead writer would be worse.
        guard(|| {
            write(&database, batch)?;
            self.database = Some(database);
            Ok(())
        })
        .map_err(|e| e.to_string())
    }
}

/// Locks the folder for the life of the returned file.
fn take_lock(path: &Path, shown: &Path) -> Result<File, OpenError> {
    let io = |source| OpenError::Io { path: path.display().to_string(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: shown.display().to_string() }),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Makes an empty store beside its final place, and moves it there.
fn create(dir: &Path, path: &Path) -> Result<(), load::Error> {
    let new = dir.join("store.redb.new");
    // The remains of an attempt that was interrupted; the lock says that nobody is at it now.
    match fs::remove_file(&new) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Fault::Io(e).into()),
        _ => {}
    }
    OpenOptions::new().create_new(true).write(true).mode(0o600).open(&new).map_err(Fault::Io)?;
    let database = builder().create(&new)?;
    let txn = database.begin_write()?;
    {
        let mut meta = txn.open_table(META)?;
        meta.insert(LAYOUT, SUPPORTED)?;
        meta.insert(REVISION, 1)?;
        txn.open_table(OBJECTS)?;
        txn.open_table(EVENTS)?;
        txn.open_table(RESOURCES)?;
    }
    txn.commit()?;
    database.close()?;
    fs::rename(&new, path).and_then(|()| File::open(dir)?.sync_all()).map_err(Fault::Io)?;
    Ok(())
}

/// The transaction of a batch.
fn write(database: &Database, batch: &Batch<'_>) -> Result<(), load::Error> {
    let mut txn = database.begin_write()?;
    txn.set_durability(Durability::Immediate).map_err(Fault::from)?;
    {
        let mut objects = txn.open_table(OBJECTS)?;
        let mut events = txn.open_table(EVENTS)?;
        let mut resources = txn.open_table(RESOURCES)?;
        let mut meta = txn.open_table(META)?;

        if let Some(repair) = batch.repair {
            events.retain_in(repair.revision + 1.., |_, _| false)?;
            for (key, object) in &repair.objects {
                match object {
                    Some(object) => objects.insert(row(key), &*object.json)?,
                    None => objects.remove(row(key))?,
                };
            }
            resources.retain(|_, _| false)?;
            for (name, row) in &repair.resources {
                resources.insert(&**name, row)?;
            }
        }

        // By revision and not by count, so that it also clears what a failed batch should have cleared.
        while events.first()?.is_some_and(|(revision, _)| revision.value() <= batch.eviction.up_to) {
            events.pop_first()?;
        }

        let mut touched: BTreeSet<&Arc<str>> = batch.eviction.trimmed.keys().collect();
        let mut changed: BTreeMap<&Arc<str>, u64> = BTreeMap::new();
        for event in batch.events {
            let object = &event.object;
            let key = &object.key;
            let before = event.previous.as_ref().map_or(&[][..], |p| &p.json);
            let (kind, last) = match event.kind {
                EventKind::Added => (load::ADDED, &[][..]),
                EventKind::Modified => (load::MODIFIED, &[][..]),
                EventKind::Deleted => (load::DELETED, &*object.json),
            };
            events.insert(object.revision, (kind, &*key.resource, &*key.namespace, &*key.name, before, last))?;
            match event.kind {
                EventKind::Deleted => objects.remove(row(key))?,
                EventKind::Added | EventKind::Modified => objects.insert(row(key), &*object.json)?,
            };
            touched.insert(&key.resource);
            changed.insert(&key.resource, object.revision);
            meta.insert(REVISION, object.revision)?;
        }
        for name in touched {
            let (before, trimmed) = resources.get(&**name)?.map_or((0, 0), |row| row.value());
            let changed = changed.get(name).copied().unwrap_or(before);
            let trimmed = batch.eviction.trimmed.get(name).copied().unwrap_or(trimmed);
            resources.insert(&**name, (changed, trimmed))?;
        }
    }
    txn.commit()?;
    Ok(())
}

fn row(key: &Key) -> (&str, &str, &str) {
    (&key.resource, &key.namespace, &key.name)
}

/// Turns a panic of redb, which some kinds of damage can still cause, into an error.
fn guard<T>(work: impl FnOnce() -> Result<T, load::Error>) -> Result<T, load::Error> {
    // What the closure leaves behind after a panic is not looked at again: the database is dropped.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("it panicked");
        Err(load::Error::Damaged(said.to_owned()))
    })
}

/// Sorts a failure by what the operator can do about it.
fn open_error(path: &Path, error: load::Error) -> OpenError {
    let path = path.display().to_string();
    match error {
        load::Error::Database(Fault::DatabaseAlreadyOpen) => OpenError::Locked { path },
        // redb reports a file that is not its own, or too short, as I/O errors of these kinds.
        load::Error::Database(Fault::Io(source))
            if !matches!(source.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            OpenError::Io { path, source }
        }
        load::Error::Newer(found) => OpenError::Newer { path, found, supported: SUPPORTED },
        error => OpenError::Corrupt { path, source: Box::new(error) },
    }
}

/// The length of the file, for the decision to compact it.
fn file_bytes(path: &Path) -> Result<u64, StorageError> {
    Ok(fs::metadata(path)?.len())
}

/// Opens what must be there.
fn open_checked(path: &Path) -> Result<Database, DatabaseError> {
    builder().set_check_integrity_on_open(true).open(path)
}
