//! The HTTP servers: the boot server that machines fetch files from ([`server`], directly on hyper), and [`serve`] for the
//! health port. Reports of machines are taken in [`report`]. Attestation comes later; its paths are unknown until then.
//!
//! Invariants of the boot server: a request is answered from memory and local disk; whoever sends or reads slowly, opens
//! connections and goes away, or asks for what there is not, costs the others nothing, and itself its connection.

mod body;
mod conditional;
mod date;
mod metrics;
mod peer;
mod range;
mod report;
mod residency;
mod respond;
mod server;
mod socket;

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use self::{
    metrics::HttpMetrics,
    server::{BootServer, Limits},
};

/// How long requests under way may take once the process stops.
const DRAIN: Duration = Duration::from_secs(5);

/// A socket that could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({flag}); {remedy}")]
pub struct BindError {
    /// Where.
    pub address: SocketAddr,
    /// The flag that chose it.
    pub flag: &'static str,
    remedy: &'static str,
    /// Why.
    #[source]
    pub source: std::io::Error,
}

/// Binds a TCP socket that a flag chose.
pub async fn bind(address: SocketAddr, flag: &'static str) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| {
        let remedy = match source.kind() {
            std::io::ErrorKind::AddrInUse => "stop what listens there, or choose another port",
            std::io::ErrorKind::PermissionDenied => "ports below 1024 need root or CAP_NET_BIND_SERVICE",
            std::io::ErrorKind::AddrNotAvailable => "--bind-address must be an address of this host",
            _ => "check the address and the port",
        };
        BindError { address, flag, remedy, source }
    })
}

/// Serves until stopped, then lets requests under way finish for a while.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> anyhow::Result<()> {
    let graceful = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        outcome = graceful.into_future() => outcome.context("the listener failed"),
        () = late => Ok(()),
    }
}
