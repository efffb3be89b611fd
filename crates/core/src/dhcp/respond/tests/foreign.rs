//! What is not this server's business, and by which word it is counted.

use super::*;

#[test]
fn an_unknown_client_gets_silence_whatever_it_sends() {
    for kind in [MessageType::Discover, MessageType::Request, MessageType::Decline, MessageType::Inform] {
        let request = message(kind, &[(50, &LEASED.octets())]);
        let decision = respond(&request, &on_interface(), None, &config());
        assert_eq!(decision, Decision::Ignore(Ignored::UnknownClient));
    }
}

#[test]
fn each_oddity_has_its_reason() {
    let discover = || message(MessageType::Discover, &[]);
    let table = [
        (Ignored::NotARequest, Message { op: 2, ..discover() }),
        (Ignored::NotEthernet, Message { htype: 32, ..discover() }),
        (Ignored::NotEthernet, Message { hlen: 0, ..discover() }),
        (Ignored::Bootp, Message { options: Options::default(), ..discover() }),
        (Ignored::BadAddress, Message { ciaddr: Ipv4Addr::BROADCAST, ..discover() }),
        (Ignored::BadAddress, Message { giaddr: Ipv4Addr::new(224, 0, 0, 1), ..discover() }),
        (Ignored::UnexpectedType, message(MessageType::Offer, &[])),
        (Ignored::UnexpectedType, message(MessageType::Ack, &[])),
        (Ignored::UnexpectedType, message(MessageType::Nak, &[])),
    ];
    for (why, request) in table {
        assert_eq!(decided(&request, &on_interface()), Decision::Ignore(why), "{request:?}");
    }
    let mut unknown_type = discover();
    unknown_type.options = Options::default();
    unknown_type.options.push(53, &[13]);
    assert_eq!(decided(&unknown_type, &on_interface()), Decision::Ignore(Ignored::UnexpectedType));
}

#[test]
fn reasons_are_distinct_words() {
    let words: std::collections::BTreeSet<_> = Ignored::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(words.len(), Ignored::ALL.len());
    assert!(words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
}
