//! Many datagrams per system call on a connected UDP socket.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmsg, setsockopt, sockopt};

/// At most so many datagrams in one call.
pub(super) const BATCH: usize = 64;
/// Longer datagrams are cut off; nothing measured here exceeds an Ethernet frame.
const DATAGRAM: usize = 2048;

/// The buffers of one receiver.
pub(super) struct Batch {
    headers: MultiHeaders<SockaddrIn>,
    buffers: Vec<[u8; DATAGRAM]>,
    lengths: Vec<usize>,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            headers: MultiHeaders::preallocate(BATCH, None),
            buffers: vec![[0; DATAGRAM]; BATCH],
            lengths: Vec::with_capacity(BATCH),
        }
    }

    /// Receives what is there. Without `wait` that may be nothing; with it, blocks for the first one until the socket's
    /// read timeout. The datagrams are in `received` until the next call.
    pub(super) fn receive(&mut self, socket: &UdpSocket, wait: bool) -> io::Result<usize> {
        self.lengths.clear();
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            self.buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let flags = if wait { MsgFlags::MSG_WAITFORONE } else { MsgFlags::MSG_DONTWAIT };
        match recvmmsg(socket.as_raw_fd(), &mut self.headers, slices.iter_mut(), flags, None) {
            Ok(messages) => self.lengths.extend(messages.map(|message| message.bytes)),
            // ECONNREFUSED: an ICMP error for something sent before. The server may not be up; the drops tell.
            Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNREFUSED) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.lengths.len())
    }

    /// The datagrams of the last `receive`, in order.
    pub(super) fn received(&self) -> impl Iterator<Item = &[u8]> {
        self.buffers.iter().zip(&self.lengths).map(|(buffer, length)| &buffer[..*length])
    }

    /// Sends datagrams from the front of `packets`, as many of equal length as there are in a row, in one call: the kernel
    /// cuts them apart only at the receiver (`UDP_SEGMENT`), which halves the generator's own cost. Says how many the
    /// kernel took; the rest is not lost, but the caller's to repeat.
    pub(super) fn send<P: AsRef<[u8]>>(socket: &UdpSocket, packets: &[P]) -> io::Result<usize> {
        let length = packets.first().map_or(0, |packet| packet.as_ref().len());
        let run = packets.iter().take(BATCH).take_while(|packet| packet.as_ref().len() == length);
        let slices: Vec<IoSlice<'_>> = run.map(|packet| IoSlice::new(packet.as_ref())).collect();
        let segment = u16::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
        let gso = [ControlMessage::UdpGsoSegments(&segment)];
        let control = if slices.len() > 1 { &gso[..] } else { &[] };
        match sendmsg::<SockaddrIn>(socket.as_raw_fd(), &slices, control, MsgFlags::empty(), None) {
            Ok(_) => Ok(slices.len()),
            Err(Errno::EAGAIN | Errno::EINTR | Errno::ENOBUFS | Errno::ECONNREFUSED) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}

/// Room for bursts, so that a drop is the server's and not this end's. Needs root for more than the system's limit; the limit
/// is what one gets without.
pub(super) fn roomy(socket: &UdpSocket) {
    const ROOM: usize = 16 << 20;
    if setsockopt(socket, sockopt::RcvBufForce, &ROOM).is_err() {
        let _ = setsockopt(socket, sockopt::RcvBuf, &ROOM);
    }
    if setsockopt(socket, sockopt::SndBufForce, &ROOM).is_err() {
        let _ = setsockopt(socket, sockopt::SndBuf, &ROOM);
    }
}
