//! How long one DHCP message takes from bytes to bytes, without sockets: parse, respond, encode.
//!
//!     cargo run --release -p metalman-core --example dhcp_exchange
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "it measures, and tells")]

use std::{
    hint::black_box,
    net::{Ipv4Addr, SocketAddrV4},
    time::Instant,
};

use metalman_core::{
    api::{MacAddr, lease::Lease},
    dhcp::{Arrival, Boot, Client, Decision, Message, MessageType, ServerConfig, Via, code, respond},
    netboot::Metadata,
};

const ROUNDS: u32 = 200_000;

fn main() {
    let server = Ipv4Addr::new(10, 0, 0, 2);
    let lease = Lease {
        mac: MacAddr::new([0x52, 0x54, 0, 0, 0, 0x11]),
        ipv4: Ipv4Addr::new(10, 0, 0, 11),
        prefix: 24,
        gateway: Some(Ipv4Addr::new(10, 0, 0, 1)),
        dns: vec![Ipv4Addr::new(10, 0, 0, 53)],
        hostname: Some("node-11".into()),
        domain: Some("rack.example".into()),
        mtu: None,
        ntp: vec![],
    };
    let files = Metadata::parse("dhcpBootImageName: shimx64.efi").expect("this is metadata").boot_files;
    let config = ServerConfig { serve_url: "http://10.0.0.2:8880".into(), lease_seconds: 3600 };
    let arrival = Arrival { via: Via::Relay, local: server, from: SocketAddrV4::new(server, 67) };
    let plain: &[(u8, &[u8])] = &[(55, &[1, 3, 6, 12, 15, 28, 42]), (61, &[1, 0x52, 0x54, 0, 0, 0, 0x11])];
    let pxe: &[(u8, &[u8])] = &[
        (57, &[5, 0xc0]),
        (55, &[1, 2, 3, 4, 5, 6, 12, 13, 15, 17, 18, 22, 23, 28, 40, 41, 42, 43, 50, 51, 54, 58, 59, 60, 66, 67, 97]),
        (97, &[0; 17]),
        (93, &[0, 7]),
        (60, b"PXEClient:Arch:00007:UNDI:003000"),
        (82, &[1, 4, b'e', b't', b'h', b'1']),
    ];
    for (name, options) in [("plain DISCOVER", plain), ("PXE DISCOVER", pxe)] {
        let datagram = datagram(options);
        let mut out = Vec::with_capacity(2048);
        let mut answer = || {
            let request = Message::parse(black_box(&datagram)).expect("this is a message");
            let client = Client { lease: &lease, boot: Boot::Files(&files) };
            match respond(&request, &arrival, Some(client), &config) {
                Decision::Reply(reply) => reply.message.encode_into(&mut out, reply.max_size),
                other => panic!("no reply, but {other:?}"),
            };
            black_box(out.len())
        };
        let size = answer();
        let start = Instant::now();
        for _ in 0..ROUNDS {
            answer();
        }
        println!("{name}: {:?} for each, reply of {size} bytes", start.elapsed() / ROUNDS);
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(Message::parse(black_box(&datagram)).is_ok());
        }
        println!("{name}: {:?} of it to parse", start.elapsed() / ROUNDS);
    }
}

/// A DISCOVER that a relay passed on.
fn datagram(options: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; 240];
    bytes[..3].copy_from_slice(&[1, 1, 6]);
    bytes[24..28].copy_from_slice(&[10, 0, 0, 1]);
    bytes[28..34].copy_from_slice(&[0x52, 0x54, 0, 0, 0, 0x11]);
    bytes[236..].copy_from_slice(&[99, 130, 83, 99]);
    let mut message = Message::parse(&bytes).expect("this is a message");
    message.options.push(code::MESSAGE_TYPE, &[MessageType::Discover.code()]);
    for (code, value) in options {
        message.options.push(*code, value);
    }
    message.encode_into(&mut bytes, 1472);
    bytes
}
