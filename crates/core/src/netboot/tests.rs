use super::*;

#[test]
fn reads_the_plain_form() {
    let metadata = Metadata::parse("dhcpBootImageName: shimx64.efi\n").unwrap();
    assert_eq!(metadata.boot_files.of(Architecture::X64Uefi), Some("shimx64.efi"));
    assert_eq!(metadata.boot_files.of(Architecture::X86Bios), None);
    assert_eq!(metadata.boot_files.ipxe(), None);
}

#[test]
fn reads_the_extended_form_and_lets_it_win() {
    let yaml =
        "dhcpBootImageName: old.efi\nbootFiles:\n  x64-uefi: /boot//grub.efi\n  x64-uefi-http: h.efi\n  ipxe: s.ipxe\n";
    let files = Metadata::parse(yaml).unwrap().boot_files;
    assert_eq!(files.of(Architecture::X64Uefi), Some("boot/grub.efi"));
    assert_eq!(files.of(Architecture::X64UefiHttp), Some("h.efi"));
    assert_eq!(files.ipxe(), Some("s.ipxe"));
    let named: Vec<_> = files.iter().collect();
    assert_eq!(named, [("x64-uefi", "boot/grub.efi"), ("x64-uefi-http", "h.efi"), ("ipxe", "s.ipxe")]);
}

#[test]
fn refusals_name_the_key() {
    let refusal = |yaml: &str| Metadata::parse(yaml).unwrap_err().to_string();
    assert!(refusal("bootFiles: {riscv: x}").contains("\"riscv\""));
    assert!(refusal("bootFiles: {ipxe: ../x}").contains("bootFiles.ipxe"));
    assert!(refusal("dhcpBootImageName: a/../../b").contains("dhcpBootImageName"));
    assert!(refusal("").contains("names no boot file"));
    assert!(refusal("other: 1").contains("names no boot file"));
    assert!(refusal("[1, 2]").contains("cannot be read"));
}

#[test]
fn codes_of_option_93() {
    assert_eq!(Architecture::from_code(7), Some(Architecture::X64Uefi));
    assert_eq!(Architecture::from_code(9), Some(Architecture::X64Uefi));
    assert_eq!(Architecture::from_code(6), None);
}

#[test]
fn paths() {
    assert_eq!(normalise("\\EFI\\boot\\x.efi").as_deref(), Ok("EFI/boot/x.efi"));
    assert_eq!(normalise("//a/./b/").as_deref(), Ok("a/b"));
    assert_eq!(normalise("../../etc/passwd"), Err(PathError::Escapes));
    assert_eq!(normalise("a\\..\\b"), Err(PathError::Escapes));
    assert_eq!(normalise("/"), Err(PathError::Empty));
    assert_eq!(normalise("a\0b"), Err(PathError::Control));
    assert_eq!(normalise(&"x".repeat(5000)), Err(PathError::TooLong));
}
