//! Messages captured from real clients (`tests/fixtures/dhcp`), and what they are answered with. They were meant for a server
//! at 10.99.0.1, which this one is here.

use super::*;

const SITE: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);

macro_rules! captured {
    ($name:literal) => {
        parse_hex(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/dhcp/", $name, ".hex")))
    };
}

fn parse_hex(text: &str) -> Message {
    let digits: Vec<u8> = text.chars().filter_map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    let message = Message::parse(&bytes).unwrap();
    // Nothing of what they send is lost on the way through the codec.
    let mut encoded = Vec::new();
    assert_eq!(message.encode_into(&mut encoded, 1472), 0);
    assert_eq!(Message::parse(&encoded).unwrap(), message);
    message
}

/// The answers to a DISCOVER and a REQUEST of a Machine that has the address that was asked for.
fn exchange(discover: &Message, request: &Message) -> (Reply, Reply) {
    let address = request.address(code::REQUESTED_ADDRESS).unwrap();
    let lease = Lease { mac: discover.mac().unwrap(), ipv4: address, gateway: Some(SITE), ..lease() };
    let files = files(EVERYTHING);
    let arrival = Arrival { local: SITE, ..on_interface() };
    let config = ServerConfig { serve_url: "http://10.99.0.1:8880".into(), ..config() };
    let answer = |message: &Message| {
        let client = Client { lease: &lease, boot: Boot::Files(&files) };
        reply(respond(message, &arrival, Some(client), &config))
    };
    let (offer, ack) = (answer(discover), answer(request));
    assert_eq!(offer.message.message_type(), Some(MessageType::Offer));
    assert_eq!(ack.message.message_type(), Some(MessageType::Ack));
    for reply in [&offer, &ack] {
        assert_eq!((reply.message.xid, reply.message.yiaddr), (discover.xid, address));
        assert_eq!(reply.message.options.get(54), Some(&SITE.octets()[..]));
    }
    (offer, ack)
}

#[test]
fn ovmf_over_pxe() {
    let discover = captured!("ovmf-pxe-discover");
    let (offer, ack) = exchange(&discover, &captured!("ovmf-pxe-request"));
    for reply in [offer, ack] {
        assert_eq!(reply.to, Destination::Broadcast, "it sets the bit");
        assert_eq!((text(&reply.message.file), reply.message.siaddr), ("shimx64.efi", SITE));
        assert_eq!(reply.message.options.get(60), Some(&b"PXEClient"[..]));
        assert_eq!(reply.message.options.get(43), Some(&[6, 1, 8, 255][..]));
        assert_eq!(reply.message.options.get(97), discover.options.get(97));
        assert_eq!(reply.architecture, Some(Architecture::X64Uefi));
        assert!(reply.max_size <= 1472, "whatever it says that it takes");
    }
}

#[test]
fn ovmf_over_http() {
    let (offer, ack) = exchange(&captured!("ovmf-http-discover"), &captured!("ovmf-http-request"));
    for reply in [offer, ack] {
        assert_eq!(reply.message.options.get(67), Some(&b"http://10.99.0.1:8880/http/shimx64.efi"[..]));
        assert_eq!(reply.message.options.get(60), Some(&b"HTTPClient"[..]));
        assert_eq!(reply.architecture, Some(Architecture::X64UefiHttp));
    }
}

#[test]
fn ipxe_in_a_rom_of_a_bios_machine() {
    let (offer, ack) = exchange(&captured!("ipxe-bios-discover"), &captured!("ipxe-bios-request"));
    for reply in [offer, ack] {
        assert_eq!(text(&reply.message.file), "boot.ipxe");
        assert_eq!(reply.architecture, Some(Architecture::X86Bios));
        assert!(matches!(reply.to, Destination::Hardware(..)));
    }
}

#[test]
fn dhclient_and_udhcpc_get_addresses_and_nothing_to_boot() {
    for (discover, request) in [
        (captured!("dhclient-discover"), captured!("dhclient-request")),
        (captured!("udhcpc-discover"), captured!("udhcpc-request")),
    ] {
        let (offer, ack) = exchange(&discover, &request);
        for reply in [offer, ack] {
            assert!(matches!(reply.to, Destination::Hardware(..)));
            assert_eq!((text(&reply.message.file), reply.message.siaddr, reply.architecture), ("", SITE, None));
            assert_eq!(reply.message.options.get(1), Some(&[255, 255, 255, 0][..]));
            assert_eq!(reply.message.options.get(61), discover.options.get(61));
        }
    }
}
