//! The four messages of a DHCP exchange as a relay sees them, patched into a template rather than encoded: the generator
//! must be much cheaper than the servers it measures.
//!
//! A message is what a UEFI client sends (RFC 4578 options), passed on by one relay (hops 1, giaddr set).

use std::net::Ipv4Addr;

/// Shortest DHCP message: the fixed part of RFC 2131 §2 and the magic cookie.
const FIXED: usize = 240;
/// Of the messages that are sent.
const SHORTEST: usize = 320;
const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// DHCPDISCOVER of RFC 2132 §9.6.
const DISCOVER: u8 = 1;
/// DHCPREQUEST of the same.
const REQUEST: u8 = 3;

/// The templates of one relay.
#[derive(Debug, Clone)]
pub struct Template {
    discover: Vec<u8>,
    request: Vec<u8>,
    /// Where in `request` the four octets of option 50 are; those of option 54 follow at `server_at`.
    address_at: usize,
    server_at: usize,
}

/// What a server sent, as far as the generator needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// The transaction.
    pub xid: u32,
    /// OFFER, ACK or NAK.
    pub kind: ReplyKind,
    /// The address offered or leased.
    pub address: Ipv4Addr,
    /// The server identifier (option 54).
    pub server: Ipv4Addr,
}

/// The kinds of messages that a server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyKind {
    /// DHCPOFFER
    Offer,
    /// DHCPACK
    Ack,
    /// DHCPNAK
    Nak,
}

impl Template {
    /// Messages relayed by `relay`, which gets the answers.
    pub fn new(relay: Ipv4Addr) -> Self {
        let discover = message(relay, DISCOVER, &[]);
        let selection = [50, 4, 0, 0, 0, 0, 54, 4, 0, 0, 0, 0];
        let request = message(relay, REQUEST, &selection);
        // The message type (three octets) comes first, the selection right after it.
        let address_at = FIXED + 3 + 2;
        Self { discover, request, address_at, server_at: address_at + 6 }
    }

    /// A DISCOVER of the client `mac`.
    pub fn discover(&self, xid: u32, mac: [u8; 6]) -> Vec<u8> {
        stamped(&self.discover, xid, mac)
    }

    /// The REQUEST that accepts `offer` (RFC 2131 §4.3.2, SELECTING).
    pub fn request(&self, offer: &Reply, mac: [u8; 6]) -> Vec<u8> {
        let mut packet = stamped(&self.request, offer.xid, mac);
        packet[self.address_at..self.address_at + 4].copy_from_slice(&offer.address.octets());
        packet[self.server_at..self.server_at + 4].copy_from_slice(&offer.server.octets());
        packet
    }
}

impl Reply {
    /// Reads a server's message; nothing for what is none.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        if packet.len() < FIXED || packet[0] != 2 || packet[236..FIXED] != COOKIE {
            return None;
        }
        let (mut kind, mut server) = (None, Ipv4Addr::UNSPECIFIED);
        let mut rest = &packet[FIXED..];
        while let [code, tail @ ..] = rest {
            match *code {
                0 => rest = tail,
                255 => break,
                code => {
                    let (length, tail) = tail.split_first()?;
                    let (value, tail) = tail.split_at_checked(usize::from(*length))?;
                    match (code, value) {
                        (53, [2]) => kind = Some(ReplyKind::Offer),
                        (53, [5]) => kind = Some(ReplyKind::Ack),
                        (53, [6]) => kind = Some(ReplyKind::Nak),
                        (54, [a, b, c, d]) => server = Ipv4Addr::new(*a, *b, *c, *d),
                        _ => {}
                    }
                    rest = tail;
                }
            }
        }
        let xid = u32::from_be_bytes(packet[4..8].try_into().ok()?);
        let address = Ipv4Addr::new(packet[16], packet[17], packet[18], packet[19]);
        Some(Self { xid, kind: kind?, address, server })
    }
}

/// The sender's MAC and the kind (1 DISCOVER, 3 REQUEST) of a client's message; nothing for what is none.
pub(super) fn client_message(packet: &[u8]) -> Option<(u8, [u8; 6])> {
    // The generator puts option 53 first.
    if packet.len() < FIXED + 3 || packet[0] != 1 || packet[FIXED] != 53 {
        return None;
    }
    Some((packet[FIXED + 2], packet[28..34].try_into().ok()?))
}

fn stamped(template: &[u8], xid: u32, mac: [u8; 6]) -> Vec<u8> {
    let mut packet = template.to_vec();
    packet[4..8].copy_from_slice(&xid.to_be_bytes());
    packet[28..34].copy_from_slice(&mac);
    packet
}

fn message(relay: Ipv4Addr, kind: u8, selection: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; FIXED];
    packet[..4].copy_from_slice(&[1, 1, 6, 1]); // BOOTREQUEST, Ethernet, six octets, one hop
    packet[24..28].copy_from_slice(&relay.octets());
    packet[236..].copy_from_slice(&COOKIE);
    packet.extend([53, 1, kind]);
    packet.extend(selection);
    packet.extend([57, 2, 5, 192]); // messages of up to 1472 octets
    packet.extend([55, 10, 1, 3, 6, 12, 15, 28, 51, 54, 66, 67]);
    packet.extend([93, 2, 0, 7, 94, 3, 1, 3, 16]); // x64 UEFI, UNDI 3.16
    packet.extend([60, 32]);
    packet.extend(b"PXEClient:Arch:00007:UNDI:003016");
    packet.push(255);
    // RFC 1542 §2.1: no shorter than a BOOTP message. All of one length also lets the kernel send many in one go.
    packet.resize(SHORTEST.max(packet.len()), 0);
    packet
}

#[cfg(test)]
mod tests;
