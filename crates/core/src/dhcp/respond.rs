//! What a message is answered with.
//!
//! Role: [`respond`] finds out whether the message is this server's business; one file for each message type says what is
//! done about it (`discover`, `request`, `inform`, `giving_up`), `link` says where the client is, `parameters` and `boot`
//! fill the reply, `destination` says where it goes.
//!
//! Invariants: a client that is not served never gets a reply; `yiaddr` is the lease's address or zero; the relay agent
//! information leaves as it came.
//!
//! Decisions:
//! - A relayed message is answered only when the lease's subnet holds the link selection (RFC 3527) or else the giaddr. On
//!   any other link this server has no authority and not even a NAK is sent: bonds and VLANs share a NIC's hardware
//!   address, and the operating system may well lease an address from somebody else there.
//! - On an interface there is no such test: the operator named the interface, and a server may serve a segment on which it
//!   has no address of its own (behind a router, or with several subnets on one segment). Relayed messages arriving there
//!   are answered as relayed ones, by the rule above.
//! - The socket for relays hears nothing but relays: a renewal that a client sends by itself is ignored there, and the
//!   client, rebinding, comes by the relay. RFC 5107 spares it the wait: a relay that overrides the server identifier is sent
//!   the renewals.

mod boot;
mod destination;
mod discover;
mod giving_up;
mod ignored;
mod inform;
mod link;
mod parameters;
mod request;

use std::net::{Ipv4Addr, SocketAddrV4};

pub use self::ignored::Ignored;
use self::link::Link;
use super::{Message, MessageType, code, message::BOOTREQUEST};
use crate::{
    api::{MacAddr, lease::Lease},
    netboot::{Architecture, BootFiles},
};

/// What this server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// What machines are told to boot from, `http://host:port`, without a slash at the end.
    pub serve_url: String,
    /// Lease time (option 51), in seconds; renewal and rebinding follow from it (RFC 2131 section 4.4.5).
    pub lease_seconds: u32,
}

/// How a message arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// On which kind of socket.
    pub via: Via,
    /// This host's address on the interface of arrival: the server identifier, the source of the reply and the TFTP server.
    pub local: Ipv4Addr,
    /// Where the datagram came from.
    pub from: SocketAddrV4,
}

/// The kinds of sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// An interface on which broadcasts are answered.
    Interface,
    /// The socket for relays.
    Relay,
}

/// The Machine's NIC that the sender's hardware address belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// What it gets.
    pub lease: &'a Lease,
    /// What it boots.
    pub boot: Boot<'a>,
}

/// What a Machine can boot right now.
#[derive(Clone, Copy, Debug)]
pub enum Boot<'a> {
    /// The boot files of its image.
    Files(&'a BootFiles),
    /// Its image was never pulled. A client that wants to boot gets silence and asks again; others get their address.
    NotReady,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing; counted by this reason.
    Ignore(Ignored),
    /// Nothing to send, something to tell (DECLINE, RELEASE).
    Record(Incident),
    /// Send this.
    Reply(Box<Reply>),
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The message.
    pub message: Message,
    /// Largest UDP payload that the client takes (option 57): what to encode it with.
    pub max_size: usize,
    /// Where to.
    pub to: Destination,
    /// The architecture the client announced, when it boots: remembered for templates.
    pub architecture: Option<Architecture>,
}

/// Where a reply goes (RFC 2131 section 4.1). Its source is [`Arrival::local`], port 67.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To the relay or to a client with an address, by the usual routes.
    Unicast(SocketAddrV4),
    /// To 255.255.255.255, out of the interface of arrival.
    Broadcast,
    /// To a client that cannot answer ARP yet: this hardware address, this IP address, out of the interface of arrival.
    Hardware(MacAddr, Ipv4Addr),
}

/// Something that an operator should hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incident {
    /// The client found the address in use by somebody else.
    Declined {
        /// The address.
        address: Ipv4Addr,
        /// What the client says (option 56), printable and bounded.
        message: Option<String>,
    },
    /// The client gave the address back.
    Released {
        /// The address.
        address: Ipv4Addr,
    },
}

/// A request that is this server's business, with all that answering it takes.
#[derive(Clone, Copy)]
struct Exchange<'a> {
    request: &'a Message,
    mac: MacAddr,
    client: Client<'a>,
    config: &'a ServerConfig,
    /// [`Arrival::local`].
    local: Ipv4Addr,
    /// What clients are told that this server is called: `local`, or what the relay wants (RFC 5107).
    server_identifier: Ipv4Addr,
}

/// Decides. `client` is none when no served Machine has the sender's hardware address.
pub fn respond(request: &Message, arrival: &Arrival, client: Option<Client<'_>>, config: &ServerConfig) -> Decision {
    decide(request, arrival, client, config).unwrap_or_else(Decision::Ignore)
}

fn decide(
    request: &Message,
    arrival: &Arrival,
    client: Option<Client<'_>>,
    config: &ServerConfig,
) -> Result<Decision, Ignored> {
    if request.op != BOOTREQUEST {
        return Err(Ignored::NotARequest);
    }
    let mac = request.mac().ok_or(Ignored::NotEthernet)?;
    if !request.options.contains(code::MESSAGE_TYPE) {
        return Err(Ignored::Bootp);
    }
    let message_type = request.message_type().ok_or(Ignored::UnexpectedType)?;
    if !request.ciaddr.is_unspecified() && !link::is_host(request.ciaddr) {
        return Err(Ignored::BadAddress);
    }
    let link = Link::of(request, arrival)?;
    let client = client.ok_or(Ignored::UnknownClient)?;
    if !link.belongs_to(client.lease) {
        return Err(Ignored::ForeignSubnet);
    }
    let server_identifier = link.server_identifier;
    let exchange = Exchange { request, mac, client, config, local: arrival.local, server_identifier };
    match message_type {
        MessageType::Discover => discover::answer(&exchange),
        MessageType::Request => request::answer(&exchange),
        MessageType::Inform => inform::answer(&exchange),
        MessageType::Decline => giving_up::declined(&exchange),
        MessageType::Release => giving_up::released(&exchange),
        MessageType::Offer | MessageType::Ack | MessageType::Nak => Err(Ignored::UnexpectedType),
    }
}

impl Exchange<'_> {
    /// Whether the message names a server, and which: this one or another.
    fn names_server(&self) -> Option<bool> {
        let named = self.request.address(code::SERVER_IDENTIFIER)?;
        // Also by its own address: the relay may have begun to override the identifier in the middle of an exchange.
        Some(named == self.server_identifier || named == self.local)
    }

    /// Fails for a message to another server.
    fn not_for_others(&self) -> Result<(), Ignored> {
        if self.names_server() == Some(false) { Err(Ignored::OtherServer) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
