//! Which options are in a reply, with what in them, in which order.

use super::*;

fn offer(request: &Message) -> Message {
    reply(decided(request, &on_interface())).message
}

#[test]
fn everything_the_lease_has() {
    let offer = offer(&message(MessageType::Discover, &[]));
    let expected: [(u8, &[u8]); 12] = [
        (53, &[2]),
        (1, &[255, 255, 255, 0]),
        (3, &[10, 0, 0, 1]),
        (6, &[10, 0, 0, 53, 10, 1, 0, 53]),
        (12, b"node-11"),
        (15, b"rack.example"),
        (26, &9000u16.to_be_bytes()),
        (42, &[10, 0, 0, 123]),
        (54, &[10, 0, 0, 2]),
        (51, &3600u32.to_be_bytes()),
        (58, &1800u32.to_be_bytes()),
        (59, &3150u32.to_be_bytes()),
    ];
    assert_eq!(offer.options.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn nothing_that_the_lease_has_not() {
    let bare = Lease { gateway: None, dns: vec![], hostname: None, domain: None, mtu: None, ntp: vec![], ..lease() };
    let request = message(MessageType::Discover, &[(55, &COMMON)]);
    let client = Client { lease: &bare, boot: Boot::NotReady };
    let offer = reply(respond(&request, &on_interface(), Some(client), &config())).message;
    assert_eq!(codes(&offer), [53, 1, 51, 54, 58, 59]);
}

#[test]
fn what_is_asked_for_comes_in_the_order_asked_for() {
    let list = [15, 51, 99, 12, 1, 12, 3, 54, 28, 0, 255, 52, 82, 53];
    let offer = offer(&message(MessageType::Discover, &[(55, &list), (61, b"\x01id")]));
    assert_eq!(codes(&offer), [53, 15, 51, 12, 1, 3, 54, 28, 58, 59, 61]);
    assert_eq!(offer.options.get(28), Some(&[10, 0, 0, 255][..]));
}

#[test]
fn the_subnet_mask_stands_before_the_router() {
    assert_eq!(codes(&offer(&message(MessageType::Discover, &[(55, &[3, 6, 1])])))[..4], [53, 1, 3, 6]);
}

#[test]
fn identifiers_are_echoed_and_strangers_are_not() {
    let uuid = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    let request = message(
        MessageType::Discover,
        &[(97, &uuid), (61, &[1, 0x52, 0x54, 0, 0, 0, 0x11]), (224, b"?"), (55, &[224, 1])],
    );
    let offer = offer(&request);
    assert_eq!(offer.options.get(97), Some(&uuid[..]));
    assert_eq!(offer.options.get(61), Some(&[1, 0x52, 0x54, 0, 0, 0, 0x11][..]), "RFC 6842");
    assert_eq!(offer.options.get(224), None);
}

#[test]
fn a_lease_for_ever_is_renewed_never() {
    let config = ServerConfig { lease_seconds: u32::MAX, ..config() };
    let request = message(MessageType::Discover, &[]);
    let client = Client { lease: &lease(), boot: Boot::NotReady };
    let offer = reply(respond(&request, &on_interface(), Some(client), &config)).message;
    for code in [51, 58, 59] {
        assert_eq!(offer.options.get(code), Some(&[255; 4][..]));
    }
}
