//! Data folders and addresses that cannot be used: the message names the path and the remedy, and nothing is touched.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::{child::Site, http::map};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// A folder with a stored object, and no server on it.
async fn used() -> Site {
    let site = Site::new();
    let server = site.start().await;
    server.admin().await.post(MAPS, &map("kept", "precious")).await.expect(201);
    server.terminate();
    assert!(server.ended().await.success());
    site
}

/// All files below a folder, with their content.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(content(&path));
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    files
}

/// Starting is refused with all of these in the message, and leaves every file below `folder` as it was.
async fn refused(site: &Site, folder: &Path, wanted: &[&str]) {
    let before = content(folder);
    let said = site.refusal().await;
    for part in wanted {
        assert!(said.contains(part), "no {part:?} in: {said}");
    }
    assert!(content(folder) == before, "files changed: {said}");
}

#[tokio::test]
async fn a_folder_in_use_is_not_shared() {
    let mut site = Site::new();
    let server = site.start().await;
    let (held, other) = (site.listen, Site::new());
    site.listen = other.listen;
    let store = site.data().join("store.redb");
    let said = site.refusal().await;
    assert!(said.contains(store.to_str().unwrap()) && said.contains("in use by another process"), "{said}");
    site.listen = held;
    server.healthy("a second server on its folder").await;
    // The lock goes with its holder, also after a kill.
    server.kill().await;
    site.start().await.healthy("a kill").await;
}

#[tokio::test]
async fn a_taken_address_is_named_and_makes_no_folder() {
    let site = Site::new();
    let _taken = TcpListener::bind(site.listen).unwrap();
    let said = site.refusal().await;
    assert!(said.contains(&site.listen.to_string()) && said.contains("in use"), "{said}");
    assert!(!site.data().exists());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_or_read_is_named() {
    let site = Site::new();
    fs::write(site.data(), "a file").unwrap();
    let said = site.refusal().await;
    assert!(said.contains(site.data().to_str().unwrap()), "{said}");
    assert_eq!(fs::read(site.data()).unwrap(), b"a file");

    let mut site = used().await;
    fs::set_permissions(site.data(), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(site.data()).is_ok() {
        // Root may read everything; without that capability it is like everybody else.
        site.prepare =
            "exec setpriv --bounding-set -all --inh-caps -all --securebits +noroot,+noroot_locked \"$@\"".to_owned();
    }
    let said = site.refusal().await;
    fs::set_permissions(site.data(), fs::Permissions::from_mode(0o700)).unwrap();
    assert!(said.contains(site.data().to_str().unwrap()) && said.contains("ermission denied"), "{said}");
    site.prepare.clear();
    still_there(&site).await;
}

async fn still_there(site: &Site) {
    let server = site.start().await;
    let kept = server.admin().await.get(&format!("{MAPS}/kept")).await.expect(200);
    assert_eq!(kept["data"]["text"], "precious");
    server.kill().await;
}

#[tokio::test]
async fn a_damaged_store_is_reported_and_kept() {
    let site = used().await;
    let store = site.data().join("store.redb");
    let good = fs::read(&store).unwrap();
    let mut overwritten = good.clone();
    overwritten[..512].fill(0xA5);
    let damages = [overwritten, good[..good.len() / 2].to_vec(), Vec::new(), b"not a database".repeat(1000)];
    for damage in damages {
        fs::write(&store, damage).unwrap();
        refused(&site, &site.data(), &[store.to_str().unwrap(), "damaged", "restore it from a backup"]).await;
    }
    fs::write(&store, good).unwrap();
    still_there(&site).await;
}

#[tokio::test]
async fn damaged_keys_are_reported_and_never_replaced() {
    let site = used().await;
    let folder = site.data().join("pki");
    let mut keys = content(&folder);
    // What is derived from them is made again.
    let derived = |path: &Path| path.file_name().unwrap().to_str().unwrap().starts_with("server.");
    for path in keys.keys().filter(|path| derived(path)) {
        fs::write(path, "damage").unwrap();
    }
    still_there(&site).await;
    keys.retain(|path, _| !derived(path));
    assert!(keys.len() >= 3, "CA, its key and the key of tokens: {:?}", keys.keys());
    for (path, good) in &keys {
        for damage in [
            &b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"[..],
            b"",
            b"\xff\xfe\0",
            &good[..good.len() / 2],
        ] {
            fs::write(path, damage).unwrap();
            // Opening the sound store beside them may write to it.
            refused(&site, &folder, &[path.to_str().unwrap(), "restore it"]).await;
        }
        fs::write(path, good).unwrap();
    }
    still_there(&site).await;
}
