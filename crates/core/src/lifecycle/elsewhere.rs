//! Machines whose power somebody else handles: an operator's hand, or another controller. Their operations are told by what
//! the machines themselves do.

use super::case::{Case, left};
use super::timeline::{self, Step};
use super::{attempts, repave};
use crate::api::conditions::{ConditionStatus, REPAVED, reason};
use crate::lifecycle::Severity;
use jiff::Timestamp;

/// An operation is in progress, and metalman only watches.
pub(super) fn wait(case: &mut Case<'_>) {
    if !case.wanted().any() && case.time(Step::Dhcp).is_none() {
        case.why("no longer asked for, and nothing was seen of it yet");
        return attempts::withdraw(case);
    }
    let asked = case.time_or_now(Step::Asked);
    if case.begun().reboot
        && let Some(when) = started(case, asked)
    {
        let attempted = case.attempted().reboot;
        case.operations().reboot_counter = Some(attempted);
        case.tell(Severity::Normal, "Rebooted", "the machine was seen to start");
        if !case.begun().repave && case.time(Step::PowerOn).is_none() {
            timeline::insert(&mut case.status, Step::PowerOn, Some("seen by what the machine did then".into()), when);
        }
    }
    if case.begun().repave {
        await_installer(case);
    }
}

/// When the machine was seen to start after that: its firmware asked for an address, or its Node came back.
fn started(case: &Case<'_>, asked: Timestamp) -> Option<Timestamp> {
    let booted = case.time(Step::Dhcp);
    let node = case.given.node.and_then(|node| node.created.max(node.ready_since.filter(|_| node.ready)));
    booted.or(node.filter(|when| *when > asked))
}

fn await_installer(case: &mut Case<'_>) {
    let Some(since) = case.time(Step::PowerOn) else {
        let Some(booted) = case.time(Step::Dhcp) else { return case.why("somebody has to power it on") };
        if repave::timed_out(case) {
            let attempt = case.attempts().saturating_add(1);
            case.operations().attempts = Some(i64::from(attempt));
            repave::pend(case);
        }
        timeline::insert(&mut case.status, Step::PowerOn, Some("seen by its DHCP request".into()), booted);
        return await_installer(case);
    };
    let (patience, passed) = (case.asked.repave_timeout(), case.passed(since));
    if passed < patience {
        case.why("the installer is awaited");
        return case.wake(left(patience, passed));
    }
    let why = repave::overdue(case);
    if case.attempts() < case.asked.max_attempts() && case.wanted().any() {
        case.tell(Severity::Warning, "AttemptFailed", why.clone());
        case.set(REPAVED, ConditionStatus::False, reason::TIMED_OUT, why);
        // The next attempt is the next boot.
        timeline::forget_from(&mut case.status, Step::Draining);
    } else {
        attempts::fail(case, &why);
    }
}
