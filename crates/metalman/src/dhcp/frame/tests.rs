use proptest::prelude::*;

use super::*;

fn packet(from: &str, to: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, from.parse().unwrap(), to.parse().unwrap(), payload);
    out
}

/// The checksums of the same packet as tcpdump accepts them, worked out by hand.
#[test]
fn a_packet_to_the_byte() {
    #[rustfmt::skip]
    let expected = [
        0x45, 0x00, 0x00, 0x1f, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x26, 0xc3, 10, 0, 0, 1, 10, 0, 0, 11,
        0x00, 0x43, 0x00, 0x44, 0x00, 0x0b, 0x26, 0xe3, b'a', b'b', b'c',
    ];
    assert_eq!(packet("10.0.0.1:67", "10.0.0.11:68", b"abc"), expected);
}

#[test]
fn a_zero_checksum_is_written_as_its_other_form() {
    // This payload makes the sum all ones.
    let base = packet("10.0.0.1:67", "10.0.0.11:68", &[0, 0]);
    let checksum = [base[26], base[27]];
    let zero = packet("10.0.0.1:67", "10.0.0.11:68", &checksum);
    assert_eq!([zero[26], zero[27]], [0xff, 0xff]);
}

#[test]
fn what_fits_no_packet_is_not_written() {
    assert_eq!(packet("10.0.0.1:67", "10.0.0.11:68", &vec![0; 65_508]), Vec::<u8>::new());
    assert_eq!(packet("10.0.0.1:67", "10.0.0.11:68", &vec![0; 65_507]).len(), 65_535);
}

proptest! {
    /// RFC 1071: a receiver sums everything, checksum included, to all ones.
    #[test]
    fn receivers_find_the_sums_right(from: (u32, u16), to: (u32, u16), payload in prop::collection::vec(any::<u8>(), 0..1500)) {
        let (from, to) = (SocketAddrV4::new(from.0.into(), from.1), SocketAddrV4::new(to.0.into(), to.1));
        let mut out = Vec::new();
        write(&mut out, from, to, &payload);
        prop_assert_eq!(fold(sum(0, &out[..20])), 0);
        let pseudo = sum(sum(u32::from(UDP) + u32::try_from(out.len() - 20).unwrap(), &out[12..16]), &out[16..20]);
        prop_assert_eq!(fold(sum(pseudo, &out[20..])), 0);
        prop_assert_eq!(&out[28..], &payload[..]);
    }
}
