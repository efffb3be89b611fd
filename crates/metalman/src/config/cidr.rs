//! A network in CIDR notation (RFC 4632, RFC 4291).

use std::{fmt, net::IpAddr, str::FromStr};

/// A network. Invariant: the address has no bits beyond the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// No address.
    #[error("does not start with an IP address")]
    Address,
    /// No prefix length, or one that is too long.
    #[error("needs a prefix length from 0 to {0} after a slash")]
    Prefix(u8),
    /// Bits of a host: probably a typing error, and a guess at it could trust the wrong network.
    #[error("has bits set beyond its prefix")]
    HostBits(Cidr),
}

impl Cidr {
    /// Whether the address lies in this network. An IPv4-mapped IPv6 address, which a dual-stack socket reports, counts as
    /// IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.network.is_ipv4() && masked(address, self.prefix) == self.network
    }
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(a) => IpAddr::V4((a.to_bits() & u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)).into()),
        IpAddr::V6(a) => IpAddr::V6((a.to_bits() & u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)).into()),
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    /// Accepts `ADDR/PREFIX`, and a bare address for itself alone.
    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| CidrError::Address)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(p) => p.parse().ok().filter(|p| *p <= bits).ok_or(CidrError::Prefix(bits))?,
        };
        let network = Self { network: masked(address, prefix), prefix };
        if network.network == address { Ok(network) } else { Err(CidrError::HostBits(network)) }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}
