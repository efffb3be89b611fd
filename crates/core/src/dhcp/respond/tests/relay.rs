//! Relayed messages: giaddr, link selection (RFC 3527), server identifier override (RFC 5107), option 82.

use super::*;

const FAR: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);

fn relayed(kind: MessageType, giaddr: Ipv4Addr, information: &[u8], options: &[(u8, &[u8])]) -> Message {
    let mut request = message(kind, options);
    request.giaddr = giaddr;
    request.hops = 1;
    request.options.push(82, information);
    request
}

fn sub_option(code: u8, address: Ipv4Addr) -> Vec<u8> {
    let [a, b, c, d] = address.octets();
    vec![code, 4, a, b, c, d]
}

#[test]
fn a_relayed_discover_from_an_arm_server_gets_the_arm_file() {
    let circuit = [1, 4, b'e', b't', b'h', b'1', 2, 2, 0xab, 0xcd];
    let request = relayed(
        MessageType::Discover,
        RELAY,
        &circuit,
        &[(60, b"PXEClient:Arch:00011:UNDI:003016"), (93, &[0, 11]), (97, &[0; 17]), (55, &[1, 3, 43, 60, 66, 67])],
    );
    let reply = reply(decided(&request, &by_relay()));
    assert_eq!(reply.to, Destination::Unicast(SocketAddrV4::new(RELAY, 67)));
    assert_eq!((reply.message.yiaddr, reply.message.giaddr, reply.message.siaddr), (LEASED, RELAY, SERVER));
    assert_eq!(text(&reply.message.file), "shimaa64.efi");
    assert_eq!(reply.architecture, Some(Architecture::Arm64Uefi));
    assert_eq!(reply.message.options.iter().last(), Some((82, &circuit[..])), "verbatim, and last");
}

#[test]
fn the_relay_socket_hears_relays_only() {
    for kind in [MessageType::Discover, MessageType::Request, MessageType::Inform, MessageType::Release] {
        let mut request = message(kind, &[]);
        request.ciaddr = LEASED;
        assert_eq!(decided(&request, &by_relay()), Decision::Ignore(Ignored::NoGiaddr));
    }
}

#[test]
fn an_interface_answers_relays_by_their_rules() {
    let request = relayed(MessageType::Discover, RELAY, &[1, 1, 1], &[]);
    assert_eq!(reply(decided(&request, &on_interface())).to, Destination::Unicast(SocketAddrV4::new(RELAY, 67)));
    let request = relayed(MessageType::Discover, FAR, &[1, 1, 1], &[]);
    assert_eq!(decided(&request, &on_interface()), Decision::Ignore(Ignored::ForeignSubnet));
}

#[test]
fn an_interface_needs_no_address_in_the_leases_subnet() {
    let arrival = Arrival { local: FAR, ..on_interface() };
    let offer = reply(decided(&message(MessageType::Discover, &[]), &arrival)).message;
    assert_eq!(offer.options.get(54), Some(&FAR.octets()[..]));
}

#[test]
fn links_without_a_lease_hear_nothing_not_even_a_nak() {
    let elsewhere = Ipv4Addr::new(10, 9, 0, 77);
    for kind in [MessageType::Discover, MessageType::Request, MessageType::Decline] {
        let request = relayed(kind, FAR, &[1, 1, 1], &[(50, &elsewhere.octets())]);
        assert_eq!(decided(&request, &by_relay()), Decision::Ignore(Ignored::ForeignSubnet));
    }
}

#[test]
fn the_link_selection_goes_before_the_giaddr() {
    // The giaddr is where the relay is reached, not where the client is.
    let request = relayed(MessageType::Discover, FAR, &sub_option(5, Ipv4Addr::new(10, 0, 0, 0)), &[]);
    let answer = reply(decided(&request, &by_relay()));
    assert_eq!((answer.to, answer.message.yiaddr), (Destination::Unicast(SocketAddrV4::new(FAR, 67)), LEASED));
    let request = relayed(MessageType::Discover, RELAY, &sub_option(5, FAR), &[]);
    assert_eq!(decided(&request, &by_relay()), Decision::Ignore(Ignored::ForeignSubnet));
}

#[test]
fn the_server_identifier_is_the_relays_when_it_says_so() {
    let information = sub_option(11, RELAY);
    let offer = reply(decided(&relayed(MessageType::Discover, RELAY, &information, &[]), &by_relay())).message;
    assert_eq!(offer.options.get(54), Some(&RELAY.octets()[..]));
    assert_eq!(offer.siaddr, SERVER, "even where the client does not say that it boots");
    let request = |server: Ipv4Addr| {
        let options: [(u8, &[u8]); 2] = [(54, &server.octets()), (50, &LEASED.octets())];
        decided(&relayed(MessageType::Request, RELAY, &information, &options), &by_relay())
    };
    assert_eq!(reply(request(RELAY)).message.message_type(), Some(MessageType::Ack));
    assert_eq!(reply(request(SERVER)).message.message_type(), Some(MessageType::Ack));
    assert_eq!(request(OTHER), Decision::Ignore(Ignored::OtherServer));
}

#[test]
fn a_broken_relay_agent_information_is_echoed_all_the_same() {
    let broken = [5, 9, 10, 9, 0, 1, 255, 0, 0];
    let reply = reply(decided(&relayed(MessageType::Discover, RELAY, &broken, &[]), &by_relay()));
    assert_eq!(reply.message.options.get(82), Some(&broken[..]));
}
