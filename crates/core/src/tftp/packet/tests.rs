use proptest::prelude::*;

use super::*;

#[test]
fn requests_are_read() {
    let Ok(Packet::Read(request)) =
        Packet::parse(b"\0\x01boot\\grubx64.efi\0OcTeT\0BLKSIZE\x001468\0tsize\x000\0\0\0\0")
    else {
        panic!("not a read")
    };
    assert_eq!(request.name, b"boot\\grubx64.efi");
    assert_eq!(request.mode(), Some(Mode::Octet));
    let options: Vec<_> = request.options.iter().collect();
    assert_eq!(options, [(&b"BLKSIZE"[..], &b"1468"[..]), (b"tsize", b"0")]);
    assert_eq!(request.options.get("blksize"), Some(&b"1468"[..]));
    assert!(
        matches!(Packet::parse(b"\0\x02name\0netascii\0"), Ok(Packet::Write(r)) if r.mode() == Some(Mode::Netascii))
    );
    assert!(matches!(Packet::parse(b"\0\x01name\0mail\0"), Ok(Packet::Read(r)) if r.mode().is_none()));
}

#[test]
fn other_packets_are_read() {
    assert_eq!(Packet::parse(&[0, 3, 0, 1]), Ok(Packet::Data { block: 1, data: &[] }));
    assert_eq!(Packet::parse(&[0, 4, 0xff, 0xfe]), Ok(Packet::Ack { block: 0xfffe }));
    assert_eq!(Packet::parse(&[0, 4, 0, 1, 0, 0]), Ok(Packet::Ack { block: 1 }), "padded");
    let error = Packet::Error { code: ErrorCode::OPTION_REFUSED, message: b"no" };
    assert_eq!(Packet::parse(b"\0\x05\0\x08no\0"), Ok(error));
    assert_eq!(Packet::parse(b"\0\x05\0\x08no"), Ok(error), "without its NUL");
    assert!(matches!(Packet::parse(b"\0\x06tsize\x005\0"), Ok(Packet::OptionAck(o)) if o.get("tsize") == Some(b"5")));
}

#[test]
fn what_is_no_packet_is_refused() {
    for (datagram, reason) in [
        (&b""[..], PacketError::Short),
        (b"\0", PacketError::Short),
        (b"\0\x03\0", PacketError::Short),
        (b"\0\x04\0", PacketError::Short),
        (b"\0\x05\0", PacketError::Short),
        (b"\0\x04\0\x01x", PacketError::Trailing(1)),
        (b"\0\x00", PacketError::Operation(0)),
        (b"\0\x07x", PacketError::Operation(7)),
        (b"\0\x01name", PacketError::Unterminated),
        (b"\0\x01name\0octet", PacketError::Unterminated),
        (b"\0\x01\0octet\0", PacketError::NoName),
        (b"\0\x01name\0octet\0blksize\0", PacketError::Unterminated),
        (b"\0\x01name\0octet\0blksize\x001468", PacketError::Unterminated),
        (b"\0\x01name\0octet\0\x001468\0", PacketError::UnnamedOption),
    ] {
        assert_eq!(Packet::parse(datagram), Err(reason), "{}", datagram.escape_ascii());
    }
}

#[test]
fn error_texts_fit_on_a_screen() {
    let packet = error(ErrorCode::UNDEFINED, &format!("line\n\0{}", "ä".repeat(1000)));
    assert_eq!(packet.len(), 4 + LONGEST_ERROR + 1);
    let Ok(Packet::Error { message, .. }) = Packet::parse(&packet) else { panic!("no error") };
    assert!(message.starts_with(b"line???"), "{}", message.escape_ascii());
}

proptest! {
    #[test]
    fn nothing_panics(datagram in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Packet::parse(&datagram);
    }

    #[test]
    fn nothing_near_a_request_panics(
        parts in prop::collection::vec(prop_oneof![Just("blksize"), Just("octet"), Just(""), Just("8"), Just("x")], 0..9),
        cut in 0usize..80,
    ) {
        let mut datagram = vec![0, 1];
        for part in &parts {
            datagram.extend(part.as_bytes());
            datagram.push(0);
        }
        datagram.truncate(cut);
        if let Ok(Packet::Read(request)) = Packet::parse(&datagram) {
            prop_assert!(request.options.iter().count() <= 5);
        }
    }

    #[test]
    fn requests_come_back(name in "[a-zA-Z0-9./\\\\]{1,40}", blksize in any::<u64>(), window in any::<u64>()) {
        let packet = request(&name, Mode::Octet, &[("blksize", blksize), ("windowsize", window)]);
        let Ok(Packet::Read(read)) = Packet::parse(&packet) else { panic!("not a read") };
        prop_assert_eq!(read.name, name.as_bytes());
        let options: Vec<_> = read.options.iter().map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect();
        prop_assert_eq!(options, [blksize.to_string(), window.to_string()]);
    }
}
