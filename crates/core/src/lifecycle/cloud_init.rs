//! cloud-init that fell silent.

use super::case::{Case, left, spoken, transition};
use super::timeline::{self, Step};
use crate::api::conditions::{CLOUD_INIT_DONE, ConditionStatus, reason};

/// A run that was heard of, and then not for too long, counts as lost: whether it still goes on, nobody knows.
pub(super) fn silence(case: &mut Case<'_>) {
    let patience = case.given.policy.cloud_init_silence;
    let Some(running) = case.status.condition(CLOUD_INIT_DONE).filter(|condition| condition.reason == reason::RUNNING)
    else {
        return;
    };
    let Some(heard) = timeline::time(&case.status, Step::CloudInit).or_else(|| transition(running)) else { return };
    let passed = case.passed(heard);
    if passed < patience {
        return case.wake(left(patience, passed));
    }
    let message = format!("nothing was heard for {} after {}", spoken(patience), running.message);
    case.set(CLOUD_INIT_DONE, ConditionStatus::Unknown, reason::TIMED_OUT, message);
}
