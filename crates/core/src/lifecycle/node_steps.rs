//! The end of a boot: its Node joined, and is Ready.

use super::case::{Case, transition};
use super::node::NodeView;
use super::timeline::{self, Step};
use crate::api::MachineStatus;
use crate::api::conditions::{ConditionStatus, REPAVED};
use jiff::Timestamp;

/// Writes down that the Node joined and became Ready in this boot.
pub(super) fn record(case: &mut Case<'_>) {
    if case.status.boot.is_none() || case.begun().any() || case.wanted().any() {
        return;
    }
    let Some(node) = case.given.node.filter(|node| !is_of_an_earlier_boot(&case.status, node)) else { return };
    if node.heartbeat.is_none() {
        return;
    }
    case.record(Step::Joined, None);
    if node.ready {
        case.record(Step::Ready, None);
    }
}

/// Whether all that the Node shows is from before the last repave or the last power-on.
pub(super) fn is_of_an_earlier_boot(status: &MachineStatus, node: &NodeView) -> bool {
    since(status).is_some_and(|since| node.heartbeat.is_none_or(|heartbeat| heartbeat <= since))
}

/// From when on a heartbeat counts.
pub(super) fn since(status: &MachineStatus) -> Option<Timestamp> {
    let repaved = status.condition(REPAVED).filter(|condition| condition.status == ConditionStatus::True);
    repaved.and_then(transition).max(timeline::time(status, Step::PowerOn))
}
