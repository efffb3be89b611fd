//! One pull: from a key to an image in the store.
//!
//! Invariants: pulls of one registry do not wait for another's; two keys that resolve to the same digest fetch it once;
//! what fails leaves nothing but an error.

use std::{
    collections::BTreeMap,
    fs::File,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::sync::{Mutex as AsyncMutex, Semaphore};

use super::{
    digest::Digest,
    image::Image,
    key::Key,
    layout::{Layout, LayoutError},
    manifest,
    metrics::ImageMetrics,
    pull_secret::{PullSecrets, SecretError},
    reference::{Reference, ReferenceError, RegistryReference},
    registry::{RegistryClient, Trust, TrustError},
    source::{Resolved, Source, SourceError},
    store::{Record, Store, StoreError, Workspace},
    unpack::{Limits, UnpackError, Unpacker},
};
use crate::{config::LayoutRoot, explain::explain};

/// Pulls from one registry at once: enough to fill a line, and its other users are served too.
const AT_ONCE_EACH: usize = 3;
/// Images unpacked at once: each costs a core and the disk.
const UNPACK_AT_ONCE: usize = 2;
/// Clients kept.
const MOST_CLIENTS: usize = 256;

/// What pulls share.
pub(super) struct Puller {
    pub(super) store: Arc<Store>,
    pub(super) secrets: PullSecrets,
    pub(super) trust: Trust,
    pub(super) layout_root: LayoutRoot,
    pub(super) limits: Limits,
    pub(super) metrics: Arc<crate::metrics::Metrics>,
    pub(super) patience: std::time::Duration,
    sources: Sources,
}

/// A registry, and the pull secret that it is shown.
type Asker = (String, Option<String>);

/// What is made once and used by several pulls.
struct Sources {
    /// One client for each registry and pull secret: what one was handed is not shown by another.
    clients: Mutex<BTreeMap<Asker, Arc<RegistryClient>>>,
    lines: Mutex<BTreeMap<String, Arc<Semaphore>>>,
    unpacking: Semaphore,
    digests: Mutex<BTreeMap<Digest, Weak<AsyncMutex<()>>>>,
}

/// What came of a pull.
pub(super) struct Pulled {
    pub(super) record: Record,
    pub(super) image: Arc<Image>,
    /// The reference still means what it meant, and that was here.
    pub(super) unchanged: bool,
}

/// Why there is no image. Display and its sources are what the operator reads.
#[derive(Debug, thiserror::Error)]
pub(super) enum PullError {
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("layer {digest}")]
    Unpack {
        digest: Digest,
        #[source]
        source: UnpackError,
    },
    #[error("layer {layer} is {got} uncompressed; the configuration says {wanted}")]
    DiffId { layer: Digest, wanted: Digest, got: Digest },
    #[error("the image is refused")]
    Index(#[source] UnpackError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{} cannot be read", path.display())]
    Download {
        path: std::path::PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the image could not be unpacked because of a mistake in metalman; its log says more")]
    Panicked,
}

impl From<manifest::ManifestError> for PullError {
    fn from(error: manifest::ManifestError) -> Self {
        SourceError::from(error).into()
    }
}

impl From<LayoutError> for PullError {
    fn from(error: LayoutError) -> Self {
        SourceError::from(error).into()
    }
}

impl PullError {
    /// Its kind, of which there are few.
    pub(super) fn class(&self) -> &'static str {
        match self {
            Self::Reference(_) => "reference",
            Self::Secret(_) => "secret",
            Self::Trust(_) => "trust",
            Self::Source(error) => error.class(),
            error if error.is_full() => "disk_full",
            Self::Unpack { source: UnpackError::Limit { .. }, .. } | Self::Index(UnpackError::Limit { .. }) => "limit",
            Self::Unpack { source: UnpackError::Sink { .. }, .. } | Self::Download { .. } => "disk",
            Self::Unpack { .. } | Self::Index(_) => "layer",
            Self::DiffId { .. } => "digest",
            Self::Store(StoreError::NoMetadata | StoreError::Metadata(_) | StoreError::NoBootFile { .. }) => "metadata",
            Self::Store(_) => "disk",
            Self::Panicked => "internal",
        }
    }

    /// Whether the disk is full.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Source(SourceError::Disk { source, .. })
            | Self::Unpack { source: UnpackError::Sink { source, .. }, .. } => super::store::is_full(source),
            Self::Store(error) => error.is_full(),
            _ => false,
        }
    }

    /// All of it on one line.
    pub(super) fn explain(&self) -> String {
        const LONGEST: usize = 1000;
        let mut text = explain(self);
        if self.is_full() {
            text += "; make room in the image cache, or lower --cache-max-size";
        }
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
    }
}

