//! Many datagrams with one system call, each with the address and interface it came to or leaves from.
//!
//! Role: the only unsafe code of the DHCP server. No safe wrapper at hand carries a control message for each datagram of a
//! batch, which is what a server on several addresses needs.
//!
//! Decision: where the socket has `UDP_GRO`, what a relay sends in a row arrives as one message, which the kernel neither cuts
//! apart nor wakes anybody for piece by piece; it is cut here, where that costs nothing. The other way around, `UDP_SEGMENT`
//! sends what goes to one relay as one message.
//!
//! Invariants: buffers are made once and reused; nothing here blocks; a datagram that cannot be sent costs only itself.

#![allow(unsafe_code)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::unnecessary_cast,
    reason = "sizes of C structures and constants, whose integer types differ between C libraries"
)]

use std::{
    io, mem,
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
};

use metalman_core::api::MacAddr;

/// Datagrams that are answered together, and the most that the kernel cuts one message into (`UDP_MAX_SEGMENTS` of every Linux
/// that can at all).
pub(super) const BATCH: usize = 64;
/// Messages received in one call, each of them a datagram or a row of them.
const MESSAGES: usize = 32;
/// Room for a message: the longest there is. A little more than a power of two, so that the beginnings of all, which is what
/// mostly is used, do not meet in one set of a processor's cache.
const MESSAGE: usize = 65_536 + 5 * 64;
/// Longest payload taken whole; a DHCP message that needs more than an Ethernet frame is rare, and longer than this none is.
const PAYLOAD: usize = 4096;
/// Room for the control messages of one datagram.
const CONTROL: usize = 128;

/// A datagram that came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received<'a> {
    /// What it carries.
    pub(super) payload: &'a [u8],
    /// It was longer, and the rest is lost.
    pub(super) truncated: bool,
    /// Its source.
    pub(super) from: SocketAddrV4,
    /// Its destination as sent: this host's address, or a broadcast address.
    pub(super) to: Ipv4Addr,
    /// The address of this host that the kernel would answer from; unspecified when there is none.
    pub(super) local: Ipv4Addr,
    /// Index of the interface that it came in by.
    pub(super) interface: u32,
}

#[derive(Debug, Clone, Copy)]
struct Meta {
    length: usize,
    /// The length of each datagram in it but the last, which may be shorter.
    segment: usize,
    truncated: bool,
    from: SocketAddrV4,
    to: Ipv4Addr,
    local: Ipv4Addr,
    interface: u32,
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL]);

/// Buffers for a batch that came.
pub(super) struct Inbox {
    payloads: Vec<u8>,
    controls: Vec<Control>,
    metas: Vec<Meta>,
    /// Datagrams that the kernel dropped on this socket so far, as last told.
    overflow: Option<u32>,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            payloads: vec![0; MESSAGES * MESSAGE],
            controls: vec![Control([0; CONTROL]); MESSAGES],
            metas: Vec::with_capacity(MESSAGES),
            overflow: None,
        }
    }

    /// Takes what waits; fails with `WouldBlock` when there is nothing. Says whether there may be more.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<bool> {
        self.metas.clear();
        self.overflow = None;
        // SAFETY: all of these are C structures of integers and pointers, for which zero is a value.
        let (mut names, mut pieces, mut headers) = unsafe {
            (
                mem::zeroed::<[libc::sockaddr_in; MESSAGES]>(),
                mem::zeroed::<[libc::iovec; MESSAGES]>(),
                mem::zeroed::<[libc::mmsghdr; MESSAGES]>(),
            )
        };
        let buffers = self.payloads.as_chunks_mut::<MESSAGE>().0.iter_mut().zip(&mut self.controls);
        for ((header, (name, piece)), (payload, control)) in
            headers.iter_mut().zip(names.iter_mut().zip(&mut pieces)).zip(buffers)
        {
            *piece = libc::iovec { iov_base: payload.as_mut_ptr().cast(), iov_len: MESSAGE };
            header.msg_hdr.msg_name = ptr::from_mut(name).cast();
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_hdr.msg_iov = piece;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL as _;
        }
        // SAFETY: every header points to a name, a piece, a payload and a control buffer of its own, of the lengths said, all
        // of which outlive the call.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                MESSAGES as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for (header, name) in headers.iter().zip(&names).take(count) {
            let from =
                SocketAddrV4::new(Ipv4Addr::from_bits(u32::from_be(name.sin_addr.s_addr)), u16::from_be(name.sin_port));
            let mut meta = Meta {
                length: header.msg_len as usize,
                segment: header.msg_len as usize,
                truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
                from,
                to: Ipv4Addr::UNSPECIFIED,
                local: Ipv4Addr::UNSPECIFIED,
                interface: 0,
            };
            self.overflow = read_control(&header.msg_hdr, &mut meta).or(self.overflow);
            self.metas.push(meta);
        }
        Ok(count == MESSAGES)
    }

    /// What the last [`Inbox::receive`] took, in the order in which it came.
    pub(super) fn received(&self) -> impl Iterator<Item = Received<'_>> {
        let messages = self.metas.iter().zip(self.payloads.as_chunks::<MESSAGE>().0);
        messages.flat_map(|(meta, message)| {
            let message = &message[..meta.length.min(MESSAGE)];
            // An empty datagram is one too.
            let empty = message.is_empty().then_some(message);
            empty.into_iter().chain(message.chunks(meta.segment.max(1))).map(|payload| Received {
                payload: &payload[..payload.len().min(PAYLOAD)],
                truncated: meta.truncated || payload.len() > PAYLOAD,
                from: meta.from,
                to: meta.to,
                local: meta.local,
                interface: meta.interface,
            })
        })
    }

    /// How many datagrams the kernel has dropped on that socket since it was opened, if it said.
    pub(super) fn overflow(&self) -> Option<u32> {
        self.overflow
    }
}

