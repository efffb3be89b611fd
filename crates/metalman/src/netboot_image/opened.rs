//! An image of a registry or a layout, opened for a look.
//!
//! Invariant: what is told was checked against its digest. Layers are fetched to a temporary folder, which is gone when the
//! look is over.

use std::{
    fs,
    io::{self, Read},
    path::PathBuf,
    sync::Arc,
};

use serde_json::Value;
use thiserror::Error;

use super::{
    Content,
    content::Kept,
    credentials::{self, CredentialsError},
    temporary::{Temporary, TemporaryError},
};
use crate::{
    config::LayoutRoot,
    images::{
        ImageMetrics,
        digest::Digest,
        layout::{Layout, LayoutError},
        manifest::{self, Architecture, Descriptor, Document, Manifest, ManifestError},
        reference::{LayoutReference, Reference, RegistryReference},
        registry::{RegistryClient, RegistryError, Trust, TrustError},
        source::{Source, SourceError},
        unpack::{Limits, Sink, Stored, UnpackError, Unpacker},
    },
};

/// Why an image cannot be looked at.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The client.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The layout.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The registry.
    #[error(transparent)]
    Registry(RegistryError),
    /// The manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// What it refers to.
    #[error("{0}")]
    Source(String),
    /// A layer.
    #[error("layer {digest}")]
    Unpack {
        /// Which.
        digest: Digest,
        /// Why.
        #[source]
        source: UnpackError,
    },
    /// All layers together.
    #[error("metalman would refuse the image")]
    Index(#[source] UnpackError),
    /// A layer that is not what the configuration says.
    #[error("layer {layer} is {got} uncompressed; the configuration says {wanted}")]
    DiffId {
        /// Which.
        layer: Digest,
        /// What the configuration says.
        wanted: Digest,
        /// What it is.
        got: Digest,
    },
    /// The temporary folder.
    #[error(transparent)]
    Temporary(#[from] TemporaryError),
}

impl From<RegistryError> for OpenError {
    fn from(error: RegistryError) -> Self {
        Self::Registry(credentials::with_remedy(error))
    }
}

impl From<SourceError> for OpenError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Registry(error) => error.into(),
            SourceError::Layout(error) => Self::Layout(error),
            SourceError::Manifest(error) => Self::Manifest(error),
            error => Self::Source(error.to_string()),
        }
    }
}

/// How registries are reached.
#[derive(Debug, Clone, Default)]
pub struct RegistryAccess {
    /// Whom to trust.
    pub trust: Trust,
    /// Where credentials are.
    pub auth_files: Vec<PathBuf>,
}

impl RegistryAccess {
    /// A client for the image's registry, as whom the user is logged in there.
    pub fn client(&self, reference: &RegistryReference) -> Result<RegistryClient, OpenError> {
        let credentials = credentials::find(&self.auth_files, reference)?;
        Ok(RegistryClient::new(reference.host(), credentials, &self.trust)?)
    }
}

/// An image.
pub struct Opened {
    source: Source,
    /// What the reference points to: the manifest, or an index.
    pub top: Digest,
    /// The manifest's digest.
    pub digest: Digest,
    /// The manifest.
    pub manifest: Manifest,
    /// The same, as it was written.
    pub document: Value,
    /// The images of the index, when it is one.
    pub index: Vec<Descriptor>,
    /// The configuration.
    pub config: Value,
    diff_ids: Vec<Digest>,
    folder: Temporary,
}

impl Opened {
    /// Opens what the reference means for that architecture.
    pub async fn new(
        reference: &Reference,
        architecture: Architecture,
        access: &RegistryAccess,
    ) -> Result<Self, OpenError> {
        let (source, index) = match reference {
            Reference::Layout(reference) => {
                let layout = Layout::open(&reference.path, &LayoutRoot::Anywhere)?;
                let index = index_of_layout(&layout, reference, architecture)?;
                (Source::Layout(layout, reference.clone()), index)
            }
            Reference::Registry(reference) => {
                let client = access.client(reference)?;
                let top = client.manifest(reference.repository(), &reference.manifest()).await?;
                let index = images_of(&top.bytes, top.content_type.as_deref())?;
                (Source::Registry(Arc::new(client), reference.clone()), index)
            }
        };
        let resolved = source.resolve(architecture).await?;
        let folder = Temporary::new()?;
        let config = source.config(&resolved.manifest.config, &folder.path().join("config")).await?;
        let diff_ids = manifest::diff_ids(&config, &resolved.manifest)?;
        Ok(Self {
            source,
            top: resolved.top,
            digest: resolved.digest,
            document: serde_json::from_slice(&resolved.bytes).map_err(ManifestError::Json)?,
            manifest: resolved.manifest,
            index,
            config: serde_json::from_slice(&config).map_err(ManifestError::Json)?,
            diff_ids,
            folder,
        })
    }

    /// What is in it, layers applied as metalman applies them.
    pub async fn content(&self) -> Result<Content, OpenError> {
        let mut unpacker = Unpacker::new(Limits::default());
        let mut keeping = Keeping::default();
        for (layer, diff_id) in self.manifest.layers.iter().zip(&self.diff_ids) {
            let path = self.folder.path().join("layer");
            self.source.fetch("layer", layer, &path, &ImageMetrics::default()).await?;
            let file = fs::File::open(&path);
            let file = file.map_err(|source| TemporaryError { path: path.clone(), source })?;
            // This is a command of one task: nobody waits for this thread meanwhile.
            let got = unpacker.layer(io::BufReader::new(file), diff_id.algorithm(), &mut keeping);
            let got = got.map_err(|source| OpenError::Unpack { digest: layer.digest.clone(), source })?;
            if got != *diff_id {
                return Err(OpenError::DiffId { layer: layer.digest.clone(), wanted: diff_id.clone(), got });
            }
        }
        Ok(Content::new(unpacker.finish().map_err(OpenError::Index)?, keeping.0))
    }
}

/// The images of an index; none of a manifest.
fn images_of(bytes: &[u8], kind: Option<&str>) -> Result<Vec<Descriptor>, ManifestError> {
    match manifest::parse(bytes, kind)? {
        Document::Index(images) => Ok(images),
        Document::Manifest(_) => Ok(Vec::new()),
    }
}

fn index_of_layout(
    layout: &Layout,
    reference: &LayoutReference,
    architecture: Architecture,
) -> Result<Vec<Descriptor>, OpenError> {
    let found = layout.find(reference, architecture)?;
    Ok(images_of(&layout.document(&found)?, Some(&found.media_type))?)
}

/// Keeps what a look needs, and drops the rest.
#[derive(Default)]
struct Keeping(Kept);

impl Sink for Keeping {
    fn store(&mut self, content: &mut dyn Read) -> io::Result<Stored> {
        let info = self.0.keep(content)?;
        Ok(Stored { sha256: info.sha256, size: info.size })
    }
}
