//! The smallest way from a folder to a netboot image: an OCI image layout with one uncompressed layer, for tests that need
//! an image and are not about building one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};
use metalman_core::netboot::hex;
use serde_json::{Value, json};

/// Packs a folder, which holds `disk/…`, into the layout at `layout`, under that tag. Returns the digest of the manifest.
pub fn pack(folder: &Path, layout: &Path, tag: &str) -> io::Result<String> {
    let mut tar = tar::Builder::new(Vec::new());
    tar.mode(tar::HeaderMode::Deterministic);
    tar.follow_symlinks(false);
    tar.append_dir_all("", folder)?;
    let layer = tar.into_inner()?;

    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let diff_id = sha256(&layer);
    let layer = blob(&blobs, "application/vnd.oci.image.layer.v1.tar", &layer)?;
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{diff_id}")] },
    });
    let config = blob(&blobs, "application/vnd.oci.image.config.v1+json", config.to_string().as_bytes())?;
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({ "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer] });
    let mut manifest = blob(&blobs, media_type, manifest.to_string().as_bytes())?;
    let digest = manifest["digest"].as_str().unwrap_or_default().to_owned();
    manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });

    fs::write(layout.join("oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }).to_string())?;
    let index = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest],
    });
    // Renamed into place: a server may be reading the index of the image that this one replaces.
    let new = layout.join("index.json.new");
    fs::write(&new, index.to_string())?;
    fs::rename(new, layout.join("index.json"))?;
    Ok(digest)
}

/// Writes these files below `disk/` and packs them: an image from names and contents.
pub fn pack_files(files: &[(&str, &[u8])], layout: &Path, tag: &str) -> io::Result<String> {
    let folder = tempfile::tempdir()?;
    for (name, content) in files {
        let path: PathBuf = folder.path().join("disk").join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
        fs::write(path, content)?;
    }
    pack(folder.path(), layout, tag)
}

/// Stores a blob and describes it.
fn blob(blobs: &Path, media_type: &str, content: &[u8]) -> io::Result<Value> {
    let digest = sha256(content);
    fs::write(blobs.join(&digest), content)?;
    Ok(json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": content.len() }))
}

/// SHA-256 in hexadecimal.
pub fn sha256(content: &[u8]) -> String {
    hex(digest(&SHA256, content).as_ref())
}

#[cfg(test)]
mod tests;
