//! Load for boot servers: clients that really speak DHCP, TFTP and HTTP, many at a time, and measure.
//!
//! Invariants: a generator knows nothing of the server behind the address, so every server gets the same traffic; content
//! is checked (length always, SHA-256 on request); a rate is open loop, so that a slow server cannot slow its own test
//! down. Blocking sockets and threads, no runtime: the generator shares the machine's cores with what it measures.

pub mod boot;
pub mod dhcp;
pub mod histogram;
pub mod http;
pub mod packet;
pub mod reflect;
pub mod tftp;
pub mod usage;

mod batch;
mod rate;

use std::net::Ipv4Addr;
use std::path::PathBuf;

/// Why a load could not be put on a server, or what the server did wrong under it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A system call failed.
    #[error("{operation} {object}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what: an address or a path.
        object: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The server answered with something that its protocol does not allow here.
    #[error("{server} answered {what}")]
    Protocol {
        /// The server's address.
        server: String,
        /// What it sent, and what was expected.
        what: String,
    },
    /// The server did not answer in time, after all retransmissions.
    #[error("{server} gave no answer to {what}")]
    Silence {
        /// The server's address.
        server: String,
        /// What it was asked.
        what: String,
    },
    /// A measured process is gone, or /proc is not readable.
    #[error("read {path} of the measured server (is the process still there?)")]
    Usage {
        /// The file in /proc.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl LoadError {
    /// For `map_err` on a system call.
    fn io(operation: &'static str, object: &impl ToString) -> impl FnOnce(std::io::Error) -> Self {
        let object = object.to_string();
        move |source| Self::Io { operation, object, source }
    }
}

/// The simulated machines: machine `i` has the MAC 02:6d:00 followed by `i` in three octets, and the address `first + i`.
#[derive(Debug, Clone, Copy)]
pub struct Fleet {
    /// Address of machine 0.
    pub first: Ipv4Addr,
    /// How many there are.
    pub count: u32,
}

impl Fleet {
    /// The MAC of a machine.
    pub fn mac(index: u32) -> [u8; 6] {
        let [_, a, b, c] = index.to_be_bytes();
        [0x02, 0x6d, 0x00, a, b, c]
    }

    /// The address of a machine.
    pub fn address(&self, index: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.first).wrapping_add(index))
    }
}
