//! The DHCP server's sockets: what arrives goes to [`metalman_core::dhcp::respond`], what it decides is carried out.
//!
//! Role of the parts: `socket` opens what is listened on, `network` knows the served interfaces, `worker` is the thread that
//! waits and moves batches, `answer` handles one datagram, `mmsg` speaks to the kernel, `frame` builds packets for clients that
//! cannot answer ARP yet.
//!
//! Invariants: no API call on the path of a packet; on an interface only the leader answers what no relay sent, and what
//! relays sent is answered by every replica; a reply's source is the address that it names as server identifier.

mod answer;
mod budget;
mod frame;
mod metrics;
mod mmsg;
mod network;
mod socket;
mod worker;

use std::{net::SocketAddrV4, thread, time::Instant};

use anyhow::Context;
use metalman_core::dhcp::ServerConfig;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use self::{answer::Responder, budget::Budget, worker::Worker};
pub use self::{
    metrics::DhcpMetrics,
    socket::{BindError, Sockets},
};
use crate::{boot::Boot, election::Leadership, events::Recorder};

/// How long a lease lasts, in seconds: a machine keeps its address through most of a day without this server.
const LEASE_SECONDS: u32 = 86_400;

/// The server, not running yet.
pub struct Server {
    sockets: Sockets,
    boot: Boot,
    events: Recorder,
}

impl Server {
    /// A server on these sockets.
    pub fn new(sockets: Sockets, boot: Boot, events: Recorder) -> Self {
        Self { sockets, boot, events }
    }

    /// Where relays find it.
    pub fn local_address(&self) -> SocketAddrV4 {
        self.sockets.local_address()
    }

    /// Serves until stopped, on a thread of its own.
    pub async fn run(self, leadership: watch::Receiver<Leadership>, stop: CancellationToken) -> anyhow::Result<()> {
        let at = self.sockets.local_address();
        let bound = (!at.ip().is_unspecified()).then_some(*at.ip());
        let config = ServerConfig { serve_url: self.boot.serve_url.to_string(), lease_seconds: LEASE_SECONDS };
        let told = Budget::new(Instant::now());
        let responder = Responder {
            boot: self.boot,
            events: self.events,
            config,
            port: at.port(),
            bound,
            told,
            scratch: Vec::with_capacity(1500),
        };
        let worker = Worker::new(self.sockets, bound, responder, leadership);
        let (until, stopper) = std::io::pipe().context("a pipe for the DHCP server")?;
        let (done, ended) = oneshot::channel();
        let serving = move || {
            // Nobody waits for it when the task was dropped.
            let _ = done.send(worker.run(&until));
        };
        thread::Builder::new().name("dhcp".into()).spawn(serving).context("a thread for the DHCP server")?;
        let mut ended = ended;
        tokio::select! {
            outcome = &mut ended => outcome.context("the DHCP server's thread panicked")?.context("the DHCP server failed"),
            () = stop.cancelled() => {
                drop(stopper);
                ended.await.context("the DHCP server's thread panicked")?.context("the DHCP server failed")
            }
        }
    }
}
