use super::*;
use crate::netboot_image::content::Kept;

/// A PE header for a processor.
fn program(machine: u16) -> Vec<u8> {
    let mut bytes = vec![0; 0x80];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c..0x40].copy_from_slice(&0x80u32.to_le_bytes());
    bytes.extend_from_slice(b"PE\0\0");
    bytes.extend_from_slice(&machine.to_le_bytes());
    bytes
}

fn content(files: &[(&str, &[u8])]) -> Content {
    let mut kept = Kept::default();
    let index = files.iter().map(|(path, bytes)| ((*path).to_owned(), kept.keep(&mut &**bytes).unwrap())).collect();
    Content::new(index, kept)
}

fn found(files: &[(&str, &[u8])]) -> Vec<String> {
    lint(&content(files)).iter().map(ToString::to_string).collect()
}

/// A good image, with these files in addition or instead.
fn found_with(more: &[(&str, &[u8])]) -> Vec<String> {
    let program = program(0x8664);
    let mut files: Vec<(&str, &[u8])> = vec![
        ("metadata.yaml", b"dhcpBootImageName: grubx64.efi\n"),
        ("grubx64.efi", &program),
        ("grub.cfg.tmpl", b"x"),
    ];
    files.retain(|(path, _)| more.iter().all(|(other, _)| other != path));
    files.extend_from_slice(more);
    found(&files)
}

fn found_in_template(text: &str) -> Vec<String> {
    found_with(&[("grub.cfg.tmpl", text.as_bytes())])
}

#[test]
fn nothing_is_wrong_with_a_good_image() {
    assert_eq!(found_with(&[]), [""; 0]);
    let everything = "{{.Machine.Name}} {{.Machine.Spec.PXE.Image}} {{(index .Machine.Spec.PXE.DHCPLeases 0).IPv4}} {{.Lease.MAC}}\n\
                      {{.Arch}} {{.ServeURL}} {{.ApiserverURL}} {{.KubernetesVersion}} {{.ClusterDNS}} {{.ImageDigest}}\n\
                      {{if gt .Machine.Spec.Operations.RepaveCounter .Machine.Status.Operations.RepaveCounter}}x{{end}}\n\
                      {{sha256 \"grubx64.efi\"}} {{size \"/grubx64.efi\"}} {{.AgentConfigJSON}}\n";
    assert_eq!(found_in_template(everything), [""; 0]);
}

#[test]
fn metadata() {
    for (text, expected) in [
        ("dhcpBootImageName: [", "disk/metadata.yaml:1:"),
        ("# boot\nbootFiles:\n  riscv: x\n", "disk/metadata.yaml:3:3: error: bootFiles has the key \"riscv\""),
        ("dhcpBootImageName: ../x\n", "disk/metadata.yaml:1:1: error: dhcpBootImageName \"../x\" names no file"),
        ("", "disk/metadata.yaml: error: names no boot file"),
        (
            "dhcpBootImageName: grubx64.efi\nbootfiles: {ipxe: x}\n",
            "disk/metadata.yaml:2:1: warning: metalman does not know the key \"bootfiles\"",
        ),
        (
            "bootFiles:\n  x64-uefi: grub.efi\n",
            "disk/metadata.yaml:2:3: error: x64-uefi names \"grub.efi\", which is not",
        ),
        ("bootFiles: {x64-uefi: GRUBX64.EFI}\n", "there is \"grubx64.efi\": case matters"),
        (
            "bootFiles: {x64-uefi: grub.cfg}\n",
            "disk/metadata.yaml:1:13: warning: x64-uefi names \"grub.cfg\", which is rendered",
        ),
        (
            "bootFiles: {arm64-uefi: grubx64.efi}\n",
            "disk/grubx64.efi: error: is a program for x64, but given to arm64-uefi",
        ),
        ("bootFiles: {x86-bios: grubx64.efi}\n", "disk/grubx64.efi: warning: is an EFI program, but given to BIOS"),
        ("bootFiles: {x64-uefi: metadata.yaml}\n", "disk/metadata.yaml: warning: is no EFI program"),
    ] {
        let found = found_with(&[("metadata.yaml", text.as_bytes())]);
        assert!(found.iter().any(|line| line.contains(expected)), "{text:?}: {found:#?}");
    }
    let found = found_with(&[("metadata.yaml", b"bootFiles: {ipxe: boot.ipxe}\n"), ("boot.ipxe.tmpl", b"#!ipxe\n")]);
    assert_eq!(found, [""; 0], "a rendered iPXE script is no surprise");
}

