//! What is counted here. The counters of a packet are looked up once, when the process starts.

use metalman_core::dhcp::MessageType;
use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

type Word = [(&'static str, &'static str); 1];
/// What messages without a known type are counted as.
const OTHER: &str = "other";
/// In the order of their numbers, which begin with 1.
const KINDS: [MessageType; 8] = {
    use MessageType::{Ack, Decline, Discover, Inform, Nak, Offer, Release, Request};
    [Discover, Offer, Request, Decline, Ack, Nak, Release, Inform]
};

/// The counters of this module.
#[derive(Debug, Default)]
pub struct DhcpMetrics {
    received: ByType,
    sent: ByType,
    ignored: Family<Word, Counter>,
    malformed: Family<Word, Counter>,
    incidents: Family<Word, Counter>,
    send_errors: Counter,
    overflows: Counter,
    options_left_out: Counter,
    ready: Family<Vec<(String, String)>, Gauge>,
}

/// A counter for each type of message.
#[derive(Debug)]
struct ByType {
    family: Family<Word, Counter>,
    known: [Counter; KINDS.len()],
    other: Counter,
}

impl Default for ByType {
    fn default() -> Self {
        let family = Family::<Word, Counter>::default();
        let counter = |word: &'static str| family.get_or_create(&[("type", word)]).clone();
        Self { known: KINDS.map(|kind| counter(kind.as_str())), other: counter(OTHER), family }
    }
}

impl ByType {
    fn inc(&self, kind: Option<MessageType>) {
        let known = kind.and_then(|kind| self.known.get(usize::from(kind.code()) - 1));
        known.unwrap_or(&self.other).inc();
    }
}

impl DhcpMetrics {
    /// Makes them known under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("dhcp_received", "DHCP messages that came", self.received.family.clone());
        registry.register("dhcp_sent", "DHCP messages that were sent", self.sent.family.clone());
        registry.register("dhcp_ignored", "DHCP messages that got no answer, by reason", self.ignored.clone());
        registry.register("dhcp_malformed", "Datagrams that are no DHCP messages", self.malformed.clone());
        registry.register("dhcp_incidents", "Addresses declined or released by Machines", self.incidents.clone());
        registry.register("dhcp_send_errors", "DHCP messages that could not be sent", self.send_errors.clone());
        registry.register(
            "dhcp_receive_drops",
            "Datagrams that the kernel dropped because the server was too slow",
            self.overflows.clone(),
        );
        registry.register(
            "dhcp_options_left_out",
            "Options that did not fit into what the client takes",
            self.options_left_out.clone(),
        );
        registry.register(
            "dhcp_interface_ready",
            "Whether DHCP is served on the interface: 0 while it is gone or has no address",
            self.ready.clone(),
        );
    }

    /// A message came.
    pub(super) fn received(&self, kind: Option<MessageType>) {
        self.received.inc(kind);
    }

    /// A message goes.
    pub(super) fn sent(&self, kind: Option<MessageType>) {
        self.sent.inc(kind);
    }

    /// A message gets no answer.
    pub(super) fn ignored(&self, reason: &'static str) {
        self.ignored.get_or_create(&[("reason", reason)]).inc();
    }

    /// A datagram was no message.
    pub(super) fn malformed(&self, reason: &'static str) {
        self.malformed.get_or_create(&[("reason", reason)]).inc();
    }

    /// A Machine declined or released.
    pub(super) fn incident(&self, incident: &'static str) {
        self.incidents.get_or_create(&[("incident", incident)]).inc();
    }

    /// A message could not be sent.
    pub(super) fn send_error(&self) {
        self.send_errors.inc();
    }

    /// The kernel dropped that many more.
    pub(super) fn overflowed(&self, by: u32) {
        self.overflows.inc_by(by.into());
    }

    /// Options did not fit.
    pub(super) fn left_out(&self, options: usize) {
        self.options_left_out.inc_by(options as u64);
    }

    /// An interface is served, or not.
    pub(super) fn set_ready(&self, interface: &str, ready: bool) {
        let labels = vec![("interface".to_owned(), interface.to_owned())];
        self.ready.get_or_create(&labels).set(ready.into());
    }
}
