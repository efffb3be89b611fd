//! The boot override of a system, as it is read, and the ways to write it (`ComputerSystem.Boot` of DSP0268).
//!
//! Services differ in what they take:
//!
//! - HPE's iLO refuses `BootSourceOverrideMode` as not writable, Supermicro's falls back to its own default where it is not sent:
//!   it is sent where the system shows it, and left out after a refusal.
//! - `Once` is missing here and there; `Continuous` does, as it is taken back after the installation.
//! - iDRAC 10 and AMI's MegaRAC take it at the Settings object only, iDRAC 9 refuses it exactly there: the resource itself is
//!   tried first.

use metalman_core::lifecycle::bmc::{BootOverride, BootTarget};
use serde_json::{Map, Value, json};

use super::{discovery::link, messages::Messages, reset::words};

/// What a resource says about its boot override.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// None where it has no such properties.
    pub(super) set: Option<BootOverride>,
    pub(super) targets: Option<Vec<String>>,
    enabled: Option<Vec<String>>,
    /// The mode can be asked to be UEFI.
    uefi: bool,
}

impl Shown {
    pub(super) fn of(resource: &Value) -> Self {
        let Some(boot) = resource.get("Boot").and_then(Value::as_object) else { return Self::default() };
        let allowed = |name: &str| words(boot.get(&format!("{name}@Redfish.AllowableValues")));
        let text = |name: &str| boot.get(name).and_then(Value::as_str).map(str::to_owned);
        let has = |name: &str| boot.contains_key(name);
        let modes = allowed("BootSourceOverrideMode");
        let set = (has("BootSourceOverrideEnabled") || has("BootSourceOverrideTarget")).then(|| BootOverride {
            enabled: text("BootSourceOverrideEnabled").unwrap_or_else(|| "Disabled".into()),
            target: text("BootSourceOverrideTarget").unwrap_or_else(|| "None".into()),
            mode: text("BootSourceOverrideMode"),
        });
        Self {
            set,
            targets: allowed("BootSourceOverrideTarget"),
            enabled: allowed("BootSourceOverrideEnabled"),
            uefi: has("BootSourceOverrideMode") && modes.is_none_or(|modes| modes.iter().any(|mode| mode == "UEFI")),
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.set.as_ref().is_some_and(BootOverride::is_active)
    }

    /// The ways to set that target, the best first.
    pub(super) fn ways_to_set(&self, target: BootTarget) -> Vec<Way> {
        let allowed = |word: &&&str| self.enabled.as_ref().is_none_or(|allowed| allowed.iter().any(|w| w == **word));
        let enabled: Vec<&str> = ["Once", "Continuous"].iter().filter(allowed).copied().collect();
        let modes: &[Option<&str>] = if self.uefi { &[Some("UEFI"), None] } else { &[None] };
        let target = Some(target.as_str());
        let with = |enabled| modes.iter().map(move |mode| Way { enabled: Some(enabled), target, mode: *mode });
        enabled.into_iter().flat_map(with).collect()
    }

    /// The ways to take any override back, the best first.
    pub(super) fn ways_to_clear() -> Vec<Way> {
        vec![
            Way { enabled: Some("Disabled"), target: Some("None"), mode: None },
            Way { enabled: Some("Disabled"), target: None, mode: None },
            Way { enabled: None, target: Some("None"), mode: None },
        ]
    }
}

/// For people.
pub(super) fn describe(shown: Option<&BootOverride>) -> String {
    match shown {
        None => "no boot override".into(),
        Some(shown) => format!("boot override {} {}", shown.enabled, shown.target),
    }
}

/// The Settings object of a resource (DSP0266, "Settings resource").
pub(super) fn settings(resource: &Value) -> Option<&str> {
    link(resource.pointer("/@Redfish.Settings/SettingsObject"))
}

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    enabled: Option<&'static str>,
    target: Option<&'static str>,
    mode: Option<&'static str>,
}

const ENABLED: &str = "BootSourceOverrideEnabled";
const TARGET: &str = "BootSourceOverrideTarget";
const MODE: &str = "BootSourceOverrideMode";

impl Way {
    pub(super) fn body(self) -> Value {
        let mut boot = Map::new();
        for (name, value) in [(ENABLED, self.enabled), (TARGET, self.target), (MODE, self.mode)] {
            if let Some(value) = value {
                boot.insert(name.into(), value.into());
            }
        }
        json!({ "Boot": boot })
    }

    /// Strikes from the ways that are left those that are refused for the same reason as this one.
    pub(super) fn refused(self, messages: &Messages<'_>, left: &mut Vec<Self>) {
        let [enabled, target, mode] = [ENABLED, TARGET, MODE].map(|name| messages.mention(name));
        if target && !enabled && !mode {
            left.retain(|way| way.target != self.target);
        } else if mode || enabled {
            left.retain(|way| !(mode && way.mode.is_some() || enabled && !mode && way.enabled == self.enabled));
        }
    }
}

#[cfg(test)]
mod tests;
