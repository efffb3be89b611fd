//! One system behind a BMC: its power, its boot override, and what becomes of them as time passes. Pure: time is an argument,
//! counted from the start of the emulator, and what happened comes back as [`Change`]s for whoever plays the hardware.
//!
//! Invariants: nothing happens between [`System::advance`] calls that [`System::due`] did not announce; an override that is
//! `Once` decides at most one boot; a refused request changes nothing.

#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use metalman_core::lifecycle::bmc::{BootOverride, PowerState};

use super::profile::{BootRules, Consumed, Place, Transition};

/// Where firmware boots from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BootSource {
    /// The network, by PXE.
    Pxe,
    /// The network, by UEFI HTTP boot.
    UefiHttp,
    /// The local disk.
    Disk,
    /// Another `BootSourceOverrideTarget`, by its word.
    Other(String),
}

impl BootSource {
    /// Reads a `BootSourceOverrideTarget`; none where it says to override nothing.
    pub fn from_target(target: &str) -> Option<Self> {
        match target {
            "" | "None" => None,
            "Pxe" => Some(Self::Pxe),
            "UefiHttp" => Some(Self::UefiHttp),
            "Hdd" => Some(Self::Disk),
            other => Some(Self::Other(other.to_owned())),
        }
    }
}

/// What a boot tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootPlan {
    /// One after another until one works: the override, if any, before the system's own order.
    pub sources: Vec<BootSource>,
    /// Whether the first is an override.
    pub overridden: bool,
}

/// What happened to the hardware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Firmware starts, and would boot like this if nothing changed any more.
    On {
        /// What it will try.
        plan: BootPlan,
        /// Power was on already: a reset.
        warm: bool,
    },
    /// POST is over: firmware boots.
    Boot(BootPlan),
    /// The operating system was asked to shut down (the power button).
    ShutdownRequested,
    /// Power is off.
    Off,
}

/// How long things take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// From the request to switch on until power is on.
    pub power_on: Duration,
    /// From the request to switch off until power is off.
    pub power_off: Duration,
    /// From power on, or a reset, until firmware boots.
    pub post: Duration,
    /// How long the operating system takes to shut down when asked to; none: whoever plays the hardware says when it has
    /// ([`System::halted`]).
    pub shutdown: Option<Duration>,
}

impl Default for Timings {
    /// Quick, for tests.
    fn default() -> Self {
        let quick = Duration::from_millis(20);
        Self { power_on: quick, power_off: quick, post: quick, shutdown: Some(quick) }
    }
}

/// `ResetType` of DSP0268.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResetType {
    /// Switch on.
    On,
    /// The same.
    ForceOn,
    /// Cut.
    ForceOff,
    /// Ask the operating system to shut down.
    GracefulShutdown,
    /// Ask it to shut down, then start again.
    GracefulRestart,
    /// Reset without asking.
    ForceRestart,
    /// Cut, then switch on.
    PowerCycle,
    /// Press the button.
    PushPowerButton,
    /// Diagnostic interrupt.
    Nmi,
}

impl ResetType {
    /// All.
    pub const ALL: [Self; 9] = [
        Self::On,
        Self::ForceOn,
        Self::ForceOff,
        Self::GracefulShutdown,
        Self::GracefulRestart,
        Self::ForceRestart,
        Self::PowerCycle,
        Self::PushPowerButton,
        Self::Nmi,
    ];

    /// The standard's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "On",
            Self::ForceOn => "ForceOn",
            Self::ForceOff => "ForceOff",
            Self::GracefulShutdown => "GracefulShutdown",
            Self::GracefulRestart => "GracefulRestart",
            Self::ForceRestart => "ForceRestart",
            Self::PowerCycle => "PowerCycle",
            Self::PushPowerButton => "PushPowerButton",
            Self::Nmi => "Nmi",
        }
    }

    /// Reads it.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

impl fmt::Display for ResetType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a reset did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoReset {
    /// It is so already.
    Already,
    /// It makes no sense in this state, such as a restart of a system that is off, or while power changes.
    NotNow,
}

/// What the power is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    Off,
    PoweringOn { until: Duration },
    On { post_until: Option<Duration>, halts_at: Option<(Duration, bool)> },
    PoweringOff { until: Duration, then_on: bool },
}

/// A system: see the module.
#[derive(Debug, Clone)]
pub struct System {
    rules: BootRules,
    timings: Timings,
    order: Vec<BootSource>,
    power: Power,
    /// What `PowerState` was before it last changed, and when that was: a BMC may show it for a while longer.
    before: (PowerState, Duration),
    boot: BootOverride,
    /// The same as the last boot left it, or as it was set where that takes effect at once.
    taken_over: BootOverride,
    set_at: Duration,
    /// What the running POST began with.
    plan: Option<BootPlan>,
    /// Whether [`Change::On`] was the last that was told: power that is cut before it was there is no change.
    told_on: bool,
}

