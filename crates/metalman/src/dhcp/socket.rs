//! Opening the DHCP server's sockets.
//!
//! Decisions:
//! - One *wide* socket on the bind address takes what relays send and sends every datagram; each served interface has one more
//!   that only receives, bound to the interface, as a socket bound to an address would miss broadcasts.
//! - Sockets that share the port among themselves could share it with another server unnoticed, which would then take half of
//!   the requests. So a socket that shares with nobody is bound, and closed, first.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4},
    os::fd::AsFd,
};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::{Config, DhcpMode};

/// Bytes that may wait in a socket: some thousand requests, as after a power failure.
const RECEIVE_BUFFER: usize = 8 << 20;
/// Bytes that may wait to be sent.
const SEND_BUFFER: usize = 4 << 20;

/// Why the DHCP server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// `DHCPv4` on an IPv6 address.
    #[error("DHCP cannot listen on {address}: give --bind-address an IPv4 address of this host, or 0.0.0.0")]
    NotIpv4 {
        /// The address.
        address: IpAddr,
    },
    /// The port is not to be had.
    #[error("DHCP cannot listen on UDP {at}{} (--dhcp-port): {remedy}", on(.interface.as_deref()))]
    Listen {
        /// Address and port.
        at: SocketAddrV4,
        /// The interface, for a socket of one interface.
        interface: Option<String>,
        /// What to do.
        remedy: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Clients without an address need frames made by hand.
    #[error("DHCP on interfaces (--dhcp-interface) needs a packet socket: {remedy}")]
    Packets {
        /// What to do.
        remedy: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

fn on(interface: Option<&str>) -> String {
    interface.map(|name| format!(" of {name}")).unwrap_or_default()
}

/// The sockets of a DHCP server that does not run yet.
#[derive(Debug)]
pub struct Sockets {
    pub(super) wide: Socket,
    /// For frames; only where interfaces are served.
    pub(super) packets: Option<Socket>,
    /// Served interfaces, by name, each with its socket.
    pub(super) interfaces: Vec<(String, Socket)>,
    /// Where the wide one is bound, with the port that was taken when 0 was asked for.
    pub(super) at: SocketAddrV4,
}

impl Sockets {
    /// Opens all of them.
    pub fn bind(config: &Config) -> Result<Self, BindError> {
        let address = ipv4(config.bind.address)?;
        let asked = SocketAddrV4::new(address, config.bind.dhcp_port);
        let names: &[String] = match &config.dhcp {
            DhcpMode::Relay => &[],
            DhcpMode::Interfaces(names) => names,
        };
        let shared = !names.is_empty();
        for name in names {
            listen(asked, Some(name), false).map_err(|source| refusal(asked, Some(name), source))?;
        }
        let wide = listen(asked, None, shared).map_err(|source| refusal(asked, None, source))?;
        let bound = wide.local_addr().ok().and_then(|at| at.as_socket_ipv4()).unwrap_or(asked);
        let mut interfaces = Vec::new();
        for name in names {
            let socket = of_interface(name, bound.port()).map_err(|source| refusal(bound, Some(name), source))?;
            interfaces.push((name.clone(), socket));
        }
        let packets = shared.then(packet_socket).transpose().map_err(|source| BindError::Packets {
            remedy: match source.kind() {
                io::ErrorKind::PermissionDenied => "run as root or with CAP_NET_RAW",
                _ => "serve relays only, or a kernel with AF_PACKET",
            },
            source,
        })?;
        Ok(Self { wide, packets, interfaces, at: bound })
    }

    /// Where relays find the server.
    pub fn local_address(&self) -> SocketAddrV4 {
        self.at
    }
}

fn ipv4(address: IpAddr) -> Result<Ipv4Addr, BindError> {
    match address.to_canonical() {
        IpAddr::V4(address) => Ok(address),
        // "Everything" includes IPv4.
        IpAddr::V6(address) if address.is_unspecified() => Ok(Ipv4Addr::UNSPECIFIED),
        address @ IpAddr::V6(_) => Err(BindError::NotIpv4 { address }),
    }
}

/// The socket of an interface.
pub(super) fn of_interface(name: &str, port: u16) -> io::Result<Socket> {
    listen(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port), Some(name), true)
}

fn listen(at: SocketAddrV4, interface: Option<&str>, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.cloexec(), Some(Protocol::UDP))?;
    socket.set_reuse_address(shared)?;
    socket.set_broadcast(true)?;
    if let Some(name) = interface {
        socket.bind_device(Some(name.as_bytes()))?;
    }
    roomy(&socket)?;
    setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
    // Since Linux 2.6.33; without it only a metric stays at zero.
    let _ = setsockopt(&socket, sockopt::RxqOvfl, &1);
    // Since Linux 5.0; without it each datagram is a message of its own.
    let _ = setsockopt(&socket, sockopt::UdpGroSegment, &true);
    socket.bind(&SocketAddr::V4(at).into())?;
    Ok(socket)
}

/// A socket that sends IP packets to hardware addresses. Its protocol is 0: it receives nothing.
fn packet_socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::DGRAM.cloexec(), Some(Protocol::from(0)))?;
    roomy(&socket)?;
    Ok(socket)
}

fn roomy(socket: &Socket) -> io::Result<()> {
    // Beyond net.core.rmem_max only with CAP_NET_ADMIN; the plain option takes what it can get.
    if setsockopt(&socket.as_fd(), sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    }
    socket.set_send_buffer_size(SEND_BUFFER)
}

fn refusal(at: SocketAddrV4, interface: Option<&String>, source: io::Error) -> BindError {
    let remedy = match source.kind() {
        io::ErrorKind::AddrInUse => "stop the DHCP server that listens there, or choose another port",
        io::ErrorKind::PermissionDenied if interface.is_some() => {
            "run as root, or with CAP_NET_BIND_SERVICE for ports below 1024 and CAP_NET_RAW for interfaces"
        }
        io::ErrorKind::PermissionDenied => "ports below 1024 need root or CAP_NET_BIND_SERVICE",
        io::ErrorKind::AddrNotAvailable => "--bind-address must be an address of this host",
        _ => "check the address, the port and the interface",
    };
    BindError::Listen { at, interface: interface.cloned(), remedy, source }
}
