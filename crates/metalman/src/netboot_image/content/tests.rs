use std::{fs, os::unix::fs::symlink};

use super::*;

#[test]
fn links_are_what_they_lead_to() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("disk/boot/x")).unwrap();
    fs::write(dir.path().join("disk/boot/x/a"), "content").unwrap();
    for (path, target) in [("file", "boot/x/a"), ("folder", "boot"), ("self", "."), ("broken", "nowhere")] {
        symlink(target, dir.path().join("disk").join(path)).unwrap();
    }
    let content = Content::of(&Source::scan(dir.path()).unwrap()).unwrap();
    let paths: Vec<_> = content.files.keys().map(String::as_str).collect();
    assert_eq!(paths, ["boot/x/a", "file", "folder/x/a", "self/boot/x/a"]);
    assert_eq!(content.broken, ["broken"]);
    assert_eq!(content.whole("folder/x/a"), Some(b"content".as_slice()));
}

#[test]
fn of_large_files_the_beginning_is_kept() {
    let mut kept = Kept::default();
    let large = vec![7; LARGEST + 1];
    let info = kept.keep(&mut large.as_slice()).unwrap();
    let content = Content::new(FileIndex::from([("a".into(), info)]), kept);
    assert_eq!((content.files["a"].size, content.head("a").map(<[u8]>::len)), (large.len() as u64, Some(HEAD)));
    assert_eq!(content.whole("a"), None);
}
