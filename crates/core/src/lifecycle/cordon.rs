//! The Node's workloads: drained before power is cut, let back in when the Node is Ready again.
//!
//! A Node that is not Ready is not drained: nobody there could end its pods, and getting it back is what the reboot is for.

use super::case::{Case, left, spoken};
use super::decision::{Effect, Outcome, Severity};
use super::timeline::{self, Step};
use super::{attempts, node_steps};
use std::time::Duration;

/// Between two passes.
const AGAIN: Duration = Duration::from_secs(5);
/// Between two tries to take a cordon back.
const SELDOM: Duration = Duration::from_secs(30);

/// Whether the Node is free of workloads, or there is nothing to drain.
pub(super) fn is_drained(case: &mut Case<'_>) -> bool {
    let (Some(patience), Some(node)) = (case.given.policy.drain, case.given.node) else { return true };
    if !node.ready {
        return true;
    }
    let since = case.time_or_now(Step::Draining);
    let effect = Effect::Drain { node: node.name.clone() };
    let last = case.carried_since(&effect, since);
    if last.is_some_and(|last| last.outcome == Outcome::Done) {
        return true;
    }
    let passed = case.passed(since);
    if passed >= patience && last.is_some() {
        let holds = last.map_or_else(String::new, |last| holds(&last.outcome));
        let why = format!("Node {} was not drained within {}{holds}", node.name, spoken(patience));
        attempts::fail(case, &why);
        return false;
    }
    match last.map(|last| left(AGAIN, case.passed(last.at))).filter(|rest| !rest.is_zero()) {
        Some(rest) => case.wake(rest),
        None => {
            case.act(effect, "what runs on the Node goes elsewhere first");
            case.wake(AGAIN);
        }
    }
    false
}

/// What keeps a Node from being drained, for people.
pub(super) fn holds(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done => String::new(),
        Outcome::Refused { message } | Outcome::Lost { message } => format!(": {message}"),
        Outcome::Draining { left, why } if why.is_empty() => format!(": {left} pods left"),
        Outcome::Draining { left, why } => format!(": {left} pods left: {why}"),
    }
}

/// No operation is in progress: a cordon of metalman's is taken back once the Node is Ready.
pub(super) fn take_back(case: &mut Case<'_>) {
    let Some(node) = case.given.node.filter(|node| node.cordoned_by_us && node.ready) else { return };
    if node_steps::is_of_an_earlier_boot(&case.status, node) {
        return;
    }
    let effect = Effect::Uncordon { node: node.name.clone() };
    let last = case.given.last.filter(|last| last.effect == effect);
    match last.map(|last| left(SELDOM, case.passed(last.at))).filter(|rest| !rest.is_zero()) {
        Some(rest) => case.wake(rest),
        None => {
            case.tell(Severity::Normal, "Uncordoning", format!("Node {} takes workloads again", node.name));
            case.act(effect, "the Node is Ready again");
            case.wake(SELDOM);
        }
    }
}

/// Whether a Node is being drained at this point of the timeline.
pub(super) fn is_draining(case: &Case<'_>) -> bool {
    timeline::furthest(&case.status) == Some(Step::Draining)
}
