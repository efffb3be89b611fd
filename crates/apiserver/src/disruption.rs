//! Pod disruption budgets as arithmetic: what a budget's status says of its Pods ([`status`]), and whether one of them may be
//! evicted ([`eviction`]). The controller keeps the status, `pods/eviction` asks it and charges it.
//!
//! Pure: objects and the time are arguments. Invariants:
//! - a budget that is not known to hold refuses: no status yet, a status of an older spec, Pods whose controller is unknown;
//! - an eviction is charged before its Pod is deleted, and what is charged stays charged until the Pod is seen to go or
//!   [`DELETION_TIMEOUT`] is over, so that evictions at the same time cannot spend one disruption twice.
//!
//! What is meant by each field is in the API reference, `PodDisruptionBudgetSpec` and `PodDisruptionBudgetStatus`.

pub(crate) mod eviction;
pub(crate) mod status;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    kinds::{condition_true, selector::LabelSelector},
    store::Stored,
};

/// Storage name of the budgets.
pub(crate) const BUDGETS: &str = "poddisruptionbudgets.policy";

/// How long an evicted Pod may take to be marked as deleted, before it counts as healthy again
/// (`PodDisruptionBudgetStatus.disruptedPods`).
const DELETION_TIMEOUT: SignedDuration = SignedDuration::from_mins(2);

/// Whether this budget is about this Pod of its namespace. An empty selector selects every Pod, an absent one none.
pub(crate) fn guards(budget: &Value, pod: &Stored) -> bool {
    match budget.pointer("/spec/selector") {
        None | Some(Value::Null) => false,
        Some(selector) => LabelSelector::from_object(selector).is_ok_and(|s| s.matches(&pod.labels)),
    }
}

/// The phases in which a Pod runs nothing any more.
fn finished(pod: &Value) -> bool {
    matches!(pod.pointer("/status/phase").and_then(Value::as_str), Some("Succeeded" | "Failed"))
}

/// Healthy is what is ready.
fn healthy(pod: &Value) -> bool {
    condition_true(pod, "Ready")
}

/// A whole number of the budget's status, zero when absent.
fn counted(budget: &Value, field: &str) -> i64 {
    budget["status"][field].as_i64().unwrap_or_default()
}

/// RFC 3339 with seconds, as the API writes times.
fn text(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// When this evicted Pod was charged.
fn charged_at(budget: &Value, pod: &str) -> Option<Timestamp> {
    budget["status"]["disruptedPods"][pod].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests;
