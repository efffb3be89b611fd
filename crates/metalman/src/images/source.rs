//! Where an image comes from, once it is known who asks: a registry or a layout, behind one face.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::io::AsyncWriteExt;

use super::{
    digest::{Digest, Hasher},
    layout::{Layout, LayoutError},
    manifest::{self, Architecture, Descriptor, Document, Manifest, ManifestError},
    metrics::ImageMetrics,
    reference::{LayoutReference, RegistryReference},
    registry::{RegistryClient, RegistryError},
};

/// Indexes in indexes.
const DEEPEST: usize = 3;
/// Largest configuration taken.
const LARGEST_CONFIG: u64 = 4 << 20;
/// Tries for a blob that bring nothing new, one after the other.
const FRUITLESS: u32 = 4;
/// Tries for a blob altogether.
const TRIES: u32 = 50;
/// Pause after the first failed try; doubled by each that brought nothing.
const PAUSE: Duration = Duration::from_millis(500);

/// Where from.
pub(crate) enum Source {
    Registry(Arc<RegistryClient>, RegistryReference),
    Layout(Layout, LayoutReference),
}

/// What a reference means now.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// Digest of what the tag points to.
    pub(crate) top: Digest,
    /// Digest of the manifest.
    pub(crate) digest: Digest,
    /// The manifest.
    pub(crate) manifest: Manifest,
    /// The same, raw.
    pub(crate) bytes: Bytes,
    /// Whether there is no other for another architecture.
    pub(crate) only: bool,
}

