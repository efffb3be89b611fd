//! Option 82 (RFC 3046): what the relay says about the client's place.
//!
//! Role: a view of its sub-options. The option itself is echoed byte for byte and never written anew.

use std::net::Ipv4Addr;

/// RFC 3527: the subnet that the client is on, where it is not the giaddr's.
const LINK_SELECTION: u8 = 5;
/// RFC 5107: what the client is to take for the server identifier, so that its renewals come by the relay.
const SERVER_IDENTIFIER_OVERRIDE: u8 = 11;

/// The value of option 82.
#[derive(Clone, Copy, Debug)]
pub struct RelayAgentInformation<'a>(pub &'a [u8]);

impl<'a> RelayAgentInformation<'a> {
    /// The value of the first sub-option with that code; a broken one hides those behind it.
    pub fn get(self, code: u8) -> Option<&'a [u8]> {
        let mut rest = self.0;
        while let [this, length, ref tail @ ..] = *rest {
            let (value, tail) = tail.split_at_checked(usize::from(length))?;
            if this == code {
                return Some(value);
            }
            rest = tail;
        }
        None
    }

    /// Link selection.
    pub fn link_selection(self) -> Option<Ipv4Addr> {
        self.address(LINK_SELECTION)
    }

    /// Server identifier override.
    pub fn server_identifier_override(self) -> Option<Ipv4Addr> {
        self.address(SERVER_IDENTIFIER_OVERRIDE)
    }

    fn address(self, code: u8) -> Option<Ipv4Addr> {
        self.get(code).and_then(|value| <[u8; 4]>::try_from(value).ok()).map(Ipv4Addr::from)
    }
}

#[cfg(test)]
mod tests;
