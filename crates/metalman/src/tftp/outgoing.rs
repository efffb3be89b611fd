//! Sends blocks: many in one system call where the kernel cuts them apart (`UDP_SEGMENT`), straight out of the file's pages.

use std::{
    io::{self, IoSlice},
    net::{IpAddr, SocketAddr, SocketAddrV6},
    ops::Range,
    os::fd::AsRawFd,
};

use metalman_core::tftp::{ErrorCode, Mode, Transfer, error};
use nix::{
    errno::Errno,
    sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, recvfrom, sendmsg},
};
use tokio::{io::Interest, net::UdpSocket};

/// Segments of one system call that every kernel with `UDP_SEGMENT` takes.
const MOST_SEGMENTS: usize = 64;
/// Bytes of one system call: what an IPv4 datagram may hold before it is cut apart.
const MOST_BYTES: usize = 65_000;

/// The sending side of one transfer.
#[derive(Debug)]
pub(super) struct Outgoing {
    socket: UdpSocket,
    peer: SocketAddr,
    target: SockaddrStorage,
    mode: Mode,
    /// Whether the kernel and the interface cut datagrams apart; assumed until one of them refuses.
    segments: bool,
    scratch: Vec<u8>,
}

/// A socket on a port of its own, at the address that was asked.
pub(super) fn bind(local: IpAddr, peer: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let address = match (local, peer) {
        // The interface of a link-local address.
        (IpAddr::V6(local), SocketAddr::V6(peer)) => SocketAddrV6::new(local, 0, 0, peer.scope_id()).into(),
        _ => SocketAddr::new(local, 0),
    };
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Says no, from a port of its own, once: an ERROR is never repeated (RFC 1350 section 7).
pub(super) fn refuse(local: IpAddr, peer: SocketAddr, code: ErrorCode, message: &str) -> io::Result<()> {
    bind(local, peer)?.send_to(&error(code, message), peer).map(drop)
}

impl Outgoing {
    pub(super) fn new(socket: UdpSocket, peer: SocketAddr, mode: Mode) -> Self {
        Self { socket, peer, target: peer.into(), mode, segments: true, scratch: Vec::new() }
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// How many blocks to ask of a transfer at once.
    pub(super) fn most_blocks(&self, blksize: u16) -> u64 {
        match self.mode {
            Mode::Octet => (MOST_BYTES / (usize::from(blksize) + 4)).clamp(1, MOST_SEGMENTS) as u64,
            Mode::Netascii => 1,
        }
    }

    /// A datagram that is there already.
    pub(super) fn received(&self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let (length, from) = recvfrom::<SockaddrStorage>(self.socket.as_raw_fd(), buffer).ok()?;
        let from = from?;
        let v4 = from.as_sockaddr_in().map(|from| SocketAddr::V4((*from).into()));
        let from = v4.or_else(|| from.as_sockaddr_in6().map(|from| SocketAddr::V6((*from).into())))?;
        Some((length, from))
    }

    pub(super) async fn send(&self, packet: &[u8]) -> io::Result<()> {
        self.socket.send_to(packet, self.peer).await.map(drop)
    }

    /// Sends blocks and returns how many bytes of content they had. At most [`Outgoing::most_blocks`].
    pub(super) async fn blocks(
        &mut self,
        transfer: &Transfer,
        content: &[u8],
        blocks: Range<u64>,
    ) -> io::Result<usize> {
        if self.mode == Mode::Octet && self.segments && blocks.end - blocks.start > 1 {
            match self.segmented(transfer, content, blocks.clone()).await {
                Err(error) if unsegmented(&error) => self.segments = false,
                outcome => return outcome,
            }
        }
        let mut sent = 0;
        for block in blocks {
            let header = Transfer::header(block);
            let mut scratch = std::mem::take(&mut self.scratch);
            let payload = transfer.payload(block, content, &mut scratch);
            let parts = [IoSlice::new(&header), IoSlice::new(payload)];
            let outcome = self.message(&parts, &[]).await;
            sent += payload.len();
            self.scratch = scratch;
            outcome?;
        }
        Ok(sent)
    }

    async fn segmented(&self, transfer: &Transfer, content: &[u8], blocks: Range<u64>) -> io::Result<usize> {
        let mut headers = [[0; 4]; MOST_SEGMENTS];
        let mut parts = [IoSlice::new(&[]); 2 * MOST_SEGMENTS];
        let (mut count, mut sent) = (0, 0);
        for (header, block) in headers.iter_mut().zip(blocks.clone()) {
            *header = Transfer::header(block);
        }
        for ((pair, header), block) in parts.chunks_exact_mut(2).zip(&headers).zip(blocks) {
            let payload = transfer.slice(block, content);
            pair[0] = IoSlice::new(header);
            pair[1] = IoSlice::new(payload);
            sent += payload.len();
            count += 2;
        }
        // All but the last are of this size, which is what the kernel asks for.
        let size = transfer.negotiated().blksize.saturating_add(4);
        self.message(&parts[..count], &[ControlMessage::UdpGsoSegments(&size)]).await?;
        Ok(sent)
    }

    async fn message(&self, parts: &[IoSlice<'_>], control: &[ControlMessage<'_>]) -> io::Result<()> {
        let descriptor = self.socket.as_raw_fd();
        let send = || {
            let sent = sendmsg(descriptor, parts, control, MsgFlags::MSG_DONTWAIT, Some(&self.target));
            sent.map(drop).map_err(io::Error::from)
        };
        self.socket.async_io(Interest::WRITABLE, send).await
    }
}

/// Whether an error says that datagrams cannot be cut apart here: no such kernel, no checksum offload, or a block larger than
/// the interface takes whole.
fn unsegmented(error: &io::Error) -> bool {
    let errors = [Errno::EINVAL, Errno::EIO, Errno::EMSGSIZE, Errno::ENOPROTOOPT, Errno::EOPNOTSUPP];
    error.raw_os_error().is_some_and(|code| errors.contains(&Errno::from_raw(code)))
}
