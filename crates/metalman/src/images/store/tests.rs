use std::io::Read;

use super::*;
use crate::images::{key::Key, manifest::Architecture, unpack::Sink};

const METADATA_YAML: &[u8] = b"dhcpBootImageName: grub.efi\n";

fn digest(c: char) -> Digest {
    format!("sha256:{}", String::from(c).repeat(64)).parse().unwrap()
}

/// Puts an image with these files into the store.
fn image(store: &Store, name: char, files: &[(&str, &[u8])]) -> Result<Arc<Image>, StoreError> {
    let workspace = store.workspace().unwrap();
    let mut contents = workspace.contents();
    let mut index = FileIndex::new();
    for (path, bytes) in files {
        let stored = contents.store(&mut &bytes[..]).unwrap();
        index.insert((*path).to_owned(), FileInfo { size: stored.size, sha256: stored.sha256, modified: 7 });
    }
    // Something that a later layer hid.
    contents.store(&mut &b"hidden"[..]).unwrap();
    store.commit(&workspace, &digest(name), b"{}", &index)
}

fn usable(store: &Store, name: char) -> Arc<Image> {
    let files: &[(&str, &[u8])] =
        &[("metadata.yaml", METADATA_YAML), ("grub.efi", b"GRUB"), ("copy.efi", b"GRUB"), ("empty", b"")];
    image(store, name, files).unwrap()
}

#[test]
fn what_is_committed_is_served_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), "s").unwrap();
    let image = usable(&store, 'a');
    assert_eq!(&image.open("grub.efi").unwrap()[..], b"GRUB");
    assert_eq!(&image.open("empty").unwrap()[..], b"");
    assert_eq!(image.open("none").unwrap_err().kind(), io::ErrorKind::NotFound);
    let slice = image.open("copy.efi").unwrap().slice(1..3);
    let contents = dir.path().join("images").join(digest('a').folder()).join(FILES);
    assert_eq!(fs::read_dir(contents).unwrap().count(), 3, "each content once, and nothing hidden");
    drop((image, store));
    assert_eq!(&slice[..], b"RU", "a mapping outlives its image");

    let store = Store::open(dir.path(), "s").unwrap();
    let image = store.load(&digest('a')).unwrap().expect("still there");
    assert_eq!(image.info("grub.efi").map(|info| (info.size, info.modified)), Some((4, 7)));
    assert_eq!(image.metadata.boot_files.of(metalman_core::netboot::Architecture::X64Uefi), Some("grub.efi"));
    assert!(store.load(&digest('b')).unwrap().is_none());
    assert_eq!(
        store.list().unwrap().iter().map(|i| (i.digest.clone(), i.bytes)).collect::<Vec<_>>(),
        [(digest('a'), 32)]
    );
}

#[test]
fn what_cannot_be_booted_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), "s").unwrap();
    for (files, words) in [
        (&[("grub.efi", &b"x"[..])][..], "no /disk/metadata.yaml"),
        (&[("metadata.yaml", b"[1]")], "cannot be booted"),
        (&[("metadata.yaml", METADATA_YAML)], "names \"grub.efi\" for x64-uefi, and there is no /disk/grub.efi"),
    ] {
        let refusal = image(&store, 'a', files).expect_err(words).to_string();
        assert!(refusal.contains(words), "{refusal}");
    }
    assert!(store.list().unwrap().is_empty());
    let template: &[(&str, &[u8])] = &[("metadata.yaml", METADATA_YAML), ("grub.efi.tmpl", b"x")];
    image(&store, 'a', template).expect("a boot file may be a template");
}

#[test]
fn a_start_removes_what_the_dead_left_and_spares_the_living() {
    let dir = tempfile::tempdir().unwrap();
    let living = Store::open(dir.path(), "s").unwrap();
    let workspace = living.workspace().unwrap();
    // A process that was killed: its folder is there, and nobody holds its lock.
    let dead = dir.path().join("tmp/dead");
    fs::create_dir_all(dead.join("work/image/files")).unwrap();
    fs::write(dead.join(LOCK), "").unwrap();
    fs::write(dead.join("work/layer-0"), "half").unwrap();
    let other = Store::open(dir.path(), "s").unwrap();
    assert!(!dead.exists(), "removed");
    assert!(workspace.contents().store(&mut &b"x"[..]).is_ok(), "spared");
    drop(other);
}

#[test]
fn images_in_use_are_not_removed_also_by_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (Store::open(dir.path(), "a").unwrap(), Store::open(dir.path(), "b").unwrap());
    let image = usable(&first, 'a');
    let same = usable(&second, 'a');
    assert!(!second.remove(&digest('a')).unwrap(), "used by the first");
    drop(image);
    assert!(!first.remove(&digest('a')).unwrap(), "used by the second");
    drop(same);
    assert!(first.remove(&digest('a')).unwrap());
    assert!(first.remove(&digest('a')).unwrap(), "gone is gone");
    assert!(second.load(&digest('a')).unwrap().is_none());
}

#[test]
fn damage_is_noticed_and_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), "s").unwrap();
    drop(usable(&store, 'a'));
    let folder = dir.path().join("images").join(digest('a').folder());
    let content = fs::read_dir(folder.join(FILES))
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| fs::metadata(p).unwrap().len() == 4);
    fs::write(content.unwrap(), "cut").unwrap();
    assert!(matches!(store.load(&digest('a')), Err(StoreError::Damaged { .. })));
    let image = usable(&store, 'a');
    assert_eq!(&image.open("grub.efi").unwrap()[..], b"GRUB");
    fs::write(folder.join(INDEX), "{").unwrap();
    drop(image);
    assert!(matches!(store.load(&digest('a')), Err(StoreError::Damaged { .. })));
}

#[test]
fn records_survive_and_damaged_ones_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let key = |secret: Option<&str>| Key {
        reference: "r.example/a".into(),
        secret: secret.map(str::to_owned),
        architecture: Architecture::Arm64,
    };
    let record = |secret| Record { key: key(secret), top: digest('a'), digest: digest('b'), only: true, resolved: 1 };
    let store = Store::open(dir.path(), "s").unwrap();
    store.save(&record(None)).unwrap();
    store.save(&record(Some("x"))).unwrap();
    store.save(&Record { resolved: 2, ..record(None) }).unwrap();
    fs::write(dir.path().join("references/s/zz.json"), "{").unwrap();
    drop(store);
    let store = Store::open(dir.path(), "s").unwrap();
    let (records, damaged) = store.records().unwrap();
    assert_eq!(
        records.values().map(|r| (r.key.secret.clone(), r.resolved)).collect::<Vec<_>>(),
        [(None, 2), (Some("x".into()), 1)]
    );
    assert_eq!(damaged.len(), 1);
    assert!(!store.forget(&key(None), std::time::Duration::from_hours(1)).unwrap(), "too young");
    assert!(store.forget(&key(None), std::time::Duration::ZERO).unwrap());
    assert_eq!(store.records().unwrap().0.len(), 1);
}

#[test]
fn a_failed_read_leaves_no_content() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), "s").unwrap();
    let workspace = store.workspace().unwrap();
    assert!(workspace.contents().store(&mut Broken).is_err());
    drop(workspace);
    assert_eq!(fs::read_dir(&store.temporary).unwrap().count(), 1, "only the lock");
}
