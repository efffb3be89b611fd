//! Uploads an image from a layout to a registry (OCI distribution specification 1.1, "Push").
//!
//! Invariants: what the registry has is not sent again; a manifest follows everything that it names, so nobody can pull half
//! an image; blobs are streamed; an upload that does not move is given up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{Stream, stream};
use reqwest::{
    Method, StatusCode, Url,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION},
};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::credentials;
use crate::images::{
    layout::{Layout, LayoutError},
    manifest::{self, Descriptor, Document, ManifestError},
    registry::{Access, Ask, RegistryClient, RegistryError, STALL},
};

/// How long one upload may take. Whether it moves is watched apart.
pub const PATIENCE: Duration = Duration::from_hours(12);
/// How long a registry may take to check and store what it was sent.
const DIGESTION: Duration = Duration::from_mins(10);
/// Tries for a blob.
const TRIES: u32 = 4;
/// Pause after the first failed try; doubled by each.
const PAUSE: Duration = Duration::from_millis(500);
/// What is read from disk at once.
const CHUNK: usize = 256 << 10;
/// Indexes in indexes.
const DEEPEST: u32 = 3;

/// Why an image was not uploaded.
#[derive(Debug, Error)]
pub enum PushError {
    /// The registry.
    #[error(transparent)]
    Registry(RegistryError),
    /// The layout.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The registry stored something else.
    #[error("registry {host} says that it stored manifest {got}, but it was sent {sent}")]
    Digest {
        /// The registry.
        host: String,
        /// What it says.
        got: String,
        /// What it was sent.
        sent: String,
    },
    /// A layout that is no image.
    #[error("image indexes refer to each other more than {DEEPEST} deep")]
    TooDeep,
}

impl From<RegistryError> for PushError {
    fn from(error: RegistryError) -> Self {
        Self::Registry(credentials::with_remedy(error))
    }
}

/// What happens.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// The registry has the blob already.
    Present(&'a Descriptor),
    /// So many bytes of the blob were sent.
    Sending(&'a Descriptor, u64),
    /// The blob is there.
    Sent(&'a Descriptor),
    /// The manifest is there.
    Manifest(&'a Descriptor),
}

/// An upload from a layout to a repository.
pub struct Push<'a> {
    /// Whom to send to. Its patience is to be [`PATIENCE`].
    pub client: &'a RegistryClient,
    /// The repository.
    pub repository: &'a str,
    /// From where.
    pub layout: &'a Layout,
    /// Is told what happens.
    pub progress: &'a (dyn Fn(Step<'_>) + Send + Sync),
}

