//! Which boot program sent a message, and for which architectures: options 60, 77, 93 and 175.
//!
//! Decision: iPXE goes before the vendor class, as iPXE also says `PXEClient`.

use super::{Message, code};
use crate::netboot::Architecture;

/// What begins option 60 of PXE firmware, and all of it in answers (PXE 2.1 section 2.2.1).
pub(super) const PXE_CLIENT: &[u8] = b"PXEClient";
/// The same for UEFI HTTP boot (UEFI section 24.7.2).
pub(super) const HTTP_CLIENT: &[u8] = b"HTTPClient";
const IPXE: &[u8] = b"iPXE";

/// What is going to load a boot file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootClient {
    /// iPXE, from a ROM or loaded before.
    Ipxe,
    /// PXE firmware: TFTP.
    Pxe,
    /// UEFI HTTP boot: a URL.
    Http,
    /// Something that names its architecture without saying what it is, such as U-Boot.
    Other,
}

impl BootClient {
    /// Who sent it; none for what only wants an address, such as an operating system.
    pub fn of(message: &Message) -> Option<Self> {
        let options = &message.options;
        if options.contains(code::ETHERBOOT) || options.get(code::USER_CLASS).is_some_and(is_ipxe) {
            return Some(Self::Ipxe);
        }
        match options.get(code::VENDOR_CLASS) {
            Some(class) if class.starts_with(PXE_CLIENT) => Some(Self::Pxe),
            Some(class) if class.starts_with(HTTP_CLIENT) => Some(Self::Http),
            _ => options.contains(code::CLIENT_ARCHITECTURES).then_some(Self::Other),
        }
    }

    /// The first architecture that it announces and for which it can load a file.
    pub fn architecture(self, message: &Message) -> Option<Architecture> {
        architectures(message).find(|architecture| self.takes(*architecture) || self == Self::Ipxe)
    }

    /// Whether it can load the file of that architecture.
    pub(super) fn takes(self, architecture: Architecture) -> bool {
        architecture.is_http() == (self == Self::Http)
    }
}

/// iPXE sends its name bare; RFC 3004 wants each class behind its length.
fn is_ipxe(user_class: &[u8]) -> bool {
    if user_class == IPXE {
        return true;
    }
    let mut rest = user_class;
    while let Some((length, tail)) = rest.split_first() {
        let Some((class, tail)) = tail.split_at_checked(usize::from(*length)) else { return false };
        if class == IPXE {
            return true;
        }
        rest = tail;
    }
    false
}

/// The architectures that the client says it can boot, in its order; numbers unknown here are passed over. Without option 93
/// the vendor class counts (`PXEClient:Arch:00007:UNDI:003016`), and PXE firmware that says neither is a BIOS of before RFC
/// 4578.
pub(super) fn architectures(message: &Message) -> impl Iterator<Item = Architecture> {
    let listed = message.options.get(code::CLIENT_ARCHITECTURES).filter(|list| list.len() >= 2);
    let class = message.options.get(code::VENDOR_CLASS).unwrap_or_default();
    let otherwise = match listed {
        Some(_) => None,
        None => of_class(class).or_else(|| class.starts_with(PXE_CLIENT).then_some(0)),
    };
    let listed = listed.unwrap_or_default().as_chunks::<2>().0.iter().map(|code| u16::from_be_bytes(*code));
    listed.chain(otherwise).filter_map(Architecture::from_code)
}

fn of_class(class: &[u8]) -> Option<u16> {
    let (_, rest) = std::str::from_utf8(class).ok()?.split_once(":Arch:")?;
    rest.get(..5)?.parse().ok()
}

#[cfg(test)]
mod tests;
