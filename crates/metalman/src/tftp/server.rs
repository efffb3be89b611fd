//! The server: requests in, jobs for the workers out.

use std::{io, net::SocketAddr, time::Duration};

use anyhow::Context;
use metalman_core::tftp::{ErrorCode, Packet, Request};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    Limits, Opener, TftpMetrics,
    admission::Admission,
    descriptors,
    listener::{self, Arrived, Listener},
    metrics::Refused,
    outgoing,
    session::Job,
    worker::Worker,
};

/// How long transfers under way may take once the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// Longest request that is read; RFC 2347 allows 512 bytes.
const LARGEST_REQUEST: usize = 1500;
/// After an error of the socket itself, which nobody expects.
const PAUSE: Duration = Duration::from_millis(100);

/// A UDP socket that could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on UDP {address} for TFTP (--tftp-port); {remedy}")]
pub struct BindError {
    /// Where.
    pub address: SocketAddr,
    remedy: &'static str,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// A TFTP server with its socket bound.
#[derive(Debug)]
pub struct Server {
    socket: std::net::UdpSocket,
    limits: Limits,
}

impl Server {
    /// Binds the socket, so that a taken port is told before anything else happens.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let socket = listener::bind(address).map_err(|source| {
            let remedy = match source.kind() {
                io::ErrorKind::AddrInUse => "stop what listens there (another TFTP server?), or choose another port",
                io::ErrorKind::PermissionDenied => "ports below 1024 need root or CAP_NET_BIND_SERVICE",
                io::ErrorKind::AddrNotAvailable => "--bind-address must be an address of this host",
                _ => "check the address and the port",
            };
            BindError { address, remedy, source }
        })?;
        descriptors::raise_limit();
        Ok(Self { socket, limits: Limits::default() })
    }

    /// Other bounds than the default ones.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until stopped, then lets transfers under way finish for a few seconds.
    pub async fn run(self, open: Opener, metrics: TftpMetrics, stop: CancellationToken) -> anyhow::Result<()> {
        let listener = Listener::new(self.socket).context("the TFTP socket cannot be used")?;
        let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
        let workers: Vec<Worker> = (0..threads)
            .map(|number| Worker::start(number, open.clone(), metrics.clone(), GRACE))
            .collect::<Result<_, _>>()
            .context("a thread for TFTP transfers cannot be started")?;
        let front = Front { admission: Admission::new(self.limits), metrics, workers: &workers };
        let outcome = tokio::select! {
            outcome = front.listen(&listener) => outcome,
            () = stop.cancelled() => Ok(()),
        };
        let threads: Vec<_> = workers.into_iter().map(|worker| worker.thread).collect();
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().all(|thread| thread.join().is_ok())).await;
        anyhow::ensure!(joined.unwrap_or(false), "a thread of TFTP transfers panicked");
        outcome
    }
}

/// What looks at requests.
struct Front<'a> {
    admission: Admission,
    metrics: TftpMetrics,
    workers: &'a [Worker],
}

impl Front<'_> {
    async fn listen(&self, listener: &Listener) -> anyhow::Result<()> {
        let mut buffer = [0; LARGEST_REQUEST];
        let mut turn = 0;
        loop {
            match listener.receive(&mut buffer).await {
                Ok(arrived) => {
                    if let Some(job) = self.judge(&buffer[..arrived.length], arrived) {
                        turn = (turn + 1) % self.workers.len();
                        self.workers[turn].jobs.send(job).ok().context("a thread of TFTP transfers ended")?;
                    }
                }
                Err(error) => {
                    warn!(%error, "the TFTP socket failed");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// What a datagram at the listening port comes to.
    fn judge(&self, datagram: &[u8], arrived: Arrived) -> Option<Job> {
        match Packet::parse(datagram) {
            Ok(Packet::Read(request)) => self.read(request, datagram, arrived),
            Ok(Packet::Write(_)) => self.refuse(arrived, Refused::Write, ErrorCode::ACCESS_VIOLATION, "read only"),
            // Only what was meant as a request is answered: an ERROR never is (RFC 1350 section 7), and an answer to
            // anything else would go to whoever a forger names.
            Err(_) if matches!(datagram, [0, 1 | 2, ..]) => {
                self.refuse(arrived, Refused::Malformed, ErrorCode::ILLEGAL_OPERATION, "malformed request")
            }
            Ok(_) | Err(_) => {
                self.metrics.refused(Refused::Malformed);
                None
            }
        }
    }

    fn read(&self, request: Request<'_>, datagram: &[u8], arrived: Arrived) -> Option<Job> {
        let Some(mode) = request.mode() else {
            return self.refuse(arrived, Refused::Mode, ErrorCode::ILLEGAL_OPERATION, "only octet and netascii");
        };
        let Ok(name) = std::str::from_utf8(request.name) else {
            return self.refuse(arrived, Refused::NotFound, ErrorCode::NOT_FOUND, "no such file");
        };
        match self.admission.admit(arrived.peer, datagram) {
            Ok(ticket) => Some(Job {
                peer: arrived.peer,
                local: arrived.local,
                name: name.to_owned(),
                mode,
                request: datagram.into(),
                ticket,
            }),
            Err(Refused::PeerBusy) => {
                self.refuse(arrived, Refused::PeerBusy, ErrorCode::UNDEFINED, "too many transfers at once")
            }
            // In silence: the client asks again in a moment, when there may be room.
            Err(reason) => {
                self.metrics.refused(reason);
                None
            }
        }
    }

    fn refuse(&self, arrived: Arrived, reason: Refused, code: ErrorCode, message: &'static str) -> Option<Job> {
        self.metrics.refused(reason);
        debug!(peer = %arrived.peer, message, "TFTP request refused");
        if let Err(error) = outgoing::refuse(arrived.local, arrived.peer, code, message) {
            debug!(peer = %arrived.peer, %error, "a TFTP refusal could not be sent");
        }
        None
    }
}
