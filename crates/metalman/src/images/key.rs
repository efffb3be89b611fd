//! What tells one pull from another.

use std::{borrow::Borrow, cmp::Ordering, fmt};

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

/// A [`Key`] that borrows: what is looked up for each packet is not copied for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name<'a> {
    // In the order of the key's fields, by which it is compared.
    pub(super) reference: &'a str,
    pub(super) secret: Option<&'a str>,
    pub(super) architecture: Architecture,
}

/// What can be seen as a [`Name`]: maps by [`Key`] are also looked up in by names.
pub(super) trait Named {
    fn name(&self) -> Name<'_>;
}

impl Key {
    /// What the Machine names; none if it does not boot from the network.
    pub fn of(machine: &Machine, architecture: Architecture) -> Option<Self> {
        let name = Name::of(machine, architecture)?;
        Some(Self { reference: name.reference.to_owned(), secret: name.secret.map(str::to_owned), architecture })
    }
}

impl<'a> Name<'a> {
    /// [`Key::of`] without a copy.
    pub(super) fn of(machine: &'a Machine, architecture: Architecture) -> Option<Self> {
        let pxe = machine.spec.pxe.as_ref().filter(|pxe| !pxe.image.is_empty())?;
        let secret = pxe.image_pull_secret_ref.as_ref().map(|secret| secret.name.as_str());
        Some(Self { reference: &pxe.image, secret: secret.filter(|name| !name.is_empty()), architecture })
    }
}

impl Named for Key {
    fn name(&self) -> Name<'_> {
        Name { reference: &self.reference, secret: self.secret.as_deref(), architecture: self.architecture }
    }
}

impl Named for Name<'_> {
    fn name(&self) -> Name<'_> {
        *self
    }
}

impl<'a> Borrow<dyn Named + 'a> for Key {
    fn borrow(&self) -> &(dyn Named + 'a) {
        self
    }
}

impl PartialEq for dyn Named + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for dyn Named + '_ {}

impl PartialOrd for dyn Named + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn Named + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(&other.name())
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_name_is_ordered_and_found_like_the_key_that_it_stands_for() {
        let keys: Vec<Key> = ["", "a", "a:1", "b"]
            .into_iter()
            .flat_map(|reference| [None, Some(""), Some("s"), Some("t")].map(|secret| (reference, secret)))
            .flat_map(|(reference, secret)| {
                [Architecture::Amd64, Architecture::Arm64].map(|architecture| Key {
                    reference: reference.to_owned(),
                    secret: secret.map(str::to_owned),
                    architecture,
                })
            })
            .collect();
        let map: BTreeMap<Key, usize> = keys.iter().cloned().zip(0..).collect();
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(map.get(&key.name() as &dyn Named), Some(&n));
            for other in &keys {
                assert_eq!(key.cmp(other), key.name().cmp(&other.name()));
            }
        }
        let absent = Name { reference: "c", secret: None, architecture: Architecture::Amd64 };
        assert_eq!(map.get(&absent as &dyn Named), None);
    }
}
