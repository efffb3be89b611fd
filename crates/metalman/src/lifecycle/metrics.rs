//! What is counted here.

use std::time::Duration;

use metalman_core::{
    api::Machine,
    lifecycle::{Effect, Outcome, bmc::PowerAction},
};
use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

type Words = [(&'static str, &'static str); 2];
type Word = [(&'static str, &'static str); 1];

/// The counters of the lifecycle. Clones share them.
#[derive(Debug, Clone)]
pub struct LifecycleMetrics {
    pending: Family<Word, Gauge>,
    steps: Family<Word, Counter>,
    effects: Family<Words, Counter>,
    looks: Family<Word, Counter>,
    look_duration: Histogram,
    lag: Histogram,
    running: Gauge,
}

/// Machines by the operation that is pending.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    none: usize,
    reboot: usize,
    repave: usize,
}

impl Pending {
    /// Counts a Machine.
    pub fn count(&mut self, machine: &Machine) {
        *if machine.repave_wanted() {
            &mut self.repave
        } else if machine.reboot_wanted() {
            &mut self.reboot
        } else {
            &mut self.none
        } += 1;
    }
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stepped {
    /// Nothing was to be done.
    Idle,
    /// The status was written, or an effect carried out.
    Acted,
    /// The status could not be written.
    Failed,
    /// The Machine's status was written too often: later.
    Deferred,
    /// The Machine is gone.
    Retired,
}

impl Default for LifecycleMetrics {
    fn default() -> Self {
        Self {
            pending: Family::default(),
            steps: Family::default(),
            effects: Family::default(),
            looks: Family::default(),
            // From a BMC on a desk (10 ms) to the patience with one that hangs.
            look_duration: Histogram::new([0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]),
            lag: Histogram::new([0.001, 0.01, 0.1, 1.0, 10.0, 60.0]),
            running: Gauge::default(),
        }
    }
}

impl LifecycleMetrics {
    /// Makes them known under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "machines_pending",
            "Machines of this site by pending operation (none, reboot, repave)",
            self.pending.clone(),
        );
        registry.register(
            "lifecycle_steps",
            "Decisions about Machines by what came of them (idle, acted, failed, deferred, retired)",
            self.steps.clone(),
        );
        registry.register(
            "lifecycle_effects",
            "Effects on Machines by kind and outcome (done, refused, lost, draining)",
            self.effects.clone(),
        );
        registry.register("bmc_looks", "Looks at BMCs by outcome: answered, or why not", self.looks.clone());
        registry.register_with_unit(
            "bmc_look_duration",
            "How long a look at a BMC took",
            Unit::Seconds,
            self.look_duration.clone(),
        );
        registry.register_with_unit(
            "lifecycle_queue_lag",
            "How long after its time a Machine was looked at",
            Unit::Seconds,
            self.lag.clone(),
        );
        registry.register("lifecycle_running", "Machines that are being looked at right now", self.running.clone());
    }

    /// What is pending.
    pub fn set_pending(&self, pending: &Pending) {
        for (operation, count) in [("none", pending.none), ("reboot", pending.reboot), ("repave", pending.repave)] {
            self.pending.get_or_create(&[("operation", operation)]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    pub(super) fn began(&self, lag: Duration) {
        self.lag.observe(lag.as_secs_f64());
        self.running.inc();
    }

    pub(super) fn ended(&self) {
        self.running.dec();
    }

    /// A term is over: nothing runs.
    pub(super) fn rest(&self) {
        self.running.set(0);
    }

    pub(super) fn step(&self, outcome: Stepped) {
        let word = match outcome {
            Stepped::Idle => "idle",
            Stepped::Acted => "acted",
            Stepped::Failed => "failed",
            Stepped::Deferred => "deferred",
            Stepped::Retired => "retired",
        };
        self.steps.get_or_create(&[("outcome", word)]).inc();
    }

    /// A look; `outcome` is `answered` or a reason of condition `BMCReachable`.
    pub(super) fn look(&self, outcome: &'static str, took: Duration) {
        self.looks.get_or_create(&[("outcome", outcome)]).inc();
        self.look_duration.observe(took.as_secs_f64());
    }

    pub(super) fn effect(&self, effect: &Effect, outcome: &Outcome) {
        let outcome = match outcome {
            Outcome::Done => "done",
            Outcome::Refused { .. } => "refused",
            Outcome::Lost { .. } => "lost",
            Outcome::Draining { .. } => "draining",
        };
        self.effects.get_or_create(&[("effect", word(effect)), ("outcome", outcome)]).inc();
    }
}

/// What an effect is called in logs and metrics.
pub(super) fn word(effect: &Effect) -> &'static str {
    match effect {
        Effect::Power(PowerAction::On) => "on",
        Effect::Power(PowerAction::GracefulShutdown) => "graceful_shutdown",
        Effect::Power(PowerAction::ForceOff) => "force_off",
        Effect::SetBootOverride(_) => "set_boot_override",
        Effect::ClearBootOverride => "clear_boot_override",
        Effect::Drain { .. } => "drain",
        Effect::Uncordon { .. } => "uncordon",
    }
}
