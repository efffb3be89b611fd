//! The sockets of `serve-pxe`: all bound before anything else happens, so that a taken port is told at once.

use std::net::{SocketAddr, SocketAddrV4};

use tokio::net::TcpListener;
use tracing::info;

use crate::{
    config::{Config, DhcpMode},
    dhcp,
    health::Readiness,
    http, tftp,
};

/// Bound, and not served yet.
pub(super) struct Sockets {
    pub(super) http: TcpListener,
    pub(super) health: TcpListener,
    pub(super) dhcp: dhcp::Sockets,
    pub(super) tftp: tftp::Server,
    /// Where they ended up: port 0 takes a free one.
    pub(super) at: Addresses,
}

/// Where the sockets are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub(super) http: SocketAddr,
    health: SocketAddr,
    dhcp: SocketAddrV4,
    tftp: SocketAddr,
}

impl Sockets {
    /// Binds them all, each a check in `/readyz`.
    pub(super) async fn bind(config: &Config, readiness: &Readiness) -> anyhow::Result<Self> {
        let http = http::bind(config.bind.http(), "--http-port").await?;
        let health = http::bind(config.bind.health(), "--health-port").await?;
        let dhcp = dhcp::Sockets::bind(config)?;
        let tftp = tftp::Server::bind(config.bind.tftp())?;
        for check in ["http-bound", "dhcp-bound", "tftp-bound"] {
            readiness.pass(check);
        }
        let at = Addresses {
            http: http.local_addr()?,
            health: health.local_addr()?,
            dhcp: dhcp.local_address(),
            tftp: tftp.local_addr()?,
        };
        Ok(Self { http, health, dhcp, tftp, at })
    }
}

impl Addresses {
    /// Says what runs.
    pub(super) fn announce(&self, config: &Config, serve_url: &str) {
        let dhcp_mode = match &config.dhcp {
            DhcpMode::Relay => "relay".to_owned(),
            DhcpMode::Interfaces(names) => names.join(","),
        };
        info!(
            site = config.site.as_deref().unwrap_or("none"),
            serve_url,
            http = %self.http,
            health = %self.health,
            dhcp = %self.dhcp,
            dhcp_mode,
            tftp = %self.tftp,
            version = env!("CARGO_PKG_VERSION"),
            "metalman serves"
        );
    }
}
