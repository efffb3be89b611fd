//! Whose request it is: the address of the connection, or what a trusted proxy says of it.
//!
//! Invariant: `X-Forwarded-For` counts only as far as trusted proxies wrote it: it is read from the right, each entry
//! believed because the one after it (first the connection's own address) is trusted. A header that a machine sends itself
//! changes nothing.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use crate::config::Cidr;

const FORWARDED: &str = "x-forwarded-for";
/// Hops looked at; nobody has so many proxies.
const MOST: usize = 32;

/// The machine's address; none when a trusted proxy sent something that is no address.
pub(super) fn address(connection: IpAddr, headers: &HeaderMap, trusted: &[Cidr]) -> Option<IpAddr> {
    let mut hop = connection.to_canonical();
    if !is_trusted(hop, trusted) {
        return Some(hop);
    }
    let fields: Vec<&str> =
        headers.get_all(FORWARDED).iter().map(|field| field.to_str()).collect::<Result<_, _>>().ok()?;
    let entries = fields.iter().rev().flat_map(|field| field.rsplit(','));
    for entry in entries.map(str::trim).filter(|entry| !entry.is_empty()).take(MOST) {
        hop = parse(entry)?;
        if !is_trusted(hop, trusted) {
            break;
        }
    }
    Some(hop)
}

/// Whether what comes from there counts.
pub(super) fn is_trusted(address: IpAddr, trusted: &[Cidr]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// Some proxies append the port.
fn parse(entry: &str) -> Option<IpAddr> {
    let address = entry.parse().or_else(|_| entry.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests;
