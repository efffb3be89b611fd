use super::*;

#[test]
fn every_blob_is_what_it_is_called_and_the_layer_holds_the_files() {
    let layout = tempfile::tempdir().unwrap();
    let files: [(&str, &[u8]); 2] = [("metadata.yaml", b"dhcpBootImageName: a.efi\n"), ("boot/a.efi", b"MZ")];
    let digest = pack_files(&files, layout.path(), "v1").unwrap();
    assert_eq!(pack_files(&files, layout.path(), "v1").unwrap(), digest, "the same files make the same image");

    let read = |digest: &str| {
        let hash = digest.strip_prefix("sha256:").unwrap();
        let content = fs::read(layout.path().join("blobs/sha256").join(hash)).unwrap();
        assert_eq!(sha256(&content), hash);
        content
    };
    let index: Value = serde_json::from_slice(&fs::read(layout.path().join("index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"][0]["digest"], digest.as_str());
    assert_eq!(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "v1");
    let manifest: Value = serde_json::from_slice(&read(&digest)).unwrap();
    let config: Value = serde_json::from_slice(&read(manifest["config"]["digest"].as_str().unwrap())).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);
    let layer = read(manifest["layers"][0]["digest"].as_str().unwrap());
    let mut archive = tar::Archive::new(layer.as_slice());
    let names: Vec<_> =
        archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect();
    assert!(names.contains(&"disk/boot/a.efi".to_owned()), "{names:?}");
}