/// Reads the control messages; returns the count of `SO_RXQ_OVFL`.
fn read_control(header: &libc::msghdr, meta: &mut Meta) -> Option<u32> {
    let mut overflow = None;
    // SAFETY: the kernel filled the control buffer that the header points to, and `CMSG_FIRSTHDR` and `CMSG_NXTHDR` stay
    // within `msg_controllen`; the data of a message is read unaligned, and only when it has the size of its type.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while let Some(control) = message.as_ref() {
            let data = libc::CMSG_DATA(message);
            let holds = |size: usize| control.cmsg_len as usize >= libc::CMSG_LEN(size as _) as usize;
            match (control.cmsg_level, control.cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) if holds(size_of::<libc::in_pktinfo>()) => {
                    let info = ptr::read_unaligned(data.cast::<libc::in_pktinfo>());
                    meta.to = Ipv4Addr::from_bits(u32::from_be(info.ipi_addr.s_addr));
                    meta.local = Ipv4Addr::from_bits(u32::from_be(info.ipi_spec_dst.s_addr));
                    meta.interface = u32::try_from(info.ipi_ifindex).unwrap_or(0);
                }
                (libc::SOL_UDP, libc::UDP_GRO) if holds(size_of::<libc::c_int>()) => {
                    let segment = ptr::read_unaligned(data.cast::<libc::c_int>());
                    meta.segment = usize::try_from(segment).unwrap_or(0);
                }
                (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) if holds(size_of::<u32>()) => {
                    overflow = Some(ptr::read_unaligned(data.cast::<u32>()));
                }
                _ => {}
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
    overflow
}

/// Where a datagram goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    /// By the routes, or out of an interface when it is not 0.
    Udp { from: Ipv4Addr, to: SocketAddrV4, interface: u32 },
    /// A whole IP packet, to a neighbour's hardware address.
    Link { to: MacAddr, interface: u32 },
}

/// `IP_PKTINFO` and `UDP_SEGMENT` as they are passed to the kernel.
#[repr(C, align(8))]
struct Controls {
    header: libc::cmsghdr,
    info: libc::in_pktinfo,
    /// Aligned as the next control message has to be.
    segment_header: libc::cmsghdr,
    segment: u16,
}

/// Datagrams that wait to be sent together.
pub(super) struct Outbox {
    payloads: Vec<Vec<u8>>,
    targets: Vec<Target>,
    /// The kernel cuts a message into datagrams of equal length: not every interface can.
    segments: bool,
    /// Datagrams before this one are sent one by one.
    alone: usize,
}

impl Outbox {
    pub(super) fn new() -> Self {
        let payloads = (0..BATCH).map(|_| Vec::with_capacity(1500)).collect();
        Self { payloads, targets: Vec::with_capacity(BATCH), segments: true, alone: 0 }
    }

    /// Adds what `write` puts into the buffer. At most [`BATCH`] between two flushes; more are refused.
    pub(super) fn push(&mut self, target: Target, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let Some(payload) = self.payloads.get_mut(self.targets.len()) else { return false };
        payload.clear();
        write(payload);
        self.targets.push(target);
        true
    }

