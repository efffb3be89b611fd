//! What holds of every decision, whatever went before.

use super::World;
use super::at;
use crate::api::conditions::{POWERED_OFF, reason};
use crate::api::{Machine, MachineStatus};
use crate::lifecycle::bmc::PowerAction;
use crate::lifecycle::decide;
use crate::lifecycle::decision::{Circumstances, Decision, Effect};
use crate::lifecycle::timeline::{self, Step};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Decisions without a report from outside after which nothing changes any more.
const FIXPOINT: usize = 6;

/// An attempt: which one, for which counters, begun when.
type Attempt = (Option<i64>, Option<i64>, Option<i64>, Option<Timestamp>);

#[derive(Clone, Debug, Default)]
pub(super) struct Witness {
    /// The highest counters ever asked for.
    asked: (i64, i64),
    /// Attempts in which power-on was announced.
    announced_on: BTreeSet<Attempt>,
    pub(super) decisions: usize,
    pub(super) effects: Vec<(i64, Effect)>,
    hurried: usize,
    /// Leaves out what is only slow to check.
    pub(super) is_quick: bool,
}

pub(super) fn attempt(status: &MachineStatus) -> Attempt {
    let operations = status.operations.clone().unwrap_or_default();
    (
        operations.attempts,
        operations.attempted_reboot_counter,
        operations.attempted_repave_counter,
        timeline::time(status, Step::Asked),
    )
}

pub(super) fn cycle_reason(status: &MachineStatus) -> Option<&str> {
    status.condition(POWERED_OFF).map(|condition| condition.reason.as_str())
}

/// Whether an operation is in progress, or asked for.
pub(super) fn is_pending(machine: &Machine, status: &MachineStatus) -> bool {
    let (asked, done) = (machine.wanted_counters(), status.counters());
    let (_, reboot, repave, _) = attempt(status);
    asked.reboot > done.reboot
        || asked.repave > done.repave
        || reboot.unwrap_or(0) > done.reboot
        || repave.unwrap_or(0) > done.repave
}

impl Witness {
    pub(super) fn carried(&mut self, now: i64, effect: &Effect) {
        self.effects.push((now, effect.clone()));
    }

    /// Rounds without a pause between them are finite.
    pub(super) fn waited(&mut self, seconds: i64) {
        self.hurried = if seconds > 0 { 0 } else { self.hurried + 1 };
        assert!(self.hurried < 200, "the shell is kept spinning");
    }

    pub(super) fn check(&self, world: &World, decision: &Decision) {
        // Taken apart because the world holds the witness.
        let status = &decision.status;
        if let Some(Effect::Power(action)) = &decision.effect {
            assert!(world.is_managed(), "power is somebody else's");
            if *action != PowerAction::On {
                assert!(is_pending(&world.machine, status), "power is cut without an operation: {decision:#?}");
                assert!(
                    !self.announced_on.contains(&attempt(status)),
                    "power is cut after power-on was announced: {decision:#?}"
                );
            }
            let expected = match action {
                PowerAction::On => Some(reason::POWERING_ON),
                PowerAction::ForceOff => Some(reason::POWERING_OFF),
                PowerAction::GracefulShutdown => None,
            };
            assert_eq!(cycle_reason(status), expected, "{action} is not announced");
        }
        match &decision.effect {
            Some(Effect::SetBootOverride(target)) => {
                assert_eq!(ours(status), Some(target.as_str()), "an override that nobody would know as ours");
            }
            Some(Effect::ClearBootOverride) => {
                assert!(ours(status).is_some(), "an override of a person's is cleared");
            }
            _ => {}
        }
        self.counters(world, status);
        if !self.is_quick {
            assert_eq!(&world.decide(), decision, "the same circumstances, another decision");
            settles(world, decision);
        }
    }

    fn counters(&self, world: &World, status: &MachineStatus) {
        let (done, spec) = (status.counters(), world.machine.wanted_counters());
        let asked = (self.asked.0.max(spec.reboot), self.asked.1.max(spec.repave));
        let (_, reboot, repave, _) = attempt(status);
        assert!(done.reboot <= asked.0 && done.repave <= asked.1, "counters ahead: {done:?} of {asked:?}");
        assert!(reboot.unwrap_or(0) <= asked.0 && repave.unwrap_or(0) <= asked.1, "attempts ahead");
        let before = world.machine.done_counters();
        assert!(done.reboot >= before.reboot && done.repave >= before.repave, "counters go back");
        let most = i64::from(world.machine.operations().max_attempts());
        assert!(attempt(status).0.unwrap_or(0) <= most, "more attempts than allowed");
    }

    /// Whether power-on was announced in the attempt in progress.
    pub(super) fn has_announced_on(&self, status: &MachineStatus) -> bool {
        self.announced_on.contains(&attempt(status))
    }

    /// Takes note of what was written.
    pub(super) fn note(&mut self, machine: &Machine, status: &MachineStatus) {
        self.decisions += 1;
        let spec = machine.wanted_counters();
        self.asked = (self.asked.0.max(spec.reboot), self.asked.1.max(spec.repave));
        if cycle_reason(status) == Some(reason::POWERING_ON) {
            self.announced_on.insert(attempt(status));
        }
    }
}

pub(super) fn ours(status: &MachineStatus) -> Option<&str> {
    status.redfish.as_ref()?.boot_override.as_deref()
}

/// Deciding again on what was written, and nothing new, comes to rest: no storm of writes.
fn settles(world: &World, decision: &Decision) {
    let mut machine = world.machine.clone();
    let mut status = decision.status.clone();
    let node = world.host.node(world.now);
    let given = Circumstances {
        now: at(world.now),
        bmc: &world.observed,
        last: world.last.as_ref(),
        node: node.as_ref(),
        policy: &world.policy,
    };
    for _ in 0..FIXPOINT {
        machine.status = Some(status.clone());
        let next = decide(&machine, &given);
        if next.status == status {
            return;
        }
        status = next.status;
    }
    panic!("{FIXPOINT} decisions, and still another: {status:#?}");
}