#[test]
fn missing_metadata_is_looked_for_under_its_other_names() {
    assert!(found(&[("a", b"x")])[0].starts_with("disk/metadata.yaml: error: there is no metadata.yaml; write one"));
    assert!(found(&[("Metadata.yaml", b"x")])[0].contains("\"Metadata.yaml\": rename it"));
    assert!(found(&[("metadata.yml", b"x")])[0].contains("\"metadata.yml\": rename it"));
}

#[test]
fn templates() {
    for (text, expected) in [
        ("a\n{{if}}", "disk/grub.cfg.tmpl:2: error: missing value for if"),
        ("{{nope}}", "disk/grub.cfg.tmpl:1: error: function \"nope\" not defined"),
        ("\n  {{.Machine.Spec.Pxe.Image}}", "disk/grub.cfg.tmpl:2:13: error: does not render: "),
        ("{{.Machine.Spec.Pxe}}", "can't evaluate field Pxe"),
        ("{{sha256 \"vmlinux\"}}", "error: does not render: "),
        ("{{fail \"no disk\"}}", "disk/grub.cfg.tmpl:1:3: warning: does not render: "),
        ("{{.Machine.Spec.Kubernetes.Version}}", "warning: fails for a Machine with the required fields only: "),
    ] {
        let found = found_in_template(text);
        assert!(found.len() == 1 && found[0].contains(expected), "{text:?}: {found:#?}");
    }
    let large = vec![b'x'; (1 << 20) + 1];
    let found = found_with(&[("big.tmpl", &large)]);
    assert!(found[0].contains("disk/big.tmpl: error: is a template of 1048577 bytes"), "{found:?}");
}

#[test]
fn names_and_sizes() {
    for (path, text, expected) in [
        ("grub.cfg", "plain", "disk/grub.cfg.tmpl: warning: hides \"grub.cfg\""),
        ("boot.cfg", "x\n echo {{ .Machine.Name }}", "disk/boot.cfg:2:7: warning: looks like a template"),
        ("GRUB.cfg.tmpl", "", "disk/grub.cfg.tmpl: warning: differs from \"GRUB.cfg.tmpl\" in case only"),
        ("cloud-init/user-data.tmpl", "", "metalman answers requests for this path itself"),
        (".tmpl", "", "has no name without .tmpl"),
    ] {
        let found = found_with(&[(path, text.as_bytes())]);
        assert!(found.len() == 1 && found[0].contains(expected), "{path}: {found:#?}");
    }
    let mut content = content(&[("metadata.yaml", b"dhcpBootImageName: a.efi\n"), ("a.efi", b"MZ")]);
    content.files.get_mut("a.efi").unwrap().size = 5 << 30;
    content.broken.push("b".into());
    let found: Vec<String> = lint(&content).iter().map(ToString::to_string).collect();
    assert!(found[0].contains("disk/a.efi: warning: is 4 GiB or larger"), "{found:?}");
    assert!(found[1].contains("disk/b: warning: is a link that leads nowhere"), "{found:?}");
}

#[test]
fn what_boot_loaders_look_for_beside_themselves() {
    let program = program(0x8664);
    let metadata = ("metadata.yaml", b"dhcpBootImageName: boot/shimx64.efi\n".as_slice());
    let alone = found(&[metadata, ("boot/shimx64.efi", &program)]);
    assert_eq!(alone.len(), 2, "{alone:#?}");
    assert!(alone.iter().any(|line| line.contains("\"boot/grubx64.efi\" is not in the image")), "{alone:#?}");
    assert!(alone.iter().any(|line| line.contains("no grub.cfg")), "{alone:#?}");
    let with =
        found(&[metadata, ("boot/shimx64.efi", &program), ("boot/grubx64.efi", &program), ("grub/grub.cfg", b"")]);
    assert_eq!(with, [""; 0]);
}
