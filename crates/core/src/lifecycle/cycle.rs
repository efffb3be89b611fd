//! The power cycle: \[drain\] → \[graceful shutdown\] → off → confirmed off → \[boot override\] → on → confirmed on.
//!
//! Invariants:
//! - each act is announced in the condition `PoweredOff` before it is carried out;
//! - power is cut only before power-on was announced in the same attempt, and only while an operation is in progress;
//! - power comes back only after the BMC has shown for a while that it was off.

use super::bmc::{PowerAction, PowerState};
use super::case::{Case, left, spoken, transition};
use super::decision::{Effect, Outcome, Severity};
use super::timeline::{self, Step};
use super::{attempts, boot_override, cordon, reachable, repave};
use crate::api::conditions::{ConditionStatus, POWERED_OFF, reason};
use jiff::Timestamp;
use std::time::Duration;

/// An attempt was begun, and nothing has happened to the power yet.
pub(super) fn prepare(case: &mut Case<'_>) {
    let shutting_down = case.time(Step::ShuttingDown);
    if !case.wanted().any() && shutting_down.is_none() {
        case.why("no longer asked for, and nothing was done yet");
        attempts::withdraw(case);
        return reachable::look_now_and_then(case);
    }
    let asked = case.time_or_now(Step::Asked);
    if case.system().is_none() || !case.seen_since(asked) {
        return reachable::wait(case);
    }
    if shutting_down.is_none() && !cordon::is_drained(case) {
        return;
    }
    if graceful_shutdown_ended(case) {
        announce_off(case);
        power_off(case);
    }
}

/// Whether the operating system has shut down, or had its time.
fn graceful_shutdown_ended(case: &mut Case<'_>) -> bool {
    let patience = case.asked.graceful_shutdown();
    let is_on = case.system().is_some_and(|system| system.power == Some(PowerState::On));
    let Some(since) = case.time(Step::ShuttingDown) else {
        if patience.is_zero() || !is_on {
            return true;
        }
        case.record(Step::ShuttingDown, None);
        case.act(Effect::Power(PowerAction::GracefulShutdown), "the operating system may shut down first");
        case.look(case.given.policy.look);
        return false;
    };
    let effect = Effect::Power(PowerAction::GracefulShutdown);
    let passed = case.passed(since);
    let refused =
        case.carried_since(&effect, since).is_some_and(|last| matches!(last.outcome, Outcome::Refused { .. }));
    if refused || passed >= patience || case.shows_settled(&PowerState::Off) {
        return true;
    }
    if is_on && is_due(case, &effect, since) {
        case.act(effect, "the operating system may shut down first");
    }
    case.look(case.given.policy.look.min(left(patience, passed)));
    false
}

/// Announces that power is being cut; begins the wait for it.
pub(super) fn announce_off(case: &mut Case<'_>) {
    let message = format!("for the {}", case.begun().word());
    case.set(POWERED_OFF, ConditionStatus::False, reason::POWERING_OFF, message);
    case.record(Step::PoweringOff, None);
}

/// Announces that power is coming back; begins the wait for it.
pub(super) fn announce_on(case: &mut Case<'_>) {
    case.set(POWERED_OFF, ConditionStatus::True, reason::POWERING_ON, String::new());
    case.record(Step::PoweringOn, None);
}

/// Power is being cut, until the BMC shows so.
pub(super) fn power_off(case: &mut Case<'_>) {
    if !case.begun().any() {
        case.why("the operation was done meanwhile: power comes back");
        announce_on(case);
        return power_on(case);
    }
    let since = case.time_or_now(Step::PoweringOff);
    let Some(system) = case.system().filter(|_| case.seen_since(since)) else { return reachable::wait(case) };
    if system.power == Some(PowerState::Off) {
        if !case.is_settled(system) {
            return case.look(left(case.given.policy.settled, case.passed(system.steady_since)));
        }
        case.set(POWERED_OFF, ConditionStatus::True, reason::FORCE_OFF, String::new());
        case.record(Step::PowerOff, None);
        // What the timeline says of the boot before ended here.
        timeline::forget_from(&mut case.status, Step::Dhcp);
        case.why("the BMC shows that the power is off");
        return case.look(Duration::ZERO);
    }
    let shown = shown(system.power.as_ref());
    if is_overdue(case, &Effect::Power(PowerAction::ForceOff), since) {
        let patience = spoken(case.given.policy.power_confirmation);
        let refusal = refusal(case, &Effect::Power(PowerAction::ForceOff));
        return attempts::fail(case, &format!("the BMC showed {shown} {patience} after power was to be cut{refusal}"));
    }
    send(case, PowerAction::ForceOff, system.power == Some(PowerState::On), since);
}

/// Power is off: the boot override is set, or taken back, before it comes back.
pub(super) fn off(case: &mut Case<'_>) {
    let since = case.time_or_now(Step::PowerOff);
    let Some(system) = case.system() else { return reachable::wait(case) };
    if case.begun().any() && case.seen_since(since) && case.shows_settled(&PowerState::On) {
        case.why("the power came back before it was to: it is cut again");
        announce_off(case);
        return power_off(case);
    }
    if case.begun().repave && !case.wanted().repave {
        attempts::withdraw_repave(case);
    }
    let announced = case.status.condition(POWERED_OFF).and_then(transition).unwrap_or(since);
    if system.power != Some(PowerState::Off) && case.passed(announced) < case.given.policy.power_again {
        return case.look(case.given.policy.look);
    }
    if boot_override::is_in_place(case, since) {
        announce_on(case);
        power_on(case);
    }
}

