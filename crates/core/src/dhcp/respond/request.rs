//! REQUEST in its four states (RFC 2131 section 4.3.2):
//!
//! | state | server identifier (54) | requested address (50) | ciaddr |
//! |---|---|---|---|
//! | SELECTING | the chosen server | the offered address | zero |
//! | INIT-REBOOT | none | the remembered address | zero |
//! | RENEWING, REBINDING | none | none | the address in use |
//!
//! The last two differ in how they were sent, and are answered alike. As a Machine has one address on a NIC, all states come
//! to one question: is it the lease's? An address of another subnet is not.

use std::net::Ipv4Addr;

use super::{Decision, Exchange, Ignored, Reply, destination, parameters};
use crate::dhcp::{MessageType, Options, code, message::BROADCAST};

pub(super) fn answer(exchange: &Exchange<'_>) -> Result<Decision, Ignored> {
    exchange.not_for_others()?;
    let address = wanted(exchange).ok_or(Ignored::NoAddress)?;
    if address == exchange.client.lease.ipv4 {
        parameters::grant(exchange, MessageType::Ack, destination::of_grant(exchange))
    } else {
        Ok(refuse(exchange, address))
    }
}

/// The address that the client wants to use. Clients that name a server while they renew, which they must not, are taken by
/// their ciaddr.
fn wanted(exchange: &Exchange<'_>) -> Option<Ipv4Addr> {
    let request = exchange.request;
    let in_use = Some(request.ciaddr).filter(|ciaddr| !ciaddr.is_unspecified());
    request.address(code::REQUESTED_ADDRESS).or(in_use)
}

/// A NAK, with the options that RFC 2131 table 3 allows, the client identifier (RFC 6842) and the relay agent information.
fn refuse(exchange: &Exchange<'_>, address: Ipv4Addr) -> Decision {
    let lease = exchange.client.lease;
    let why = if lease.contains(address) {
        format!("{address} is not the address of {}", exchange.mac)
    } else {
        format!("{address} is not in the subnet of {}", exchange.mac)
    };
    let mut message = parameters::reply_to(exchange.request);
    if !message.giaddr.is_unspecified() {
        // The relay is to broadcast it: the client may have no address that works.
        message.flags |= BROADCAST;
    }
    let mut options = Options::with_capacity(128);
    options.append(code::MESSAGE_TYPE, &[MessageType::Nak.code()]);
    options.append(code::SERVER_IDENTIFIER, &exchange.server_identifier.octets());
    options.append(code::MESSAGE, why.as_bytes());
    parameters::echo(exchange.request, code::CLIENT_IDENTIFIER, &mut options);
    parameters::echo(exchange.request, code::RELAY_AGENT_INFORMATION, &mut options);
    message.options = options;
    Decision::Reply(Box::new(Reply {
        message,
        max_size: exchange.request.max_payload(),
        to: destination::of_refusal(exchange),
        architecture: None,
    }))
}
