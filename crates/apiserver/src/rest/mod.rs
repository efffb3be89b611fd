//! From an HTTP request to a verb on a resource and back.
//!
//! The path of a request: [`pipeline`] (panic guard, authentication, limits, routing, authorization) → the verb:
//! [`read`] (get, list), [`watch`], [`create`], [`update`] (update and the four patches), [`delete`], [`eviction`], [`special`]
//! (reviews, tokens, scale) → [`answer`] (shape, encoding, warnings). [`documents`] serves everything that is not a resource.
//!
//! Invariants:
//! - nothing is written before authorization and validation, and every write states the revision it is based on;
//! - reads of kinds that are stored as they are served never parse JSON;
//! - clocks and randomness are read here and handed to the pure modules as arguments.

mod answer;
mod body;
mod create;
mod decode;
mod delete;
mod documents;
mod eviction;
mod filter;
mod internal;
mod media;
mod metadata;
mod options;
mod pages;
mod path;
mod pipeline;
mod protobuf;
mod read;
mod special;
mod update;
mod watch;
mod write;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{Auth, UserInfo},
    kinds::Registry,
    store::Store,
};

/// Reading requests served at once; more get 429.
const READS_IN_FLIGHT: usize = 400;
/// Writing requests served at once; more get 429.
const WRITES_IN_FLIGHT: usize = 200;

/// How often a watcher that understands bookmarks gets one.
const BOOKMARK_PERIOD: Duration = Duration::from_mins(1);

/// What serves requests. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    registry: Arc<Registry>,
    auth: Arc<Auth>,
    /// `https://host:port`, as clients know this server.
    url: String,
    reads: Semaphore,
    writes: Semaphore,
    /// Held from the choice of what no two objects may share to the commit.
    allocating: Arc<tokio::sync::Mutex<()>>,
    documents: documents::Cache,
    ready: AtomicBool,
    bookmark_period: Duration,
    stop: CancellationToken,
}

impl Inner {
    /// `host:port` of the URL.
    fn address(&self) -> &str {
        self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest.trim_end_matches('/'))
    }
}

/// Whose requests these are.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Always this user (embedding).
    Fixed(UserInfo),
    /// Found out from each request: client certificate (a [`ClientCertificate`] among the request's extensions) or token.
    Presented,
}

/// The verified client certificate of a connection, DER; an extension of its requests.
#[derive(Debug, Clone)]
pub struct ClientCertificate(pub Bytes);

impl Api {
    /// Over these parts. Cancelling `stop` ends watches.
    pub fn new(store: Store, registry: Arc<Registry>, auth: Arc<Auth>, url: String, stop: CancellationToken) -> Self {
        let inner = Inner {
            store,
            registry,
            auth,
            url,
            reads: Semaphore::new(READS_IN_FLIGHT),
            writes: Semaphore::new(WRITES_IN_FLIGHT),
            allocating: Arc::default(),
            documents: documents::Cache::default(),
            ready: AtomicBool::new(false),
            bookmark_period: BOOKMARK_PERIOD,
            stop,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The same with bookmarks at another pace.
    #[cfg(test)]
    fn with_bookmarks_every(mut self, period: Duration) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.bookmark_period = period;
        }
        self
    }

    /// From now on `/readyz` says ok.
    pub fn set_ready(&self) {
        self.inner.ready.store(true, std::sync::atomic::Ordering::Release);
    }

    /// The HTTP interface for this caller.
    pub fn router(&self, caller: Caller) -> axum::Router {
        let api = self.clone();
        let caller = Arc::new(caller);
        axum::Router::new().fallback(move |request: axum::extract::Request| {
            let (api, caller) = (api.clone(), Arc::clone(&caller));
            async move { pipeline::serve(&api, &caller, request).await }
        })
    }
}

#[cfg(test)]
mod tests;
