//! The timeline of a boot (`status.boot`): which steps there are, and how they are written down.
//!
//! Invariants: each step stands there once, in the order in which they were seen first; a step that is seen again keeps its
//! place; the timeline is bounded by the number of steps there are.

use crate::api::status::{BootStatus, BootStep, MachineStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::fmt;

/// A step from "asked for" to Ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// A counter was raised.
    Asked,
    /// The Node is being drained.
    Draining,
    /// The operating system was asked to shut down.
    ShuttingDown,
    /// Power is being cut.
    PoweringOff,
    /// The BMC shows that the power is off.
    PowerOff,
    /// The next boot was told to come from the network.
    BootOverride,
    /// Power is coming back.
    PoweringOn,
    /// The BMC shows that the power is on.
    PowerOn,
    /// Firmware asked for an address.
    Dhcp,
    /// A bootloader was fetched.
    Bootloader,
    /// A kernel was fetched.
    Kernel,
    /// The installer runs.
    InstallerStarted,
    /// The disk image is being written; the message says how much of it.
    ImageWriting,
    /// The installer is done (`/pxe/disable`).
    Installed,
    /// The machine started from its disk.
    Rebooted,
    /// It attested.
    Attested,
    /// cloud-init runs; the message says which stage.
    CloudInit,
    /// Its Node exists.
    Joined,
    /// Its Node is Ready.
    Ready,
}

impl Step {
    /// Every step, in the order of a boot.
    pub const ALL: [Step; 19] = [
        Step::Asked,
        Step::Draining,
        Step::ShuttingDown,
        Step::PoweringOff,
        Step::PowerOff,
        Step::BootOverride,
        Step::PoweringOn,
        Step::PowerOn,
        Step::Dhcp,
        Step::Bootloader,
        Step::Kernel,
        Step::InstallerStarted,
        Step::ImageWriting,
        Step::Installed,
        Step::Rebooted,
        Step::Attested,
        Step::CloudInit,
        Step::Joined,
        Step::Ready,
    ];

    /// The word in `status.boot.steps[].name`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "Asked",
            Self::Draining => "Draining",
            Self::ShuttingDown => "ShuttingDown",
            Self::PoweringOff => "PoweringOff",
            Self::PowerOff => "PowerOff",
            Self::BootOverride => "BootOverride",
            Self::PoweringOn => "PoweringOn",
            Self::PowerOn => "PowerOn",
            Self::Dhcp => "DHCP",
            Self::Bootloader => "Bootloader",
            Self::Kernel => "Kernel",
            Self::InstallerStarted => "InstallerStarted",
            Self::ImageWriting => "ImageWriting",
            Self::Installed => "Installed",
            Self::Rebooted => "Rebooted",
            Self::Attested => "Attested",
            Self::CloudInit => "CloudInit",
            Self::Joined => "Joined",
            Self::Ready => "Ready",
        }
    }

    /// The step of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == word)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The entry of a step, when it was seen in this boot.
pub fn find(status: &MachineStatus, step: Step) -> Option<&BootStep> {
    status.boot.as_ref()?.steps.iter().find(|seen| seen.name == step.as_str())
}

/// When a step was seen in this boot.
pub fn time(status: &MachineStatus, step: Step) -> Option<Timestamp> {
    find(status, step)?.time.as_ref().map(|time| time.0)
}

/// The step seen last in this boot that this version knows.
pub fn latest(status: &MachineStatus) -> Option<(Step, &BootStep)> {
    let steps = &status.boot.as_ref()?.steps;
    steps.iter().rev().find_map(|seen| Some((Step::parse(&seen.name)?, seen)))
}

/// Begins a new timeline with that step.
pub fn begin(status: &mut MachineStatus, step: Step, message: Option<String>, now: Timestamp) {
    status.boot = Some(BootStatus::default());
    record(status, step, message, now);
}

/// Writes down a step. One that is there already takes the new message and, if that differs, the new time.
pub fn record(status: &mut MachineStatus, step: Step, message: Option<String>, now: Timestamp) {
    if find(status, step).is_none_or(|seen| seen.message != message) {
        renew(status, step, message, now);
    }
}

/// Writes down a step with a new time, also when it says the same. Says whether anything changed.
pub fn renew(status: &mut MachineStatus, step: Step, message: Option<String>, now: Timestamp) -> bool {
    let steps = &mut status.boot.get_or_insert_default().steps;
    let seen = BootStep { name: step.as_str().to_owned(), time: Some(Time(whole_seconds(now))), message };
    match steps.iter_mut().find(|known| known.name == seen.name) {
        Some(known) if *known == seen => return false,
        Some(known) => *known = seen,
        None => steps.push(seen),
    }
    true
}

/// Writes down, before the first of the later steps, a step that is only known of by one of those.
pub fn insert(status: &mut MachineStatus, step: Step, message: Option<String>, time: Timestamp) {
    let steps = &mut status.boot.get_or_insert_default().steps;
    steps.retain(|seen| seen.name != step.as_str());
    let place = steps.iter().position(|seen| Step::parse(&seen.name).is_some_and(|seen| seen > step));
    let seen = BootStep { name: step.as_str().to_owned(), time: Some(Time(whole_seconds(time))), message };
    steps.insert(place.unwrap_or(steps.len()), seen);
}

/// Forgets that step and those that come after it in a boot.
pub fn forget_from(status: &mut MachineStatus, step: Step) {
    if let Some(boot) = &mut status.boot {
        boot.steps.retain(|seen| Step::parse(&seen.name).is_none_or(|seen| seen < step));
    }
}

/// The step seen in this boot that is the furthest in the order of a boot.
pub fn furthest(status: &MachineStatus) -> Option<Step> {
    status.boot.as_ref()?.steps.iter().filter_map(|seen| Step::parse(&seen.name)).max()
}

/// Kubernetes stores times in whole seconds; cutting here keeps what was written equal to what is read back.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests;
