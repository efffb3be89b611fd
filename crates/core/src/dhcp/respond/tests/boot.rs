//! Boot files: PXE, UEFI HTTP boot, iPXE, and what happens when there is none.

use super::*;

const PXE_LIST: [u8; 6] = [1, 3, 43, 60, 66, 67];
const LIST: (u8, &[u8]) = (55, &PXE_LIST);

fn discover(options: &[(u8, &[u8])]) -> Message {
    message(MessageType::Discover, options)
}

fn with(yaml: &str, options: &[(u8, &[u8])]) -> Decision {
    decided_with(&discover(options), &on_interface(), Boot::Files(&files(yaml)))
}

fn booted(yaml: &str, options: &[(u8, &[u8])]) -> Reply {
    reply(with(yaml, options))
}

#[test]
fn pxe_firmware_gets_the_file_of_its_architecture_in_every_place_it_looks() {
    for (architecture, file) in [(0, "bios.0"), (7, "shimx64.efi"), (9, "shimx64.efi"), (11, "shimaa64.efi")] {
        let reply = booted(EVERYTHING, &[(60, b"PXEClient:Arch:00007:UNDI:003001"), (93, &[0, architecture]), LIST]);
        let offer = &reply.message;
        assert_eq!((offer.siaddr, text(&offer.file), text(&offer.sname)), (SERVER, file, "10.0.0.2"));
        assert_eq!(codes(offer), [53, 1, 3, 43, 60, 66, 67, 54, 51, 58, 59]);
        assert_eq!(offer.options.get(67), Some(file.as_bytes()));
        assert_eq!(offer.options.get(66), Some(&b"10.0.0.2"[..]));
        assert_eq!(offer.options.get(60), Some(&b"PXEClient"[..]));
        assert_eq!(offer.options.get(43), Some(&[6, 1, 8, 255][..]));
        assert_eq!(reply.architecture, Architecture::from_code(u16::from(architecture)));
    }
}

#[test]
fn pxe_options_come_without_asking_but_the_file_only_in_its_field() {
    let offer = booted(EVERYTHING, &[(60, b"PXEClient:Arch:00007"), (93, &[0, 7]), (55, &[1])]).message;
    assert_eq!(codes(&offer), [53, 1, 54, 51, 58, 59, 60, 43]);
    assert_eq!(text(&offer.file), "shimx64.efi");
}

#[test]
fn a_file_name_too_long_for_its_field_is_an_option_unasked() {
    let long = "x".repeat(128);
    let yaml = format!("dhcpBootImageName: {long}");
    let offer = booted(&yaml, &[(60, b"PXEClient"), (93, &[0, 7]), (55, &[1])]).message;
    assert_eq!(offer.file, [0; 128]);
    assert_eq!(offer.options.get(67), Some(long.as_bytes()));
}

#[test]
fn the_first_architecture_with_a_file_counts() {
    let reply = booted(
        "bootFiles: {x64-uefi: a.efi, arm64-uefi: b.efi}",
        &[(60, b"PXEClient"), (93, &[0, 0, 0, 16, 0, 11, 0, 7])],
    );
    assert_eq!((text(&reply.message.file), reply.architecture), ("b.efi", Some(Architecture::Arm64Uefi)));
}

#[test]
fn uefi_http_boot_gets_a_url_and_its_class() {
    for (architecture, url) in
        [(16, "http://10.0.0.2:8880/http/shimx64.efi"), (19, "http://10.0.0.2:8880/http/shimaa64.efi")]
    {
        for list in [&[1u8, 3, 67][..], &[1, 3]] {
            let reply =
                booted(EVERYTHING, &[(60, b"HTTPClient:Arch:00016:UNDI:003001"), (93, &[0, architecture]), (55, list)]);
            let offer = &reply.message;
            assert_eq!(offer.options.get(67), Some(url.as_bytes()));
            assert_eq!(offer.options.get(60), Some(&b"HTTPClient"[..]));
            assert_eq!(offer.options.get(43), None);
            assert_eq!((text(&offer.file), text(&offer.sname)), ("", ""));
            assert_eq!(reply.architecture, Architecture::from_code(u16::from(architecture)));
        }
    }
}

#[test]
fn file_names_are_escaped_in_urls() {
    let yaml = "bootFiles: {x64-uefi-http: 'a b/ü#?.efi'}";
    let offer = booted(yaml, &[(60, b"HTTPClient"), (93, &[0, 16])]).message;
    assert_eq!(offer.options.get(67), Some(&b"http://10.0.0.2:8880/a%20b/%C3%BC%23%3F.efi"[..]));
}

