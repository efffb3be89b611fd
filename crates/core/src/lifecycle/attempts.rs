//! Attempts at an operation: when one begins, what comes of one that failed, and when to give up.
//!
//! Invariant: attempts are counted when they begin, for the counters that stand in status beside them. Neither a restart nor a
//! manifest that is applied again makes more of them.

use super::case::Case;
use super::decide::{Stage, stage};
use super::decision::Severity;
use super::repave;
use super::timeline::{self, Step};
use crate::api::conditions::{
    CLOUD_INIT_DONE, ConditionStatus, IMAGE_READY, LEASES_VALID, POWERED_OFF, REPAVED, reason,
};
use std::time::Duration;

/// Whether something is asked for that goes beyond what attempts were begun for.
pub(super) fn is_news(case: &Case<'_>) -> bool {
    let (wanted, asked, attempted) = (case.wanted(), case.asked.counters(), case.attempted());
    (wanted.reboot && asked.reboot > attempted.reboot) || (wanted.repave && asked.repave > attempted.repave)
}

/// Puts in order what a changed spec left behind.
pub(super) fn tidy(case: &mut Case<'_>) {
    if !case.is_managed() && case.status.remove_condition(POWERED_OFF) {
        let message = "the power cycle was left where it was: its BMC is no longer metalman's to use";
        case.tell(Severity::Warning, "PowerCycleAbandoned", message);
    }
    let (begun, wanted, in_cycle) = (case.begun(), case.wanted(), case.status.condition(POWERED_OFF).is_some());
    if case.failure().is_some() && !wanted.any() && !in_cycle {
        withdraw(case);
    } else if !begun.any() && !in_cycle {
        conclude(case);
    }
    if !case.begun().repave && !case.wanted().repave && repave_is_open(case) {
        case.status.remove_condition(REPAVED);
    }
}

fn repave_is_open(case: &Case<'_>) -> bool {
    case.status.condition(REPAVED).is_some_and(|condition| condition.status == ConditionStatus::False)
}

/// The operation is over: nothing is being attempted any more.
fn conclude(case: &mut Case<'_>) {
    if let Some(operations) = &mut case.status.operations {
        operations.attempts = None;
        operations.failure = None;
    }
}

/// The operation is no longer asked for, and nothing is to be finished of it.
pub(super) fn withdraw(case: &mut Case<'_>) {
    let done = case.status.counters();
    let operations = case.operations();
    operations.attempted_reboot_counter =
        operations.attempted_reboot_counter.map(|attempted| attempted.min(done.reboot));
    operations.attempted_repave_counter =
        operations.attempted_repave_counter.map(|attempted| attempted.min(done.repave));
    conclude(case);
    if repave_is_open(case) {
        case.status.remove_condition(REPAVED);
    }
}

/// The same for the repave alone, of which only the reboot is finished.
pub(super) fn withdraw_repave(case: &mut Case<'_>) {
    let done = case.status.counters().repave;
    case.operations().attempted_repave_counter = Some(case.attempted().repave.min(done));
    if repave_is_open(case) {
        case.status.remove_condition(REPAVED);
    }
}

/// Begins an attempt: the first for a new counter, or the next after one that failed.
pub(super) fn begin(case: &mut Case<'_>) {
    if !case.wanted().any() {
        case.why("no longer asked for: no further attempt");
        return withdraw(case);
    }
    if let Some(obstacle) = obstacle(case) {
        case.why(obstacle);
        // What is missing is written into this Machine's conditions, which wakes.
        return super::reachable::look_now_and_then(case);
    }
    let attempt = if is_news(case) { 1 } else { case.attempts().saturating_add(1) };
    if is_news(case) {
        let (asked, powers) = (case.asked.counters(), case.machine.provider().is_none());
        let operations = case.operations();
        if powers {
            operations.attempted_reboot_counter = Some(asked.reboot);
        }
        operations.attempted_repave_counter = Some(asked.repave);
    }
    case.operations().failure = None;
    number(case, attempt);
    if case.begun().repave {
        repave::pend(case);
        case.status.remove_condition(CLOUD_INIT_DONE);
    }
    case.why("an attempt begins");
    case.look(Duration::ZERO);
}

