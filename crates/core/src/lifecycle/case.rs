//! One decision while it is being made: the Machine, the circumstances, and what was decided so far.

use super::bmc::{Bmc, PowerState, System};
use super::decision::{Carried, Circumstances, Decision, Effect, Severity, Told};
use super::timeline::{self, Step};
use crate::api::conditions::{self, BMC_REACHABLE, Condition, ConditionStatus, Observation};
use crate::api::spec::{Counters, OperationsSpec};
use crate::api::status::OperationsStatus;
use crate::api::{Machine, MachineStatus};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// A decision in the making.
pub(super) struct Case<'a> {
    pub(super) machine: &'a Machine,
    pub(super) given: &'a Circumstances<'a>,
    pub(super) asked: OperationsSpec,
    pub(super) status: MachineStatus,
    pub(super) told: Vec<Told>,
    effect: Option<Effect>,
    again: Option<Duration>,
    look: bool,
    why: String,
}

/// Which operations something holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operations {
    pub(super) reboot: bool,
    pub(super) repave: bool,
}

impl Operations {
    pub(super) fn any(self) -> bool {
        self.reboot || self.repave
    }

    /// `repave` or `reboot`: the larger of both.
    pub(super) fn word(self) -> &'static str {
        if self.repave { "repave" } else { "reboot" }
    }
}

impl<'a> Case<'a> {
    pub(super) fn new(machine: &'a Machine, given: &'a Circumstances<'a>) -> Self {
        Self {
            machine,
            given,
            asked: machine.operations(),
            status: machine.status.clone().unwrap_or_default(),
            told: Vec::new(),
            effect: None,
            again: None,
            look: false,
            why: String::new(),
        }
    }

    pub(super) fn into_decision(self) -> Decision {
        let Self { status, effect, again, look, why, told, .. } = self;
        Decision { status, effect, again, look, why, told }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.given.now
    }

    /// Whether metalman handles this Machine's power.
    pub(super) fn is_managed(&self) -> bool {
        self.machine.provider().is_none() && self.machine.spec.pxe.as_ref().is_some_and(|pxe| pxe.redfish.is_some())
    }

    /// The operations asked for and not done. What another controller performs is none of ours.
    pub(super) fn wanted(&self) -> Operations {
        self.above(self.asked.counters())
    }

    /// The operations that attempts were begun for, and that are not done.
    pub(super) fn begun(&self) -> Operations {
        self.above(self.attempted())
    }

    fn above(&self, counters: Counters) -> Operations {
        let done = self.status.counters();
        let reboot = counters.reboot > done.reboot && self.machine.provider().is_none();
        Operations { reboot, repave: counters.repave > done.repave }
    }

    /// The counters that the attempts are made for.
    pub(super) fn attempted(&self) -> Counters {
        self.status.operations.as_ref().map_or_else(Counters::default, |operations| {
            Counters::new(operations.attempted_reboot_counter, operations.attempted_repave_counter)
        })
    }

    pub(super) fn operations(&mut self) -> &mut OperationsStatus {
        self.status.operations.get_or_insert_default()
    }

    pub(super) fn failure(&self) -> Option<&str> {
        self.status.operations.as_ref()?.failure.as_deref()
    }

    pub(super) fn attempts(&self) -> u32 {
        let attempts = self.status.operations.as_ref().and_then(|operations| operations.attempts).unwrap_or(0);
        u32::try_from(attempts).unwrap_or(u32::MAX)
    }

