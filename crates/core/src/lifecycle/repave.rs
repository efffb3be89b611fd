//! A repave between power-on and the installer's report.

use super::case::{Case, has_reason, left, spoken};
use super::timeline::{self, Step};
use super::{attempts, reachable};
use crate::api::conditions::{ConditionStatus, REPAVED, reason};

/// Writes that the repave is pending.
pub(super) fn pend(case: &mut Case<'_>) {
    let image = case.machine.spec.pxe.as_ref().map_or("", |pxe| pxe.image.as_str());
    case.set(REPAVED, ConditionStatus::False, reason::PENDING, format!("image={image}"));
}

/// Whether an attempt ran out of time, and no further one was begun.
pub(super) fn timed_out(case: &Case<'_>) -> bool {
    has_reason(&case.status, REPAVED, reason::TIMED_OUT)
}

/// The installer is awaited: it has its time since power-on.
pub(super) fn installing(case: &mut Case<'_>) {
    let since = case.time_or_now(Step::PowerOn);
    let (patience, passed) = (case.asked.repave_timeout(), case.passed(since));
    if passed < patience {
        case.wake(left(patience, passed));
        case.why("the installer is awaited");
        return reachable::look_now_and_then(case);
    }
    let why = overdue(case);
    attempts::fail(case, &why);
}

/// How far the installation came that ran out of time.
pub(super) fn overdue(case: &Case<'_>) -> String {
    let patience = spoken(case.asked.repave_timeout());
    let seen = timeline::furthest(&case.status).filter(|step| *step >= Step::Dhcp);
    let seen = seen.map_or_else(|| "nothing was heard of it".to_owned(), |step| format!("it came as far as {step}"));
    format!("no report of success within {patience} after power-on: {seen}")
}
