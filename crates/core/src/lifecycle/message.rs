//! The message: what a Machine waits for, since when, and why it may not come. What an operator reads first.
//!
//! Invariant: it says the same as long as nothing happens. How long something has taken is told in steps that double, so that
//! a wait of a day is a dozen writes.

use super::bmc::{Bmc, PowerState};
use super::case::{Case, transition};
use super::decide::{Stage, stage};
use super::decision::{Carried, Effect, Outcome};
use super::timeline::{self, Step};
use super::{attempts, cordon, node_steps, phase};
use crate::api::Phase;
use crate::api::conditions::{
    ATTESTED, BMC_REACHABLE, BOOT_ORDER_CONFIG_SUPPORTED, CLOUD_INIT_DONE, ConditionStatus, reason,
};
use jiff::Timestamp;
use std::time::Duration;

/// Waits are told when they exceed these; from the first on, with what may be the cause.
const STEPS: [(u64, &str); 11] = [
    (30, "30 s"),
    (60, "1 min"),
    (2 * 60, "2 min"),
    (5 * 60, "5 min"),
    (10 * 60, "10 min"),
    (20 * 60, "20 min"),
    (40 * 60, "40 min"),
    (3600, "1 h"),
    (4 * 3600, "4 h"),
    (12 * 3600, "12 h"),
    (24 * 3600, "1 day"),
];

/// Writes the message.
pub(super) fn explain(case: &mut Case<'_>) {
    if case.machine.spec.pxe.is_none() {
        return;
    }
    case.status.message = compose(case).filter(|message| !message.is_empty());
}

fn compose(case: &mut Case<'_>) -> Option<String> {
    if let Some(problem) = case.status.boot.as_ref().and_then(|boot| boot.problem.clone()) {
        return Some(problem);
    }
    if case.failure().is_some() && !attempts::is_news(case) {
        return case.failure().map(str::to_owned);
    }
    let stage = stage(case);
    if matches!(stage, Stage::Preparing | Stage::PoweringOff | Stage::Off | Stage::PoweringOn)
        && let Bmc::Unreachable(unreachable) = case.given.bmc
    {
        let since = case.status.condition(BMC_REACHABLE).and_then(transition);
        return Some(waiting(case, "its BMC", since, &unreachable.message));
    }
    match stage {
        Stage::Asked => attempts::obstacle(case),
        Stage::Preparing => Some(preparing(case)),
        Stage::PoweringOff => Some(powering(case, "the BMC to show that power is off", Step::PoweringOff)),
        Stage::Off => Some(powering(case, "the BMC to accept the boot override", Step::PowerOff)),
        Stage::PoweringOn => Some(powering(case, "the BMC to show that power is on", Step::PoweringOn)),
        Stage::Installing => Some(booting(case)),
        Stage::Elsewhere if case.begun().repave && case.time(Step::PowerOn).is_some() => Some(booting(case)),
        Stage::Elsewhere => {
            let since = case.time(Step::Asked);
            Some(waiting(case, "somebody to power it on", since, "no BMC of it is metalman's to use"))
        }
        Stage::Idle | Stage::GivenUp => settled(case),
    }
}

fn preparing(case: &mut Case<'_>) -> String {
    if cordon::is_draining(case) {
        let since = case.time(Step::Draining);
        let left = case.given.last.filter(|last| matches!(last.effect, Effect::Drain { .. }));
        let left = left.map(|last| cordon::holds(&last.outcome)).unwrap_or_default();
        return format!("{}{left}", waiting(case, "its Node to be drained", since, ""));
    }
    match case.time(Step::ShuttingDown) {
        Some(since) => {
            waiting(case, "its operating system to shut down", Some(since), "power is cut when its time is over")
        }
        None => format!("a {} begins", case.begun().word()),
    }
}

/// A wait for the BMC, with what it said last.
fn powering(case: &mut Case<'_>, what: &str, since: Step) -> String {
    let since = case.time(since);
    let said = case.given.last.and_then(|last| said(last, since));
    let shows = match case.system().map(|system| &system.power) {
        Some(Some(power)) => format!("it shows {power}"),
        Some(None) => "it shows no power state".to_owned(),
        None => String::new(),
    };
    let hint = match said {
        Some(said) => format!("{shows}, and said: {said}"),
        None => shows,
    };
    waiting(case, what, since, &hint)
}

fn said(last: &Carried, since: Option<Timestamp>) -> Option<&str> {
    match &last.outcome {
        Outcome::Refused { message } | Outcome::Lost { message } if since.is_some_and(|since| last.at >= since) => {
            Some(message)
        }
        _ => None,
    }
}

