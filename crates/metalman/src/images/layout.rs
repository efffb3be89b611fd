//! OCI image layouts on local disk (OCI image specification, "Image Layout"): for sites without a registry.
//!
//! Role: opens a layout below the folder that the operator allowed, and reads its index and blobs. Invariants: every file is
//! resolved through its symbolic links and must lie below the allowed folder; only regular files are opened, so that a FIFO
//! cannot hold a thread; nothing here is believed before its digest was checked.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    digest::Digest,
    manifest::{self, Architecture, Descriptor, ManifestError},
    reference::LayoutReference,
};
use crate::config::LayoutRoot;

/// The annotation that names an image of a layout.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Largest index and manifest read: what registries take.
const LARGEST_DOCUMENT: u64 = 4 << 20;

/// An open layout.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Resolved.
    dir: PathBuf,
    /// Resolved; none: anywhere.
    root: Option<PathBuf>,
}

/// Why a layout cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// metalman was told no folder for layouts.
    #[error("oci: images are not allowed here; start metalman with --layout-root and the folder that holds them")]
    NotAllowed,
    /// The root itself.
    #[error("--layout-root {} cannot be used", path.display())]
    Root {
        /// The root.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Outside of the root.
    #[error("{} is not below --layout-root {}", path.display(), root.display())]
    Outside {
        /// The file.
        path: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// A file of it.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Not a regular file, or too large.
    #[error("{} is {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What it is.
        problem: &'static str,
    },
    /// Not a layout.
    #[error("{} is no OCI image layout: {problem}", path.display())]
    NotALayout {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// No image of that name.
    #[error("{} has no image {wanted:?}; it has {available}", path.display())]
    NoSuchImage {
        /// The folder.
        path: PathBuf,
        /// The tag or digest.
        wanted: String,
        /// What there is.
        available: String,
    },
    /// Bytes that are not what their name says.
    #[error("blob {digest} of {} is damaged: its content has another digest", path.display())]
    Digest {
        /// The folder.
        path: PathBuf,
        /// Which.
        digest: Digest,
    },
    /// The platform.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

impl Layout {
    /// Opens the layout in that folder, if it may be read.
    pub fn open(path: &Path, allowed: &LayoutRoot) -> Result<Self, LayoutError> {
        let root = match allowed {
            LayoutRoot::Nowhere => return Err(LayoutError::NotAllowed),
            LayoutRoot::Anywhere => None,
            LayoutRoot::Below(root) => {
                let resolved =
                    fs::canonicalize(root).map_err(|source| LayoutError::Root { path: root.clone(), source })?;
                Some(resolved)
            }
        };
        let dir = resolve(path, root.as_deref())?;
        let layout = Self { dir, root };
        let marker = layout.read("oci-layout", LARGEST_DOCUMENT)?;
        let marker: Marker = serde_json::from_slice(&marker).map_err(|e| layout.refuse(format!("oci-layout: {e}")))?;
        if !marker.image_layout_version.starts_with("1.") {
            return Err(layout.refuse(format!("its version is {:?}", cut(&marker.image_layout_version))));
        }
        Ok(layout)
    }

    /// The images that the layout names in its index.
    pub fn images(&self) -> Result<Vec<Descriptor>, LayoutError> {
        let index = self.read("index.json", LARGEST_DOCUMENT)?;
        let index: Index = serde_json::from_slice(&index).map_err(|e| self.refuse(format!("index.json: {e}")))?;
        Ok(index.manifests)
    }

    /// The manifest or index that the reference means.
    pub fn find(&self, reference: &LayoutReference, architecture: Architecture) -> Result<Descriptor, LayoutError> {
        let images = self.images()?;
        let missing =
            |wanted: String| LayoutError::NoSuchImage { path: self.dir.clone(), wanted, available: names(&images) };
        if let Some(digest) = &reference.digest {
            let named = images.iter().find(|image| image.digest == *digest);
            return named.cloned().ok_or_else(|| missing(digest.to_string()));
        }
        let wanted = reference.tag.as_deref();
        let tagged: Vec<Descriptor> =
            images.iter().filter(|image| wanted.is_none() || name(image) == wanted).cloned().collect();
        if let Some(tag) = wanted
            && tagged.is_empty()
        {
            return Err(missing(tag.to_owned()));
        }
        if wanted.is_none()
            && let Some(latest) = tagged.iter().find(|image| name(image) == Some("latest"))
        {
            return Ok(latest.clone());
        }
        match &tagged[..] {
            [] => Err(self.refuse("its index.json names no image".into())),
            [only] => Ok(only.clone()),
            // The same name for several platforms; without platforms nothing says which is meant.
            several if several.iter().all(|image| image.platform.is_some()) => {
                Ok(manifest::choose(several, architecture)?.clone())
            }
            _ => Err(missing(wanted.unwrap_or("latest").to_owned())),
        }
    }

    /// A small blob whole, its digest checked.
    pub fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, LayoutError> {
        let bytes = self.read(&blob_path(&descriptor.digest), LARGEST_DOCUMENT)?;
        if descriptor.digest.matches(&bytes) {
            Ok(bytes)
        } else {
            Err(LayoutError::Digest { path: self.dir.clone(), digest: descriptor.digest.clone() })
        }
    }

    /// A blob, for whoever checks its digest while reading.
    pub fn blob(&self, digest: &Digest) -> Result<File, LayoutError> {
        self.file(&blob_path(digest))
    }

    fn read(&self, name: &str, largest: u64) -> Result<Vec<u8>, LayoutError> {
        let file = self.file(name)?;
        let mut bytes = Vec::new();
        file.take(largest + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| LayoutError::Read { path: self.dir.join(name), source })?;
        if bytes.len() as u64 > largest {
            return Err(LayoutError::File { path: self.dir.join(name), problem: "larger than 4 MiB" });
        }
        Ok(bytes)
    }

    fn file(&self, name: &str) -> Result<File, LayoutError> {
        let path = resolve(&self.dir.join(name), self.root.as_deref())?;
        let open = || {
            // Without waiting: opening a FIFO would.
            let file = File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW).open(&path)?;
            let regular = file.metadata()?.is_file();
            io::Result::Ok((file, regular))
        };
        match open() {
            Ok((file, true)) => Ok(file),
            Ok((_, false)) => Err(LayoutError::File { path, problem: "not a regular file" }),
            Err(source) => Err(LayoutError::Read { path, source }),
        }
    }

    fn refuse(&self, problem: String) -> LayoutError {
        LayoutError::NotALayout { path: self.dir.clone(), problem }
    }
}

/// Where a blob lies in a layout.
pub fn blob_path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().as_str(), digest.hex())
}

fn resolve(path: &Path, root: Option<&Path>) -> Result<PathBuf, LayoutError> {
    let outside = |root: &Path| LayoutError::Outside { path: path.to_owned(), root: root.to_owned() };
    let resolved = match (fs::canonicalize(path), root) {
        (Ok(resolved), _) => resolved,
        // What is not below the root is not said to exist or not.
        (Err(_), Some(root)) if !path.starts_with(root) => return Err(outside(root)),
        (Err(source), _) => return Err(LayoutError::Read { path: path.to_owned(), source }),
    };
    match root {
        Some(root) if !resolved.starts_with(root) => Err(outside(root)),
        _ => Ok(resolved),
    }
}

fn name(image: &Descriptor) -> Option<&str> {
    image.annotations.as_ref()?.get(REF_NAME).map(String::as_str)
}

fn names(images: &[Descriptor]) -> String {
    const SHOWN: usize = 8;
    let named: Vec<String> = images.iter().filter_map(name).take(SHOWN).map(cut).collect();
    match (images.len(), named.is_empty()) {
        (0, _) => "no images".into(),
        (count, true) => format!("{count} without names"),
        (count, false) if count > named.len() => format!("{} and others", named.join(", ")),
        _ => named.join(", "),
    }
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests;
