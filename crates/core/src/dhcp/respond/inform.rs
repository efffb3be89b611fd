//! INFORM (RFC 2131 section 4.3.5): a client that has an address asks for the rest.
//!
//! Decision: only for an address of the lease's subnet. For any other, mask and gateway would be wrong, and the reply, which
//! goes to an address that the message itself names, could be aimed at anybody.

use super::{Decision, Exchange, Ignored, destination, parameters};

pub(super) fn answer(exchange: &Exchange<'_>) -> Result<Decision, Ignored> {
    let address = exchange.request.ciaddr;
    if address.is_unspecified() {
        return Err(Ignored::NoAddress);
    }
    if !exchange.client.lease.contains(address) {
        return Err(Ignored::ForeignSubnet);
    }
    parameters::inform(exchange, destination::of_information(exchange))
}
