//! Any datagram is parsed or refused, answered or ignored, without panic; what is answered is encoded within the client's
//! limit, reads back as it was meant, and echoes the relay agent information. A message survives being written and read.

#![no_main]

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::LazyLock,
};

use libfuzzer_sys::fuzz_target;
use metalman_core::{
    api::{MacAddr, lease::Lease},
    dhcp::{Arrival, Boot, Client, Decision, Message, MessageType, ServerConfig, Via, code, respond},
    netboot::{BootFiles, Metadata},
};

/// The address that the captured clients ask for is not known here: they are refused, others are served.
static LEASE: LazyLock<Lease> = LazyLock::new(|| Lease {
    mac: MacAddr::new([0x52, 0x54, 0, 0x12, 0x34, 1]),
    ipv4: Ipv4Addr::new(10, 99, 0, 73),
    prefix: 24,
    gateway: Some(Ipv4Addr::new(10, 99, 0, 1)),
    dns: vec![Ipv4Addr::new(10, 99, 0, 53)],
    hostname: Some("node".into()),
    domain: Some("x".repeat(200)),
    mtu: Some(1500),
    ntp: vec![Ipv4Addr::new(10, 99, 0, 123); 20],
});

static FILES: LazyLock<BootFiles> = LazyLock::new(|| {
    let long = "x".repeat(180);
    let yaml = format!("bootFiles: {{x86-bios: {long}, x64-uefi: shimx64.efi, x64-uefi-http: {long}/é, ipxe: boot.ipxe}}");
    Metadata::parse(&yaml).expect("this is metadata").boot_files
});

static CONFIG: LazyLock<ServerConfig> =
    LazyLock::new(|| ServerConfig { serve_url: "http://10.99.0.1:8880".into(), lease_seconds: 3600 });

fuzz_target!(|datagram: &[u8]| {
    let Ok(request) = Message::parse(datagram) else { return };
    survives_the_wire(&request);
    let local = Ipv4Addr::new(10, 99, 0, 1);
    for via in [Via::Interface, Via::Relay] {
        let arrival = Arrival { via, local, from: SocketAddrV4::new(local, 68) };
        assert!(matches!(respond(&request, &arrival, None, &CONFIG), Decision::Ignore(_)), "nobody unknown is answered");
        for boot in [Boot::Files(&FILES), Boot::NotReady] {
            check(&request, respond(&request, &arrival, Some(Client { lease: &LEASE, boot }), &CONFIG));
        }
    }
});

fn survives_the_wire(request: &Message) {
    let mut bytes = Vec::new();
    if request.encode_into(&mut bytes, usize::from(u16::MAX)) == 0 {
        assert_eq!(Message::parse(&bytes).as_ref(), Ok(request));
    }
}

fn check(request: &Message, decision: Decision) {
    let Decision::Reply(reply) = decision else { return };
    let mut bytes = Vec::new();
    let left_out = reply.message.encode_into(&mut bytes, reply.max_size);
    assert!(bytes.len() >= 300 && bytes.len() <= reply.max_size, "{} bytes", bytes.len());
    let read = Message::parse(&bytes).expect("what was written can be read");
    let kind = read.message_type().expect("replies have a type");
    assert!(matches!(kind, MessageType::Offer | MessageType::Ack | MessageType::Nak));
    assert!(read.yiaddr == LEASE.ipv4 || read.yiaddr.is_unspecified());
    assert_eq!(read.options.iter().count() + left_out, reply.message.options.iter().count());
    let information = request.options.get(code::RELAY_AGENT_INFORMATION).filter(|value| !value.is_empty());
    if left_out == 0 {
        assert_eq!(read.options.get(code::RELAY_AGENT_INFORMATION), information, "echoed verbatim");
    }
}
