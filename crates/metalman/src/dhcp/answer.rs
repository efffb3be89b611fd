//! One datagram: parsed, looked up, decided by [`respond`], and what is decided put into the outboxes.
//!
//! Invariants: nothing waits, neither for the API server nor for a registry; a datagram of an unknown sender costs a parse, a
//! lookup and a counter; what is logged at all is bounded.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use metalman_core::{
    api::Machine,
    dhcp::{
        Arrival, Boot as Bootable, BootClient, CLIENT_PORT, Client, Decision, Destination, Incident, Message, Reply,
        SMALLEST_MAX_PAYLOAD, ServerConfig, Via, code::PAD, respond,
    },
    inventory::{Inventory, Lookup},
};
use tracing::{debug, info, warn};

use super::{
    DhcpMetrics,
    budget::Budget,
    frame,
    mmsg::{Outbox, Received, Target},
    network::Nic,
};
use crate::{
    boot::Boot,
    events::{Kind, Recorder},
    images::{Image, ImageState},
};

/// Reasons of the shell not to answer, beside those of [`metalman_core::dhcp::Ignored`].
const NOT_LEADER: &str = "not_leader";
const NO_ADDRESS: &str = "host_without_address";

/// Replies are padded to a multiple of this, as far as every client takes what is so long: replies of equal length to one relay
/// leave together ([`Outbox`]), and hostnames are of all lengths.
const EVEN: usize = 64;

/// What every datagram is answered from.
pub(super) struct Responder {
    pub(super) boot: Boot,
    pub(super) events: Recorder,
    pub(super) config: ServerConfig,
    /// The port that replies come from.
    pub(super) port: u16,
    /// The one address that this server was told to have, if any.
    pub(super) bound: Option<Ipv4Addr>,
    /// Log lines about what Machines decline and release.
    pub(super) told: Budget,
    /// A reply that is put into a frame afterwards.
    pub(super) scratch: Vec<u8>,
}

/// What does not change while a batch is answered.
pub(super) struct Now<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) nics: &'a [Nic],
    /// Whether this replica leads.
    pub(super) leads: bool,
    /// Whether the datagrams come from the wide socket.
    pub(super) wide: bool,
}

/// Replies on their way out.
pub(super) struct Outboxes {
    /// By the routes.
    pub(super) udp: Outbox,
    /// To hardware addresses.
    pub(super) link: Outbox,
}

impl Outboxes {
    pub(super) fn new() -> Self {
        Self { udp: Outbox::new(), link: Outbox::new() }
    }
}

impl Responder {
    /// Answers a datagram, or counts why not.
    pub(super) fn answer(&mut self, datagram: &Received<'_>, now: &Now<'_>, out: &mut Outboxes) {
        let nic = now.nics.iter().find(|nic| nic.index() == Some(datagram.interface));
        // Linux hands a broadcast to every socket that it suits: that of the interface has it too.
        if now.wide && nic.is_some() && datagram.to != datagram.local {
            return;
        }
        let metrics = self.boot.metrics.clone();
        let metrics = &metrics.dhcp;
        let message = match Message::parse(datagram.payload) {
            Ok(_) if datagram.truncated => return metrics.malformed("oversized"),
            Ok(message) => message,
            Err(error) => return metrics.malformed(error.as_str()),
        };
        metrics.received(message.message_type());
        if nic.is_some() && message.giaddr.is_unspecified() && !now.leads {
            return metrics.ignored(NOT_LEADER);
        }
        let found = message.mac().map_or(Lookup::Unknown, |mac| now.inventory.by_mac(mac));
        let served = match found {
            Lookup::Served(entry, lease) => Some((entry.machine(), lease)),
            Lookup::Unknown | Lookup::Refused(_) => None,
        };
        let local = self.local(datagram, nic, served.map(|(_, lease)| lease));
        let Some(local) = local else { return metrics.ignored(NO_ADDRESS) };
        let via = if nic.is_some() { Via::Interface } else { Via::Relay };
        let arrival = Arrival { via, local, from: datagram.from };
        let image = served.and_then(|(machine, _)| self.image(machine, &message));
        let boot = image.as_ref().map_or(Bootable::NotReady, |image| Bootable::Files(&image.metadata.boot_files));
        let client = served.map(|(_, lease)| Client { lease, boot });
        match respond(&message, &arrival, client, &self.config) {
            Decision::Ignore(reason) => metrics.ignored(reason.as_str()),
            Decision::Record(incident) => {
                if let Some((machine, _)) = served {
                    self.record(machine, &message, &incident, metrics);
                }
            }
            Decision::Reply(reply) => {
                if let (Some(image), Some(architecture), Some(mac)) = (&image, reply.architecture, message.mac()) {
                    self.boot.sessions.began(mac, Some(architecture), image);
                    if let (Some((machine, _)), Some(client)) = (served, BootClient::of(&message)) {
                        self.boot.asked(machine, mac, client, architecture);
                    }
                }
                if let Some((machine, _)) = served {
                    let kind = reply.message.message_type().map_or("other", |kind| kind.as_str());
                    debug!(machine = machine.name(), ip = %reply.message.yiaddr, kind, to = ?reply.to, "DHCP answered");
                }
                self.send(&reply, local, datagram.interface, out, metrics);
            }
        }
    }

