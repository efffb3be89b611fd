//! Where a Machine is in its life, and what is to be done there.
//!
//! Everything follows from what is in status: the condition `PoweredOff` says how far a power cycle is, the attempted
//! counters which operation it is for, the timeline since when. Whoever decides next, perhaps another replica, goes on there.

use super::case::Case;
use super::decision::{Circumstances, Decision};
use super::timeline::Step;
use super::{
    attempts, boot_override, cloud_init, cordon, cycle, elsewhere, message, node_steps, phase, reachable, repave,
};
use crate::api::Machine;
use crate::api::conditions::{ConditionStatus, POWERED_OFF, reason};

/// Where a Machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing is asked for.
    Idle,
    /// Every attempt failed; a higher counter begins anew.
    GivenUp,
    /// An operation is asked for that no attempt was begun for.
    Asked,
    /// An attempt was begun; its power is untouched. The Node is drained, the operating system shut down.
    Preparing,
    /// Power is being cut.
    PoweringOff,
    /// Power is off; the boot override is set now.
    Off,
    /// Power is coming back.
    PoweringOn,
    /// The installer is awaited.
    Installing,
    /// An attempt was begun; somebody else handles the power.
    Elsewhere,
}

/// Decides what a Machine needs now. A function of its arguments, and of nothing else.
pub fn decide(machine: &Machine, circumstances: &Circumstances<'_>) -> Decision {
    let mut case = Case::new(machine, circumstances);
    reachable::observe(&mut case);
    attempts::tidy(&mut case);
    match stage(&case) {
        Stage::Idle | Stage::GivenUp => idle(&mut case),
        Stage::Asked => attempts::begin(&mut case),
        Stage::Preparing => cycle::prepare(&mut case),
        Stage::PoweringOff => cycle::power_off(&mut case),
        Stage::Off => cycle::off(&mut case),
        Stage::PoweringOn => cycle::power_on(&mut case),
        Stage::Installing => repave::installing(&mut case),
        Stage::Elsewhere => elsewhere::wait(&mut case),
    }
    cloud_init::silence(&mut case);
    node_steps::record(&mut case);
    case.status.phase = Some(phase::phase(machine, &case.status, circumstances.node));
    message::explain(&mut case);
    case.into_decision()
}

/// The stage that the Machine is in.
pub(super) fn stage(case: &Case<'_>) -> Stage {
    if case.is_managed()
        && let Some(cycle) = case.status.condition(POWERED_OFF)
    {
        return match (cycle.status, cycle.reason.as_str()) {
            (ConditionStatus::True, reason::POWERING_ON) => Stage::PoweringOn,
            (ConditionStatus::True, _) => Stage::Off,
            _ => Stage::PoweringOff,
        };
    }
    if case.machine.spec.pxe.is_none() {
        return Stage::Idle;
    }
    let begun = case.begun();
    let announced = case.time(Step::PoweringOn).is_some() && case.time(Step::PowerOn).is_none();
    if case.is_managed() && begun.any() && case.failure().is_none() && announced {
        // The cycle was somebody else's to end, for a while.
        return Stage::PoweringOn;
    }
    // An operating system that was told to shut down has to be brought back, whatever is asked for meanwhile.
    let committed = case.is_managed() && begun.any() && case.failure().is_none() && !repave::timed_out(case);
    if committed && case.time(Step::ShuttingDown).is_some() && case.time(Step::PowerOn).is_none() {
        return Stage::Preparing;
    }
    if attempts::is_news(case) {
        return Stage::Asked;
    }
    if !begun.any() {
        return Stage::Idle;
    }
    if case.failure().is_some() {
        return Stage::GivenUp;
    }
    if !case.is_managed() {
        return Stage::Elsewhere;
    }
    if repave::timed_out(case) {
        return Stage::Asked;
    }
    // The first power-on counts the reboot, in the same write that removes PoweredOff: where that is still to come, the
    // cycle has not begun. Of a repave alone the timeline tells; where it was lost, waiting is better than cutting power.
    let untouched = case.time(Step::Asked).is_some() && case.time(Step::PowerOn).is_none();
    if begun.reboot || untouched { Stage::Preparing } else { Stage::Installing }
}

/// Nothing is under way: leave nothing behind, and look at the BMC now and then.
fn idle(case: &mut Case<'_>) {
    boot_override::take_back(case);
    if !case.acts() {
        cordon::take_back(case);
    }
    reachable::look_now_and_then(case);
}

#[cfg(test)]
mod tests;
