//! What a BMC shows of one system, in the terms of Redfish (DMTF DSP0266 and the `ComputerSystem` schema), and what it can
//! be asked for.

use jiff::Timestamp;
use std::fmt;

/// What is known of the Machine's BMC right now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Bmc {
    /// The Machine has none (`spec.pxe.redfish`), or another controller handles its power.
    #[default]
    None,
    /// It was not asked yet.
    Unknown,
    /// It could not be asked.
    Unreachable(Unreachable),
    /// It answered.
    Observed(System),
}

/// Why a BMC could not be asked, or what it answered instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// The reason of condition `BMCReachable`: one of [`crate::api::conditions::reason`]'s constants.
    pub reason: &'static str,
    /// For people: what was tried, what came back, what to do. Holds no secret.
    pub message: String,
}

/// One system behind a BMC, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// `PowerState`; none where the BMC says null.
    pub power: Option<PowerState>,
    /// Since when every look showed that same power state.
    pub steady_since: Timestamp,
    /// `Boot.BootSourceOverride…`; none where the system has no such properties.
    pub boot_override: Option<BootOverride>,
    /// The values allowed for `BootSourceOverrideTarget`, where the BMC lists them.
    pub targets: Option<Vec<String>>,
    /// Lowercase hex SHA-256 fingerprint, `aa:bb:…`, of the certificate that the BMC showed; none over plain HTTP.
    pub certificate: Option<String>,
    /// When it was read.
    pub at: Timestamp,
}

/// `Resource.PowerState` of DSP0268.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PowerState {
    /// Powered on.
    On,
    /// Powered off.
    Off,
    /// Between off and on.
    PoweringOn,
    /// Between on and off.
    PoweringOff,
    /// Paused.
    Paused,
    /// A word that the standard does not have.
    Other(String),
}

impl PowerState {
    /// Reads the BMC's word.
    pub fn parse(word: &str) -> Self {
        match word {
            "On" => Self::On,
            "Off" => Self::Off,
            "PoweringOn" => Self::PoweringOn,
            "PoweringOff" => Self::PoweringOff,
            "Paused" => Self::Paused,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The BMC's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::On => "On",
            Self::Off => "Off",
            Self::PoweringOn => "PoweringOn",
            Self::PoweringOff => "PoweringOff",
            Self::Paused => "Paused",
            Self::Other(other) => other,
        }
    }
}

impl fmt::Display for PowerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the next boot is overridden with, as the BMC shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootOverride {
    /// `BootSourceOverrideEnabled`: `Disabled`, `Once` or `Continuous`.
    pub enabled: String,
    /// `BootSourceOverrideTarget`: `None`, `Pxe`, `UefiHttp`, `Hdd`, …
    pub target: String,
    /// `BootSourceOverrideMode`, where there is one: `UEFI` or `Legacy`.
    pub mode: Option<String>,
}

impl BootOverride {
    /// Whether the next boot is overridden at all.
    pub fn is_active(&self) -> bool {
        matches!(self.enabled.as_str(), "Once" | "Continuous") && !matches!(self.target.as_str(), "" | "None")
    }
}

/// A network boot source to override with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BootTarget {
    /// `Pxe`.
    Pxe,
    /// `UefiHttp`.
    UefiHttp,
}

impl BootTarget {
    /// The value of `BootSourceOverrideTarget`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pxe => "Pxe",
            Self::UefiHttp => "UefiHttp",
        }
    }
}

impl fmt::Display for BootTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What to do to the power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PowerAction {
    /// Switch on.
    On,
    /// Ask the operating system to shut down.
    GracefulShutdown,
    /// Cut.
    ForceOff,
}

impl PowerAction {
    /// The `ResetType` of DSP0268 that says so.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "On",
            Self::GracefulShutdown => "GracefulShutdown",
            Self::ForceOff => "ForceOff",
        }
    }
}

impl fmt::Display for PowerAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
