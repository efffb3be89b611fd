use serde_json::{Value, json};

use super::*;

fn digest(c: char) -> String {
    format!("sha256:{}", String::from(c).repeat(64))
}

fn manifest() -> Value {
    json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": { "mediaType": OCI_CONFIG, "digest": digest('c'), "size": 2 },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest('1'), "size": 3 }],
    })
}

fn read(value: &Value, content_type: Option<&str>) -> Result<Document, String> {
    parse(value.to_string().as_bytes(), content_type).map_err(|e| e.to_string())
}

#[test]
fn reads_both_families() {
    assert!(matches!(read(&manifest(), None), Ok(Document::Manifest(m)) if m.layers.len() == 1));
    let docker = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": { "mediaType": "application/vnd.docker.container.image.v1+json", "digest": digest('c'), "size": 2 },
        "layers": [{ "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "digest": digest('1'), "size": 3 }],
    });
    assert!(matches!(read(&docker, None), Ok(Document::Manifest(_))));
    let mut unnamed = manifest();
    unnamed.as_object_mut().unwrap().remove("mediaType");
    assert!(matches!(
        read(&unnamed, Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8")),
        Ok(Document::Manifest(_))
    ));
    assert!(matches!(read(&unnamed, None), Ok(Document::Manifest(_))));
}

#[test]
fn refuses_what_is_no_image() {
    let change = |pointer: &str, value: Value| {
        let mut changed = manifest();
        *changed.pointer_mut(pointer).unwrap() = value;
        read(&changed, None).expect_err(pointer)
    };
    assert!(change("/schemaVersion", json!(1)).contains("is not the manifest of an image"));
    assert!(change("/mediaType", json!(OCI_INDEX)).contains("is not the manifest of an image"), "two shapes in one");
    assert!(
        change("/config/mediaType", json!("application/vnd.cncf.helm.config.v1+json"))
            .contains("not a container image")
    );
    assert!(change("/layers/0/mediaType", json!("application/spdx+json")).contains("cannot be unpacked"));
    assert!(
        change("/layers/0/mediaType", json!("application/vnd.oci.image.layer.v1.tar+gzip+encrypted"))
            .contains("cannot be")
    );
    assert!(change("/layers/0/digest", json!("md5:1")).contains("cannot be read"));
    assert!(change("/layers/0/size", json!(-1)).contains("cannot be read"));
    let mut both = manifest();
    both["manifests"] = json!([]);
    assert!(read(&both, None).is_err(), "a manifest that is an index as well");
    assert!(read(&json!([]), None).is_err());
}

fn index(platforms: &[&str]) -> Vec<Descriptor> {
    let descriptor = |(at, platform): (usize, &&str)| {
        let digest = digest(char::from_digit(u32::try_from(at).unwrap(), 10).unwrap());
        let mut value = json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": 1 });
        let mut parts = platform.split('/');
        if let (Some(os), Some(architecture)) = (parts.next().filter(|os| !os.is_empty()), parts.next()) {
            value["platform"] = json!({ "os": os, "architecture": architecture, "variant": parts.next() });
        }
        serde_json::from_value(value).unwrap()
    };
    platforms.iter().enumerate().map(descriptor).collect()
}

#[test]
fn chooses_the_platform() {
    use Architecture::{Amd64, Arm64};
    for (platforms, architecture, expected) in [
        (&["linux/arm64", "linux/amd64"][..], Amd64, Some(1)),
        (&["linux/arm64/v8", "linux/amd64"], Arm64, Some(0)),
        (&["linux/amd64/v3", "linux/amd64"], Amd64, Some(1)),
        (&["linux/amd64/v3", "linux/arm64"], Amd64, Some(0)),
        (&["windows/amd64", "linux/amd64"], Amd64, Some(1)),
        (&["linux/s390x"], Amd64, Some(0)),
        (&["unknown/unknown", "linux/arm64"], Amd64, Some(1)),
        (&["", "linux/arm64"], Amd64, Some(0)),
        (&["linux/s390x", "linux/arm64"], Amd64, None),
        (&[], Amd64, None),
    ] {
        let manifests = index(platforms);
        let chosen = choose(&manifests, architecture).ok().map(|c| manifests.iter().position(|m| m == c).unwrap());
        assert_eq!(chosen, expected, "{platforms:?} {architecture:?}");
    }
    let refusal = choose(&index(&["linux/s390x", "linux/arm64"]), Amd64).unwrap_err().to_string();
    assert!(refusal.contains("no image for linux/amd64; it has linux/s390x, linux/arm64"), "{refusal}");
}

#[test]
fn configuration_and_layers_belong_together() {
    let Ok(Document::Manifest(manifest)) = read(&manifest(), None) else { panic!("a manifest") };
    let config = |ids: &[String]| json!({ "rootfs": { "type": "layers", "diff_ids": ids } }).to_string();
    assert_eq!(diff_ids(config(&[digest('2')]).as_bytes(), &manifest).unwrap().len(), 1);
    assert!(
        diff_ids(config(&[]).as_bytes(), &manifest).unwrap_err().to_string().contains("names 0 layers, the manifest 1")
    );
    assert!(diff_ids(b"{}", &manifest).is_err());
}

proptest::proptest! {
    #[test]
    fn ends_on_anything(text in "\\PC{0,200}") {
        let _ = parse(text.as_bytes(), None);
    }
}
