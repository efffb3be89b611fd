//! DECLINE and RELEASE (RFC 2131 sections 4.3.3 and 4.3.4). Addresses are the operator's to give, so nothing changes here:
//! the operator is told.

use std::net::Ipv4Addr;

use super::{Decision, Exchange, Ignored, Incident};
use crate::dhcp::code;

/// Longest message of a client that is passed on, in bytes.
const LONGEST_MESSAGE: usize = 120;

/// The client found the address in use.
pub(super) fn declined(exchange: &Exchange<'_>) -> Result<Decision, Ignored> {
    let address = exchange.request.address(code::REQUESTED_ADDRESS);
    let address = own(exchange, address)?;
    let message = exchange.request.options.get(code::MESSAGE).map(printable).filter(|text| !text.is_empty());
    Ok(Decision::Record(Incident::Declined { address, message }))
}

/// The client gives the address back.
pub(super) fn released(exchange: &Exchange<'_>) -> Result<Decision, Ignored> {
    let address = own(exchange, Some(exchange.request.ciaddr).filter(|address| !address.is_unspecified()))?;
    Ok(Decision::Record(Incident::Released { address }))
}

fn own(exchange: &Exchange<'_>, address: Option<Ipv4Addr>) -> Result<Ipv4Addr, Ignored> {
    exchange.not_for_others()?;
    match address {
        None => Err(Ignored::NoAddress),
        Some(address) if address == exchange.client.lease.ipv4 => Ok(address),
        Some(_) => Err(Ignored::NotItsAddress),
    }
}

/// Text of a stranger, fit for an event.
fn printable(text: &[u8]) -> String {
    let text = &text[..text.len().min(LONGEST_MESSAGE)];
    let text: String =
        text.iter().map(|byte| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { ' ' }).collect();
    text.trim().to_owned()
}
