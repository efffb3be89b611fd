//! Every message type, and REQUEST in its four states (RFC 2131 section 4.3.2).

use super::*;

const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 168, 7, 7);

#[test]
fn a_discover_is_offered_the_lease_whatever_it_would_like() {
    let request = message(MessageType::Discover, &[(50, &OTHER.octets()), (55, &COMMON)]);
    let reply = reply(decided(&request, &on_interface()));
    let offer = reply.message;
    assert_eq!(offer.message_type(), Some(MessageType::Offer));
    assert_eq!((offer.op, offer.xid, offer.htype, offer.hlen, offer.hops), (2, request.xid, 1, 6, 0));
    assert_eq!((offer.yiaddr, offer.ciaddr, offer.siaddr, offer.chaddr), (LEASED, NOBODY, SERVER, request.chaddr));
    assert_eq!(offer.options.get(54), Some(&SERVER.octets()[..]));
    assert_eq!(reply.architecture, None);
}

enum Expected {
    Ack,
    Nak,
    Silence(Ignored),
}

#[test]
fn requests_in_every_state() {
    use Expected::{Ack, Nak, Silence};
    let other_server = Some(Ipv4Addr::new(10, 0, 0, 3));
    let us = Some(SERVER);
    // state, server identifier, requested address, ciaddr, answer
    let table = [
        ("SELECTING us", us, Some(LEASED), NOBODY, Ack),
        ("SELECTING us, wrong address", us, Some(OTHER), NOBODY, Nak),
        ("SELECTING us, wrong subnet", us, Some(ELSEWHERE), NOBODY, Nak),
        ("SELECTING us, no address", us, None, NOBODY, Silence(Ignored::NoAddress)),
        ("SELECTING another", other_server, Some(LEASED), NOBODY, Silence(Ignored::OtherServer)),
        ("SELECTING another, its address", other_server, Some(OTHER), NOBODY, Silence(Ignored::OtherServer)),
        ("INIT-REBOOT", None, Some(LEASED), NOBODY, Ack),
        ("INIT-REBOOT, wrong address", None, Some(OTHER), NOBODY, Nak),
        ("INIT-REBOOT, wrong subnet", None, Some(ELSEWHERE), NOBODY, Nak),
        ("RENEWING or REBINDING", None, None, LEASED, Ack),
        ("RENEWING or REBINDING, wrong address", None, None, OTHER, Nak),
        ("RENEWING or REBINDING, wrong subnet", None, None, ELSEWHERE, Nak),
        ("RENEWING and naming us, as it must not", us, None, LEASED, Ack),
        ("RENEWING and naming another", other_server, None, LEASED, Silence(Ignored::OtherServer)),
        ("nothing at all", None, None, NOBODY, Silence(Ignored::NoAddress)),
    ];
    for (state, server, requested, ciaddr, expected) in table {
        let mut request = message(MessageType::Request, &[(61, &[1, 2, 3]), (55, &COMMON)]);
        request.ciaddr = ciaddr;
        for (code, address) in [(54, server), (50, requested)] {
            if let Some(address) = address {
                request.options.push(code, &address.octets());
            }
        }
        match (expected, decided(&request, &on_interface())) {
            (Ack, Decision::Reply(reply)) => {
                assert_eq!(reply.message.message_type(), Some(MessageType::Ack), "{state}");
                assert_eq!((reply.message.yiaddr, reply.message.ciaddr), (LEASED, ciaddr), "{state}");
            }
            (Nak, Decision::Reply(reply)) => {
                assert_eq!(reply.message.message_type(), Some(MessageType::Nak), "{state}");
                assert_eq!((reply.message.yiaddr, reply.message.ciaddr), (NOBODY, NOBODY), "{state}");
                assert_eq!(codes(&reply.message), [53, 54, 56, 61], "{state}");
                assert_eq!(reply.to, Destination::Broadcast, "{state}");
            }
            (Silence(why), Decision::Ignore(ignored)) => assert_eq!(ignored, why, "{state}"),
            (_, decision) => panic!("{state}: {decision:?}"),
        }
    }
}

#[test]
fn a_relayed_nak_asks_the_relay_to_broadcast_it() {
    let mut request = message(MessageType::Request, &[(50, &OTHER.octets()), (82, &[1, 1, 7])]);
    request.giaddr = RELAY;
    let reply = reply(decided(&request, &by_relay()));
    assert_eq!(codes(&reply.message), [53, 54, 56, 82]);
    assert!(reply.message.wants_broadcast());
    assert_eq!(reply.to, Destination::Unicast(SocketAddrV4::new(RELAY, 67)));
    assert_eq!(reply.message.giaddr, RELAY);
}

#[test]
fn an_inform_gets_everything_but_an_address_and_its_times() {
    let mut request = message(MessageType::Inform, &[(55, &[1, 3, 6, 51, 58, 59])]);
    request.ciaddr = OTHER;
    let reply = reply(decided(&request, &on_interface()));
    assert_eq!(reply.message.message_type(), Some(MessageType::Ack));
    assert_eq!((reply.message.yiaddr, reply.message.ciaddr), (NOBODY, OTHER));
    assert_eq!(codes(&reply.message), [53, 1, 3, 6, 54]);
    assert_eq!(reply.to, Destination::Unicast(SocketAddrV4::new(OTHER, 68)));
}

#[test]
fn an_inform_from_nowhere_or_for_elsewhere_is_ignored() {
    let mut request = message(MessageType::Inform, &[]);
    assert_eq!(decided(&request, &on_interface()), Decision::Ignore(Ignored::NoAddress));
    request.ciaddr = ELSEWHERE;
    assert_eq!(decided(&request, &on_interface()), Decision::Ignore(Ignored::ForeignSubnet));
}

#[test]
fn a_decline_is_recorded_with_what_the_client_says() {
    let request = message(
        MessageType::Decline,
        &[(50, &LEASED.octets()), (54, &SERVER.octets()), (56, b" in use by 02:00\n\x1b[31m\xff ")],
    );
    let Decision::Record(Incident::Declined { address, message: Some(text) }) = decided(&request, &on_interface())
    else {
        panic!("not recorded")
    };
    assert_eq!((address, text.as_str()), (LEASED, "in use by 02:00  [31m"));
    let long = message(MessageType::Decline, &[(50, &LEASED.octets()), (56, &[b'x'; 200])]);
    let Decision::Record(Incident::Declined { message: Some(text), .. }) = decided(&long, &on_interface()) else {
        panic!("not recorded")
    };
    assert_eq!(text.len(), 120);
}

#[test]
fn a_release_is_recorded() {
    let mut request = message(MessageType::Release, &[(54, &SERVER.octets())]);
    request.ciaddr = LEASED;
    assert_eq!(decided(&request, &on_interface()), Decision::Record(Incident::Released { address: LEASED }));
}

#[test]
fn giving_up_to_another_server_or_another_address_is_ignored() {
    for kind in [MessageType::Decline, MessageType::Release] {
        let give_up = |address: Ipv4Addr, server: Ipv4Addr| {
            let mut request = message(kind, &[(54, &server.octets())]);
            if kind == MessageType::Decline {
                request.options.push(50, &address.octets());
            } else {
                request.ciaddr = address;
            }
            decided(&request, &on_interface())
        };
        assert_eq!(give_up(LEASED, OTHER), Decision::Ignore(Ignored::OtherServer));
        assert_eq!(give_up(OTHER, SERVER), Decision::Ignore(Ignored::NotItsAddress));
        let bare = message(kind, &[]);
        assert_eq!(decided(&bare, &on_interface()), Decision::Ignore(Ignored::NoAddress));
    }
}