impl Puller {
    pub(super) fn new(
        store: Arc<Store>,
        secrets: PullSecrets,
        settings: &super::Settings,
        metrics: Arc<crate::metrics::Metrics>,
    ) -> Self {
        Self {
            store,
            secrets,
            trust: settings.trust.clone(),
            layout_root: settings.layout_root.clone(),
            limits: Limits { bytes: settings.limits.bytes.min(settings.cache.max_bytes), ..settings.limits },
            metrics,
            patience: settings.patience,
            sources: Sources {
                clients: Mutex::default(),
                lines: Mutex::default(),
                unpacking: Semaphore::new(UNPACK_AT_ONCE),
                digests: Mutex::default(),
            },
        }
    }

    /// Brings the key's image up to date. `known` is what it resolved to last, with its image if that is here.
    pub(super) async fn pull(
        &self,
        key: &Key,
        known: Option<(Record, Option<Arc<Image>>)>,
    ) -> Result<Pulled, PullError> {
        let reference: Reference = key.reference.parse()?;
        let source = self.source(&reference, key.secret.as_deref()).await?;
        let line = self.sources.line(match &source {
            Source::Registry(client, _) => client.host(),
            Source::Layout(..) => "",
        });
        // The semaphore is never closed.
        let _turn = line.acquire().await;
        if let Some((record, Some(image))) = &known
            && source.top().await?.is_some_and(|top| top == record.top)
        {
            return Ok(Pulled {
                record: Record { resolved: now(), ..record.clone() },
                image: image.clone(),
                unchanged: true,
            });
        }
        let resolved = source.resolve(key.architecture).await?;
        let record = Record {
            key: key.clone(),
            top: resolved.top.clone(),
            digest: resolved.digest.clone(),
            only: resolved.only,
            resolved: now(),
        };
        if let Some((_, Some(image))) = known.filter(|(known, _)| known.digest == record.digest) {
            return Ok(Pulled { record, image, unchanged: true });
        }
        let one_at_a_time = self.sources.digest(&resolved.digest);
        let _alone = one_at_a_time.lock().await;
        if let Some(image) = self.load(&resolved.digest).await? {
            return Ok(Pulled { record, image, unchanged: false });
        }
        let image = self.fetch(&source, resolved).await?;
        Ok(Pulled { record, image, unchanged: false })
    }

    async fn source(&self, reference: &Reference, secret: Option<&str>) -> Result<Source, PullError> {
        match reference {
            Reference::Registry(reference) => {
                let client = self.client(reference, secret).await?;
                Ok(Source::Registry(client, reference.clone()))
            }
            Reference::Layout(reference) => {
                let (path, allowed) = (reference.path.clone(), self.layout_root.clone());
                let layout = blocking(move || Ok(Layout::open(&path, &allowed)?)).await?;
                Ok(Source::Layout(layout, reference.clone()))
            }
        }
    }

    async fn client(
        &self,
        reference: &RegistryReference,
        secret: Option<&str>,
    ) -> Result<Arc<RegistryClient>, PullError> {
        let credentials = match secret {
            Some(name) => self.secrets.credentials(name, reference).await?,
            None => None,
        };
        let name = (reference.host().to_owned(), secret.map(str::to_owned));
        if let Some(client) = lock(&self.sources.clients).get(&name)
            && client.credentials() == credentials.as_ref()
        {
            return Ok(client.clone());
        }
        let client = RegistryClient::with_patience(reference.host(), credentials, &self.trust, self.patience)?;
        let client = Arc::new(client);
        let mut clients = lock(&self.sources.clients);
        if clients.len() >= MOST_CLIENTS {
            clients.clear();
        }
        clients.insert(name, client.clone());
        Ok(client)
    }

