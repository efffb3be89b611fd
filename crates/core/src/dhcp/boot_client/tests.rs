use super::*;
use crate::dhcp::Options;

fn message(options: &[(u8, &[u8])]) -> Message {
    let mut bytes = vec![0; 236];
    bytes.extend_from_slice(&[99, 130, 83, 99]);
    let mut message = Message::parse(&bytes).unwrap();
    message.options = Options::default();
    for (code, value) in options {
        message.options.push(*code, value);
    }
    message
}

#[test]
fn clients_by_what_they_say() {
    let client = |options: &[(u8, &[u8])]| BootClient::of(&message(options));
    assert_eq!(client(&[]), None);
    assert_eq!(client(&[(60, b"udhcp 1.30.1")]), None);
    assert_eq!(client(&[(60, b"PXEClient:Arch:00007:UNDI:003001")]), Some(BootClient::Pxe));
    assert_eq!(client(&[(60, b"HTTPClient:Arch:00016:UNDI:003001")]), Some(BootClient::Http));
    assert_eq!(client(&[(60, b"U-Boot.armv8"), (93, &[0, 22])]), Some(BootClient::Other));
    assert_eq!(client(&[(60, b"PXEClient:Arch:00007"), (77, b"iPXE")]), Some(BootClient::Ipxe));
    assert_eq!(client(&[(60, b"PXEClient:Arch:00007"), (175, &[])]), Some(BootClient::Ipxe));
}

#[test]
fn user_classes_bare_and_behind_lengths() {
    let is = |class: &[u8]| is_ipxe(class);
    assert!(is(b"iPXE"));
    assert!(is(b"\x04iPXE"));
    assert!(is(b"\x03lab\x04iPXE"));
    assert!(!is(b"\x03lab\x09iPXE"), "truncated");
    assert!(!is(b"iPXE2") && !is(b"\x05iPXE2") && !is(b"") && !is(b"\x00"));
}

#[test]
fn architectures_in_the_clients_order() {
    use Architecture::{Arm64Uefi, X64Uefi, X64UefiHttp, X86Bios};
    let of = |options: &[(u8, &[u8])]| architectures(&message(options)).collect::<Vec<_>>();
    assert_eq!(of(&[(93, &[0, 16, 0, 7])]), [X64UefiHttp, X64Uefi]);
    assert_eq!(of(&[(93, &[0, 6, 0, 9, 0])]), [X64Uefi], "unknown ones and half ones are passed over");
    assert_eq!(of(&[(60, b"PXEClient:Arch:00011:UNDI:003000")]), [Arm64Uefi]);
    assert_eq!(of(&[(60, b"PXEClient")]), [X86Bios], "a BIOS of before RFC 4578");
    assert_eq!(of(&[(60, b"PXEClient:Arch:0000"), (93, &[7])]), [X86Bios], "malformed both");
    assert_eq!(of(&[(60, b"HTTPClient")]), []);
    assert_eq!(of(&[(60, b"PXEClient:Arch:00000"), (93, &[0, 7])]), [X64Uefi], "option 93 goes before the class");
}