impl System {
    /// One that is off, with nothing overridden.
    pub fn new(rules: BootRules, timings: Timings, order: Vec<BootSource>) -> Self {
        let boot = BootOverride {
            enabled: "Disabled".to_owned(),
            target: "None".to_owned(),
            mode: rules.mode.is_shown().then(|| "UEFI".to_owned()),
        };
        let before = (PowerState::Off, Duration::ZERO);
        let taken_over = boot.clone();
        let (power, set_at, plan) = (Power::Off, Duration::ZERO, None);
        Self { rules, timings, order, power, before, boot, taken_over, set_at, plan, told_on: false }
    }

    /// When [`Self::advance`] has something to do.
    pub fn due(&self) -> Option<Duration> {
        match self.power {
            Power::Off => None,
            Power::PoweringOn { until } | Power::PoweringOff { until, .. } => Some(until),
            Power::On { post_until, halts_at } => [post_until, halts_at.map(|(at, _)| at)].into_iter().flatten().min(),
        }
    }

    /// Lets time pass until `now`.
    pub fn advance(&mut self, now: Duration) -> Vec<Change> {
        let mut changes = Vec::new();
        self.expire(now);
        while let Some(at) = self.due().filter(|at| *at <= now) {
            self.step(at, &mut changes);
        }
        changes
    }

    fn step(&mut self, at: Duration, changes: &mut Vec<Change>) {
        match self.power {
            Power::PoweringOn { .. } => self.begin_boot(at, false, changes),
            Power::PoweringOff { then_on, .. } => {
                self.become_off(at, changes);
                if then_on {
                    self.enter(at, Power::PoweringOn { until: at + self.timings.power_on });
                }
            }
            Power::On { post_until: Some(until), halts_at } if until <= at => {
                self.power = Power::On { post_until: None, halts_at };
                self.end_post(changes);
            }
            Power::On { halts_at: Some((_, restart)), .. } => {
                if restart {
                    self.begin_boot(at, true, changes);
                } else {
                    self.become_off(at, changes);
                }
            }
            Power::Off | Power::On { .. } => {}
        }
    }

    fn enter(&mut self, at: Duration, power: Power) {
        let shown = self.actual();
        self.power = power;
        if self.actual() != shown {
            self.before = (shown, at);
        }
    }

    fn become_off(&mut self, at: Duration, changes: &mut Vec<Change>) {
        self.enter(at, Power::Off);
        self.plan = None;
        if std::mem::take(&mut self.told_on) {
            changes.push(Change::Off);
        }
    }

    fn begin_boot(&mut self, at: Duration, warm: bool, changes: &mut Vec<Change>) {
        self.expire(at);
        let plan = self.plan();
        if self.rules.consumed == Consumed::AtStart {
            self.consume();
        }
        self.enter(at, Power::On { post_until: Some(at + self.timings.post), halts_at: None });
        self.plan = Some(plan.clone());
        self.told_on = true;
        changes.push(Change::On { plan, warm });
    }

    fn end_post(&mut self, changes: &mut Vec<Change>) {
        let begun = self.plan.take();
        let plan = match self.rules.consumed {
            Consumed::AtStart => begun.unwrap_or_else(|| self.plan()),
            // Firmware reads it at the end: what was set meanwhile counts.
            Consumed::AtEndOfPost | Consumed::Never => self.plan(),
        };
        if self.rules.consumed == Consumed::AtEndOfPost {
            self.consume();
        }
        self.taken_over = self.boot.clone();
        changes.push(Change::Boot(plan));
    }

    fn plan(&self) -> BootPlan {
        let first = self.boot.is_active().then(|| BootSource::from_target(&self.boot.target)).flatten();
        let overridden = first.is_some();
        let rest = self.order.iter().filter(|source| Some(*source) != first.as_ref()).cloned();
        let sources = first.clone().into_iter().chain(rest).collect();
        BootPlan { sources, overridden }
    }

    /// `Once` is used up by a boot; `Continuous` stays (DSP0268, `BootSourceOverrideEnabled`).
    fn consume(&mut self) {
        if self.boot.enabled == "Once" {
            self.forget_override();
        }
    }

    fn expire(&mut self, now: Duration) {
        let set = self.boot.enabled == "Once";
        if self.rules.expires.is_some_and(|life| set && now.saturating_sub(self.set_at) >= life) {
            self.forget_override();
        }
    }

    /// Loses the override, as a boot that used it does.
    pub fn forget_override(&mut self) {
        "Disabled".clone_into(&mut self.boot.enabled);
        if !self.rules.keeps_target {
            "None".clone_into(&mut self.boot.target);
        }
        self.taken_over = self.boot.clone();
    }

    /// Carries out a reset. What time brought until now comes back also when it is refused.
    pub fn reset(&mut self, reset: ResetType, now: Duration) -> (Vec<Change>, Result<(), NoReset>) {
        let mut changes = self.advance(now);
        let outcome = self.apply(reset, now, &mut changes);
        changes.extend(self.advance(now));
        (changes, outcome)
    }

