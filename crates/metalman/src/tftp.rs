//! The TFTP server's sockets around [`metalman_core::tftp`].
//!
//! Role: [`Server`] binds the listening socket, reads requests, admits them ([`admission`]) and hands them to threads of its
//! own ([`worker`]), each of which carries many transfers ([`session`]), every one with a port of its own (RFC 1350 section 4).
//!
//! Invariants: replies come from the address that was asked; what is held for a peer is bounded, as is what is held for all;
//! a page fault or a template of one transfer delays at most the transfers of its thread, and never DHCP or HTTP; nobody is
//! answered for anything but a request, so that no two servers can be set on each other.

mod admission;
mod descriptors;
mod listener;
mod metrics;
mod outgoing;
mod server;
mod session;
mod worker;

use std::{net::IpAddr, sync::Arc};

pub use self::{
    admission::Limits,
    metrics::TftpMetrics,
    server::{BindError, Server},
};
use crate::boot::{Boot, BootError, BootFile};

/// Where files come from: what a peer means by a name. May block for as long as a template takes.
pub type Opener = Arc<dyn Fn(IpAddr, &str) -> Result<BootFile, BootError> + Send + Sync>;

/// The files of the Machines' images.
pub fn opener(boot: Boot) -> Opener {
    Arc::new(move |peer, name| boot.open(peer, name))
}

#[cfg(test)]
mod tests;