/// Numbers an attempt, and begins its timeline.
fn number(case: &mut Case<'_>, attempt: u32) {
    case.operations().attempts = Some(i64::from(attempt));
    let (word, most, now) = (case.begun().word(), case.asked.max_attempts(), case.now());
    let message = format!("{word}, attempt {attempt} of {most}");
    timeline::begin(&mut case.status, Step::Asked, Some(message.clone()), now);
    case.tell(Severity::Normal, if word == "repave" { "Repaving" } else { "Rebooting" }, message);
}

/// What an operation waits for before anything is powered off for it: a server that works is worth more than one that waits
/// for an image that does not exist.
pub(super) fn obstacle(case: &Case<'_>) -> Option<String> {
    if !case.wanted().repave && !case.begun().repave {
        return None;
    }
    let generation = case.machine.metadata.generation;
    match case.status.condition(IMAGE_READY) {
        None => return Some("the repave waits until its netboot image was looked for".into()),
        Some(image) if image.status != ConditionStatus::True => {
            return Some(format!("the repave waits for its netboot image: {}", image.message));
        }
        Some(image) if image.observed_generation != generation => {
            return Some("the repave waits until the netboot image of the changed spec was looked for".into());
        }
        Some(_) => {}
    }
    let leases = case.status.condition(LEASES_VALID)?;
    if leases.status == ConditionStatus::False {
        return Some(format!("the repave waits for leases that are served: {}", leases.message));
    }
    let stale = leases.observed_generation != generation;
    stale.then(|| "the repave waits until the leases of the changed spec were checked".into())
}

/// The attempt in progress failed. The next begins where this one got stuck, or the operation is given up: then power is
/// still brought back.
pub(super) fn fail(case: &mut Case<'_>, why: &str) {
    let (attempt, most, stage) = (case.attempts(), case.asked.max_attempts(), stage(case));
    let word = case.begun().word();
    if !case.wanted().any() {
        case.tell(Severity::Warning, "AttemptFailed", format!("{word}: {why}; it is no longer asked for"));
        withdraw(case);
        return end_cycle(case, stage);
    }
    if attempt < most {
        case.tell(Severity::Warning, "AttemptFailed", format!("{word}, attempt {attempt} of {most}: {why}"));
        return next(case, stage, why);
    }
    let failure = format!("{word} given up after attempt {attempt} of {most}: {why}");
    case.tell(Severity::Warning, "GivenUp", failure.clone());
    if case.begun().repave {
        case.set(REPAVED, ConditionStatus::False, reason::EXHAUSTED, failure.clone());
    }
    case.why(failure.clone());
    case.operations().failure = Some(failure);
    end_cycle(case, stage);
}

fn next(case: &mut Case<'_>, stage: Stage, why: &str) {
    match stage {
        Stage::Installing => case.set(REPAVED, ConditionStatus::False, reason::TIMED_OUT, why),
        Stage::PoweringOff | Stage::Off | Stage::PoweringOn => {
            let attempt = case.attempts().saturating_add(1);
            number(case, attempt);
            super::cycle::announce_off(case);
        }
        _ => {
            let attempt = case.attempts().saturating_add(1);
            number(case, attempt);
        }
    }
    case.why(why);
    case.look(Duration::ZERO);
}

/// No cycle ends with the power off, as far as it is in metalman's hands.
fn end_cycle(case: &mut Case<'_>, stage: Stage) {
    match stage {
        Stage::PoweringOff | Stage::Off => super::cycle::announce_on(case),
        _ => {
            case.status.remove_condition(POWERED_OFF);
        }
    }
    case.look(Duration::ZERO);
}
