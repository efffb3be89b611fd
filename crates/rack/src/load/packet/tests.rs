use super::*;

const RELAY: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 2);

/// A server's message with the given options.
fn reply(options: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; FIXED];
    packet[0] = 2;
    packet[4..8].copy_from_slice(&7_u32.to_be_bytes());
    packet[16..20].copy_from_slice(&[10, 64, 128, 9]);
    packet[236..].copy_from_slice(&COOKIE);
    packet.extend(options);
    packet
}

#[test]
fn a_request_names_what_was_offered() {
    let offer = Reply::parse(&reply(&[0, 53, 1, 2, 54, 4, 10, 64, 0, 1, 255])).expect("an offer");
    assert_eq!(offer.kind, ReplyKind::Offer);
    let packet = Template::new(RELAY).request(&offer, [2, 0, 0, 0, 0, 1]);
    assert_eq!(packet[4..8], [0, 0, 0, 7]);
    assert_eq!(packet[24..28], RELAY.octets());
    assert_eq!(packet[240..255], [53, 1, 3, 50, 4, 10, 64, 128, 9, 54, 4, 10, 64, 0, 1]);
}

#[test]
fn a_discover_carries_the_client_and_the_transaction() {
    let packet = Template::new(RELAY).discover(9, [2, 0, 0, 0, 0, 1]);
    assert_eq!(client_message(&packet), Some((DISCOVER, [2, 0, 0, 0, 0, 1])));
    assert_eq!(packet[4..8], [0, 0, 0, 9]);
}

#[test]
fn what_is_no_reply_is_refused() {
    assert_eq!(Reply::parse(&[2; 100]), None);
    assert_eq!(Reply::parse(&reply(&[255])), None, "no message type");
    assert_eq!(Reply::parse(&reply(&[53, 1, 2, 54, 9, 1])), None, "an option longer than the packet");
    assert_eq!(Reply::parse(&Template::new(RELAY).discover(1, [0; 6])), None, "a client's message");
}