    /// This host's address for the reply: the one that was told, the one that the client wrote to, or the one of the interface
    /// that suits the client's lease.
    fn local(
        &self,
        datagram: &Received<'_>,
        nic: Option<&Nic>,
        lease: Option<&metalman_core::api::lease::Lease>,
    ) -> Option<Ipv4Addr> {
        let written_to = (datagram.to == datagram.local && !datagram.local.is_unspecified()).then_some(datagram.local);
        match (self.bound.or(written_to), nic) {
            (Some(address), _) => Some(address),
            (None, Some(nic)) => nic.address_for(lease),
            (None, None) => (!datagram.local.is_unspecified()).then_some(datagram.local),
        }
    }

    /// The image that the sender, if it is going to boot, is offered files of.
    fn image(&self, machine: &Arc<Machine>, message: &Message) -> Option<Arc<Image>> {
        let client = BootClient::of(message)?;
        let images = &self.boot.images;
        let state = match client.architecture(message) {
            Some(firmware) => images.of_firmware(machine, firmware),
            None => images.of(machine),
        };
        let current = match state {
            ImageState::Ready(image) => Some(image),
            ImageState::NotYet(_) => None,
        };
        self.boot.sessions.offered(message.mac()?, current.as_ref())
    }

    fn send(&mut self, reply: &Reply, local: Ipv4Addr, interface: u32, out: &mut Outboxes, metrics: &DhcpMetrics) {
        let mut left_out = 0;
        let mut encode = |payload: &mut Vec<u8>| {
            left_out = reply.message.encode_into(payload, reply.max_size);
            even(payload);
        };
        let pushed = match reply.to {
            Destination::Unicast(to) => out.udp.push(Target::Udp { from: local, to, interface: 0 }, encode),
            Destination::Broadcast => {
                let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, CLIENT_PORT);
                out.udp.push(Target::Udp { from: local, to, interface }, encode)
            }
            Destination::Hardware(mac, address) => {
                encode(&mut self.scratch);
                let (from, to) = (SocketAddrV4::new(local, self.port), SocketAddrV4::new(address, CLIENT_PORT));
                let scratch = &self.scratch;
                out.link.push(Target::Link { to: mac, interface }, |packet| frame::write(packet, from, to, scratch))
            }
        };
        metrics.left_out(left_out);
        if pushed {
            metrics.sent(reply.message.message_type());
        } else {
            // A batch has a reply at most for each of its datagrams.
            metrics.send_error();
        }
    }

    /// Tells the operator what a client says about its address.
    fn record(&mut self, machine: &Arc<Machine>, message: &Message, incident: &Incident, metrics: &DhcpMetrics) {
        let mac = message.mac().map(|mac| mac.to_string()).unwrap_or_default();
        match incident {
            Incident::Declined { address, message } => {
                metrics.incident("declined");
                let said = message.as_deref().map(|said| format!(": {said}")).unwrap_or_default();
                let text = format!("{mac} declined {address}, which another host on its network uses{said}");
                self.events.record(machine, Kind::Warning, "AddressDeclined", text);
                if self.told.spend() {
                    let said = message.as_deref().unwrap_or_default();
                    warn!(machine = machine.name(), mac, ip = %address, said, "address declined: another host uses it");
                }
            }
            Incident::Released { address } => {
                metrics.incident("released");
                if self.told.spend() {
                    info!(machine = machine.name(), mac, ip = %address, "address released");
                }
            }
        }
    }
}

/// Pads what is encoded; after the End option, only Pad may follow (RFC 2132 section 3.2).
fn even(payload: &mut Vec<u8>) {
    let length = payload.len().next_multiple_of(EVEN);
    if length <= SMALLEST_MAX_PAYLOAD {
        payload.resize(length, PAD);
    }
}