    /// What the BMC shows, when it answers.
    pub(super) fn system(&self) -> Option<&'a System> {
        match self.given.bmc {
            Bmc::Observed(system) if self.is_managed() => Some(system),
            _ => None,
        }
    }

    /// Whether the BMC shows that power state; unchanged for so long that it is believed.
    pub(super) fn shows_settled(&self, power: &PowerState) -> bool {
        self.system().is_some_and(|system| system.power.as_ref() == Some(power) && self.is_settled(system))
    }

    pub(super) fn is_settled(&self, system: &System) -> bool {
        self.passed(system.steady_since) >= self.given.policy.settled
    }

    /// Whether the BMC was looked at since then. Times in status are whole seconds, and may be another replica's.
    pub(super) fn seen_since(&self, then: Timestamp) -> bool {
        then > self.now() || self.system().is_some_and(|system| system.at >= then)
    }

    /// The effect's last outcome, when it was carried out since then.
    pub(super) fn carried_since(&self, effect: &Effect, then: Timestamp) -> Option<&'a Carried> {
        self.given.last.filter(|last| last.effect == *effect && (last.at >= then || then > self.now()))
    }

    /// How long ago that was; nothing for what a faster clock wrote.
    pub(super) fn passed(&self, since: Timestamp) -> Duration {
        Duration::try_from(self.now().duration_since(since)).unwrap_or_default()
    }

    /// When that step was seen in this boot.
    pub(super) fn time(&self, step: Step) -> Option<Timestamp> {
        timeline::time(&self.status, step)
    }

    pub(super) fn record(&mut self, step: Step, message: Option<String>) {
        let now = self.now();
        timeline::record(&mut self.status, step, message, now);
    }

    /// A step's time; a step that was lost is recorded anew: its wait begins again.
    pub(super) fn time_or_now(&mut self, step: Step) -> Timestamp {
        self.time(step).unwrap_or_else(|| {
            self.record(step, None);
            self.now()
        })
    }

    /// From when on a wait for the BMC counts: time in which it could not be asked is not held against it.
    pub(super) fn answering_since(&self, start: Timestamp) -> Timestamp {
        let reachable = self
            .status
            .condition(BMC_REACHABLE)
            .filter(|condition| condition.status == ConditionStatus::True)
            .and_then(transition);
        reachable.map_or(start, |reachable| reachable.max(start))
    }

    pub(super) fn set(
        &mut self,
        type_: &'static str,
        status: ConditionStatus,
        reason: &'static str,
        message: impl Into<String>,
    ) {
        let (generation, now) = (self.machine.metadata.generation, self.given.now);
        self.status.set_condition(&Observation::new(type_, status, reason, message), generation, now);
    }

    pub(super) fn tell(&mut self, severity: Severity, reason: &'static str, message: impl Into<String>) {
        self.told.push(Told { severity, reason, message: message.into() });
    }

    /// Decides again after that time at the latest.
    pub(super) fn wake(&mut self, after: Duration) {
        self.again = Some(self.again.map_or(after, |again| again.min(after)));
    }

    /// Looks at the BMC after that time, and decides again.
    pub(super) fn look(&mut self, after: Duration) {
        self.look = self.is_managed();
        self.wake(after);
    }

    pub(super) fn act(&mut self, effect: Effect, why: impl Into<String>) {
        self.effect = Some(effect);
        self.why = why.into();
    }

    pub(super) fn why(&mut self, why: impl Into<String>) {
        self.why = why.into();
    }

    pub(super) fn acts(&self) -> bool {
        self.effect.is_some()
    }
}

/// When the condition's status changed last.
pub(super) fn transition(condition: &Condition) -> Option<Timestamp> {
    condition.last_transition_time.as_ref().map(|time| time.0)
}

/// Whether the condition is there with that reason.
pub(super) fn has_reason(status: &MachineStatus, type_: &str, reason: &str) -> bool {
    conditions::find(&status.conditions, type_).is_some_and(|condition| condition.reason == reason)
}

/// What is left of a wait.
pub(super) fn left(wait: Duration, passed: Duration) -> Duration {
    wait.saturating_sub(passed)
}

/// A duration for people, such as `2m 30s`.
pub(super) fn spoken(duration: Duration) -> String {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    format!("{:#}", SignedDuration::from_secs(seconds))
}
