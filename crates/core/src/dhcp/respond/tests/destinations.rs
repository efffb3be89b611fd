//! RFC 2131 section 4.1: giaddr, else ciaddr, else the broadcast bit, else the hardware address.

use super::*;

#[test]
fn where_offers_and_acks_go() {
    let unicast = |address, port| Destination::Unicast(SocketAddrV4::new(address, port));
    // giaddr, ciaddr, broadcast bit, destination
    let table = [
        (RELAY, NOBODY, false, unicast(RELAY, 67)),
        (RELAY, LEASED, true, unicast(RELAY, 67)),
        (NOBODY, LEASED, false, unicast(LEASED, 68)),
        (NOBODY, LEASED, true, unicast(LEASED, 68)),
        (NOBODY, NOBODY, true, Destination::Broadcast),
        (NOBODY, NOBODY, false, Destination::Hardware(MAC, LEASED)),
    ];
    for (giaddr, ciaddr, broadcast, expected) in table {
        for kind in [MessageType::Discover, MessageType::Request] {
            let mut request = message(kind, &[(50, &LEASED.octets())]);
            (request.giaddr, request.ciaddr) = (giaddr, ciaddr);
            request.flags = if broadcast { 0x8000 } else { 0 };
            let reply = reply(decided(&request, &on_interface()));
            assert_eq!(reply.to, expected, "{kind:?} giaddr {giaddr} ciaddr {ciaddr} broadcast {broadcast}");
            assert_eq!((reply.message.flags, reply.message.giaddr), (request.flags, giaddr), "both are echoed");
        }
    }
}

#[test]
fn a_nak_never_goes_to_an_address_that_the_client_must_not_use() {
    let mut request = message(MessageType::Request, &[]);
    request.ciaddr = OTHER;
    assert_eq!(reply(decided(&request, &on_interface())).to, Destination::Broadcast);
}

#[test]
fn the_reply_is_no_longer_than_the_client_takes() {
    for (option, expected) in [(None, 548), (Some(576u16), 548), (Some(1260), 1232), (Some(9000), 1472)] {
        let mut request = message(MessageType::Discover, &[]);
        if let Some(size) = option {
            request.options.push(57, &size.to_be_bytes());
        }
        assert_eq!(reply(decided(&request, &on_interface())).max_size, expected);
    }
}