    fn apply(&mut self, reset: ResetType, now: Duration, changes: &mut Vec<Change>) -> Result<(), NoReset> {
        match (reset, self.power) {
            (ResetType::On | ResetType::ForceOn | ResetType::PushPowerButton, Power::Off) => {
                self.enter(now, Power::PoweringOn { until: now + self.timings.power_on });
            }
            (ResetType::On | ResetType::ForceOn, Power::On { .. } | Power::PoweringOn { .. })
            | (ResetType::ForceOff | ResetType::GracefulShutdown, Power::Off | Power::PoweringOff { .. }) => {
                return Err(NoReset::Already);
            }
            (ResetType::ForceOff | ResetType::PowerCycle, Power::On { .. } | Power::PoweringOn { .. }) => {
                let then_on = reset == ResetType::PowerCycle;
                self.enter(now, Power::PoweringOff { until: now + self.timings.power_off, then_on });
            }
            (
                ResetType::GracefulShutdown | ResetType::GracefulRestart | ResetType::PushPowerButton,
                Power::On { .. },
            ) => {
                self.ask_to_halt(now, reset == ResetType::GracefulRestart);
                changes.push(Change::ShutdownRequested);
            }
            (ResetType::ForceRestart, Power::On { .. }) => self.begin_boot(now, true, changes),
            (ResetType::Nmi, Power::On { .. }) => {}
            _ => return Err(NoReset::NotNow),
        }
        Ok(())
    }

    /// An operating system that still boots hears nothing.
    fn ask_to_halt(&mut self, now: Duration, restart: bool) {
        let Power::On { post_until, halts_at } = self.power else { return };
        let obeys = self.timings.shutdown.filter(|_| post_until.is_none()).map(|takes| (now + takes, restart));
        self.power = Power::On { post_until, halts_at: obeys.or(halts_at) };
    }

    /// The operating system switched itself off.
    pub fn halted(&mut self, now: Duration) -> Vec<Change> {
        let mut changes = self.advance(now);
        if matches!(self.power, Power::On { .. }) {
            self.become_off(now, &mut changes);
        }
        changes
    }

    /// The operating system restarted.
    pub fn rebooted(&mut self, now: Duration) -> Vec<Change> {
        let mut changes = self.advance(now);
        if matches!(self.power, Power::On { .. }) {
            self.begin_boot(now, true, &mut changes);
            changes.extend(self.advance(now));
        }
        changes
    }

    /// Mains failed and came back: off, whatever it was, and an override may be gone.
    pub fn mains_lost(&mut self, now: Duration) -> Vec<Change> {
        let mut changes = self.advance(now);
        if !matches!(self.power, Power::Off) {
            self.become_off(now, &mut changes);
        }
        if self.rules.lost_with_mains {
            self.forget_override();
        }
        changes
    }

    /// The power as it is.
    pub fn actual(&self) -> PowerState {
        match self.power {
            Power::Off => PowerState::Off,
            Power::PoweringOn { .. } => PowerState::PoweringOn,
            Power::On { .. } => PowerState::On,
            Power::PoweringOff { .. } => PowerState::PoweringOff,
        }
    }

    /// The power as a BMC shows it that words transitions so and learns of changes so late. None: it says null.
    pub fn shown(&self, transition: Transition, lag: Duration, now: Duration) -> Option<PowerState> {
        let (before, at) = &self.before;
        let state = if now < *at + lag { before.clone() } else { self.actual() };
        match (transition, state) {
            (Transition::Worded, state) | (_, state @ (PowerState::On | PowerState::Off)) => Some(state),
            (Transition::Null, _) => None,
            (Transition::Finished, PowerState::PoweringOn) => Some(PowerState::Off),
            (Transition::Finished, _) => Some(PowerState::On),
        }
    }

    /// Whether firmware is between power on and boot.
    pub fn in_post(&self) -> bool {
        matches!(self.power, Power::On { post_until: Some(_), .. })
    }

    /// The boot override as it is.
    pub fn boot_override(&self) -> &BootOverride {
        &self.boot
    }

    /// The boot override as the system shows it: where settings wait for a boot to take them over, that is the one before.
    pub fn shown_override(&self) -> &BootOverride {
        if matches!(self.rules.place, Place::Settings(..)) { &self.taken_over } else { &self.boot }
    }

    /// For how long power has been off, where it was ever on.
    pub fn off_for(&self, now: Duration) -> Option<Duration> {
        let (before, at) = &self.before;
        (self.power == Power::Off && *before != PowerState::Off).then(|| now.saturating_sub(*at))
    }

    /// Replaces it. Whether that is allowed was decided before.
    pub fn set_override(&mut self, boot: BootOverride, now: Duration) {
        self.boot = boot;
        self.set_at = now;
    }
}
