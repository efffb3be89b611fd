//! The phase: one word for the table, derived, never an input to a decision.

use super::node::NodeView;
use super::node_steps::is_of_an_earlier_boot;
use crate::api::conditions::{ATTESTED, CLOUD_INIT_DONE, ConditionStatus, POWERED_OFF, REPAVED, reason};
use crate::api::spec::Counters;
use crate::api::{Machine, MachineStatus, Phase};

/// The phase that a Machine is in, with that status and that Node.
pub fn phase(machine: &Machine, status: &MachineStatus, node: Option<&NodeView>) -> Phase {
    let (asked, attempted, done) = (machine.wanted_counters(), attempted(status), status.counters());
    let is_armed_again = asked.reboot > attempted.reboot || asked.repave > attempted.repave;
    if status.operations.as_ref().is_some_and(|operations| operations.failure.is_some()) && !is_armed_again {
        return Phase::Failed;
    }
    if attempted.repave > done.repave {
        return Phase::Provisioning;
    }
    if status.condition(POWERED_OFF).is_some() || attempted.reboot > done.reboot {
        return Phase::Rebooting;
    }
    // Asked for, and no attempt begun: what it waits for is not there.
    if asked.repave > done.repave {
        return Phase::Pending;
    }
    if asked.reboot > done.reboot {
        return Phase::Rebooting;
    }
    if has_failed(status) {
        return Phase::Failed;
    }
    match node {
        Some(node) if node.ready && !is_of_an_earlier_boot(status, node) => Phase::Ready,
        Some(_) => Phase::Joining,
        None if was_installed(status) => Phase::Joining,
        None => Phase::Pending,
    }
}

fn attempted(status: &MachineStatus) -> Counters {
    status.operations.as_ref().map_or_else(Counters::default, |operations| {
        Counters::new(operations.attempted_reboot_counter, operations.attempted_repave_counter)
    })
}

/// Whether what came after the installation failed.
pub(super) fn has_failed(status: &MachineStatus) -> bool {
    let cloud_init = status.condition(CLOUD_INIT_DONE).is_some_and(|condition| condition.reason == reason::FAILED);
    cloud_init || status.condition(ATTESTED).is_some_and(|condition| condition.status == ConditionStatus::False)
}

fn was_installed(status: &MachineStatus) -> bool {
    status.counters().repave > 0
        || status.condition(REPAVED).is_some_and(|condition| condition.status == ConditionStatus::True)
}

#[cfg(test)]
mod tests;
