use std::os::unix::fs::symlink;

use serde_json::json;

use super::*;

/// A layout with images of those names and platforms; each blob is its own name.
fn layout(dir: &Path, images: &[(&str, &str)]) {
    fs::create_dir_all(dir.join("blobs/sha256")).unwrap();
    let describe = |(name, architecture): &(&str, &str)| {
        let content = format!("{name} {architecture}");
        let digest = Digest::sha256(content.as_bytes());
        fs::write(dir.join(blob_path(&digest)), &content).unwrap();
        let mut value = json!({ "mediaType": "m", "digest": digest, "size": content.len() });
        if !name.is_empty() {
            value["annotations"] = json!({ REF_NAME: name });
        }
        if !architecture.is_empty() {
            value["platform"] = json!({ "os": "linux", "architecture": architecture });
        }
        value
    };
    let manifests: Vec<_> = images.iter().map(describe).collect();
    fs::write(dir.join("index.json"), json!({ "schemaVersion": 2, "manifests": manifests }).to_string()).unwrap();
    fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

fn find(dir: &Path, suffix: &str, architecture: Architecture) -> Result<String, String> {
    let layout = Layout::open(dir, &LayoutRoot::Anywhere).map_err(|e| e.to_string())?;
    let reference = match format!("oci:{}{suffix}", dir.display()).parse() {
        Ok(crate::images::reference::Reference::Layout(reference)) => reference,
        other => panic!("{other:?}"),
    };
    let found = layout.find(&reference, architecture).map_err(|e| e.to_string())?;
    layout.document(&found).map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|e| e.to_string())
}

#[test]
fn finds_the_image_that_is_meant() {
    use Architecture::{Amd64, Arm64};
    for (images, suffix, architecture, expected) in [
        (&[("v1", "")][..], ":v1", Amd64, Ok("v1 ")),
        (&[("v1", "")], "", Amd64, Ok("v1 ")),
        (&[("", "")], "", Amd64, Ok(" ")),
        (&[("v1", ""), ("latest", "")], "", Amd64, Ok("latest ")),
        (&[("v1", "amd64"), ("v1", "arm64")], ":v1", Arm64, Ok("v1 arm64")),
        (&[("", "amd64"), ("", "arm64")], "", Amd64, Ok(" amd64")),
        (&[("v1", ""), ("v2", "")], "", Amd64, Err("it has v1, v2")),
        (&[("v1", ""), ("v2", "")], ":v3", Amd64, Err("no image \"v3\"; it has v1, v2")),
        (&[], "", Amd64, Err("names no image")),
    ] {
        let dir = tempfile::tempdir().unwrap();
        layout(dir.path(), images);
        match (find(dir.path(), suffix, architecture), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{images:?} {suffix}"),
            (Err(refusal), Err(words)) => assert!(refusal.contains(words), "{images:?} {suffix}: {refusal}"),
            (outcome, _) => panic!("{images:?} {suffix}: {outcome:?}"),
        }
    }
}

#[test]
fn digests_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    layout(dir.path(), &[("v1", "")]);
    let digest = Digest::sha256(b"v1 ");
    assert_eq!(find(dir.path(), &format!("@{digest}"), Architecture::Amd64).as_deref(), Ok("v1 "));
    fs::write(dir.path().join(blob_path(&digest)), "v2 ").unwrap();
    assert!(find(dir.path(), ":v1", Architecture::Amd64).unwrap_err().contains("another digest"));
}

#[test]
fn stays_below_its_root() {
    let dir = tempfile::tempdir().unwrap();
    let (root, outside) = (dir.path().join("root"), dir.path().join("outside"));
    fs::create_dir_all(root.join("inside")).unwrap();
    layout(&root.join("inside"), &[("v1", "")]);
    layout(&outside, &[("v1", "")]);
    symlink(&outside, root.join("link")).unwrap();
    let allowed = LayoutRoot::Below(root.clone());
    assert!(Layout::open(&root.join("inside"), &allowed).is_ok());
    for (what, path) in [
        ("a link", root.join("link")),
        ("elsewhere", outside.clone()),
        ("dots", root.join("inside/../../outside")),
        ("nothing elsewhere", dir.path().join("nothing")),
    ] {
        let refusal = Layout::open(&path, &allowed).expect_err(what);
        assert!(matches!(refusal, LayoutError::Outside { .. }), "{what}: {refusal}");
    }
    let refusal = Layout::open(&outside, &LayoutRoot::Nowhere).unwrap_err().to_string();
    assert!(refusal.contains("--layout-root"), "{refusal}");

    // A layout inside, a blob of which is outside.
    let digest = Digest::sha256(b"v1 ");
    let blob = root.join("inside").join(blob_path(&digest));
    fs::remove_file(&blob).unwrap();
    symlink(outside.join(blob_path(&digest)), &blob).unwrap();
    let layout = Layout::open(&root.join("inside"), &allowed).unwrap();
    assert!(matches!(layout.blob(&digest), Err(LayoutError::Outside { .. })));
}

#[test]
fn only_files_are_opened() {
    let dir = tempfile::tempdir().unwrap();
    layout(dir.path(), &[("v1", "")]);
    let digest = Digest::sha256(b"v1 ");
    let blob = dir.path().join(blob_path(&digest));
    fs::remove_file(&blob).unwrap();
    // Opening a FIFO would wait for a writer, for ever.
    nix::unistd::mkfifo(&blob, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let refusal = find(dir.path(), ":v1", Architecture::Amd64).unwrap_err();
    assert!(refusal.contains("not a regular file"), "{refusal}");
    fs::remove_file(dir.path().join("oci-layout")).unwrap();
    assert!(find(dir.path(), ":v1", Architecture::Amd64).unwrap_err().contains("oci-layout"));
}