    /// Sends all, and returns how many left. Each failure is told and costs one datagram.
    pub(super) fn flush(&mut self, socket: BorrowedFd<'_>, mut failed: impl FnMut(&io::Error)) -> usize {
        let (mut at, mut sent) = (0, 0);
        while at < self.targets.len() {
            match self.send(socket, at) {
                Ok(count) => {
                    at += count;
                    sent += count;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => match self.run(at) {
                    1 => {
                        failed(&error);
                        at += 1;
                    }
                    // Which of them it was is seen when they are sent one by one.
                    run => {
                        self.alone = at + run;
                        // No checksum offload, so no segmentation either, whatever is sent.
                        self.segments &= error.raw_os_error() != Some(libc::EIO);
                    }
                },
            }
        }
        self.targets.clear();
        self.alone = 0;
        sent
    }

    /// How many datagrams from this one on go to one place, are of equal length, and so fit one message. Answers to a relay
    /// are: one walk through the kernel instead of one for each is most of what a reply costs.
    fn run(&self, at: usize) -> usize {
        let (Some(Target::Udp { from, to, interface }), true) =
            (self.targets.get(at), self.segments && at >= self.alone)
        else {
            return 1;
        };
        let same = |other: &Target| matches!(other, Target::Udp { from: f, to: t, interface: i } if (f, t, i) == (from, to, interface));
        let length = self.payloads[at].len();
        // One UDP packet to the kernel, which cannot be longer than such a packet can.
        let most = (usize::from(u16::MAX) - 28) / length.max(1);
        let others = self.targets[at..].iter().zip(&self.payloads[at..]).take(most);
        others.take_while(|(target, payload)| same(target) && payload.len() == length).count().max(1)
    }

    /// Sends from this datagram on what the kernel takes; returns how many datagrams it took.
    fn send(&self, socket: BorrowedFd<'_>, at: usize) -> io::Result<usize> {
        // SAFETY: as in `receive`.
        let (mut inet, mut link, mut controls, mut pieces, mut headers) = unsafe {
            (
                mem::zeroed::<[libc::sockaddr_in; BATCH]>(),
                mem::zeroed::<[libc::sockaddr_ll; BATCH]>(),
                mem::zeroed::<[Controls; BATCH]>(),
                mem::zeroed::<[libc::iovec; BATCH]>(),
                mem::zeroed::<[libc::mmsghdr; BATCH]>(),
            )
        };
        for (piece, payload) in pieces.iter_mut().zip(&self.payloads[at..self.targets.len()]) {
            // The kernel only reads what is sent, in spite of the type.
            *piece = libc::iovec { iov_base: payload.as_ptr().cast_mut().cast(), iov_len: payload.len() };
        }
        // How many datagrams there are up to the end of each message.
        let mut ends = [0; BATCH];
        let (mut first, mut count) = (0, 0);
        while at + first < self.targets.len() {
            let (n, run) = (count, self.run(at + first));
            let header = &mut headers[n].msg_hdr;
            header.msg_iov = &raw mut pieces[first];
            header.msg_iovlen = run as _;
            match self.targets[at + first] {
                Target::Udp { from, to, interface } => {
                    inet[n].sin_family = libc::AF_INET as libc::sa_family_t;
                    inet[n].sin_port = to.port().to_be();
                    inet[n].sin_addr.s_addr = to.ip().to_bits().to_be();
                    header.msg_name = (&raw mut inet[n]).cast();
                    header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
                    let control = &mut controls[n];
                    control.header.cmsg_level = libc::IPPROTO_IP;
                    control.header.cmsg_type = libc::IP_PKTINFO;
                    // SAFETY: arithmetic only.
                    control.header.cmsg_len = unsafe { libc::CMSG_LEN(size_of::<libc::in_pktinfo>() as _) } as _;
                    control.info.ipi_ifindex = i32::try_from(interface).unwrap_or(0);
                    control.info.ipi_spec_dst.s_addr = from.to_bits().to_be();
                    control.segment_header.cmsg_level = libc::SOL_UDP;
                    control.segment_header.cmsg_type = libc::UDP_SEGMENT;
                    // SAFETY: arithmetic only.
                    control.segment_header.cmsg_len = unsafe { libc::CMSG_LEN(size_of::<u16>() as _) } as _;
                    control.segment = u16::try_from(self.payloads[at + first].len()).unwrap_or(0);
                    header.msg_control = ptr::from_mut(control).cast();
                    let length =
                        if run > 1 { size_of::<Controls>() } else { mem::offset_of!(Controls, segment_header) };
                    header.msg_controllen = length as _;
                }
                Target::Link { to, interface } => {
                    link[n].sll_family = libc::AF_PACKET as libc::sa_family_t;
                    link[n].sll_protocol = (libc::ETH_P_IP as u16).to_be();
                    link[n].sll_ifindex = i32::try_from(interface).unwrap_or(0);
                    link[n].sll_halen = 6;
                    link[n].sll_addr[..6].copy_from_slice(&to.octets());
                    header.msg_name = (&raw mut link[n]).cast();
                    header.msg_namelen = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
                }
            }
            first += run;
            ends[n] = first;
            count += 1;
        }
        // SAFETY: the first `count` headers point to a name, pieces, their payloads and, for UDP, control messages of their
        // own, of the lengths said, all of which outlive the call; the kernel writes nothing but `msg_len`.
        let sent = unsafe {
            libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count as libc::c_uint, libc::MSG_DONTWAIT as _)
        };
        let messages = usize::try_from(sent).map_err(|_| io::Error::last_os_error())?;
        Ok(messages.checked_sub(1).map_or(0, |last| ends[last]))
    }
}

#[cfg(test)]
mod tests;