impl Push<'_> {
    /// Uploads an image, or an index with all its images, and gives it the tag.
    pub async fn run(&self, image: &Descriptor, tag: &str) -> Result<(), PushError> {
        // Depth first: each manifest after everything that it names. An index comes back after its images.
        let mut waiting = vec![(image.clone(), tag.to_owned(), 0, false)];
        while let Some((descriptor, reference, depth, ready)) = waiting.pop() {
            let bytes = self.layout.document(&descriptor)?;
            match manifest::parse(&bytes, Some(&descriptor.media_type))? {
                Document::Index(_) if ready => self.manifest(&descriptor, bytes, &reference).await?,
                Document::Index(_) if depth >= DEEPEST => return Err(PushError::TooDeep),
                Document::Index(images) => {
                    waiting.push((descriptor, reference, depth, true));
                    let image = |image: Descriptor| (image.clone(), image.digest.to_string(), depth + 1, false);
                    waiting.extend(images.into_iter().map(image));
                }
                Document::Manifest(manifest) => {
                    for blob in manifest.layers.iter().chain([&manifest.config]) {
                        self.blob(blob).await?;
                    }
                    self.manifest(&descriptor, bytes, &reference).await?;
                }
            }
        }
        Ok(())
    }

    async fn blob(&self, blob: &Descriptor) -> Result<(), PushError> {
        let mut tries = 0;
        loop {
            match self.try_blob(blob).await {
                Err(PushError::Registry(error)) if error.is_transient() && tries + 1 < TRIES => {
                    tracing::debug!(registry = self.client.host(), %error, "upload broke: beginning again");
                    tokio::time::sleep(PAUSE * 2_u32.pow(tries)).await;
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_blob(&self, blob: &Descriptor) -> Result<(), PushError> {
        let path = format!("{}/blobs/{}", self.repository, blob.digest);
        let there = self.soon(self.client.request(&self.ask(Method::HEAD, &path, HeaderMap::new()))).await?;
        if there.status() == StatusCode::OK {
            (self.progress)(Step::Present(blob));
            return Ok(());
        }
        let path = format!("{}/blobs/uploads/", self.repository);
        let begun = self.soon(self.client.ok(&self.ask(Method::POST, &path, length(0)))).await?;
        let location = begun.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.and_then(|text| begun.url().join(text).ok());
        let mut location = location.ok_or_else(|| self.protocol("it names no place to upload to"))?;
        // The place may have parameters of its own, which stay.
        location.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
        self.send(blob, &location).await?;
        (self.progress)(Step::Sent(blob));
        Ok(())
    }

    /// The whole blob in one request, which every registry takes ("Pushing a blob monolithically").
    async fn send(&self, blob: &Descriptor, location: &Url) -> Result<(), PushError> {
        let file = tokio::fs::File::from_std(self.layout.blob(&blob.digest)?);
        let file = Arc::new(tokio::sync::Mutex::new(file));
        let sent = Arc::new(AtomicU64::new(0));
        let body = || {
            sent.store(0, Ordering::Relaxed);
            reqwest::Body::wrap_stream(chunks(file.clone(), blob.size, sent.clone()))
        };
        let mut headers = length(blob.size);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        let ask = Ask { body: Some(&body), ..self.ask(Method::PUT, location.as_str(), headers) };
        tokio::select! {
            answer = self.client.ok(&ask) => answer.map(drop).map_err(PushError::from),
            error = self.watch(blob, &sent) => Err(error.into()),
        }
    }

    /// Ends when nothing moved for too long.
    async fn watch(&self, blob: &Descriptor, sent: &AtomicU64) -> RegistryError {
        let (mut last, mut since) = (0, tokio::time::Instant::now());
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let now = sent.load(Ordering::Relaxed);
            if now != last {
                (last, since) = (now, tokio::time::Instant::now());
                (self.progress)(Step::Sending(blob, now));
            }
            let patience = if now >= blob.size { DIGESTION } else { STALL };
            if since.elapsed() > patience {
                return RegistryError::Stalled { host: self.client.host().to_owned(), patience };
            }
        }
    }

    async fn manifest(&self, descriptor: &Descriptor, bytes: Vec<u8>, reference: &str) -> Result<(), PushError> {
        let path = format!("{}/manifests/{reference}", self.repository);
        let mut headers = length(bytes.len() as u64);
        let kind = HeaderValue::from_str(&descriptor.media_type);
        headers.insert(CONTENT_TYPE, kind.map_err(|_| self.protocol("the media type is no header"))?);
        let bytes = Bytes::from(bytes);
        let body = || reqwest::Body::from(bytes.clone());
        let ask = Ask { body: Some(&body), ..self.ask(Method::PUT, &path, headers) };
        let answer = self.soon(self.client.ok(&ask)).await?;
        let stored = answer.headers().get("docker-content-digest").and_then(|value| value.to_str().ok());
        let sent = descriptor.digest.to_string();
        if let Some(got) = stored.filter(|got| *got != sent) {
            return Err(PushError::Digest { host: self.client.host().to_owned(), got: got.to_owned(), sent });
        }
        (self.progress)(Step::Manifest(descriptor));
        Ok(())
    }

    fn ask<'a>(&'a self, method: Method, path: &'a str, headers: HeaderMap) -> Ask<'a> {
        Ask { method, path, repository: self.repository, access: Access::Push, headers, body: None }
    }

    /// For requests without a long body.
    async fn soon<T>(&self, request: impl Future<Output = Result<T, RegistryError>>) -> Result<T, RegistryError> {
        let stalled = || RegistryError::Stalled { host: self.client.host().to_owned(), patience: STALL };
        tokio::time::timeout(STALL, request).await.unwrap_or_else(|_| Err(stalled()))
    }

    fn protocol(&self, problem: &str) -> RegistryError {
        RegistryError::Protocol { host: self.client.host().to_owned(), problem: problem.to_owned() }
    }
}

fn length(bytes: u64) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from(bytes))])
}

/// The file from its beginning, in pieces. As many bytes as were announced: a file that is shorter breaks the request.
fn chunks(
    file: Arc<tokio::sync::Mutex<tokio::fs::File>>,
    size: u64,
    sent: Arc<AtomicU64>,
) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    stream::try_unfold((file, 0, sent), move |(file, at, sent)| async move {
        let mut open = file.lock().await;
        if at == 0 {
            open.rewind().await?;
        }
        let room = usize::try_from(size - at).unwrap_or(CHUNK).min(CHUNK);
        if room == 0 {
            return Ok(None);
        }
        let mut piece = vec![0; room];
        let read = open.read(&mut piece).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(read);
        sent.fetch_add(read as u64, Ordering::Relaxed);
        drop(open);
        Ok(Some((Bytes::from(piece), (file, at + read as u64, sent))))
    })
}