/// Power is coming back, until the BMC shows so.
pub(super) fn power_on(case: &mut Case<'_>) {
    if case.status.condition(POWERED_OFF).is_none() {
        announce_on(case);
    }
    let since = case.time_or_now(Step::PoweringOn);
    let Some(system) = case.system().filter(|_| case.seen_since(since)) else { return reachable::wait(case) };
    let is_on = system.power == Some(PowerState::On);
    // A cycle that ends before "off" was seen: what was sent for that may still take effect.
    let was_off = case.time(Step::PowerOff).is_some() || case.passed(since) >= case.given.policy.power_again;
    let booted = system.power != Some(PowerState::Off)
        && timeline::furthest(&case.status).is_some_and(|step| step >= Step::Dhcp);
    // Sent at least once by whoever believes it: "on" may be what the BMC remembers.
    let sent = case.carried_since(&Effect::Power(PowerAction::On), since).is_some();
    if was_off && (booted || (is_on && sent && case.is_settled(system))) {
        return confirm_on(case);
    }
    if is_overdue(case, &Effect::Power(PowerAction::On), since) {
        return overdue_on(case, &shown(system.power.as_ref()));
    }
    if is_on && sent {
        return case.look(case.given.policy.look);
    }
    send(case, PowerAction::On, is_on || system.power == Some(PowerState::Off), since);
}

fn confirm_on(case: &mut Case<'_>) {
    case.status.remove_condition(POWERED_OFF);
    timeline::insert(&mut case.status, Step::PowerOn, None, case.given.now);
    case.why("the BMC shows that the power is on");
    let begun = case.begun();
    if case.failure().is_none() && begun.any() {
        let (attempted, done) = (case.attempted().reboot, case.status.counters().reboot);
        // An attempt for a repave alone reboots too, but was not asked to.
        if attempted > done {
            case.operations().reboot_counter = Some(attempted);
        }
        if !begun.repave {
            case.tell(Severity::Normal, "Rebooted", "power was off, and is on again");
        }
    }
    case.look(Duration::ZERO);
}

fn overdue_on(case: &mut Case<'_>, shown: &str) {
    let patience = spoken(case.given.policy.power_confirmation);
    let refusal = refusal(case, &Effect::Power(PowerAction::On));
    let why = format!("the BMC showed {shown} {patience} after power was to come back{refusal}");
    if case.failure().is_none() && case.begun().any() {
        return attempts::fail(case, &why);
    }
    // What could be done to bring it back was done.
    case.status.remove_condition(POWERED_OFF);
    case.tell(Severity::Warning, "PowerNotConfirmed", why.clone());
    case.why(why);
    case.look(Duration::ZERO);
}

/// Sends the command, unless that was done a moment ago. While the BMC shows neither on nor off, it may be about to do what
/// is wanted, or reject what it is asked: that is waited for, once.
fn send(case: &mut Case<'_>, action: PowerAction, may_act: bool, since: Timestamp) {
    let policy = case.given.policy;
    let effect = Effect::Power(action);
    if (may_act || case.passed(since) >= policy.power_again) && is_due(case, &effect, since) {
        case.act(effect, format!("the BMC shows {}", shown(case.system().and_then(|system| system.power.as_ref()))));
    }
    case.look(policy.look);
}

/// Whether the effect is to be carried out: it was not yet, or that shows no result.
fn is_due(case: &Case<'_>, effect: &Effect, since: Timestamp) -> bool {
    case.carried_since(effect, since).is_none_or(|last| case.passed(last.at) >= case.given.policy.power_again)
}

/// Whether the BMC had its time to show what it was asked for. Whoever takes over asks once more before that.
fn is_overdue(case: &Case<'_>, effect: &Effect, since: Timestamp) -> bool {
    let policy = case.given.policy;
    let patience = case.passed(case.answering_since(since)) >= policy.power_confirmation;
    let asked = case.carried_since(effect, since).is_some_and(|last| case.passed(last.at) >= policy.power_again);
    // What it shows may be what it is asked for, only not for long enough: then it is never asked, and never done.
    let hopeless = case.passed(case.answering_since(since)) >= policy.power_confirmation.saturating_mul(2);
    patience && (asked || hopeless)
}

fn refusal(case: &Case<'_>, effect: &Effect) -> String {
    match case.given.last {
        Some(last) if last.effect == *effect => match &last.outcome {
            Outcome::Refused { message } | Outcome::Lost { message } => {
                format!("; to {} it said: {message}", verb(effect))
            }
            _ => format!("; it accepted {}", verb(effect)),
        },
        _ => String::new(),
    }
}

fn verb(effect: &Effect) -> &'static str {
    match effect {
        Effect::Power(action) => action.as_str(),
        _ => "the request",
    }
}

/// The power state for people.
pub(super) fn shown(power: Option<&PowerState>) -> String {
    power.map_or_else(|| "no power state".to_owned(), |power| format!("power state {power}"))
}

/// Whether the cycle in progress ends in an installation.
pub(super) fn leads_to_an_installation(case: &Case<'_>) -> bool {
    case.begun().repave && case.wanted().repave && case.failure().is_none() && !repave::timed_out(case)
}
