//! The replies that grant or inform, and the options in them.
//!
//! Decisions:
//! - The message type comes first; then what the client asked for, in its order (RFC 2132 section 9.8); then what it gets
//!   without asking; the relay agent information last.
//! - The subnet mask stands before the router wherever both are (RFC 2132 section 3.3), whatever order was asked for.
//! - A client with a parameter request list gets the lease's optional values only by asking for them; a client without one
//!   gets all of them.

use std::net::Ipv4Addr;

use super::{Decision, Destination, Exchange, Ignored, Reply, boot, boot::Load};
use crate::dhcp::{
    BootClient, Message, MessageType, Options, boot_client, code,
    message::{BOOTREPLY, BOOTREQUEST},
    options::Codes,
};

/// What a client gets without asking, where it applies.
const ALWAYS: [u8; 10] = [
    code::SERVER_IDENTIFIER,
    code::LEASE_TIME,
    code::RENEWAL_TIME,
    code::REBINDING_TIME,
    code::SUBNET_MASK,
    code::VENDOR_CLASS,
    code::VENDOR_SPECIFIC,
    code::ETHERBOOT,
    code::CLIENT_UUID,
    code::CLIENT_IDENTIFIER,
];
/// What a client that does not say what it wants gets besides.
const DEFAULT_REQUEST: [u8; 8] = [
    code::ROUTER,
    code::DOMAIN_NAME_SERVER,
    code::HOST_NAME,
    code::DOMAIN_NAME,
    code::INTERFACE_MTU,
    code::NTP_SERVERS,
    code::TFTP_SERVER_NAME,
    code::BOOT_FILE,
];

/// An OFFER or ACK of the lease's address.
pub(super) fn grant(exchange: &Exchange<'_>, kind: MessageType, to: Destination) -> Result<Decision, Ignored> {
    let mut message = reply_to(exchange.request);
    message.yiaddr = exchange.client.lease.ipv4;
    // For every client: a boot loader may ask again on its own account, without saying that it boots (GRUB's `net_bootp`), and
    // learns from nothing else where to go on (RFC 2131 section 2: the next server to use in bootstrap).
    message.siaddr = exchange.local;
    if kind == MessageType::Ack {
        // RFC 2131 table 3: zero in an OFFER, the request's in an ACK.
        message.ciaddr = exchange.request.ciaddr;
    }
    let load = boot::load(exchange)?;
    Ok(fill(&Parameters { exchange, load, leases: true }, message, kind, to))
}

/// The ACK to an INFORM: neither an address nor any of its times.
pub(super) fn inform(exchange: &Exchange<'_>, to: Destination) -> Result<Decision, Ignored> {
    let mut message = reply_to(exchange.request);
    message.ciaddr = exchange.request.ciaddr;
    let load = boot::load(exchange)?;
    Ok(fill(&Parameters { exchange, load, leases: false }, message, MessageType::Ack, to))
}

/// The fixed part of every reply (RFC 2131 table 3).
pub(super) fn reply_to(request: &Message) -> Message {
    debug_assert_eq!(request.op, BOOTREQUEST, "respond looked");
    Message {
        op: BOOTREPLY,
        htype: request.htype,
        hlen: request.hlen,
        hops: 0,
        xid: request.xid,
        secs: 0,
        flags: request.flags,
        ciaddr: Ipv4Addr::UNSPECIFIED,
        yiaddr: Ipv4Addr::UNSPECIFIED,
        siaddr: Ipv4Addr::UNSPECIFIED,
        giaddr: request.giaddr,
        chaddr: request.chaddr,
        sname: [0; 64],
        file: [0; 128],
        options: Options::default(),
    }
}

/// Copies the request's option, if it has a value.
pub(super) fn echo(request: &Message, code: u8, options: &mut Options) {
    if let Some(value) = request.options.get(code).filter(|value| !value.is_empty()) {
        options.append(code, value);
    }
}

fn fill(parameters: &Parameters<'_>, mut message: Message, kind: MessageType, to: Destination) -> Decision {
    let Parameters { exchange, load, .. } = parameters;
    if let Some(load) = load {
        load.fill_fields(&mut message);
    }
    message.options = parameters.options(kind);
    let architecture = load.as_ref().and_then(|load| load.architecture);
    Decision::Reply(Box::new(Reply { message, max_size: exchange.request.max_payload(), to, architecture }))
}

impl Load<'_> {
    /// `siaddr`, `sname` and `file`.
    fn fill_fields(&self, message: &mut Message) {
        message.siaddr = self.server;
        if self.client != BootClient::Http {
            put_text(&mut message.sname, &self.server_name);
            put_text(&mut message.file, &self.name);
        }
    }

    /// Whether option 67 is the only place that the name fits in.
    fn needs_option(&self) -> bool {
        self.client == BootClient::Http || self.name.len() >= 128
    }
}

