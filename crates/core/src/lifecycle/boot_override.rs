//! The boot override: set while the power is off, seen set before it comes back, never left behind.
//!
//! Invariants:
//! - what metalman is about to set stands in `status.redfish.bootOverride` first, and is forgotten only after the BMC was seen
//!   without it: whoever finds it there knows whose it is;
//! - an override without that record is a person's, and is not touched.

use super::bmc::{BootTarget, PowerAction, System};
use super::case::{Case, left};
use super::cycle;
use super::decision::{Carried, Effect, Outcome, Severity};
use super::timeline::Step;
use crate::api::conditions::{BOOT_ORDER_CONFIG_SUPPORTED, ConditionStatus, reason};
use jiff::Timestamp;
use std::time::Duration;

/// Refusals in a settled power state after which a BMC is not asked again in this attempt.
const TRIES: u32 = 3;
/// Between two tries.
const AGAIN: Duration = Duration::from_secs(10);
/// The longest between two tries to take an override back.
const SELDOM: Duration = Duration::from_mins(5);

/// Whether the next boot will come from where it should, as far as that can be had. The power is off since then.
pub(super) fn is_in_place(case: &mut Case<'_>, since: Timestamp) -> bool {
    if !cycle::leads_to_an_installation(case) {
        return is_clear(case, since);
    }
    if case.time(Step::BootOverride).is_some() {
        return true;
    }
    let Some(system) = case.system() else { return false };
    let target = choose(system);
    if is_shown(system, target.as_str()) && system.at >= since {
        return confirmed(case, target);
    }
    let effect = Effect::SetBootOverride(target);
    let last = case.carried_since(&effect, since);
    match last.map(|last| &last.outcome) {
        Some(Outcome::Done) => return confirmed(case, target),
        Some(Outcome::Refused { message }) if is_refused_for_good(case, last) => return unsupported(case, message),
        _ => {}
    }
    if case.passed(case.answering_since(since)) >= case.given.policy.power_confirmation && last.is_some() {
        let message =
            "the boot override could not be set: the installer starts only if the machine boots from the network";
        case.tell(Severity::Warning, "BootOverrideLost", message);
        return true;
    }
    case.status.redfish.get_or_insert_default().boot_override = Some(target.as_str().to_owned());
    match last.map(|last| case.passed(last.at)).filter(|passed| *passed < AGAIN) {
        Some(passed) => case.look(left(AGAIN, passed)),
        None => {
            case.act(effect, "the next boot is to come from the network");
            case.look(case.given.policy.look);
        }
    }
    false
}

fn is_refused_for_good(case: &Case<'_>, last: Option<&Carried>) -> bool {
    let known = case.status.condition(BOOT_ORDER_CONFIG_SUPPORTED).is_some();
    last.is_some_and(|last| known || last.times >= TRIES)
}

fn confirmed(case: &mut Case<'_>, target: BootTarget) -> bool {
    case.record(Step::BootOverride, Some(target.to_string()));
    case.status.remove_condition(BOOT_ORDER_CONFIG_SUPPORTED);
    true
}

fn unsupported(case: &mut Case<'_>, said: &str) -> bool {
    let message =
        format!("the BMC refused to boot from the network once: {said}; the machine's own boot order decides");
    case.set(BOOT_ORDER_CONFIG_SUPPORTED, ConditionStatus::False, reason::NOT_SUPPORTED, message.clone());
    case.tell(Severity::Warning, "BootOverrideNotSupported", message);
    true
}

/// Pxe, unless the BMC lists what it allows, and it is not among that.
fn choose(system: &System) -> BootTarget {
    match &system.targets {
        Some(allowed) if !allowed.iter().any(|target| target == BootTarget::Pxe.as_str()) => BootTarget::UefiHttp,
        _ => BootTarget::Pxe,
    }
}

fn is_shown(system: &System, target: &str) -> bool {
    system.boot_override.as_ref().is_some_and(|shown| shown.is_active() && shown.target == target)
}

/// Before power comes back without an installation: whether no override of metalman's is left that would begin one.
fn is_clear(case: &mut Case<'_>, since: Timestamp) -> bool {
    let (Some(system), Some(ours)) = (case.system(), record(case)) else { return true };
    if !is_shown(system, &ours) && system.at >= since {
        return true;
    }
    let last = case.carried_since(&Effect::ClearBootOverride, since);
    if last.is_some_and(|last| last.outcome == Outcome::Done || last.times >= TRIES) {
        return true;
    }
    if let Some(passed) = last.map(|last| case.passed(last.at)).filter(|passed| *passed < AGAIN) {
        case.look(left(AGAIN, passed));
        return false;
    }
    if is_shown(system, &ours) {
        case.act(Effect::ClearBootOverride, "no installation follows: the boot override is taken back");
    }
    case.look(case.given.policy.look);
    false
}

fn record(case: &Case<'_>) -> Option<String> {
    case.status.redfish.as_ref()?.boot_override.clone()
}

/// Nothing is pending: takes back the override that metalman set, if it is still there, and forgets it when it is not.
pub(super) fn take_back(case: &mut Case<'_>) {
    let Some(ours) = record(case) else { return };
    let Some(system) = case.system() else { return };
    let policy = case.given.policy;
    // An answer from before the last change to it says nothing; neither does one while power changes.
    let changed = case.given.last.filter(|last| {
        matches!(last.effect, Effect::SetBootOverride(_) | Effect::ClearBootOverride | Effect::Power(PowerAction::On))
    });
    if changed.is_some_and(|changed| system.at <= changed.at) || !case.is_settled(system) {
        return case.look(policy.look);
    }
    if !is_shown(system, &ours) {
        if let Some(redfish) = &mut case.status.redfish {
            redfish.boot_override = None;
        }
        return case.why("the boot override was used up");
    }
    let last = case.given.last.filter(|last| last.effect == Effect::ClearBootOverride);
    let pause = |times: u32| AGAIN.saturating_mul(1 << times.min(5)).min(SELDOM);
    match last.map(|last| left(pause(last.times), case.passed(last.at))).filter(|rest| !rest.is_zero()) {
        Some(rest) => case.look(rest),
        None => {
            case.act(Effect::ClearBootOverride, "the boot override outlived the repave: it is taken back");
            case.look(policy.look);
        }
    }
}
