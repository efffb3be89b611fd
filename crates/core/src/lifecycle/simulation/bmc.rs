//! A BMC that refuses, loses, ignores, forgets, lies for a while, and is away for a while.

use super::{Faults, Occasion};
use crate::lifecycle::bmc::{Bmc, BootOverride, PowerAction, PowerState, System, Unreachable};
use crate::lifecycle::decision::{Effect, Outcome};
use jiff::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own about a simulated thing")]
pub(super) struct SimulatedBmc {
    pub(super) on: bool,
    /// When and to what power changes.
    pub(super) changes: Option<(i64, bool)>,
    /// The target, and whether a person set it.
    pub(super) boot_override: Option<(String, bool)>,
    pub(super) supports_override: bool,
    pub(super) answers_graceful: bool,
    /// How long a change of power takes to show, a lie lasts, an absence lasts.
    pub(super) lasting: (i64, i64, i64),
    /// Whether an override of a person's was cleared.
    pub(super) wronged: bool,
    pub(super) lies_until: i64,
    pub(super) lie: Option<&'static str>,
    pub(super) told_truth: bool,
    pub(super) away_until: i64,
    pub(super) now: i64,
}

impl Default for SimulatedBmc {
    fn default() -> Self {
        Self {
            on: true,
            changes: None,
            boot_override: None,
            supports_override: true,
            answers_graceful: true,
            lasting: (3, 4, 400),
            wronged: false,
            lies_until: 0,
            lie: None,
            told_truth: false,
            away_until: 0,
            now: 0,
        }
    }
}

impl SimulatedBmc {
    pub(super) fn pass(&mut self, now: i64) {
        self.now = now;
        if let Some((when, on)) = self.changes
            && now >= when
        {
            self.on = on;
            self.changes = None;
        }
    }

    pub(super) fn observe(&mut self, faults: &mut Faults, now: Timestamp) -> Bmc {
        match faults.draw(Occasion::Look) {
            Some(0) => self.away_until = self.now + self.lasting.2,
            Some(1) => self.lie(None),
            Some(2) => self.lie(Some("PoweringOn")),
            Some(3) => self.lie(Some("Paused")),
            Some(4) => self.lie(Some(if self.on { "Off" } else { "On" })),
            // Forgets what it was told about the next boot.
            Some(_) if self.boot_override.as_ref().is_some_and(|(_, persons)| !persons) => self.boot_override = None,
            _ => {}
        }
        self.told_truth |= self.now >= self.away_until && self.now >= self.lies_until;
        self.show(now)
    }

    /// A lie lasts less long than a state must to be believed, and the truth is told between two of them: what is not told
    /// apart from the truth in any way cannot be decided upon.
    fn lie(&mut self, lie: Option<&'static str>) {
        if self.told_truth {
            (self.lies_until, self.lie, self.told_truth) = (self.now + self.lasting.1, lie, false);
        }
    }

    pub(super) fn show(&self, now: Timestamp) -> Bmc {
        if self.now < self.away_until {
            return Bmc::Unreachable(Unreachable { reason: "TCPError", message: "connection refused".into() });
        }
        let truth = Some(if self.on { PowerState::On } else { PowerState::Off });
        let power = if self.now < self.lies_until { self.lie.map(PowerState::parse) } else { truth };
        let shown = self.boot_override.as_ref().map_or_else(BootOverride::default, |(target, _)| BootOverride {
            enabled: "Once".into(),
            target: target.clone(),
            mode: None,
        });
        Bmc::Observed(System {
            power,
            steady_since: now,
            boot_override: Some(shown),
            targets: None,
            certificate: Some("aa:bb".into()),
            at: now,
        })
    }

    pub(super) fn serve(&mut self, effect: &Effect, fault: Option<u8>, now: i64) -> Outcome {
        if now < self.away_until {
            return Outcome::Lost { message: "connection refused".into() };
        }
        match fault {
            Some(2) => return Outcome::Refused { message: "busy with POST".into() },
            Some(3) => return Outcome::Lost { message: "no answer".into() },
            // Accepted, and ignored; of a boot override that is noticed on reading back.
            Some(4) if matches!(effect, Effect::Power(_)) => return Outcome::Done,
            Some(4) => return Outcome::Refused { message: "reads back otherwise".into() },
            _ => {}
        }
        if !self.obey(effect, now) {
            return Outcome::Refused { message: "not supported".into() };
        }
        if fault == Some(5) { Outcome::Lost { message: "no answer".into() } } else { Outcome::Done }
    }

    fn obey(&mut self, effect: &Effect, now: i64) -> bool {
        match effect {
            Effect::Power(PowerAction::On) => self.changes = Some((now + self.lasting.0, true)),
            Effect::Power(PowerAction::ForceOff) => self.changes = Some((now + self.lasting.0, false)),
            Effect::Power(PowerAction::GracefulShutdown) if self.answers_graceful => {
                self.changes = Some((now + 20, false));
            }
            Effect::SetBootOverride(target) if self.supports_override => {
                self.boot_override = Some((target.as_str().to_owned(), false));
            }
            Effect::ClearBootOverride => {
                self.wronged |= self.boot_override.take().is_some_and(|(_, persons)| persons);
            }
            Effect::SetBootOverride(_) => return false,
            _ => {}
        }
        true
    }
}
