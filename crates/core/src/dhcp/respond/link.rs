//! Where the client is: on the link of arrival, or behind a relay.

use std::net::Ipv4Addr;

use super::{Arrival, Ignored, Via};
use crate::{
    api::lease::Lease,
    dhcp::{Message, RelayAgentInformation, code},
};

/// The client's place.
pub(super) struct Link {
    /// For relayed messages, an address of the subnet that the client is on.
    behind: Option<Ipv4Addr>,
    /// What this server is called there.
    pub(super) server_identifier: Ipv4Addr,
}

impl Link {
    pub(super) fn of(request: &Message, arrival: &Arrival) -> Result<Self, Ignored> {
        if request.giaddr.is_unspecified() {
            return match arrival.via {
                Via::Relay => Err(Ignored::NoGiaddr),
                Via::Interface => Ok(Self { behind: None, server_identifier: arrival.local }),
            };
        }
        let information = request.options.get(code::RELAY_AGENT_INFORMATION).map(RelayAgentInformation);
        let selected = information.and_then(RelayAgentInformation::link_selection);
        let overridden = information.and_then(RelayAgentInformation::server_identifier_override);
        let behind = selected.unwrap_or(request.giaddr);
        if !is_host(request.giaddr) || !is_host(behind) {
            return Err(Ignored::BadAddress);
        }
        Ok(Self {
            behind: Some(behind),
            server_identifier: overridden.filter(|address| is_host(*address)).unwrap_or(arrival.local),
        })
    }

    /// Whether that lease is one of this link's.
    pub(super) fn belongs_to(&self, lease: &Lease) -> bool {
        self.behind.is_none_or(|address| lease.contains(address))
    }
}

/// Whether a host can have that address: replies to any other would be an abuse of this server.
pub(super) fn is_host(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_multicast() || address.is_broadcast())
}
