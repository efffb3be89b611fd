//! The served interfaces: which index and addresses each has now.
//!
//! Invariants: an interface that is gone, down or without an address costs the others nothing; each change is told once; the
//! address that a client is answered from depends on its lease alone, so that OFFER and ACK name the same server.

use std::net::Ipv4Addr;

use metalman_core::api::lease::Lease;
use nix::{
    ifaddrs::InterfaceAddress,
    net::if_::{InterfaceFlags, if_nametoindex},
};

/// A served interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Nic {
    pub(super) name: String,
    pub(super) state: State,
}

/// What an interface is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// There is none of that name.
    Gone,
    /// It has this index and these addresses, the primary one first.
    Here { index: u32, up: bool, addresses: Vec<Ipv4Addr> },
}

impl Nic {
    /// Its index, while it exists.
    pub(super) fn index(&self) -> Option<u32> {
        match self.state {
            State::Gone => None,
            State::Here { index, .. } => Some(index),
        }
    }

    /// Why clients there cannot be answered, if they cannot.
    pub(super) fn problem(&self) -> Option<&'static str> {
        match &self.state {
            State::Gone => Some("there is no such interface"),
            State::Here { up: false, .. } => Some("the interface is down"),
            State::Here { addresses, .. } if addresses.is_empty() => Some("the interface has no IPv4 address"),
            State::Here { .. } => None,
        }
    }

    /// The address for a client with this lease: the one in its subnet, else the primary one.
    pub(super) fn address_for(&self, lease: Option<&Lease>) -> Option<Ipv4Addr> {
        let State::Here { addresses, .. } = &self.state else { return None };
        let inside = lease.and_then(|lease| addresses.iter().find(|address| lease.contains(**address)));
        inside.or(addresses.first()).copied()
    }
}

/// Looks at the interfaces of these names. `bound` is the one address to answer from, when there is one.
pub(super) fn look<'a>(names: impl Iterator<Item = &'a str>, bound: Option<Ipv4Addr>) -> Vec<Nic> {
    // Interfaces whose list cannot be read have no addresses, which is told.
    let all: Vec<InterfaceAddress> = nix::ifaddrs::getifaddrs().map(Iterator::collect).unwrap_or_default();
    names.map(|name| Nic { name: name.to_owned(), state: state_of(name, bound, &all) }).collect()
}

fn state_of(name: &str, bound: Option<Ipv4Addr>, all: &[InterfaceAddress]) -> State {
    let Ok(index) = if_nametoindex(name) else { return State::Gone };
    let mine = || all.iter().filter(|entry| is_label_of(&entry.interface_name, name));
    let addresses = match bound {
        Some(address) => vec![address],
        None => mine().filter_map(|entry| Some(entry.address.as_ref()?.as_sockaddr_in()?.ip())).collect(),
    };
    State::Here { index, up: mine().any(|entry| entry.flags.contains(InterfaceFlags::IFF_UP)), addresses }
}

/// Addresses may carry a label, which is the interface's name with a suffix (`eth0:1`).
fn is_label_of(label: &str, name: &str) -> bool {
    label.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

#[cfg(test)]
mod tests;
