//! What holds for every message, however hostile.

use dhcproto::{
    Decodable, Decoder,
    v4::{self, DhcpOption, OptionCode},
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::dhcp::SMALLEST_MAX_PAYLOAD;

/// Addresses that mean something here, and any others.
fn address() -> impl Strategy<Value = Ipv4Addr> {
    prop_oneof![
        select(vec![NOBODY, LEASED, OTHER, SERVER, RELAY, Ipv4Addr::BROADCAST]),
        any::<u32>().prop_map(Ipv4Addr::from)
    ]
}

/// Options that mean something here, well-formed or not.
fn any_option() -> impl Strategy<Value = (u8, Vec<u8>)> {
    prop_oneof![
        (select(vec![50u8, 54]), address()).prop_map(|(code, address)| (code, address.octets().to_vec())),
        vec(any::<u8>(), 0..80).prop_map(|list| (55, list)),
        any::<u16>().prop_map(|size| (57, size.to_be_bytes().to_vec())),
        select(vec!["PXEClient:Arch:00007:UNDI:003001", "HTTPClient:Arch:00016", "PXEClient", "udhcp"])
            .prop_map(|class| (60, class.as_bytes().to_vec())),
        vec(select(vec![0u8, 7, 9, 11, 16, 19]), 0..6)
            .prop_map(|codes| (93, codes.into_iter().flat_map(|code| [0, code]).collect())),
        select(vec!["iPXE", "\u{4}iPXE", "lab"]).prop_map(|class| (77, class.as_bytes().to_vec())),
        vec(any::<u8>(), 0..300).prop_map(|information| (82, information)),
        address().prop_map(|link| (82, [&[1, 2, 7, 7, 5, 4][..], &link.octets()].concat())),
        (any::<u8>(), vec(any::<u8>(), 0..40)),
    ]
}

fn any_request() -> impl Strategy<Value = Message> {
    let addresses = (option::weighted(0.3, address()), option::weighted(0.5, address()));
    (select(vec![1u8, 1, 1, 1, 2]), 1u8..9, any::<u32>(), any::<u16>(), addresses, vec(any_option(), 0..10)).prop_map(
        |(op, kind, xid, flags, (ciaddr, giaddr), options)| {
            let mut request = message(MessageType::from_code(kind).unwrap(), &[]);
            (request.op, request.xid, request.flags) = (op, xid, flags);
            (request.ciaddr, request.giaddr) = (ciaddr.unwrap_or(NOBODY), giaddr.unwrap_or(NOBODY));
            for (code, value) in &options {
                request.options.push(*code, value);
            }
            request
        },
    )
}

fn any_arrival() -> impl Strategy<Value = Arrival> {
    select(vec![on_interface(), by_relay()])
}

fn any_image() -> impl Strategy<Value = Option<&'static str>> {
    select(vec![None, Some(EVERYTHING), Some("dhcpBootImageName: shimx64.efi"), Some("dhcpBootImageName: ipxe.efi")])
}

fn boot(files: Option<&BootFiles>) -> Boot<'_> {
    files.map_or(Boot::NotReady, Boot::Files)
}

