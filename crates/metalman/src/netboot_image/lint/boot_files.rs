//! The boot files exist, and are programs for the firmware that gets them.

use metalman_core::netboot::{Architecture, METADATA, Metadata, TEMPLATE_SUFFIX};

use super::{Finding, metadata::place_of_key, other_case};
use crate::netboot_image::content::Content;

/// Machine types of PE programs (Microsoft PE format, "Machine Types").
const AMD64: u16 = 0x8664;
const ARM64: u16 = 0xaa64;

pub(super) fn check(content: &Content, text: &str, metadata: &Metadata, findings: &mut Vec<Finding>) {
    for (key, path) in metadata.boot_files.iter() {
        let place = place_of_key(text, key).or_else(|| place_of_key(text, "dhcpBootImageName"));
        let architecture = Architecture::ALL.into_iter().find(|architecture| architecture.as_str() == key);
        let template = format!("{path}{TEMPLATE_SUFFIX}");
        if content.files.contains_key(&template) {
            // A script of iPXE is text, and naturally rendered.
            if architecture.is_some() {
                let message = format!(
                    "{key} names {path:?}, which is rendered from {template}: firmware runs programs, not text"
                );
                findings.push(Finding::warning(METADATA, message).at(place));
            }
        } else if let Some(info) = content.files.get(path) {
            if info.size == 0 {
                findings.push(Finding::error(path, format!("{METADATA} names it for {key}, and it is empty")));
            } else if let Some(architecture) = architecture {
                check_program(content, path, architecture, findings);
            }
        } else {
            let hint =
                other_case(content, path).map(|near| format!("; there is {near:?}: case matters")).unwrap_or_default();
            let message = format!("{key} names {path:?}, which is not in the image{hint}");
            findings.push(Finding::error(METADATA, message).at(place));
        }
        if content.files.contains_key(path) || content.files.contains_key(&template) {
            check_companions(content, path, findings);
        }
    }
}

/// Firmware tells the user nothing about a program of the wrong kind: it boots the next device.
fn check_program(content: &Content, path: &str, architecture: Architecture, findings: &mut Vec<Finding>) {
    let Some(head) = content.head(path) else { return };
    let expected = match architecture {
        Architecture::X86Bios => {
            if is_pe(head) {
                findings.push(Finding::warning(path, "is an EFI program, but given to BIOS machines"));
            }
            return;
        }
        Architecture::X64Uefi | Architecture::X64UefiHttp => AMD64,
        Architecture::Arm64Uefi | Architecture::Arm64UefiHttp => ARM64,
    };
    if !is_pe(head) {
        // Over HTTP, firmware also takes disk images (UEFI 2.10 section 24.7.3.1).
        if !architecture.is_http() {
            findings.push(Finding::warning(path, format!("is no EFI program, but given to {architecture} machines")));
        }
        return;
    }
    if let Some(machine) = pe_machine(head).filter(|machine| *machine != expected) {
        let what = match machine {
            AMD64 => "x64",
            ARM64 => "arm64",
            _ => "another processor",
        };
        findings.push(Finding::error(path, format!("is a program for {what}, but given to {architecture} machines")));
    }
}

fn is_pe(head: &[u8]) -> bool {
    head.starts_with(b"MZ")
}

/// What the COFF header says; its place is at 0x3c.
fn pe_machine(head: &[u8]) -> Option<u16> {
    let at = u32::from_le_bytes(head.get(0x3c..0x40)?.try_into().ok()?);
    let header = head.get(usize::try_from(at).ok()?..)?;
    let machine = header.strip_prefix(b"PE\0\0")?.get(..2)?;
    Some(u16::from_le_bytes(machine.try_into().ok()?))
}

/// Boot loaders fetch further files beside themselves.
fn check_companions(content: &Content, path: &str, findings: &mut Vec<Finding>) {
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("shim") {
        let next = if lower.contains("aa64") { "grubaa64.efi" } else { "grubx64.efi" };
        let beside = if folder.is_empty() { next.to_owned() } else { format!("{folder}/{next}") };
        if !content.files.contains_key(&beside) {
            findings.push(Finding::warning(
                path,
                format!("shim runs {next} from beside itself, and {beside:?} is not in the image"),
            ));
        }
    }
    if lower.starts_with("shim") || lower.contains("grub") {
        let is_config = |file: &String| {
            let name = file.rsplit('/').next().unwrap_or(file);
            name.starts_with("grub") && name.trim_end_matches(TEMPLATE_SUFFIX).rsplit('.').next() == Some("cfg")
        };
        if !content.files.keys().any(is_config) {
            findings.push(Finding::warning(path, "looks like GRUB, and the image has no grub.cfg or grub.cfg.tmpl"));
        }
    }
}