/// How iPXE says that it is iPXE.
const IPXE: [&[(u8, &[u8])]; 3] = [&[(77, b"iPXE")], &[(77, b"\x04iPXE")], &[(175, &[19, 1, 1])]];

#[test]
fn ipxe_gets_the_ipxe_file() {
    for says in IPXE {
        let mut options = vec![(60, &b"PXEClient:Arch:00007:UNDI:003010"[..]), (93, &[0, 7]), LIST];
        options.extend(says);
        let reply = booted(EVERYTHING, &options);
        assert_eq!(text(&reply.message.file), "boot.ipxe");
        assert_eq!(reply.message.options.get(67), Some(&b"boot.ipxe"[..]));
        assert_eq!(reply.message.options.get(175), Some(&[176, 1, 1][..]), "it need not wait for proxies");
        assert_eq!(reply.message.options.get(60), None);
        assert_eq!(reply.message.siaddr, SERVER);
        assert_eq!(reply.architecture, Some(Architecture::X64Uefi));
    }
}

#[test]
fn ipxe_in_a_rom_gets_the_file_of_its_architecture_where_there_is_no_ipxe_file() {
    let reply = booted("dhcpBootImageName: shimx64.efi", &[(77, b"iPXE"), (93, &[0, 7])]);
    assert_eq!(text(&reply.message.file), "shimx64.efi");
}

#[test]
fn ipxe_is_never_given_ipxe_again() {
    for file in ["ipxe.efi", "x/SNPonly.efi", "undionly.kpxe", "ipxe/snponly-x64.efi"] {
        let yaml = format!("bootFiles: {{x64-uefi: {file}}}");
        let firmware = booted(&yaml, &[(60, b"PXEClient"), (93, &[0, 7])]);
        assert_eq!(text(&firmware.message.file), file, "firmware is");
        let ipxe = with(&yaml, &[(60, b"PXEClient"), (77, b"iPXE"), (93, &[0, 7])]);
        assert_eq!(ipxe, Decision::Ignore(Ignored::IpxeLoop));
    }
    let script = booted("bootFiles: {x64-uefi: ipxe.efi, ipxe: boot.ipxe}", &[(77, b"iPXE"), (93, &[0, 7])]);
    assert_eq!(text(&script.message.file), "boot.ipxe");
}

#[test]
fn a_client_that_wants_to_boot_what_is_not_there_gets_silence() {
    let yaml = "dhcpBootImageName: shimx64.efi";
    for options in [
        &[(60, &b"PXEClient:Arch:00000"[..]), (93, &[0, 0])][..],
        &[(60, b"HTTPClient:Arch:00016"), (93, &[0, 16])],
        &[(60, b"PXEClient"), (93, &[0, 6])],
        &[(60, b"PXEClient")],
        &[(77, b"iPXE"), (93, &[0, 0])],
    ] {
        assert_eq!(with(yaml, options), Decision::Ignore(Ignored::NoBootFile), "{options:?}");
    }
}

#[test]
fn until_the_image_is_there_boot_clients_wait_and_others_do_not() {
    let decide = |options: &[(u8, &[u8])]| decided_with(&discover(options), &on_interface(), Boot::NotReady);
    for class in [(60, &b"PXEClient:Arch:00007"[..]), (60, b"HTTPClient:Arch:00016"), (77, b"iPXE")] {
        assert_eq!(decide(&[class]), Decision::Ignore(Ignored::ImageNotReady));
    }
    for other in [(60, &b"udhcp"[..]), (93, &[0, 22])] {
        assert_eq!(reply(decide(&[other])).message.yiaddr, LEASED);
    }
}

#[test]
fn a_client_that_does_not_boot_gets_no_boot_options() {
    let reply = booted(EVERYTHING, &[(60, b"udhcp 1.35"), (55, &[60, 43, 66, 67, 175, 1])]);
    assert_eq!(codes(&reply.message), [53, 1, 54, 51, 58, 59]);
    assert_eq!((reply.message.siaddr, reply.message.file), (SERVER, [0; 128]));
    assert_eq!(reply.architecture, None);
}

#[test]
fn a_client_that_only_names_its_architecture_gets_a_file_if_there_is_one() {
    let reply = booted(EVERYTHING, &[(60, b"U-Boot.armv8"), (93, &[0, 11])]);
    assert_eq!((text(&reply.message.file), reply.message.options.get(60)), ("shimaa64.efi", None));
    let reply = booted("dhcpBootImageName: shimx64.efi", &[(60, b"U-Boot.armv8"), (93, &[0, 22])]);
    assert_eq!((text(&reply.message.file), reply.message.yiaddr), ("", LEASED));
}
