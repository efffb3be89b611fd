//! Files that are not, or no longer, a store; and folders that cannot be used.

use std::{error::Error as _, fs, io, os::unix::fs::PermissionsExt, path::PathBuf};

use redb::{Database, TableDefinition};

use super::*;

fn file(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("store.redb")
}

async fn filled(dir: &tempfile::TempDir) -> Vec<(Key, Bytes)> {
    let store = Store::open(dir.path()).unwrap();
    for i in 0..30 {
        let k = key("secrets", "default", &i.to_string());
        let created = create(&store, &k, &"x".repeat(3_000)).await.unwrap();
        if i % 3 == 0 {
            update(&store, &k, created.revision, "short").await.unwrap();
        }
        if i % 5 == 0 {
            delete(&store, &k, store.get(&k).unwrap().revision, "gone").await.unwrap();
        }
    }
    content(&store)
}

fn content(store: &Store) -> Vec<(Key, Bytes)> {
    store.list("secrets", None).items.iter().map(|o| (o.key.clone(), o.json.clone())).collect()
}

/// The error of an open that must fail.
fn refused(dir: &tempfile::TempDir) -> OpenError {
    match Store::open(dir.path()) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn folder_and_file_are_private() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("a/b");
    let store = Store::open(&dir).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&dir.join("store.redb"))), (0o700, 0o600));
    drop(store);
}

#[tokio::test]
async fn a_second_open_is_refused_while_the_first_lives() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let error = refused(&dir);
    assert!(matches!(&error, OpenError::Locked { path } if path.ends_with("store.redb")), "{error}");
    drop(store);
    Store::open(dir.path()).unwrap();
}

#[test]
fn garbage_and_emptiness_are_damage_not_a_new_store() {
    let text = b"hello, this is no database at all";
    for garbage in [vec![], b"x".to_vec(), text.to_vec(), vec![0; 100_000], vec![0xff; 5_000_000]] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(file(&dir), &garbage).unwrap();
        let error = refused(&dir);
        assert!(matches!(error, OpenError::Corrupt { .. }), "{} bytes: {error:?}", garbage.len());
        assert!(error.to_string().contains("store.redb") && error.source().is_some());
        assert_eq!(fs::read(file(&dir)).unwrap(), garbage, "the evidence stays as it was");
    }
}

#[tokio::test]
async fn a_shortened_file_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    filled(&dir).await;
    let whole = fs::read(file(&dir)).unwrap();
    for part in [1, 2, 3, 5, 9, 13, 15] {
        fs::write(file(&dir), &whole[..whole.len() * part / 16]).unwrap();
        let error = refused(&dir);
        assert!(matches!(error, OpenError::Corrupt { .. }), "{part}/16: {error:?}");
    }
}

#[tokio::test]
async fn a_flipped_bit_is_damage_or_in_nothing_that_counts() {
    let dir = tempfile::tempdir().unwrap();
    let before = filled(&dir).await;
    let whole = fs::read(file(&dir)).unwrap();
    let used: Vec<_> = (0..whole.len()).filter(|i| whole[*i] != 0).collect();
    let mut found = 0;
    for (n, at) in used.iter().step_by(used.len() / 60).enumerate() {
        let mut bytes = whole.clone();
        bytes[*at] ^= 1 << (n % 8);
        fs::write(file(&dir), bytes).unwrap();
        match Store::open(dir.path()) {
            Ok(store) => assert_eq!(content(&store), before, "byte {at}"),
            Err(OpenError::Corrupt { .. }) => found += 1,
            Err(other) => panic!("byte {at}: {other:?}"),
        }
    }
    assert!(found > 10, "only {found} of 60 flips were noticed");
}

#[test]
fn another_programs_database_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let other = Database::create(file(&dir)).unwrap();
    let txn = other.begin_write().unwrap();
    txn.open_table(TableDefinition::<u32, u32>::new("things")).unwrap().insert(1, 2).unwrap();
    txn.commit().unwrap();
    drop(other);
    let error = refused(&dir);
    assert!(matches!(&error, OpenError::Corrupt { source, .. } if source.to_string().contains("another program")));
}

#[test]
fn a_newer_layout_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let database = Database::open(file(&dir)).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(TableDefinition::<&str, u64>::new("meta")).unwrap().insert("layout", 2).unwrap();
    txn.commit().unwrap();
    drop(database);
    let error = refused(&dir);
    assert!(matches!(error, OpenError::Newer { found: 2, supported: 1, .. }), "{error:?}");
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[test]
fn the_remains_of_an_interrupted_creation_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("store.redb.new"), b"half a file").unwrap();
    assert_eq!(Store::open(dir.path()).unwrap().revision(), 1);
    assert!(!dir.path().join("store.redb.new").exists());
}

#[test]
fn places_that_cannot_be_used_name_the_cause() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("plain"), b"").unwrap();
    let error = Store::open(&dir.path().join("plain/store")).err().unwrap();
    let cause = |e: &OpenError| match e {
        OpenError::Io { source, .. } => source.kind(),
        other => panic!("{other:?}"),
    };
    assert_eq!(cause(&error), io::ErrorKind::NotADirectory);
    fs::create_dir(file(&dir)).unwrap();
    assert_eq!(cause(&refused(&dir)), io::ErrorKind::IsADirectory);
}
