//! What tells one pull from another.

use std::fmt;

use metalman_core::{api::Machine, netboot};
use serde::{Deserialize, Serialize};

use super::manifest::Architecture;

/// A reference, as which user and for which architecture: a Machine without a pull secret is not served what another's
/// secret fetched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The reference, as the Machine has it.
    pub reference: String,
    /// The pull secret's name.
    pub secret: Option<String>,
    /// The architecture.
    pub architecture: Architecture,
}

impl Key {
    /// What the Machine names; none if it does not boot from the network.
    pub fn of(machine: &Machine, architecture: Architecture) -> Option<Self> {
        let pxe = machine.spec.pxe.as_ref().filter(|pxe| !pxe.image.is_empty())?;
        let secret =
            pxe.image_pull_secret_ref.as_ref().map(|secret| secret.name.clone()).filter(|name| !name.is_empty());
        Some(Self { reference: pxe.image.clone(), secret, architecture })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = self.secret.as_deref().unwrap_or_default();
        write!(f, "{}\n{}\n{secret}", self.reference, self.architecture.as_str())
    }
}

/// The architecture of firmware.
pub(super) fn of_firmware(firmware: netboot::Architecture) -> Architecture {
    use netboot::Architecture::{Arm64Uefi, Arm64UefiHttp, X64Uefi, X64UefiHttp, X86Bios};
    match firmware {
        Arm64Uefi | Arm64UefiHttp => Architecture::Arm64,
        X86Bios | X64Uefi | X64UefiHttp => Architecture::Amd64,
    }
}
