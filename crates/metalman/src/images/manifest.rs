//! Manifests and indexes as they lie in registries and layouts: OCI image specification 1.1, and Docker's schema 2.
//!
//! Role: reads the raw JSON, chooses a platform, and names what must be fetched. Pure. Invariant: what comes out of here
//! has digests that are checked later against the bytes; nothing else of a manifest is believed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::Digest;

/// What manifests are asked for as, in order of preference.
pub const ACCEPTED: [&str; 4] = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST];

/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// OCI image configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// The only operating system that netboot images are made for.
const LINUX: &str = "linux";

/// Layers of one image: container engines stop at 127 or so.
const MOST_LAYERS: usize = 512;

/// A thing by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    #[serde(default)]
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// What it runs on; in indexes only.
    pub platform: Option<Platform>,
    /// Free words.
    #[serde(default)]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// What an image runs on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Platform {
    /// As Go calls it: `amd64`, `arm64`.
    #[serde(default)]
    pub architecture: String,
    /// As Go calls it: `linux`.
    #[serde(default)]
    pub os: String,
    /// Such as `v8`.
    #[serde(default)]
    pub variant: Option<String>,
}

/// A manifest or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// One image.
    Manifest(Manifest),
    /// Several, for several platforms.
    Index(Vec<Descriptor>),
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its configuration.
    pub config: Descriptor,
    /// Its layers, lowest first.
    pub layers: Vec<Descriptor>,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, or not of this shape.
    #[error("the manifest cannot be read")]
    Json(#[source] serde_json::Error),
    /// Something else than an image.
    #[error(
        "{media_type:?} is not the manifest of an image that can be booted; expected an OCI or Docker schema 2 image"
    )]
    MediaType {
        /// What it says.
        media_type: String,
    },
    /// An artifact, a chart, a signature.
    #[error("the configuration is of type {media_type:?}: this is not a container image")]
    NotAnImage {
        /// What it says.
        media_type: String,
    },
    /// A layer that is no file system.
    #[error("layer {digest} is of type {media_type:?}, which cannot be unpacked")]
    Layer {
        /// Which.
        digest: Digest,
        /// What it says.
        media_type: String,
    },
    /// Too many layers.
    #[error("the image has {count} layers, more than {MOST_LAYERS}")]
    Layers {
        /// How many.
        count: usize,
    },
    /// An index without the platform.
    #[error("the image index has no image for linux/{architecture}; it has {available}")]
    Platform {
        /// What was looked for.
        architecture: &'static str,
        /// What there is.
        available: String,
    },
    /// Configuration and manifest do not belong together.
    #[error("the configuration names {diff_ids} layers, the manifest {layers}")]
    DiffIds {
        /// In the configuration.
        diff_ids: usize,
        /// In the manifest.
        layers: usize,
    },
}

/// Which architecture an image is wanted for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// What most servers are, and what is taken when nothing is known.
    #[default]
    Amd64,
    /// ARM, 64 bits.
    Arm64,
}