/// From power-on to the installer's report: the step that is next, since the one that was last.
fn booting(case: &mut Case<'_>) -> String {
    let furthest = timeline::furthest(&case.status).unwrap_or(Step::PowerOn);
    let seen = timeline::find(&case.status, furthest);
    let since = seen.and_then(|seen| seen.time.as_ref()).map(|time| time.0);
    let progress = seen.and_then(|seen| seen.message.clone()).unwrap_or_default();
    let (what, hint) = match furthest {
        Step::Dhcp => (
            "its bootloader to be fetched",
            "it has its address: does TFTP (UDP 69) or HTTP reach this server from its network, and does the relay let it?"
                .to_owned(),
        ),
        Step::Bootloader => (
            "its kernel to be fetched",
            "its bootloader was fetched: look at its console, and at the bootloader's configuration in the image".to_owned(),
        ),
        Step::Kernel => (
            "its installer to start",
            "its kernel was fetched: look at its console for a missing driver or a kernel panic".to_owned(),
        ),
        Step::InstallerStarted => {
            ("its installer to write the disk image", "look at its console: the installer runs".to_owned())
        }
        Step::ImageWriting => ("the disk image to be written", format!("the last that was heard: {progress}")),
        step if step > Step::ImageWriting => ("its installer to report success", format!("it went on to {step}")),
        _ => ("its DHCP request", no_dhcp(case)),
    };
    waiting(case, what, since, &hint)
}

fn no_dhcp(case: &Case<'_>) -> String {
    if case.shows_settled(&PowerState::Off) {
        return "its power is off again".to_owned();
    }
    let macs: Vec<&str> = case.machine.dhcp_leases().iter().map(|lease| lease.mac.as_str()).collect();
    let order = match case.status.condition(BOOT_ORDER_CONFIG_SUPPORTED) {
        Some(condition) if condition.status == ConditionStatus::False => {
            "is the network first in its boot order (its BMC cannot set that)"
        }
        _ => "does it boot from the network",
    };
    format!("is {} its boot NIC's MAC, does that network's relay point here, and {order}?", macs.join(" or "))
}

/// Nothing is in progress: why it is in the phase that it is in.
fn settled(case: &mut Case<'_>) -> Option<String> {
    let status = &case.status;
    match phase::phase(case.machine, status, case.given.node) {
        Phase::Failed => status
            .condition(ATTESTED)
            .filter(|condition| condition.status == ConditionStatus::False)
            .or_else(|| status.condition(CLOUD_INIT_DONE))
            .map(|condition| format!("{} {}: {}", condition.type_, condition.reason, condition.message)),
        Phase::Joining => Some(joining(case)),
        Phase::Ready => Some(format!("Node {} is Ready", case.machine.node_name())),
        Phase::Pending => Some("nothing was asked for yet: kubectl metalman machine repave installs it".to_owned()),
        Phase::Rebooting => Some("waiting for the controller that handles its power".to_owned()),
        Phase::Provisioning => None,
    }
}

fn joining(case: &mut Case<'_>) -> String {
    let name = case.machine.node_name().to_owned();
    let since = node_steps::since(&case.status).max(case.time(Step::Rebooted));
    if let Some(condition) = case.status.condition(CLOUD_INIT_DONE)
        && condition.reason != reason::SUCCEEDED
    {
        let hint = format!("cloud-init is at {}", condition.message);
        return waiting(case, &format!("Node {name} to join"), since, &hint);
    }
    let (what, hint) = match case.given.node {
        Some(node) if !node.ready => (format!("Node {name} to become Ready"), node.ready_message.clone()),
        Some(_) => (
            format!("Node {name} to be heard of again"),
            "what it shows is from before the machine was started; look at its console".to_owned(),
        ),
        None => (
            format!("Node {name} to join"),
            "the host is installed: does it start from its disk, and does it reach the API server?".to_owned(),
        ),
    };
    waiting(case, &what, since, &hint)
}

/// `waiting for WHAT since WHEN`, and after a while `(more than 5 min): CAUSE`.
fn waiting(case: &mut Case<'_>, what: &str, since: Option<Timestamp>, hint: &str) -> String {
    let Some(since) = since else { return with_hint(format!("waiting for {what}"), hint) };
    let passed = case.passed(since);
    if let Some((next, _)) = STEPS.iter().find(|(seconds, _)| passed.as_secs() < *seconds) {
        case.wake(Duration::from_secs(*next).saturating_sub(passed));
    }
    let head = format!("waiting for {what} since {since}");
    match STEPS.iter().rev().find(|(seconds, _)| passed.as_secs() >= *seconds) {
        None => head,
        Some((_, long)) => with_hint(format!("{head} (more than {long})"), hint),
    }
}

fn with_hint(head: String, hint: &str) -> String {
    if hint.is_empty() { head } else { format!("{head}: {hint}") }
}

#[cfg(test)]
mod tests;
