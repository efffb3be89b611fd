//! Following a kind of object: list, then watch from there, for ever.
//!
//! Invariants: the follower always ends up with what the API server has, through broken connections, restarts and
//! `410 Gone`; while the API server is away nothing is taken from the follower; it is known at each moment whether the
//! watch works, which an idle cluster would not show by events alone (hence a loop of our own around list and watch).

use std::{fmt::Debug, sync::Arc, time::Duration};

use futures::{StreamExt, pin_mut};
use kube::{
    Api, Resource, ResourceExt,
    api::{ListParams, WatchEvent, WatchParams},
    core::Status,
};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{explain::explain, jitter::jittered, metrics::Metrics};

/// Objects a page: what the server can send without holding much in memory.
const PAGE: u32 = 500;

/// The server ends a watch after this; a connection that is silent for longer is dead.
const WATCH_SECONDS: u32 = 60;

/// What a silent watch is given beyond that, and a list altogether.
const PATIENCE: Duration = Duration::from_secs(15);

/// First and longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// What happened to the objects followed.
#[derive(Debug, Clone)]
pub enum Change<K> {
    /// These are all.
    Replace(Vec<K>),
    /// One is new or changed.
    Apply(K),
    /// One is gone.
    Delete(K),
}

/// Which objects to follow.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Label selector; empty: all.
    pub labels: String,
    /// Field selector; empty: all.
    pub fields: String,
}

/// Why a list or watch ended.
enum Broken {
    /// The server no longer knows that resourceVersion: list again.
    Expired,
    Failed(Box<kube::Error>),
    Silent,
}

impl From<kube::Error> for Broken {
    fn from(error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) if is_expired(status) => Self::Expired,
            _ => Self::Failed(Box::new(error)),
        }
    }
}

fn is_expired(status: &Status) -> bool {
    // "Too large resource version": the server was restored from a backup, or is another one.
    status.code == 410 || (status.code == 504 && status.message.contains("Too large resource version"))
}

/// A follower of one kind.
pub struct Follower<K> {
    api: Api<K>,
    selection: Selection,
    resource: &'static str,
    metrics: Arc<Metrics>,
    pause: Duration,
}

impl<K> Follower<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    /// A follower; `resource` names it in logs and metrics.
    pub fn new(api: Api<K>, selection: Selection, resource: &'static str, metrics: Arc<Metrics>) -> Self {
        Self { api, selection, resource, metrics, pause: PAUSES.0 }
    }

    /// Follows until stopped. `failed` hears of each failure, for those who must decide what to do without.
    pub async fn run(
        mut self,
        stop: CancellationToken,
        mut sink: impl FnMut(Change<K>) + Send,
        mut failed: impl FnMut(&str) + Send,
    ) {
        let mut version: Option<String> = None;
        loop {
            let round = async {
                let from = match version.take() {
                    Some(version) => version,
                    None => self.list(&mut sink).await.map_err(|broken| (None, broken))?,
                };
                self.watch(from, &mut sink).await
            };
            let outcome = tokio::select! {
                outcome = round => outcome,
                () = stop.cancelled() => return,
            };
            match outcome {
                // The server ended the watch in its own time.
                Ok(next) => version = Some(next),
                Err((_, Broken::Expired)) => info!(resource = self.resource, "watch expired: listing again"),
                Err((next, broken)) => {
                    version = next;
                    let why = self.broke(&broken);
                    failed(&why);
                    let pause = jittered(self.pause, 50);
                    warn!(
                        resource = self.resource,
                        error = why,
                        ?pause,
                        "the API server cannot be followed: serving from the cache"
                    );
                    self.pause = (self.pause * 2).min(PAUSES.1);
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = stop.cancelled() => return,
                    }
                }
            }
        }
    }

    /// Lists all pages; the resourceVersion to watch from.
    async fn list(&mut self, sink: &mut (impl FnMut(Change<K>) + Send)) -> Result<String, Broken> {
        let mut params =
            ListParams::default().limit(PAGE).labels(&self.selection.labels).fields(&self.selection.fields);
        let mut items = Vec::new();
        loop {
            let page = timeout(PATIENCE, self.api.list(&params)).await.map_err(|_| Broken::Silent)??;
            items.extend(page.items);
            params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
            if params.continue_token.is_none() {
                debug!(resource = self.resource, count = items.len(), "listed");
                self.works();
                sink(Change::Replace(items));
                return Ok(page.metadata.resource_version.unwrap_or_default());
            }
        }
    }

    /// Watches until the server ends it; the resourceVersion reached, also with a failure that allows going on from there.
    async fn watch(
        &mut self,
        mut version: String,
        sink: &mut (impl FnMut(Change<K>) + Send),
    ) -> Result<String, (Option<String>, Broken)> {
        let params =
            WatchParams::default().timeout(WATCH_SECONDS).labels(&self.selection.labels).fields(&self.selection.fields);
        let patience = Duration::from_secs(WATCH_SECONDS.into()) + PATIENCE;
        let begun = Instant::now();
        let stream = match timeout(PATIENCE, self.api.watch(&params, &version)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err((Some(version), error.into())),
            Err(_) => return Err((Some(version), Broken::Silent)),
        };
        self.works();
        pin_mut!(stream);
        loop {
            let event = match timeout(patience, stream.next()).await {
                Ok(Some(Ok(event))) => event,
                Ok(Some(Err(error))) => return Err((Some(version), error.into())),
                Ok(None) => break,
                Err(_) => return Err((Some(version), Broken::Silent)),
            };
            match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    version = object.resource_version().unwrap_or(version);
                    sink(Change::Apply(object));
                }
                WatchEvent::Deleted(object) => {
                    version = object.resource_version().unwrap_or(version);
                    sink(Change::Delete(object));
                }
                WatchEvent::Bookmark(bookmark) => version = bookmark.metadata.resource_version,
                WatchEvent::Error(status) if is_expired(&status) => return Err((None, Broken::Expired)),
                WatchEvent::Error(status) => return Err((Some(version), kube::Error::Api(status).into())),
            }
            self.pause = PAUSES.0;
        }
        if begun.elapsed() < Duration::from_secs(1) {
            // A server that ends each watch at once must not be asked in a tight loop.
            tokio::time::sleep(jittered(self.pause, 50)).await;
        }
        Ok(version)
    }

    fn works(&mut self) {
        if let Some(stale) = self.metrics.watch_staleness(self.resource) {
            info!(resource = self.resource, ?stale, "the API server is followed again");
        }
        self.metrics.watch_works(self.resource);
        self.pause = PAUSES.0;
    }

    fn broke(&self, broken: &Broken) -> String {
        self.metrics.watch_broke(self.resource);
        match broken {
            Broken::Expired => "expired".to_owned(),
            Broken::Silent => "no answer in time".to_owned(),
            Broken::Failed(error) => {
                self.metrics.api_error("watch", error);
                explain(error)
            }
        }
    }
}

#[cfg(test)]
mod tests;
