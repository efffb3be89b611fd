//! The boot server's connections.
//!
//! Invariants: connections are bounded, altogether, for each peer, and for peers that are no Machine's, so that neither
//! strangers nor one Machine can take what the others need; a connection must show a whole request head in time, also the
//! next one; a reader must read ([`Pace`]).

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use apiserver::server::progress::{Pace, Progress};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{io::InspectWriter, sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use super::{DRAIN, peer::is_trusted, report::Quotas, respond::respond, socket};
use crate::{boot::Boot, config::Cidr, metrics::Metrics};

/// What one client may use up.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections altogether.
    pub connections: usize,
    /// Connections of one address; trusted proxies carry many Machines and are not counted.
    pub per_peer: usize,
    /// Connections of addresses that are neither a Machine's nor a trusted proxy's.
    pub strangers: usize,
    /// How long a request's head may take, and a connection may be idle.
    pub head: Duration,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// How long a reader is measured.
    pub pace_window: Duration,
    /// What a reader must take in that time.
    pub pace_bytes: usize,
    /// How long a request's body may take.
    pub body: Duration,
    /// Bytes of a request's body.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            per_peer: 64,
            strangers: 256,
            head: Duration::from_secs(30),
            head_bytes: 16 << 10,
            pace_window: Duration::from_mins(1),
            pace_bytes: 64 << 10,
            body: Duration::from_secs(15),
            body_bytes: 64 << 10,
        }
    }
}

/// Fields of a request's head at most.
const FIELDS: usize = 64;
/// Pause after a failed accept: out of descriptors, most likely, which passes as connections end.
const PAUSE: Duration = Duration::from_millis(100);
/// How often that is said.
const SAY: Duration = Duration::from_mins(1);

/// The boot server.
#[derive(Clone)]
pub struct BootServer {
    shared: Arc<Shared>,
    limits: Limits,
}

/// What requests need.
pub(super) struct Shared {
    pub(super) boot: Boot,
    pub(super) trusted: Vec<Cidr>,
    pub(super) quotas: Quotas,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    strangers: usize,
    by_peer: BTreeMap<IpAddr, usize>,
}

impl BootServer {
    /// A server of these boot files; `trusted` are the proxies whose X-Forwarded-For counts.
    pub fn new(boot: Boot, trusted: Vec<Cidr>) -> Self {
        let shared = Shared { boot, trusted, quotas: Quotas::default(), counts: Mutex::default() };
        Self { shared: Arc::new(shared), limits: Limits::default() }
    }

    /// Other limits than the default ones.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Serves until stopped, then lets requests under way finish for a while.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
        let (tracker, abandon) = (TaskTracker::new(), CancellationToken::new());
        let mut said: Option<Instant> = None;
        while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, peer)) => self.take(stream, peer.ip().to_canonical(), &tracker, &stop, &abandon),
                Err(error) if is_of_connection(&error) => {}
                Err(error) => {
                    if said.is_none_or(|said| said.elapsed() > SAY) {
                        said = Some(Instant::now());
                        warn!(%error, "connections cannot be accepted: is the limit of open files too low?");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        drop(listener);
        tracker.close();
        let _ = tokio::time::timeout(DRAIN, tracker.wait()).await;
        abandon.cancel();
        Ok(())
    }

    fn take(
        &self,
        stream: TcpStream,
        peer: IpAddr,
        tracker: &TaskTracker,
        stop: &CancellationToken,
        abandon: &CancellationToken,
    ) {
        let admitted = match Admitted::new(&self.shared, peer, &self.limits) {
            Ok(admitted) => admitted,
            Err(limit) => {
                self.shared.boot.metrics.http.refused(limit);
                debug!(%peer, limit, "connection refused");
                return;
            }
        };
        let connection = self.clone().connection(stream, peer, stop.clone());
        let abandon = abandon.clone();
        tracker.spawn(async move {
            let _admitted = admitted;
            let _ = abandon.run_until_cancelled(connection).await;
        });
    }

    async fn connection(self, stream: TcpStream, peer: IpAddr, stop: CancellationToken) {
        let Self { shared, limits } = self;
        socket::prepare(&stream, &limits);
        let pace = Pace { window: limits.pace_window, bytes: limits.pace_bytes };
        let sent = shared.boot.metrics.http.sent.clone();
        let stream = InspectWriter::new(Progress::new(stream, pace), move |bytes| {
            sent.inc_by(bytes.len() as u64);
        });
        let service = service_fn(|request: Request<Incoming>| {
            let shared = shared.clone();
            async move {
                let (parts, body) = request.into_parts();
                let answer = respond(&shared, &limits, peer, &parts, body).await;
                shared.boot.metrics.http.answered(answer.status());
                debug!(%peer, method = %parts.method, path = parts.uri.path(), status = answer.status().as_u16(), "http");
                Ok::<_, Infallible>(answer)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_buf_size(limits.head_bytes.max(8192))
            .max_headers(FIELDS)
            // Names of fields have no case (RFC 9110 section 5.1), but GRUB 2.06 knows `Content-Length` by these letters only,
            // and waits in vain for the end of a body whose length it does not know.
            .title_case_headers(true)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = outcome {
            let reason = reason(&error);
            shared.boot.metrics.http.broken(reason);
            debug!(%peer, reason, %error, "connection broken");
        }
    }
}

/// Errors of one connection that was gone before it was accepted (accept(2)).
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// A word for the metric.
fn reason(error: &hyper::Error) -> &'static str {
    if error.is_timeout() {
        return "head_timeout";
    }
    if error.is_parse() {
        return "bad_head";
    }
    if error.is_incomplete_message() {
        return "incomplete_head";
    }
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return "slow_reader";
        }
        source = cause.source();
    }
    "connection"
}

/// A connection's place among those allowed; given back when dropped.
struct Admitted {
    shared: Arc<Shared>,
    metrics: Arc<Metrics>,
    peer: Option<IpAddr>,
    stranger: bool,
}

impl Admitted {
    /// A place, or the limit that is met.
    fn new(shared: &Arc<Shared>, peer: IpAddr, limits: &Limits) -> Result<Self, &'static str> {
        let proxy = is_trusted(peer, &shared.trusted);
        let stranger = !proxy && !shared.boot.knows(peer);
        let mut counts = shared.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= limits.connections {
            return Err("total");
        }
        if stranger && counts.strangers >= limits.strangers {
            return Err("strangers");
        }
        if !proxy {
            let of_peer = counts.by_peer.entry(peer).or_default();
            if *of_peer >= limits.per_peer {
                return Err("peer");
            }
            *of_peer += 1;
        }
        counts.total += 1;
        counts.strangers += usize::from(stranger);
        drop(counts);
        let metrics = shared.boot.metrics.clone();
        metrics.http.connections.inc();
        Ok(Self { shared: shared.clone(), metrics, peer: (!proxy).then_some(peer), stranger })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.metrics.http.connections.dec();
        let mut counts = self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total -= 1;
        counts.strangers -= usize::from(self.stranger);
        if let Some(peer) = self.peer
            && let Some(of_peer) = counts.by_peer.get_mut(&peer)
        {
            *of_peer -= 1;
            if *of_peer == 0 {
                counts.by_peer.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests;
