//! The accept loop: bounded numbers of connections and of unfinished handshakes.

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet, time::timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{
    connection,
    progress::{Pace, Progress},
};
use crate::rest::ClientCertificate;

/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS: usize = 4096;
/// A TLS handshake that takes longer is given up: half-open connections cost a slot each.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// What running requests get to finish after the stop.
const GRACE: Duration = Duration::from_secs(10);
/// A watcher may be slow: whoever takes anything at all in a minute stays.
const PACE: Pace = Pace { window: Duration::from_mins(1), bytes: 1 };

/// Connections that still have requests to finish.
pub(super) struct Connections(JoinSet<()>);

impl Connections {
    /// Waits for them, but not for ever.
    pub(super) async fn finish(mut self) {
        let all = async { while self.0.join_next().await.is_some() {} };
        if timeout(GRACE, all).await.is_err() {
            tracing::warn!("closing connections whose requests did not finish in time");
        }
    }
}

/// Accepts until `stop`; then closes the listener, so that clients go elsewhere instead of waiting in the kernel's queue,
/// cancels `ending`, which ends watches, and returns what still runs.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    router: axum::Router,
    stop: &CancellationToken,
    ending: &CancellationToken,
) -> Connections {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let acceptor = TlsAcceptor::from(tls);
    let mut connections = JoinSet::new();
    loop {
        // Finished tasks are collected here, so that the set does not grow with the number of connections ever made.
        while connections.try_join_next().is_some() {}
        let slot = tokio::select! {
            () = stop.cancelled() => break,
            slot = Arc::clone(&slots).acquire_owned() => slot,
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, or the peer was gone already: neither is a reason to stop, nor to spin.
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (acceptor, router, ending) = (acceptor.clone(), router.clone(), ending.clone());
        connections.spawn(async move {
            let _slot = slot;
            // Watch events are small and must not wait for more to come.
            let _ = stream.set_nodelay(true);
            let handshake = acceptor.accept(Progress::new(stream, PACE));
            let stream = tokio::select! {
                () = ending.cancelled() => return,
                done = timeout(HANDSHAKE, handshake) => match done {
                    Ok(Ok(stream)) => stream,
                    Ok(Err(error)) => {
                        tracing::debug!(%error, "TLS handshake failed");
                        return;
                    }
                    Err(_) => {
                        tracing::debug!("TLS handshake took too long");
                        return;
                    }
                },
            };
            let certificate = stream
                .get_ref()
                .1
                .peer_certificates()
                .and_then(<[_]>::first)
                .map(|c| ClientCertificate(bytes::Bytes::copy_from_slice(c)));
            connection::serve(stream, certificate, router, &ending).await;
        });
    }
    drop(listener);
    ending.cancel();
    Connections(connections)
}