/// A text with a zero behind it, if there is room for both.
fn put_text(field: &mut [u8], text: &str) {
    if text.len() < field.len() {
        field[..text.len()].copy_from_slice(text.as_bytes());
    }
}

/// All that options are made of.
struct Parameters<'a> {
    exchange: &'a Exchange<'a>,
    load: Option<Load<'a>>,
    /// Whether the reply is about a lease.
    leases: bool,
}

impl Parameters<'_> {
    fn options(&self, kind: MessageType) -> Options {
        let request = self.exchange.request;
        let mut writer = Writer { options: Options::with_capacity(384), done: Codes::default() };
        writer.once(code::MESSAGE_TYPE, |options, code| options.append(code, &[kind.code()]));
        let requested = request.options.get(code::PARAMETER_REQUEST_LIST).unwrap_or(&DEFAULT_REQUEST);
        for &code in requested {
            if code == code::ROUTER {
                writer.once(code::SUBNET_MASK, |options, code| self.write(code, options));
            }
            writer.once(code, |options, code| self.write(code, options));
        }
        for code in ALWAYS {
            writer.once(code, |options, code| self.write(code, options));
        }
        if self.load.as_ref().is_some_and(Load::needs_option) {
            writer.once(code::BOOT_FILE, |options, code| self.write(code, options));
        }
        let mut options = writer.options;
        echo(request, code::RELAY_AGENT_INFORMATION, &mut options);
        options
    }

    /// Writes the option if there is something to say.
    fn write(&self, code: u8, options: &mut Options) {
        let Exchange { client, config, request, .. } = self.exchange;
        let lease = client.lease;
        match code {
            code::SERVER_IDENTIFIER => options.append(code, &self.exchange.server_identifier.octets()),
            code::LEASE_TIME if self.leases => options.append(code, &config.lease_seconds.to_be_bytes()),
            code::RENEWAL_TIME if self.leases => options.append(code, &renewal(config.lease_seconds).to_be_bytes()),
            code::REBINDING_TIME if self.leases => options.append(code, &rebinding(config.lease_seconds).to_be_bytes()),
            code::SUBNET_MASK => options.append(code, &lease.subnet_mask().octets()),
            code::BROADCAST_ADDRESS => options.append(code, &lease.broadcast().octets()),
            code::ROUTER => options.append_addresses(code, lease.gateway.as_slice()),
            code::DOMAIN_NAME_SERVER => options.append_addresses(code, &lease.dns),
            code::NTP_SERVERS => options.append_addresses(code, &lease.ntp),
            code::HOST_NAME => append_text(options, code, lease.hostname.as_deref()),
            code::DOMAIN_NAME => append_text(options, code, lease.domain.as_deref()),
            code::INTERFACE_MTU => {
                if let Some(mtu) = lease.mtu {
                    options.append(code, &mtu.to_be_bytes());
                }
            }
            code::CLIENT_UUID | code::CLIENT_IDENTIFIER => echo(request, code, options),
            _ => self.write_boot(code, options),
        }
    }

    fn write_boot(&self, code: u8, options: &mut Options) {
        let Some(load) = &self.load else { return };
        match (code, load.client) {
            (code::BOOT_FILE, _) => append_text(options, code, Some(&load.name)),
            (code::TFTP_SERVER_NAME, BootClient::Ipxe | BootClient::Pxe | BootClient::Other) => {
                append_text(options, code, Some(&load.server_name));
            }
            (code::VENDOR_CLASS, BootClient::Pxe) => options.append(code, boot_client::PXE_CLIENT),
            (code::VENDOR_CLASS, BootClient::Http) => options.append(code, boot_client::HTTP_CLIENT),
            (code::VENDOR_SPECIFIC, BootClient::Pxe) => options.append(code, &boot::BOOT_THE_OFFERED_FILE),
            (code::ETHERBOOT, BootClient::Ipxe) => options.append(code, &boot::NO_PROXY_DHCP),
            _ => {}
        }
    }
}

/// T1: half of the lease (RFC 2131 section 4.4.5).
fn renewal(lease_seconds: u32) -> u32 {
    if lease_seconds == u32::MAX { u32::MAX } else { lease_seconds / 2 }
}

/// T2: seven eighths. All ones is for ever, and for ever stays.
fn rebinding(lease_seconds: u32) -> u32 {
    if lease_seconds == u32::MAX { u32::MAX } else { lease_seconds - lease_seconds / 8 }
}

fn append_text(options: &mut Options, code: u8, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        options.append(code, text.as_bytes());
    }
}

/// Options of which each is written at most once, however often it is asked for.
struct Writer {
    options: Options,
    done: Codes,
}

impl Writer {
    fn once(&mut self, code: u8, write: impl FnOnce(&mut Options, u8)) {
        if self.done.insert(code) {
            write(&mut self.options, code);
        }
    }
}
