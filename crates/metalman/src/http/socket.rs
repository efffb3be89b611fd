//! What the kernel is told of a connection.
//!
//! The kernel lets a send buffer grow to megabytes, for wires that hold so much, and then the reader's grows with it. On a
//! short wire nothing is gained: what was copied into the buffers has left the processor's caches when it is read, which
//! halves the rate, and each reader who stops keeps megabytes of the kernel's memory.

use std::time::Duration;

use nix::{getsockopt_impl, sockopt_impl, sys::socket::getsockopt};
use tokio::net::TcpStream;

use super::server::Limits;

/// Round trips up to this are those of one site. The buffer then still carries 16 Gbit/s.
const SHORT: Duration = Duration::from_micros(250);
/// The send buffer of a short wire, of which the kernel makes twice as much for its own bookkeeping (socket(7)), and which it
/// cuts to `net.core.wmem_max`. Smaller than a body's frame by far: a write that fits into the buffer gains little.
const BUFFER: usize = 256 << 10;

sockopt_impl!(
    /// The first 72 bytes of `struct tcp_info` (linux/tcp.h), up to the smoothed round trip in microseconds. The kernel fills
    /// in as much as it is asked for; the structures of the C libraries are longer than what older kernels know.
    Info,
    GetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_INFO,
    [u32; 18]
);

/// Frames go out as they are made; what a vanished client never acknowledged is given up on by the kernel, too. None of this
/// is worth a connection when it fails.
pub(super) fn prepare(stream: &TcpStream, limits: &Limits) {
    let socket = socket2::SockRef::from(stream);
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_user_timeout(Some(limits.pace_window));
    if let Some(bytes) = send_buffer(round_trip(stream)) {
        let _ = socket.set_send_buffer_size(bytes);
    }
}

/// The send buffer for a round trip; none leaves it to the kernel.
fn send_buffer(round_trip: Option<Duration>) -> Option<usize> {
    round_trip.filter(|round_trip| *round_trip <= SHORT).map(|_| BUFFER)
}

/// How long the handshake's round trip took; none when a packet of it was lost.
fn round_trip(stream: &TcpStream) -> Option<Duration> {
    let info = getsockopt(stream, Info).ok()?;
    Some(Duration::from_micros(info[17].into())).filter(|round_trip| !round_trip.is_zero())
}

#[cfg(test)]
mod tests;