/// Why an image did not come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("image indexes refer to each other more than {DEEPEST} deep")]
    TooDeep,
    #[error("{what} {wanted} has other content: its digest is {got}")]
    Digest { what: &'static str, wanted: Digest, got: Digest },
    #[error("{what} {digest} has another size than its {size} bytes")]
    Size { what: &'static str, digest: Digest, size: u64 },
    #[error("the configuration is larger than {LARGEST_CONFIG} bytes")]
    Config,
    #[error("{} cannot be written", path.display())]
    Disk {
        path: std::path::PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl SourceError {
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::Registry(error) => error.class(),
            Self::Layout(LayoutError::Digest { .. }) | Self::Digest { .. } | Self::Size { .. } => "digest",
            Self::Layout(_) => "layout",
            Self::Manifest(_) | Self::TooDeep | Self::Config => "manifest",
            Self::Disk { source, .. } if super::store::is_full(source) => "disk_full",
            Self::Disk { .. } => "disk",
        }
    }
}

impl Source {
    /// What the tag points to now, asked as cheaply as can be; none if only a pull tells.
    pub(crate) async fn top(&self) -> Result<Option<Digest>, SourceError> {
        match self {
            Self::Registry(client, reference) => match client.head(reference.repository(), &reference.manifest()).await
            {
                // Some registries know no HEAD.
                Err(RegistryError::Refused { status: 405, .. }) => Ok(None),
                other => Ok(other?),
            },
            Self::Layout(..) => Ok(None),
        }
    }

    /// What the reference means for that architecture.
    pub(crate) async fn resolve(&self, architecture: Architecture) -> Result<Resolved, SourceError> {
        let (mut bytes, mut kind, top) = match self {
            Self::Registry(client, reference) => {
                let fetched = client.manifest(reference.repository(), &reference.manifest()).await?;
                (fetched.bytes, fetched.content_type, fetched.digest)
            }
            Self::Layout(layout, reference) => {
                let (layout, reference) = (layout.clone(), reference.clone());
                blocking(move || {
                    let found = layout.find(&reference, architecture)?;
                    let bytes = layout.document(&found)?;
                    Ok((Bytes::from(bytes), Some(found.media_type), found.digest))
                })
                .await?
            }
        };
        // A layout may name one image for each platform in its own index.
        let mut only = matches!(self, Self::Registry(..));
        let mut digest = top.clone();
        for _ in 0..DEEPEST {
            match manifest::parse(&bytes, kind.as_deref())? {
                Document::Manifest(manifest) => return Ok(Resolved { top, digest, manifest, bytes, only }),
                Document::Index(manifests) => {
                    only = false;
                    let chosen = manifest::choose(&manifests, architecture)?.clone();
                    bytes = self.document(&chosen).await?;
                    digest = chosen.digest;
                    kind = Some(chosen.media_type);
                }
            }
        }
        Err(SourceError::TooDeep)
    }

    async fn document(&self, descriptor: &Descriptor) -> Result<Bytes, SourceError> {
        match self {
            Self::Registry(client, reference) => {
                let fetched = client.manifest(reference.repository(), &descriptor.digest.to_string()).await?;
                Ok(fetched.bytes)
            }
            Self::Layout(layout, _) => {
                let (layout, descriptor) = (layout.clone(), descriptor.clone());
                blocking(move || Ok(layout.document(&descriptor)?.into())).await
            }
        }
    }

    /// The configuration, checked.
    pub(crate) async fn config(&self, descriptor: &Descriptor, into: &Path) -> Result<Vec<u8>, SourceError> {
        if descriptor.size > LARGEST_CONFIG {
            return Err(SourceError::Config);
        }
        self.fetch("configuration", descriptor, into, &ImageMetrics::default()).await?;
        tokio::fs::read(into).await.map_err(|source| SourceError::Disk { path: into.to_owned(), source })
    }

    /// A blob into a file, its digest and size checked. Goes on where a broken transfer ended.
    pub(crate) async fn fetch(
        &self,
        what: &'static str,
        descriptor: &Descriptor,
        into: &Path,
        metrics: &ImageMetrics,
    ) -> Result<(), SourceError> {
        match self {
            Self::Layout(layout, _) => {
                let (layout, descriptor, path) = (layout.clone(), descriptor.clone(), into.to_owned());
                let copied = descriptor.size;
                blocking(move || copy(&layout, what, &descriptor, &path)).await?;
                metrics.pulled(copied);
                Ok(())
            }
            Self::Registry(client, reference) => {
                let mut transfer = Transfer::new(what, descriptor, into).await?;
                let (mut fruitless, mut tries) = (0, 0);
                loop {
                    let before = transfer.written;
                    let outcome = transfer.run(client, reference, metrics).await;
                    tries += 1;
                    fruitless = if transfer.written > before { 0 } else { fruitless + 1 };
                    match outcome {
                        Ok(()) => return transfer.finish().await,
                        Err(SourceError::Registry(error))
                            if error.is_transient() && fruitless < FRUITLESS && tries < TRIES =>
                        {
                            tracing::debug!(registry = client.host(), %error, written = transfer.written, "transfer broke: going on");
                            tokio::time::sleep(PAUSE * 2_u32.pow(fruitless)).await;
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }
}

/// A blob on its way to a file.
struct Transfer<'a> {
    what: &'static str,
    descriptor: &'a Descriptor,
    path: &'a Path,
    file: tokio::io::BufWriter<tokio::fs::File>,
    hasher: Hasher,
    written: u64,
}

impl<'a> Transfer<'a> {
    async fn new(what: &'static str, descriptor: &'a Descriptor, path: &'a Path) -> Result<Self, SourceError> {
        let file = tokio::fs::File::create(path).await;
        let file = file.map_err(|source| SourceError::Disk { path: path.to_owned(), source })?;
        let file = tokio::io::BufWriter::with_capacity(1 << 20, file);
        let hasher = Hasher::new(descriptor.digest.algorithm());
        Ok(Self { what, descriptor, path, file, hasher, written: 0 })
    }

    async fn run(
        &mut self,
        client: &RegistryClient,
        reference: &RegistryReference,
        metrics: &ImageMetrics,
    ) -> Result<(), SourceError> {
        // A transfer that broke after its last byte.
        if self.written == self.descriptor.size && self.written > 0 {
            return Ok(());
        }
        let mut blob = client.blob(reference.repository(), &self.descriptor.digest, self.written).await?;
        // A registry without ranges begins again: what is here already is passed over.
        let mut pass = self.written - blob.offset.min(self.written);
        while let Some(mut bytes) = blob.next().await? {
            metrics.pulled(bytes.len() as u64);
            let passed = usize::try_from(pass).unwrap_or(usize::MAX).min(bytes.len());
            pass -= passed as u64;
            let bytes = bytes.split_off(passed);
            if self.written + bytes.len() as u64 > self.descriptor.size {
                return Err(self.size());
            }
            self.hasher.update(&bytes);
            self.written += bytes.len() as u64;
            self.file.write_all(&bytes).await.map_err(|source| self.disk(source))?;
        }
        if self.written == self.descriptor.size { Ok(()) } else { Err(self.size()) }
    }

    async fn finish(mut self) -> Result<(), SourceError> {
        self.file.flush().await.map_err(|source| self.disk(source))?;
        // The file itself ends its writes in the background.
        self.file.get_mut().flush().await.map_err(|source| self.disk(source))?;
        check(self.what, self.descriptor, self.hasher.finish())
    }

    fn size(&self) -> SourceError {
        let Descriptor { digest, size, .. } = self.descriptor;
        SourceError::Size { what: self.what, digest: digest.clone(), size: *size }
    }

    fn disk(&self, source: std::io::Error) -> SourceError {
        SourceError::Disk { path: self.path.to_owned(), source }
    }
}

/// Copies a blob of a layout: unpacked from a copy whose digest was checked, whatever becomes of the layout meanwhile.
fn copy(layout: &Layout, what: &'static str, descriptor: &Descriptor, path: &Path) -> Result<(), SourceError> {
    use std::io::{Read, Write};
    let disk = |source| SourceError::Disk { path: path.to_owned(), source };
    let mut from = layout.blob(&descriptor.digest)?;
    let mut to = std::fs::File::create(path).map_err(disk)?;
    let mut hasher = Hasher::new(descriptor.digest.algorithm());
    let mut buffer = vec![0; 256 << 10];
    let mut left = descriptor.size;
    loop {
        let n = from.read(&mut buffer).map_err(|source| {
            let path = super::layout::blob_path(&descriptor.digest).into();
            LayoutError::Read { path, source }
        })?;
        if n == 0 {
            break;
        }
        left = left.checked_sub(n as u64).ok_or_else(|| SourceError::Size {
            what,
            digest: descriptor.digest.clone(),
            size: descriptor.size,
        })?;
        hasher.update(&buffer[..n]);
        to.write_all(&buffer[..n]).map_err(disk)?;
    }
    check(what, descriptor, hasher.finish())
}

fn check(what: &'static str, descriptor: &Descriptor, got: Digest) -> Result<(), SourceError> {
    if got == descriptor.digest {
        Ok(())
    } else {
        Err(SourceError::Digest { what, wanted: descriptor.digest.clone(), got })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        // A panic goes on where it is supervised; cancelled is only what never began, at the end of the process.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}
