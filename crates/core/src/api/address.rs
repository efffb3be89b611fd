//! Ethernet addresses, parsed once and compared as bytes.
//!
//! Invariant: two spellings of one address (case, `:` or `-`) are equal as [`MacAddr`]; Display is the one normal form.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A 48-bit Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr([u8; 6]);

/// Why a text is no Ethernet address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not a MAC address such as aa:bb:cc:dd:ee:ff")]
pub struct MacAddrError {
    /// The text as it was written.
    pub text: String,
}

impl MacAddr {
    /// The address with these six bytes.
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The six bytes, in transmission order.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Whether the address can belong to one NIC: neither a group address (IEEE 802: lowest bit of the first byte) nor
    /// all zeros.
    pub fn is_unicast(self) -> bool {
        self.0[0] & 1 == 0 && self.0 != [0; 6]
    }

    /// The form with dashes and capitals, as some firmware spells it in file names (`01-AA-BB-…` of PXELINUX is this
    /// with the hardware type in front).
    pub fn dashed_upper(self) -> String {
        self.0.map(|octet| format!("{octet:02X}")).join("-")
    }
}

impl FromStr for MacAddr {
    type Err = MacAddrError;

    /// Parses six pairs of hex digits in any case, separated throughout by `:` or throughout by `-`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text.as_bytes()).map(Self).ok_or_else(|| MacAddrError { text: text.chars().take(64).collect() })
    }
}

fn parse(text: &[u8]) -> Option<[u8; 6]> {
    if text.len() != 17 {
        return None;
    }
    let separator = text[2];
    if separator != b':' && separator != b'-' {
        return None;
    }
    let mut octets = [0u8; 6];
    for (index, octet) in octets.iter_mut().enumerate() {
        let at = index * 3;
        if index > 0 && text[at - 1] != separator {
            return None;
        }
        *octet = hex(text[at])? << 4 | hex(text[at + 1])?;
    }
    Some(octets)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.map(|octet| format!("{octet:02x}")).join(":"))
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacAddr({self})")
    }
}

impl From<[u8; 6]> for MacAddr {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

impl Serialize for MacAddr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MacAddr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
