//! DISCOVER (RFC 2131 section 4.3.1): an OFFER of the lease's address, whatever address the client would like.

use super::{Decision, Exchange, Ignored, destination, parameters};
use crate::dhcp::MessageType;

pub(super) fn answer(exchange: &Exchange<'_>) -> Result<Decision, Ignored> {
    parameters::grant(exchange, MessageType::Offer, destination::of_grant(exchange))
}
