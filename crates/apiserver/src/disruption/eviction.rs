//! Whether a Pod may be evicted, and what that costs its budget ("API-initiated Eviction").

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{counted, finished, healthy, status, text};
use crate::{error::ApiError, object};

/// Evictions of one budget that were charged and not yet seen to happen. More mean that nobody keeps its status.
const MOST_DISRUPTED: usize = 2000;
/// When to ask again while the status of a budget is not up to date.
const PROCESSING_SECONDS: u32 = 10;
const VIOLATES: &str = "Cannot evict pod as it would violate the pod's disruption budget.";

/// What a budget says about the eviction of one of its Pods.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// The Pod is not healthy, and may go at no cost as long as that stays so.
    Free,
    /// It may go, once the budget was stored like this.
    Charged(Value),
    /// It must stay.
    Refused(ApiError),
}

/// Whether budgets are not asked at all: the Pod does not run yet, or no longer, or was deleted before.
pub(crate) fn ignores_budgets(pod: &Value) -> bool {
    finished(pod) || pod["status"]["phase"] == "Pending" || object::is_deleting(pod)
}

/// Whether such a Pod may start to count, so that it has to be as it was seen when it is deleted.
pub(crate) fn may_come_to_count(pod: &Value) -> bool {
    !finished(pod) && !object::is_deleting(pod)
}

/// What the one budget of a running Pod says.
pub(crate) fn judge(budget: &Value, pod: &Value, now: Timestamp) -> Verdict {
    if !healthy(pod) && unhealthy_is_free(budget) {
        return Verdict::Free;
    }
    match charge(budget, object::name(pod), now) {
        Ok(charged) => Verdict::Charged(charged),
        Err(refusal) => Verdict::Refused(refusal),
    }
}

/// `spec.unhealthyPodEvictionPolicy`: always, or (the default) only while the application is not disrupted anyway.
fn unhealthy_is_free(budget: &Value) -> bool {
    let desired = counted(budget, "desiredHealthy");
    budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
        || (desired > 0 && counted(budget, "currentHealthy") >= desired)
}

fn charge(budget: &Value, pod: &str, now: Timestamp) -> Result<Value, ApiError> {
    let name = object::name(budget);
    let generation = budget.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or_default();
    if counted(budget, "observedGeneration") < generation {
        return Err(still_processed(name));
    }
    let forbidden = |why| Err(ApiError::forbidden("policy", "poddisruptionbudget", name, why));
    let allowed = counted(budget, "disruptionsAllowed");
    if allowed < 0 {
        return forbidden("pdb disruptions allowed is negative");
    }
    if budget["status"]["disruptedPods"].as_object().is_some_and(|d| d.len() > MOST_DISRUPTED) {
        return forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller");
    }
    if allowed == 0 {
        return Err(refused(&why_none(budget), 0));
    }
    let mut charged = budget.clone();
    charged["status"]["disruptionsAllowed"] = (allowed - 1).into();
    if !charged["status"]["disruptedPods"].is_object() {
        charged["status"]["disruptedPods"] = json!({});
    }
    charged["status"]["disruptedPods"][pod] = text(now).into();
    status::show_allowance(&mut charged, now);
    Ok(charged)
}

/// Why a budget allows nothing now.
fn why_none(budget: &Value) -> String {
    let name = object::name(budget);
    let (desired, current) = (counted(budget, "desiredHealthy"), counted(budget, "currentHealthy"));
    match status::refusal(budget) {
        Some(("SyncFailed", why)) => {
            format!("The disruption budget {name} does not allow evicting pods currently because it failed sync: {why}")
        }
        _ if current <= desired => {
            format!("The disruption budget {name} needs {desired} healthy pods and has {current} currently")
        }
        Some((reason, why)) => {
            format!("The disruption budget {name} does not allow evicting pods currently ({reason}): {why}")
        }
        None => format!("The disruption budget {name} does not allow evicting pods currently"),
    }
}

/// 429: the budget's status is not up to date.
pub(crate) fn still_processed(budget: &str) -> ApiError {
    refused(&format!("The disruption budget {budget} is still being processed by the server."), PROCESSING_SECONDS)
}

/// 429 with the budget's words as cause; without `Retry-After` where nobody can tell when it will help.
fn refused(cause: &str, retry_after_seconds: u32) -> ApiError {
    let mut e = ApiError::new(429, "TooManyRequests", VIOLATES);
    e.details = json!({"causes": [{"reason": "DisruptionBudget", "message": cause}]});
    if retry_after_seconds > 0 {
        e.details["retryAfterSeconds"] = retry_after_seconds.into();
    }
    e
}

/// 500: budgets that overlap cannot both be charged at once.
pub(crate) fn several_budgets() -> ApiError {
    ApiError::new(
        500,
        "",
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
    )
}

/// The Pod with the condition that tells its kubelet and its controller why it ends.
pub(crate) fn targeted(pod: &Value, now: Timestamp) -> Value {
    const TARGET: &str = "DisruptionTarget";
    let mut new = pod.clone();
    let now = text(now);
    let (reason, message) = ("EvictionByEvictionAPI", "Eviction API: evicting");
    crate::kinds::crd::status::set_condition(&mut new, TARGET, true, reason, message, &now);
    let conditions = new.pointer_mut("/status/conditions").and_then(Value::as_array_mut);
    if let Some(c) = conditions.into_iter().flatten().find(|c| c["type"] == TARGET) {
        c["lastProbeTime"] = Value::Null;
    }
    new
}
