//! The listening socket: datagrams with the address that they were sent to, which replies must come from.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::AsRawFd,
};

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt,
    sockopt::{Ipv4PacketInfo, Ipv6RecvPacketInfo},
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{io::Interest, net::UdpSocket};

/// The socket that requests come to.
#[derive(Debug)]
pub(super) struct Listener {
    socket: UdpSocket,
    bound: SocketAddr,
}

/// A datagram that arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrived {
    pub(super) length: usize,
    pub(super) peer: SocketAddr,
    /// The address of this host that it was sent to.
    pub(super) local: IpAddr,
}

/// Makes the socket: blocking work, and no runtime needed.
pub(super) fn bind(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    match address {
        SocketAddr::V4(_) => setsockopt(&socket, Ipv4PacketInfo, &true)?,
        SocketAddr::V6(_) => setsockopt(&socket, Ipv6RecvPacketInfo, &true)?,
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

impl Listener {
    pub(super) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let bound = socket.local_addr()?;
        Ok(Self { socket: UdpSocket::from_std(socket)?, bound })
    }

    /// The next datagram; longer ones than the buffer are cut off.
    pub(super) async fn receive(&self, buffer: &mut [u8]) -> io::Result<Arrived> {
        self.socket.async_io(Interest::READABLE, || self.receive_now(buffer)).await
    }

    fn receive_now(&self, buffer: &mut [u8]) -> io::Result<Arrived> {
        let mut space = nix::cmsg_space!(libc::in_pktinfo, libc::in6_pktinfo);
        let mut parts = [IoSliceMut::new(buffer)];
        let message =
            recvmsg::<SockaddrStorage>(self.socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_DONTWAIT)?;
        let mut local = self.bound.ip();
        for control in message.cmsgs()? {
            match control {
                ControlMessageOwned::Ipv4PacketInfo(info) => {
                    // The address of this host, also when the datagram was sent to a broadcast address.
                    local = Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()).into();
                }
                ControlMessageOwned::Ipv6PacketInfo(info) => local = Ipv6Addr::from(info.ipi6_addr.s6_addr).into(),
                _ => {}
            }
        }
        let peer = message.address.as_ref().and_then(socket_address);
        let peer = peer.ok_or_else(|| io::Error::other("a datagram from nowhere"))?;
        // A socket for both families shows IPv4 as mapped addresses.
        let plain = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let peer = if plain.is_ipv4() { plain } else { peer };
        Ok(Arrived { length: message.bytes, peer, local: local.to_canonical() })
    }
}

fn socket_address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|address| SocketAddr::from(std::net::SocketAddrV4::from(*address)));
    v4.or_else(|| storage.as_sockaddr_in6().map(|address| SocketAddr::from(std::net::SocketAddrV6::from(*address))))
}
