use proptest::prelude::*;

use super::*;
use crate::dhcp::Options;

fn message() -> Message {
    let mut bytes = vec![0; FIXED];
    bytes[..3].copy_from_slice(&[2, 1, 6]);
    bytes.extend_from_slice(&MAGIC_COOKIE);
    Message::parse(&bytes).unwrap()
}

fn encode(message: &Message, max_size: usize) -> (Vec<u8>, usize) {
    let mut bytes = b"what an earlier reply left".to_vec();
    let left_out = message.encode_into(&mut bytes, max_size);
    (bytes, left_out)
}

#[test]
fn short_messages_are_as_long_as_bootp() {
    let mut message = message();
    message.options.push(53, &[2]);
    let (bytes, _) = encode(&message, 548);
    assert_eq!(bytes.len(), 300);
    assert_eq!(bytes[OPTIONS..OPTIONS + 4], [53, 1, 2, 255]);
    assert!(bytes[OPTIONS + 4..].iter().all(|byte| *byte == 0));
}

#[test]
fn long_values_are_written_in_pieces_and_read_as_one() {
    let mut message = message();
    let value: Vec<u8> = (0..=u8::MAX).cycle().take(600).collect();
    message.options.push(43, &value);
    message.options.push(12, b"behind");
    let (bytes, left_out) = encode(&message, 1472);
    assert_eq!(left_out, 0);
    assert_eq!(bytes[OPTIONS..OPTIONS + 2], [43, 255]);
    assert_eq!(bytes[OPTIONS + 257..OPTIONS + 259], [43, 255]);
    assert_eq!(bytes[OPTIONS + 514..OPTIONS + 516], [43, 90]);
    assert_eq!(Message::parse(&bytes).unwrap(), message);
}

#[test]
fn what_does_not_fit_goes_into_file_and_sname() {
    let mut message = message();
    message.options.push(53, &[2]);
    message.options.push(67, &[b'u'; 250]);
    message.options.push(12, &[b'h'; 100]);
    message.options.push(15, &[b'd'; 60]);
    message.options.push(82, &[1, 2, 9, 9]);
    let (bytes, left_out) = encode(&message, 548);
    assert_eq!((bytes.len() <= 548, left_out), (true, 0));
    assert_eq!(bytes[OPTIONS..OPTIONS + 3], [52, 1, 3]);
    assert_eq!((bytes[108], bytes[44]), (12, 15));
    let end = bytes.iter().rposition(|byte| *byte == 255).unwrap();
    assert_eq!(bytes[end - 6..end], [82, 4, 1, 2, 9, 9], "last in the options field");
    let again = Message::parse(&bytes).unwrap();
    for (code, value) in message.options.iter() {
        assert_eq!(again.options.get(code), Some(value));
    }
    // A client that takes more is sent no overload.
    assert_eq!(Message::parse(&encode(&message, 1472).0).unwrap(), message);
}

#[test]
fn a_boot_file_name_stays_unless_option_67_says_the_same() {
    let mut message = message();
    message.file[..4].copy_from_slice(b"boot");
    message.options.push(53, &[2]);
    message.options.push(43, &[1; 250]);
    message.options.push(12, &[b'h'; 100]);
    let (bytes, left_out) = encode(&message, 548);
    assert_eq!(left_out, 1, "the host name fits only `file`");
    assert_eq!(&bytes[108..113], b"boot\0");

    let mut copied = message.clone();
    copied.options = Options::default();
    copied.options.push(53, &[2]);
    copied.options.push(67, b"boot");
    copied.options.push(43, &[1; 250]);
    copied.options.push(12, &[b'h'; 100]);
    let (bytes, left_out) = encode(&copied, 548);
    assert_eq!(left_out, 0);
    let again = Message::parse(&bytes).unwrap();
    assert_eq!(again.options.get(67), Some(&b"boot"[..]));
    assert_eq!(again.options.get(12).map(<[u8]>::len), Some(100));
    assert_eq!((again.file[0], bytes[44]), (0, 0), "the host name fits only `file`");

    let mut short = copied.clone();
    short.options = Options::default();
    short.options.push(43, &[1; 250]);
    short.options.push(67, b"boot");
    short.options.push(12, &[b'h'; 60]);
    let (bytes, left_out) = encode(&short, 548);
    assert_eq!((left_out, &bytes[108..113], bytes[44]), (0, &b"boot\0"[..], 12), "`sname` gives way first");
}

#[test]
fn the_essential_keeps_its_place() {
    let mut message = message();
    message.options.push(53, &[2]);
    message.options.push(43, &[1; 240]);
    message.options.push(44, &[1; 240]);
    message.options.push(54, &[10, 0, 0, 1]);
    message.options.push(51, &[0, 0, 1, 0]);
    message.options.push(82, &[1; 100]);
    let (bytes, left_out) = encode(&message, 548);
    assert_eq!(left_out, 2);
    let again = Message::parse(&bytes).unwrap();
    assert_eq!(again.options.iter().map(|(code, _)| code).collect::<Vec<_>>(), [53, 54, 51, 82]);
}

#[test]
fn a_relay_agent_information_that_cannot_fit_is_left_out_whole() {
    let mut message = message();
    message.options.push(53, &[2]);
    message.options.push(54, &[10, 0, 0, 1]);
    message.options.push(82, &[1; 400]);
    let (bytes, left_out) = encode(&message, 548);
    assert_eq!(left_out, 1);
    let again = Message::parse(&bytes).unwrap();
    assert_eq!(again.options.iter().map(|(code, _)| code).collect::<Vec<_>>(), [53, 54]);
}

fn options() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    proptest::collection::vec((1u8..255, proptest::collection::vec(any::<u8>(), 0..300)), 0..12)
}

proptest! {
    #[test]
    fn never_longer_than_asked_and_never_other_than_meant(options in options(), max_size in 0usize..1600, head in any::<[u8; 32]>()) {
        let mut message = message();
        message.xid = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        message.chaddr.copy_from_slice(&head[4..20]);
        message.giaddr = [head[20], head[21], head[22], head[23]].into();
        for (code, value) in &options {
            message.options.push(*code, value);
        }
        let (bytes, left_out) = encode(&message, max_size);
        prop_assert!(bytes.len() >= 300 && bytes.len() <= max_size.max(SMALLEST_MAX_PAYLOAD), "{} bytes", bytes.len());
        let again = Message::parse(&bytes).unwrap();
        for (code, value) in again.options.iter() {
            prop_assert_eq!(Some(value), message.options.get(code));
        }
        prop_assert_eq!(again.options.iter().count() + left_out, message.options.iter().count());
        if left_out == 0 && bytes[OPTIONS] != code::OVERLOAD {
            prop_assert_eq!(again, message);
        }
    }
}
