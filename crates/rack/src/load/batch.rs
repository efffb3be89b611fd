//! Many datagrams per system call on a connected UDP socket.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmsg, setsockopt, sockopt,
};

/// At most so many datagrams in one message that is sent, and messages in one call that receives.
pub(super) const BATCH: usize = 64;
/// Longer datagrams are cut off; nothing measured here exceeds an Ethernet frame.
const DATAGRAM: usize = 2048;
/// Messages in one call where each may be a row of datagrams.
const ROWS: usize = 4;
/// The longest row.
const ROW: usize = 65_536;

/// The buffers of one receiver.
pub(super) struct Batch {
    headers: MultiHeaders<SockaddrIn>,
    in_rows: bool,
    /// One after the other, each as long as a message may be.
    buffers: Vec<u8>,
    longest: usize,
    messages: Vec<Message>,
}

/// A message that was received: one datagram, or a row of equally long ones, of which only the last may be shorter.
struct Message {
    length: usize,
    segment: usize,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self::of(BATCH, DATAGRAM, false)
    }

    /// For a socket on which datagrams that came in a row are received as one message (`UDP_GRO`). On a wire between two
    /// network namespaces the kernel otherwise cuts the row apart in the name of its sender, who is the server that is measured.
    pub(super) fn in_rows(socket: &UdpSocket) -> Self {
        // Where the kernel does not know it, every message is one datagram.
        let _ = setsockopt(socket, sockopt::UdpGroSegment, &true);
        Self::of(ROWS, ROW, true)
    }

    fn of(messages: usize, longest: usize, in_rows: bool) -> Self {
        let buffers = vec![0; messages * longest];
        Self { headers: headers(messages, in_rows), in_rows, buffers, longest, messages: Vec::with_capacity(messages) }
    }

    /// Receives what is there, and says how many messages that was. Without `wait` that may be nothing; with it, blocks for
    /// the first one until the socket's read timeout. The datagrams are in `received` until the next call.
    pub(super) fn receive(&mut self, socket: &UdpSocket, wait: bool) -> io::Result<usize> {
        self.messages.clear();
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            self.buffers.chunks_exact_mut(self.longest).map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let flags = if wait { MsgFlags::MSG_WAITFORONE } else { MsgFlags::MSG_DONTWAIT };
        if self.in_rows {
            // Made anew for each call: the kernel overwrites how much room there is for control messages.
            self.headers = headers(slices.len(), true);
        }
        match recvmmsg(socket.as_raw_fd(), &mut self.headers, slices.iter_mut(), flags, None) {
            Ok(messages) => self.messages.extend(messages.map(|message| {
                let joined = message.cmsgs().into_iter().flatten().find_map(|control| match control {
                    ControlMessageOwned::UdpGroSegments(segment) => usize::try_from(segment).ok(),
                    _ => None,
                });
                Message { length: message.bytes, segment: joined.unwrap_or(message.bytes).max(1) }
            })),
            // ECONNREFUSED: an ICMP error for something sent before. The server may not be up; the drops tell.
            Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNREFUSED) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.messages.len())
    }

    /// The datagrams of the last `receive`, in order; without those that carry nothing.
    pub(super) fn received(&self) -> impl Iterator<Item = &[u8]> {
        let messages = self.buffers.chunks_exact(self.longest).zip(&self.messages);
        messages.flat_map(|(buffer, message)| buffer[..message.length].chunks(message.segment))
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

fn headers(messages: usize, in_rows: bool) -> MultiHeaders<SockaddrIn> {
    MultiHeaders::preallocate(messages, in_rows.then(|| cmsg_space!(i32)))
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
