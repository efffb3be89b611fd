//! A lease with its values parsed: what the servers and the index work with.
//!
//! Invariant: a [`Lease`] exists only when every value in it parsed; what the schema refuses, this refuses too, naming the
//! field and the value, for Machines that were stored past the schema.

use super::address::MacAddr;
use super::spec::DhcpLease;
use std::net::Ipv4Addr;
use thiserror::Error;

/// A parsed lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Ethernet address of the NIC.
    pub mac: MacAddr,
    /// Address it gets.
    pub ipv4: Ipv4Addr,
    /// The subnet's mask, as a length.
    pub prefix: u8,
    /// Default gateway.
    pub gateway: Option<Ipv4Addr>,
    /// Name servers.
    pub dns: Vec<Ipv4Addr>,
    /// Host name.
    pub hostname: Option<String>,
    /// Domain name.
    pub domain: Option<String>,
    /// MTU in bytes.
    pub mtu: Option<u16>,
    /// Time servers.
    pub ntp: Vec<Ipv4Addr>,
}

/// Why a lease cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field} {value:?} is not {expected}")]
pub struct LeaseError {
    /// JSON name of the field within the lease.
    pub field: &'static str,
    /// The value as written.
    pub value: String,
    /// What it should be.
    pub expected: &'static str,
}

impl LeaseError {
    fn new(field: &'static str, value: &str, expected: &'static str) -> Self {
        // Bounded: the text goes into a condition message.
        Self { field, value: value.chars().take(64).collect(), expected }
    }
}

impl Lease {
    /// The subnet mask in dotted form.
    pub fn subnet_mask(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.mask_bits())
    }

    /// The first address of the subnet.
    pub fn network(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.ipv4.to_bits() & self.mask_bits())
    }

    /// The last address of the subnet.
    pub fn broadcast(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.ipv4.to_bits() | !self.mask_bits())
    }

    /// Whether the address lies in the lease's subnet.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        address.to_bits() & self.mask_bits() == self.network().to_bits()
    }

    fn mask_bits(&self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0)
    }

    /// What is legal but looks wrong, each as a sentence.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let (ipv4, prefix) = (self.ipv4, self.prefix);
        let subnet = self.network();
        // RFC 3021: a /31 has no network and no broadcast address; a /32 is one host.
        if prefix < 31 && ipv4 == subnet {
            warnings.push(format!("ipv4 {ipv4} is the network address of {subnet}/{prefix}"));
        }
        if prefix < 31 && ipv4 == self.broadcast() {
            warnings.push(format!("ipv4 {ipv4} is the broadcast address of {subnet}/{prefix}"));
        }
        if ipv4.is_unspecified() || ipv4.is_loopback() || ipv4.is_multicast() || ipv4.octets()[0] >= 240 {
            warnings.push(format!("ipv4 {ipv4} is not an address that a host can have"));
        }
        if !self.mac.is_unicast() {
            warnings.push(format!("mac {} is not the address of one NIC", self.mac));
        }
        match self.gateway {
            Some(gateway) if !self.contains(gateway) => {
                warnings.push(format!("gateway {gateway} is outside the subnet {subnet}/{prefix} of {ipv4}"));
            }
            Some(gateway) if gateway == ipv4 => {
                warnings.push(format!("gateway {gateway} is the lease's own address"));
            }
            _ => {}
        }
        warnings
    }
}

impl TryFrom<&DhcpLease> for Lease {
    type Error = LeaseError;

    fn try_from(lease: &DhcpLease) -> Result<Self, LeaseError> {
        const ADDRESS: &str = "an IPv4 address such as 10.0.0.11";
        let address = |field, text: &str| text.parse().map_err(|_| LeaseError::new(field, text, ADDRESS));
        let addresses = |field, texts: &[String]| {
            texts.iter().map(|text| address(field, text)).collect::<Result<Vec<Ipv4Addr>, _>>()
        };
        Ok(Self {
            mac: lease
                .mac
                .parse()
                .map_err(|_| LeaseError::new("mac", &lease.mac, "a MAC address such as aa:bb:cc:dd:ee:ff"))?,
            ipv4: address("ipv4", &lease.ipv4)?,
            prefix: prefix(&lease.subnet_mask)?,
            gateway: lease
                .gateway
                .as_deref()
                .filter(|text| !text.is_empty())
                .map(|text| address("gateway", text))
                .transpose()?,
            dns: addresses("dns", &lease.dns)?,
            hostname: lease.hostname.clone().filter(|text| !text.is_empty()),
            domain: lease.domain.clone().filter(|text| !text.is_empty()),
            mtu: lease
                .mtu
                .map(|mtu| {
                    u16::try_from(mtu)
                        .map_err(|_| LeaseError::new("mtu", &mtu.to_string(), "between 576 and 9216 bytes"))
                })
                .transpose()?,
            ntp: addresses("ntp", &lease.ntp)?,
        })
    }
}

fn prefix(text: &str) -> Result<u8, LeaseError> {
    let error = || LeaseError::new("subnetMask", text, "a contiguous IPv4 mask such as 255.255.255.0");
    let mask = text.parse::<Ipv4Addr>().map_err(|_| error())?.to_bits();
    let ones = mask.leading_ones();
    if ones == 0 || ones != mask.count_ones() {
        return Err(error());
    }
    u8::try_from(ones).map_err(|_| error())
}

#[cfg(test)]
mod tests;
