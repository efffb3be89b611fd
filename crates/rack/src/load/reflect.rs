//! A DHCP "server" that answers everything with as little work as possible: the client's own message, turned around.
//!
//! It has no leases, no checks and no options of its own. It exists to find the ceiling of a load generator: what a
//! generator reaches against it, no server can exceed.

use std::net::{SocketAddrV4, UdpSocket};

use super::batch::{Batch, roomy};
use super::packet::client_message;
use super::{Fleet, LoadError};

/// Answers `relay` on `listen` until the process ends; the machine with index `i` gets the address `fleet.first + i`, every
/// other MAC the first one.
pub fn run(listen: SocketAddrV4, relay: SocketAddrV4, fleet: Fleet) -> Result<(), LoadError> {
    let socket = UdpSocket::bind(listen).map_err(LoadError::io("bind UDP", &listen))?;
    socket.connect(relay).map_err(LoadError::io("connect UDP", &relay))?;
    roomy(&socket);
    let mut inbox = Batch::in_rows(&socket);
    loop {
        inbox.receive(&socket, true).map_err(LoadError::io("receive from", &relay))?;
        let answers: Vec<Vec<u8>> = inbox.received().filter_map(|packet| answer(packet, *listen.ip(), fleet)).collect();
        let mut rest = answers.as_slice();
        while !rest.is_empty() {
            let sent = Batch::send(&socket, rest).map_err(LoadError::io("send to", &relay))?;
            rest = &rest[sent..];
        }
    }
}

fn answer(packet: &[u8], server: std::net::Ipv4Addr, fleet: Fleet) -> Option<Vec<u8>> {
    let (kind, mac) = client_message(packet)?;
    let kind = match kind {
        1 => 2,
        3 => 5,
        _ => return None,
    };
    let index = match mac {
        [0x02, 0x6d, 0x00, a, b, c] => u32::from_be_bytes([0, a, b, c]),
        _ => 0,
    };
    let mut reply = packet[..240].to_vec();
    reply[0] = 2;
    reply[16..20].copy_from_slice(&fleet.address(index).octets());
    reply.extend([53, 1, kind, 54, 4]);
    reply.extend(server.octets());
    reply.extend([51, 4, 0, 0, 14, 16, 1, 4, 255, 255, 0, 0, 255]);
    // RFC 1542 §2.1: no shorter than a BOOTP message.
    reply.resize(300, 0);
    Some(reply)
}
