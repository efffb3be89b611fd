use std::{
    ffi::OsStr,
    os::unix::{ffi::OsStrExt, fs::symlink, net::UnixListener},
};

use nix::sys::stat::Mode;

use super::*;

fn image() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("disk/boot/x")).unwrap();
    fs::write(dir.path().join("disk/metadata.yaml"), "dhcpBootImageName: boot/a.efi\n").unwrap();
    fs::write(dir.path().join("disk/boot/a.efi"), "efi").unwrap();
    dir
}

fn refusal(dir: &Path) -> String {
    let error = Source::scan(dir).unwrap_err();
    match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[test]
fn takes_both_forms_of_a_folder_and_refuses_others() {
    let dir = image();
    let whole = Source::scan(dir.path()).unwrap();
    let part = Source::scan(&dir.path().join("disk")).unwrap();
    assert_eq!(whole.entries(), part.entries());
    let paths: Vec<_> = whole.entries().keys().map(String::as_str).collect();
    assert_eq!(paths, ["boot", "boot/a.efi", "boot/x", "metadata.yaml"]);
    assert!(refusal(&dir.path().join("disk/boot")).contains("neither disk/ nor metadata.yaml"));
    assert!(refusal(&dir.path().join("nowhere")).contains("nowhere cannot be read"));
    assert!(refusal(&dir.path().join("disk/boot/a.efi")).contains("not a directory"));
}

#[test]
fn links_that_stay_inside_are_kept() {
    let dir = image();
    symlink("boot/a.efi", dir.path().join("disk/here")).unwrap();
    symlink("../a.efi", dir.path().join("disk/boot/x/up")).unwrap();
    symlink("nowhere/yet", dir.path().join("disk/broken")).unwrap();
    symlink("boot", dir.path().join("disk/folder")).unwrap();
    let source = Source::scan(dir.path()).unwrap();
    assert_eq!(source.entries()["here"], Entry::Link { target: "boot/a.efi".into() });
    assert_eq!(source.resolve("folder/x/up").unwrap().0, "boot/a.efi");
    assert_eq!(source.resolve("broken"), None);
}

#[test]
fn links_that_lead_out_are_refused_however_they_do() {
    for (links, words) in [
        (vec![("disk/l", "../secret")], "disk/l leads to \"../secret\""),
        (vec![("disk/boot/l", "../../secret")], "disk/boot/l leads"),
        (vec![("disk/l", "/etc/passwd")], "\"/etc/passwd\", outside"),
        // By its text the second stays inside; a file system follows the first.
        (vec![("disk/boot/x/root", "../.."), ("disk/boot/x/l", "root/../secret")], "disk/boot/x/l leads"),
        (vec![("disk/a", "b"), ("disk/b", "a")], "in a circle"),
    ] {
        let dir = image();
        for (path, target) in &links {
            symlink(target, dir.path().join(path)).unwrap();
        }
        let refused = refusal(dir.path());
        assert!(refused.contains(words), "{links:?}: {refused}");
    }
}

#[test]
fn what_is_no_file_is_refused_by_its_path() {
    let dir = image();
    let path = dir.path().join("disk/boot/pipe");
    nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
    assert!(refusal(dir.path()).contains("disk/boot/pipe is a named pipe"));
    fs::remove_file(&path).unwrap();
    let path = dir.path().join("disk/socket");
    let _listener = UnixListener::bind(&path).unwrap();
    assert!(refusal(dir.path()).contains("disk/socket is a socket"));
}

#[test]
fn names_that_no_request_can_mean_are_refused() {
    for (name, words) in [
        (b".wh.grub.cfg".as_slice(), "deletes a file"),
        (b"EFI\\boot", "backslash"),
        (b"bad\xff", "not UTF-8"),
        (b"line\nbreak", "control character"),
    ] {
        let dir = image();
        fs::write(dir.path().join("disk").join(OsStr::from_bytes(name)), "x").unwrap();
        let refused = refusal(dir.path());
        assert!(refused.contains(words), "{name:?}: {refused}");
    }
}

#[test]
fn opens_no_link_in_a_files_place() {
    let dir = image();
    let source = Source::scan(dir.path()).unwrap();
    fs::remove_file(dir.path().join("disk/boot/a.efi")).unwrap();
    symlink("/etc/passwd", dir.path().join("disk/boot/a.efi")).unwrap();
    assert!(source.open("boot/a.efi").unwrap_err().to_string().contains("boot/a.efi cannot be read"));
}
