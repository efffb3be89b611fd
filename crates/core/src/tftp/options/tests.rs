use super::*;
use crate::tftp::{Packet, request};

fn asked(mode: Mode, options: &[(&str, &str)]) -> (Negotiated, String) {
    let mut packet = request("file", mode, &[]);
    for (name, value) in options {
        packet.extend(format!("{name}\0{value}\0").bytes());
    }
    let Ok(Packet::Read(read)) = Packet::parse(&packet) else { panic!("not a read") };
    let negotiated = negotiate(read.options, mode, 70_000, Limits::default());
    let answer = negotiated.option_ack().map_or("none".to_owned(), |packet| {
        assert_eq!(packet[..2], [0, 6]);
        packet[2..].escape_ascii().to_string().replace("\\x00", " ").trim_end().to_owned()
    });
    (negotiated, answer)
}

#[test]
fn each_option_is_granted_as_its_rfc_says() {
    for (options, answer) in [
        (&[][..], "none"),
        (&[("blksize", "1468")], "blksize 1468"),
        (&[("BlkSize", "8")], "blksize 8"),
        // RFC 2348: the server may answer with a smaller one.
        (&[("blksize", "65464")], "blksize 65464"),
        (&[("blksize", "65465")], "blksize 65464"),
        (&[("blksize", "1000000")], "blksize 65464"),
        (&[("blksize", "7")], "none"),
        (&[("blksize", "0")], "none"),
        (&[("blksize", "-1")], "none"),
        (&[("blksize", "+512")], "none"),
        (&[("blksize", "")], "none"),
        (&[("blksize", "0x200")], "none"),
        (&[("blksize", "99999999999999999999999")], "none"),
        (&[("blksize", "1024"), ("blksize", "512")], "blksize 1024"),
        (&[("tsize", "0")], "tsize 70000"),
        (&[("tsize", "5")], "tsize 70000"),
        (&[("tsize", "many")], "none"),
        (&[("timeout", "1")], "timeout 1"),
        (&[("timeout", "255")], "timeout 255"),
        (&[("timeout", "0")], "none"),
        (&[("timeout", "256")], "none"),
        (&[("windowsize", "1")], "windowsize 1"),
        (&[("windowsize", "0")], "none"),
        (&[("windowsize", "65536")], "none"),
        // RFC 7440: the server may answer with a smaller one.
        (&[("windowsize", "65535")], "windowsize 8192"),
        (&[("windowsize", "65535"), ("blksize", "65464")], "blksize 65464 windowsize 64"),
        (&[("multicast", ""), ("rollover", "0"), ("tsize", "0")], "tsize 70000"),
        (
            &[("tsize", "0"), ("timeout", "3"), ("windowsize", "16"), ("blksize", "1024")],
            "blksize 1024 timeout 3 tsize 70000 windowsize 16",
        ),
    ] {
        assert_eq!(asked(Mode::Octet, options).1, answer, "{options:?}");
    }
}

#[test]
fn what_is_granted_holds() {
    let (negotiated, _) = asked(Mode::Octet, &[("blksize", "70000"), ("windowsize", "65535"), ("timeout", "7")]);
    assert_eq!((negotiated.blksize, negotiated.windowsize), (65464, 64));
    assert_eq!(negotiated.timeout, Some(Duration::from_secs(7)));
    let (negotiated, _) = asked(Mode::Octet, &[("blksize", "3")]);
    assert_eq!((negotiated.blksize, negotiated.windowsize, negotiated.timeout), (512, 1, None));
}

#[test]
fn netascii_has_no_size_and_short_windows() {
    assert_eq!(asked(Mode::Netascii, &[("tsize", "0")]).1, "none");
    assert_eq!(asked(Mode::Netascii, &[("windowsize", "1000"), ("tsize", "0")]).1, "windowsize 64");
}
