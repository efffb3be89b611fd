//! The server over loopback, against sockets of the test and against real clients.

mod peers;
mod protocol;

use std::{
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Limits, Opener, Server, TftpMetrics, metrics::Refused};
use crate::boot::{BootError, BootFile, Origin};

/// Nothing takes this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server of its own for each test.
struct Fixture {
    at: SocketAddr,
    metrics: TftpMetrics,
    stop: CancellationToken,
    running: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Fixture {
    fn start(open: impl Fn(&str) -> Result<Vec<u8>, BootError> + Send + Sync + 'static) -> Self {
        Self::with_limits(Limits::default(), open)
    }

    fn with_limits(limits: Limits, open: impl Fn(&str) -> Result<Vec<u8>, BootError> + Send + Sync + 'static) -> Self {
        let server = Server::bind(([127, 0, 0, 1], 0).into()).expect("a free port").with_limits(limits);
        let at = server.local_addr().expect("bound");
        let (metrics, stop) = (TftpMetrics::default(), CancellationToken::new());
        let open: Opener =
            Arc::new(move |_, name| open(name).map(|body| BootFile { body: body.into(), origin: Origin::Rendered }));
        let running = tokio::spawn(server.run(open, metrics.clone(), stop.clone()));
        Self { at, metrics, stop, running: Some(running) }
    }

    fn client(&self) -> Client {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Client { socket, server: self.at }
    }

    /// Waits until that holds.
    fn until(&self, what: &str, holds: impl Fn(&TftpMetrics) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(&self.metrics) {
            assert!(Instant::now() < deadline, "{what} never happened: {:?}", self.metrics);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    async fn stopped(&mut self) {
        self.stop.cancel();
        let running = self.running.take().expect("stopped once");
        running.await.expect("no panic").expect("no failure");
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A client that does only what a test tells it.
struct Client {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Client {
    fn ask(&self, packet: &[u8]) {
        self.socket.send_to(packet, self.server).expect("sent");
    }

    fn hear(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 2048];
        let (length, from) = self.socket.recv_from(&mut buffer).expect("an answer");
        (buffer[..length].to_vec(), from)
    }

    fn tell(&self, packet: &[u8], to: SocketAddr) {
        self.socket.send_to(packet, to).expect("sent");
    }

    /// Asserts that nothing comes for a while.
    fn hears_nothing(&self) {
        self.socket.set_read_timeout(Some(Duration::from_millis(150))).expect("a timeout");
        let heard = self.socket.recv_from(&mut [0; 2048]);
        assert!(heard.is_err(), "heard {heard:?}");
        self.socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    }
}

/// Content in which every block differs.
fn content(size: usize) -> Vec<u8> {
    (0..=size as u64 / 8).flat_map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).take(size).collect()
}

/// Looks whether a refusal was counted.
fn counted(metrics: &TftpMetrics, reason: Refused) -> bool {
    metrics.count_refused(reason) > 0
}