/// Options of a DISCOVER that anybody might send.
fn ordinary_options() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    vec(select(vec![1u8, 3, 6, 12, 15, 26, 28, 42, 43, 51, 58, 59, 60, 66, 67]), 1..15).prop_map(|list| {
        vec![(55, list), (57, vec![5, 0xdc]), (60, b"PXEClient:Arch:00007:UNDI:003001".to_vec()), (93, vec![0, 7])]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn nobody_unknown_is_ever_answered(request in any_request(), arrival in any_arrival()) {
        let decision = respond(&request, &arrival, None, &config());
        prop_assert!(matches!(decision, Decision::Ignore(_)), "{decision:?}");
    }

    #[test]
    fn what_every_reply_keeps_to(request in any_request(), arrival in any_arrival(), image in any_image()) {
        let files = image.map(files);
        let Decision::Reply(reply) = decided_with(&request, &arrival, boot(files.as_ref())) else { return Ok(()) };
        let answer = &reply.message;
        prop_assert_eq!((answer.op, answer.xid, answer.chaddr, answer.giaddr), (2, request.xid, request.chaddr, request.giaddr));
        let refuses = answer.message_type() == Some(MessageType::Nak);
        let informs = request.message_type() == Some(MessageType::Inform);
        prop_assert_eq!(answer.yiaddr, if refuses || informs { NOBODY } else { LEASED });
        prop_assert!(answer.siaddr == NOBODY || answer.siaddr == SERVER);
        let list = codes(answer);
        prop_assert_eq!(list[0], 53);
        prop_assert_eq!(list.contains(&54), true);
        if refuses {
            prop_assert!(list.iter().all(|code| [53, 54, 56, 61, 82].contains(code)));
        }
        if let Some(information) = request.options.get(82).filter(|value| !value.is_empty()) {
            prop_assert_eq!(answer.options.iter().last(), Some((82, information)));
        }
        if arrival.via == Via::Relay && !informs {
            prop_assert_eq!(reply.to, Destination::Unicast(SocketAddrV4::new(request.giaddr, 67)));
        }
        if let Destination::Unicast(to) = reply.to {
            prop_assert!(!to.ip().is_broadcast() && !to.ip().is_multicast() && !to.ip().is_unspecified());
        }

        let mut bytes = vec![];
        let left_out = answer.encode_into(&mut bytes, reply.max_size);
        prop_assert!(bytes.len() >= 300 && bytes.len() <= reply.max_size);
        prop_assert!((SMALLEST_MAX_PAYLOAD..=1472).contains(&reply.max_size));
        let read = Message::parse(&bytes).unwrap();
        prop_assert_eq!(read.message_type(), answer.message_type());
        prop_assert_eq!(read.options.iter().count() + left_out, list.len());
        for (code, value) in read.options.iter() {
            prop_assert_eq!(Some(value), answer.options.get(code));
        }
    }

    #[test]
    fn an_offer_means_to_dhcproto_what_it_means_here(options in ordinary_options()) {
        let mut request = message(MessageType::Discover, &[]);
        for (code, value) in &options {
            request.options.push(*code, value);
        }
        let reply = reply(decided(&request, &on_interface()));
        let mut bytes = vec![];
        prop_assert_eq!(reply.message.encode_into(&mut bytes, reply.max_size), 0);
        let theirs = v4::Message::decode(&mut Decoder::new(&bytes)).unwrap();
        prop_assert_eq!((theirs.yiaddr(), theirs.siaddr(), theirs.xid()), (LEASED, SERVER, request.xid));
        prop_assert_eq!(text(theirs.fname().unwrap()), "shimx64.efi");
        let expected = [
            DhcpOption::MessageType(v4::MessageType::Offer),
            DhcpOption::SubnetMask(lease().subnet_mask()),
            DhcpOption::BroadcastAddr(lease().broadcast()),
            DhcpOption::Router(vec![RELAY]),
            DhcpOption::DomainNameServer(lease().dns),
            DhcpOption::NtpServers(lease().ntp),
            DhcpOption::Hostname("node-11".into()),
            DhcpOption::DomainName("rack.example".into()),
            DhcpOption::InterfaceMtu(9000),
            DhcpOption::AddressLeaseTime(3600),
            DhcpOption::Renewal(1800),
            DhcpOption::Rebinding(3150),
            DhcpOption::ServerIdentifier(SERVER),
            DhcpOption::ClassIdentifier(b"PXEClient".to_vec()),
            DhcpOption::TFTPServerName(b"10.0.0.2".to_vec()),
            DhcpOption::BootfileName(b"shimx64.efi".to_vec()),
        ];
        for option in expected {
            let code = OptionCode::from(&option);
            let written = reply.message.options.get(u8::from(code)).is_some();
            prop_assert_eq!(theirs.opts().get(code), written.then_some(&option));
        }
    }
}