    /// An image that is on disk already. One that is damaged there is removed, and so pulled again.
    pub(super) async fn load(&self, digest: &Digest) -> Result<Option<Arc<Image>>, PullError> {
        let (store, digest) = (self.store.clone(), digest.clone());
        blocking(move || match store.load(&digest) {
            Err(error @ (StoreError::Damaged { .. } | StoreError::Io { .. })) => {
                tracing::warn!(image = %digest, error = PullError::from(error).explain(), "image in the cache is damaged: pulling it again");
                store.remove(&digest)?;
                Ok(None)
            }
            other => Ok(other?),
        })
        .await
    }

    async fn fetch(&self, source: &Source, resolved: Resolved) -> Result<Arc<Image>, PullError> {
        let store = self.store.clone();
        let workspace = blocking(move || Ok(store.workspace()?)).await?;
        let config = source.config(&resolved.manifest.config, &workspace.download("config")).await?;
        let diff_ids = manifest::diff_ids(&config, &resolved.manifest)?;
        let metrics: &ImageMetrics = &self.metrics.images;
        let total: u64 = resolved.manifest.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.size));
        if total > self.limits.bytes {
            let limit = format!("{} bytes", self.limits.bytes);
            return Err(PullError::Index(UnpackError::Limit { what: "its layers are too large", limit }));
        }
        for (number, layer) in resolved.manifest.layers.iter().enumerate() {
            source.fetch("layer", layer, &workspace.download(&format!("layer-{number}")), metrics).await?;
        }
        let _turn = self.sources.unpacking.acquire().await;
        let (store, limits) = (self.store.clone(), self.limits);
        blocking(move || unpack(&store, &workspace, &resolved, &diff_ids, limits)).await
    }
}

/// Unpacks the layers that were fetched, and puts the image in its place.
fn unpack(
    store: &Store,
    workspace: &Workspace,
    resolved: &Resolved,
    diff_ids: &[Digest],
    limits: Limits,
) -> Result<Arc<Image>, PullError> {
    let mut unpacker = Unpacker::new(limits);
    let mut contents = workspace.contents();
    for (number, (layer, wanted)) in resolved.manifest.layers.iter().zip(diff_ids).enumerate() {
        let path = workspace.download(&format!("layer-{number}"));
        let file = File::open(&path).map_err(|source| PullError::Download { path: path.clone(), source })?;
        let got = unpacker
            .layer(file, wanted.algorithm(), &mut contents)
            .map_err(|source| PullError::Unpack { digest: layer.digest.clone(), source })?;
        if got != *wanted {
            return Err(PullError::DiffId { layer: layer.digest.clone(), wanted: wanted.clone(), got });
        }
        // Room for the next; the workspace removes it otherwise.
        let _ = std::fs::remove_file(&path);
    }
    let files = unpacker.finish().map_err(PullError::Index)?;
    Ok(store.commit(workspace, &resolved.digest, &resolved.bytes, &files)?)
}

impl Sources {
    /// The line in front of a registry; layouts share one.
    fn line(&self, host: &str) -> Arc<Semaphore> {
        let mut lines = lock(&self.lines);
        lines.retain(|_, line| Arc::strong_count(line) > 1);
        lines.entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE_EACH))).clone()
    }

    fn digest(&self, digest: &Digest) -> Arc<AsyncMutex<()>> {
        let mut digests = lock(&self.digests);
        digests.retain(|_, held| held.strong_count() > 0);
        if let Some(held) = digests.get(digest).and_then(Weak::upgrade) {
            return held;
        }
        let held = Arc::new(AsyncMutex::new(()));
        digests.insert(digest.clone(), Arc::downgrade(&held));
        held
    }
}

/// Work that blocks; it ends although nobody waits for it any more.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PullError> + Send + 'static,
) -> Result<T, PullError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(PullError::Panicked))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