impl Architecture {
    /// As Go calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    media_type: Option<String>,
    schema_version: Option<u32>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

/// Reads a manifest or index. `content_type` is what the registry or the index says it is; the document itself outranks it.
pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Document, ManifestError> {
    let raw: Raw = serde_json::from_slice(bytes).map_err(ManifestError::Json)?;
    let said = content_type.map(|text| text.split(';').next().unwrap_or_default().trim());
    let media_type = raw.media_type.as_deref().filter(|text| !text.is_empty()).or(said).unwrap_or_default().to_owned();
    let refuse = |media_type: String| Err(ManifestError::MediaType { media_type });
    if raw.schema_version != Some(2) {
        let version = raw.schema_version.map_or_else(|| "no schemaVersion".into(), |v| format!("schema version {v}"));
        return refuse(if media_type.is_empty() { version } else { media_type });
    }
    // Exactly one of the shapes: a document that could be read as either is how scanners and runtimes are made to disagree.
    match (raw.config, raw.layers, raw.manifests) {
        (None, None, Some(manifests)) if is_one_of(&media_type, &[OCI_INDEX, DOCKER_LIST]) => {
            Ok(Document::Index(manifests))
        }
        (Some(config), Some(layers), None) if is_one_of(&media_type, &[OCI_MANIFEST, DOCKER_MANIFEST]) => {
            checked(config, layers).map(Document::Manifest)
        }
        _ => refuse(media_type),
    }
}

/// Early OCI tools left the media type out, and plain files are served as octets.
fn is_one_of(media_type: &str, known: &[&str]) -> bool {
    known.contains(&media_type)
        || matches!(media_type, "" | "application/json" | "application/octet-stream" | "text/plain")
}

fn checked(config: Descriptor, layers: Vec<Descriptor>) -> Result<Manifest, ManifestError> {
    if !is_one_of(&config.media_type, &[OCI_CONFIG, DOCKER_CONFIG]) {
        return Err(ManifestError::NotAnImage { media_type: config.media_type });
    }
    if layers.len() > MOST_LAYERS {
        return Err(ManifestError::Layers { count: layers.len() });
    }
    for layer in &layers {
        let kind = layer.media_type.as_str();
        let tar = kind.starts_with("application/vnd.oci.image.layer.")
            || kind.starts_with("application/vnd.docker.image.rootfs.")
            || is_one_of(kind, &["application/x-tar", "application/gzip", "application/zstd"]);
        if !tar || kind.contains("encrypted") {
            return Err(ManifestError::Layer { digest: layer.digest.clone(), media_type: kind.to_owned() });
        }
    }
    Ok(Manifest { config, layers })
}

/// The image of an index for that architecture; the only one there is, whatever it is for.
pub fn choose(manifests: &[Descriptor], architecture: Architecture) -> Result<&Descriptor, ManifestError> {
    // Build tools put their attestations beside the images, as images of an unknown platform.
    let images: Vec<&Descriptor> = manifests.iter().filter(|m| !is_attestation(m)).collect();
    if let [only] = images[..] {
        return Ok(only);
    }
    let exact = |m: &&&Descriptor| {
        m.platform.as_ref().is_some_and(|p| {
            p.os == LINUX
                && p.architecture == architecture.as_str()
                && matches!(p.variant.as_deref().unwrap_or_default(), "" | "v1" | "v8")
        })
    };
    let any_variant = |m: &&&Descriptor| {
        m.platform.as_ref().is_some_and(|p| p.os == LINUX && p.architecture == architecture.as_str())
    };
    let unnamed = |m: &&&Descriptor| m.platform.is_none();
    images
        .iter()
        .find(exact)
        .or_else(|| images.iter().find(any_variant))
        .or_else(|| images.iter().find(unnamed))
        .copied()
        .ok_or_else(|| ManifestError::Platform { architecture: architecture.as_str(), available: platforms(&images) })
}

fn is_attestation(descriptor: &Descriptor) -> bool {
    descriptor.platform.as_ref().is_some_and(|p| p.architecture == "unknown" && p.os == "unknown")
        || descriptor.annotations.as_ref().is_some_and(|a| a.contains_key("vnd.docker.reference.type"))
}

fn platforms(images: &[&Descriptor]) -> String {
    const SHOWN: usize = 8;
    let mut names: Vec<String> = images
        .iter()
        .filter_map(|m| m.platform.as_ref())
        .take(SHOWN)
        .map(|p| format!("{}/{}", p.os, p.architecture).chars().filter(|c| !c.is_control()).take(40).collect())
        .collect();
    if names.is_empty() {
        return "none".into();
    }
    if images.len() > SHOWN {
        names.push("others".into());
    }
    names.join(", ")
}

#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<Digest>,
}

/// The digests of the uncompressed layers, out of the configuration.
pub fn diff_ids(config: &[u8], manifest: &Manifest) -> Result<Vec<Digest>, ManifestError> {
    let config: Config = serde_json::from_slice(config).map_err(ManifestError::Json)?;
    let diff_ids = config.rootfs.diff_ids;
    if diff_ids.len() != manifest.layers.len() {
        return Err(ManifestError::DiffIds { diff_ids: diff_ids.len(), layers: manifest.layers.len() });
    }
    Ok(diff_ids)
}

#[cfg(test)]
mod tests;
