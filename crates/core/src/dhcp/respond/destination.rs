//! Where replies go (RFC 2131 section 4.1).

use std::net::SocketAddrV4;

use super::{Destination, Exchange};
use crate::dhcp::{CLIENT_PORT, SERVER_PORT};

/// Of an OFFER or ACK.
pub(super) fn of_grant(exchange: &Exchange<'_>) -> Destination {
    let request = exchange.request;
    if !request.giaddr.is_unspecified() {
        Destination::Unicast(SocketAddrV4::new(request.giaddr, SERVER_PORT))
    } else if !request.ciaddr.is_unspecified() {
        Destination::Unicast(SocketAddrV4::new(request.ciaddr, CLIENT_PORT))
    } else if request.wants_broadcast() {
        Destination::Broadcast
    } else {
        Destination::Hardware(exchange.mac, exchange.client.lease.ipv4)
    }
}

/// Of a NAK: by the relay or to everybody, as the client may have no address that works.
pub(super) fn of_refusal(exchange: &Exchange<'_>) -> Destination {
    match exchange.request.giaddr {
        giaddr if giaddr.is_unspecified() => Destination::Broadcast,
        giaddr => Destination::Unicast(SocketAddrV4::new(giaddr, SERVER_PORT)),
    }
}

/// Of the ACK to an INFORM: straight to the client, which has an address (RFC 2131 section 4.3.5), relay or not.
pub(super) fn of_information(exchange: &Exchange<'_>) -> Destination {
    Destination::Unicast(SocketAddrV4::new(exchange.request.ciaddr, CLIENT_PORT))
}
