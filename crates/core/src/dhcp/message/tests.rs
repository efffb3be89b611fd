use dhcproto::v4::{self, DhcpOption, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable};
use proptest::prelude::*;

use super::*;
use crate::dhcp::Options;

/// A DISCOVER without options but these.
fn discover(options: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; FIXED];
    bytes[..4].copy_from_slice(&[1, 1, 6, 0]);
    bytes[28..34].copy_from_slice(&[0x52, 0x54, 0, 0, 0, 1]);
    bytes.extend_from_slice(&MAGIC_COOKIE);
    bytes.extend_from_slice(options);
    bytes
}

fn listed(options: &Options) -> Vec<(u8, Vec<u8>)> {
    options.iter().map(|(code, value)| (code, value.to_vec())).collect()
}

#[test]
fn what_is_no_message_is_refused_with_a_reason() {
    let good = discover(&[53, 1, 1, 255]);
    for length in 0..FIXED {
        assert_eq!(Message::parse(&good[..length]), Err(MessageError::Truncated { length }));
    }
    for length in FIXED..FIXED + 4 {
        assert_eq!(Message::parse(&good[..length]), Err(MessageError::NoCookie));
    }
    let mut long_address = good.clone();
    long_address[2] = 17;
    assert_eq!(Message::parse(&long_address), Err(MessageError::HardwareLength { hlen: 17 }));
    assert_eq!(Message::parse(&vec![0; 65_536]), Err(MessageError::Oversized { length: 65_536 }));
    assert!(Message::parse(&good).is_ok());
}

#[test]
fn only_ethernet_addresses_are_macs() {
    let mut message = Message::parse(&discover(&[])).unwrap();
    assert_eq!(message.mac(), Some("52:54:00:00:00:01".parse().unwrap()));
    message.hlen = 8;
    assert_eq!(message.mac(), None);
    (message.hlen, message.htype) = (6, 32);
    assert_eq!(message.mac(), None);
}

#[test]
fn options_are_read_from_file_and_sname_when_overloaded() {
    let mut bytes = discover(&[52, 1, 3, 53, 1, 1, 255]);
    bytes[108..112].copy_from_slice(&[12, 1, b'f', 255]);
    bytes[44..48].copy_from_slice(&[15, 1, b's', 255]);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(listed(&message.options), [(53, vec![1]), (12, vec![b'f']), (15, vec![b's'])]);
    assert_eq!((message.file, message.sname), ([0; 128], [0; 64]));

    // Only `sname`: the boot file name stays one.
    bytes[FIXED + 6] = 2;
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(listed(&message.options), [(53, vec![1]), (15, vec![b's'])]);
    assert_eq!(&message.file[..4], &[12, 1, b'f', 255]);
}

#[test]
fn an_overload_option_inside_an_overloaded_field_means_nothing() {
    let mut bytes = discover(&[52, 1, 1, 255]);
    bytes[108..115].copy_from_slice(&[52, 1, 3, 12, 1, b'f', 255]);
    bytes[44..47].copy_from_slice(&[15, 1, b's']);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(listed(&message.options), [(12, vec![b'f'])]);
    assert_eq!(message.sname[0], 15);
}

#[test]
fn the_largest_payload_is_option_57_less_headers_within_bounds() {
    let size = |option: &[u8]| Message::parse(&discover(option)).unwrap().max_payload();
    assert_eq!(size(&[]), 548);
    assert_eq!(size(&[57, 2, 0x05, 0xc0]), 1472 - 28);
    assert_eq!(size(&[57, 2, 0, 1]), 548, "less than every client must take");
    assert_eq!(size(&[57, 2, 0xff, 0xff]), 1472, "more than Ethernet takes");
    assert_eq!(size(&[57, 1, 9]), 548, "malformed");
}

/// What a client may send, as dhcproto sees it.
fn ordinary() -> impl Strategy<Value = v4::Message> {
    let name = "[a-z]{1,20}";
    (
        any::<u32>(),
        any::<[u8; 6]>(),
        any::<[u8; 4]>(),
        any::<bool>(),
        name,
        proptest::collection::vec(any::<u8>(), 1..30),
    )
        .prop_map(|(xid, mac, ciaddr, broadcast, host, id)| {
            let mut message = v4::Message::new(ciaddr.into(), [0; 4].into(), [0; 4].into(), [0; 4].into(), &mac);
            message.set_xid(xid);
            message.set_flags(if broadcast { v4::Flags::default().set_broadcast() } else { v4::Flags::default() });
            let options = message.opts_mut();
            options.insert(DhcpOption::MessageType(v4::MessageType::Request));
            options.insert(DhcpOption::Hostname(host));
            options.insert(DhcpOption::ClientIdentifier(id));
            options.insert(DhcpOption::MaxMessageSize(1472));
            options.insert(DhcpOption::RequestedIpAddress(ciaddr.into()));
            message
        })
}

proptest! {
    #[test]
    fn any_bytes_parse_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
        let _ = Message::parse(&bytes);
    }

    #[test]
    fn any_options_behind_a_good_head_parse(options in proptest::collection::vec(any::<u8>(), 0..400), flags in 0u8..4) {
        let mut field = vec![52, 1, flags];
        field.extend(options);
        let message = Message::parse(&discover(&field)).unwrap();
        let codes: Vec<u8> = message.options.iter().map(|(code, _)| code).collect();
        let once: std::collections::BTreeSet<u8> = codes.iter().copied().collect();
        prop_assert_eq!(once.len(), codes.len(), "each code once");
        prop_assert!(!once.contains(&0) && !once.contains(&52) && !once.contains(&255));
    }

    #[test]
    fn what_dhcproto_writes_is_read_as_it_was_meant(theirs in ordinary()) {
        let ours = Message::parse(&theirs.to_vec().unwrap()).unwrap();
        prop_assert_eq!(ours.xid, theirs.xid());
        prop_assert_eq!(ours.ciaddr, theirs.ciaddr());
        prop_assert_eq!(ours.wants_broadcast(), theirs.flags().broadcast());
        prop_assert_eq!(&ours.chaddr[..6], theirs.chaddr());
        prop_assert_eq!(ours.message_type(), Some(MessageType::Request));
        let Some(DhcpOption::Hostname(host)) = theirs.opts().get(OptionCode::Hostname) else { panic!("it is there") };
        prop_assert_eq!(ours.options.get(code::HOST_NAME), Some(host.as_bytes()));
        let Some(DhcpOption::ClientIdentifier(id)) = theirs.opts().get(OptionCode::ClientIdentifier) else { panic!("it is there") };
        prop_assert_eq!(ours.options.get(code::CLIENT_IDENTIFIER), Some(id.as_slice()));
    }

    #[test]
    fn what_is_written_dhcproto_reads_as_it_was_meant(theirs in ordinary()) {
        let ours = Message::parse(&theirs.to_vec().unwrap()).unwrap();
        let mut bytes = Vec::new();
        prop_assert_eq!(ours.encode_into(&mut bytes, 548), 0);
        let again = v4::Message::decode(&mut Decoder::new(&bytes)).unwrap();
        prop_assert_eq!(again.xid(), theirs.xid());
        prop_assert_eq!(again.chaddr(), theirs.chaddr());
        for (code, option) in theirs.opts().iter() {
            prop_assert_eq!(again.opts().get(*code), Some(option));
        }
    }
}
