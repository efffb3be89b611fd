//! One file for each thing somebody might look for; here is what they all start from: a Machine at 10.0.0.11/24, asked about
//! on a server at 10.0.0.2.

use super::*;
use crate::{dhcp::Options, netboot::Metadata};

mod boot;
mod destinations;
mod foreign;
mod options;
mod properties;
mod real_clients;
mod relay;
mod states;

const MAC: MacAddr = MacAddr::new([0x52, 0x54, 0, 0, 0, 0x11]);
const LEASED: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 11);
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 12);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const RELAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const NOBODY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// The parameter request list of most clients.
const COMMON: [u8; 8] = [1, 3, 6, 12, 15, 26, 42, 51];

fn lease() -> Lease {
    Lease {
        mac: MAC,
        ipv4: LEASED,
        prefix: 24,
        gateway: Some(RELAY),
        dns: vec![Ipv4Addr::new(10, 0, 0, 53), Ipv4Addr::new(10, 1, 0, 53)],
        hostname: Some("node-11".into()),
        domain: Some("rack.example".into()),
        mtu: Some(9000),
        ntp: vec![Ipv4Addr::new(10, 0, 0, 123)],
    }
}

fn config() -> ServerConfig {
    ServerConfig { serve_url: "http://10.0.0.2:8880".into(), lease_seconds: 3600 }
}

/// An image with a file for everybody.
const EVERYTHING: &str = "bootFiles: {x86-bios: bios.0, x64-uefi: shimx64.efi, arm64-uefi: shimaa64.efi, \
    x64-uefi-http: http/shimx64.efi, arm64-uefi-http: http/shimaa64.efi, ipxe: boot.ipxe}";

fn files(yaml: &str) -> BootFiles {
    Metadata::parse(yaml).unwrap().boot_files
}

fn on_interface() -> Arrival {
    Arrival { via: Via::Interface, local: SERVER, from: SocketAddrV4::new(NOBODY, 68) }
}

fn by_relay() -> Arrival {
    Arrival { via: Via::Relay, local: SERVER, from: SocketAddrV4::new(RELAY, 67) }
}

/// A message of the Machine.
fn message(kind: MessageType, options: &[(u8, &[u8])]) -> Message {
    let mut chaddr = [0; 16];
    chaddr[..6].copy_from_slice(&MAC.octets());
    let mut message = Message {
        op: BOOTREQUEST,
        htype: 1,
        hlen: 6,
        hops: 0,
        xid: 0x1234_5678,
        secs: 3,
        flags: 0,
        ciaddr: NOBODY,
        yiaddr: NOBODY,
        siaddr: NOBODY,
        giaddr: NOBODY,
        chaddr,
        sname: [0; 64],
        file: [0; 128],
        options: Options::default(),
    };
    message.options.push(code::MESSAGE_TYPE, &[kind.code()]);
    for (code, value) in options {
        message.options.push(*code, value);
    }
    message
}

/// The decision about a message of the Machine, whose image has everything.
fn decided(request: &Message, arrival: &Arrival) -> Decision {
    decided_with(request, arrival, Boot::Files(&files(EVERYTHING)))
}

fn decided_with(request: &Message, arrival: &Arrival, boot: Boot<'_>) -> Decision {
    respond(request, arrival, Some(Client { lease: &lease(), boot }), &config())
}

/// The reply in it.
#[track_caller]
fn reply(decision: Decision) -> Reply {
    match decision {
        Decision::Reply(reply) => *reply,
        other => panic!("no reply, but {other:?}"),
    }
}

fn codes(message: &Message) -> Vec<u8> {
    message.options.iter().map(|(code, _)| code).collect()
}

/// `file` or `sname` up to its zero.
fn text(field: &[u8]) -> &str {
    std::str::from_utf8(field.split(|byte| *byte == 0).next().unwrap()).unwrap()
}
