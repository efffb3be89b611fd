//! The status of a budget, from its Pods.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{DELETION_TIMEOUT, charged_at, counted, healthy, text};
use crate::{kinds::crd::status::set_condition, object};

/// The condition that says whether a Pod may go now.
const ALLOWED: &str = "DisruptionAllowed";

/// The controller of an object: the one of its `ownerReferences` that manages it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Controller {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) uid: String,
}

impl Controller {
    pub(crate) fn of(object: &Value) -> Option<Self> {
        let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
        let owner = owners.iter().find(|o| o["controller"] == true)?;
        let text = |field: &str| owner[field].as_str().unwrap_or_default().to_owned();
        Some(Self { api_version: text("apiVersion"), kind: text("kind"), name: text("name"), uid: text("uid") })
    }
}

/// How many Pods a controller is to have, and the UID of what says so.
pub(crate) type Scale = (String, i64);

/// Finds that. `None`: there is no such controller. An error: it has no number of Pods.
pub(crate) type FindScale<'a> = &'a dyn Fn(&Controller) -> Result<Option<Scale>, String>;

/// How many Pods there should be, and how many of them must be healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    expected: i64,
    healthy: i64,
}

/// The budget with its status brought up to date. It is the same object when nothing changed.
pub(crate) fn refreshed(budget: &Value, pods: &[Value], scale: FindScale<'_>, now: Timestamp) -> Value {
    let mut new = budget.clone();
    if !new["status"].is_object() {
        new["status"] = json!({});
    }
    match wanted(budget, pods, scale) {
        Ok(wanted) => {
            let disrupted = still_disrupted(budget, pods, now);
            let current = count_healthy(pods, &disrupted);
            count(&mut new, wanted, current, disrupted, now);
        }
        Err(why) => {
            // What cannot be counted allows nothing. The generation stays unobserved.
            new["status"]["disruptionsAllowed"] = 0.into();
            condition(&mut new, false, "SyncFailed", &why, now);
        }
    }
    new
}

/// When to look again although nothing happened: the first of the evicted Pods is given up then.
pub(crate) fn recheck(budget: &Value) -> Option<Timestamp> {
    let charged = budget["status"]["disruptedPods"].as_object()?;
    charged.keys().filter_map(|pod| charged_at(budget, pod)?.checked_add(DELETION_TIMEOUT).ok()).min()
}

fn count(budget: &mut Value, wanted: Wanted, current: i64, disrupted: Map<String, Value>, now: Timestamp) {
    // Without Pods nothing is allowed: the first ones must not meet a budget that counts the time before them.
    let allowed = if wanted.expected > 0 { (current - wanted.healthy).max(0) } else { 0 };
    let generation = budget.pointer("/metadata/generation").cloned().unwrap_or_default();
    let status = &mut budget["status"];
    for (field, number) in [
        ("currentHealthy", current),
        ("desiredHealthy", wanted.healthy),
        ("expectedPods", wanted.expected),
        ("disruptionsAllowed", allowed),
    ] {
        status[field] = number.into();
    }
    if !generation.is_null() {
        status["observedGeneration"] = generation;
    }
    if disrupted.is_empty() {
        status.as_object_mut().map(|s| s.remove("disruptedPods"));
    } else {
        status["disruptedPods"] = disrupted.into();
    }
    show_allowance(budget, now);
}

/// Makes the condition agree with the number.
pub(super) fn show_allowance(budget: &mut Value, now: Timestamp) {
    let allowed = counted(budget, "disruptionsAllowed") > 0;
    condition(budget, allowed, if allowed { "SufficientPods" } else { "InsufficientPods" }, "", now);
}

fn condition(budget: &mut Value, allowed: bool, reason: &str, message: &str, now: Timestamp) {
    set_condition(budget, ALLOWED, allowed, reason, message, &text(now));
    let observed = budget["status"]["observedGeneration"].clone();
    let conditions = budget.pointer_mut("/status/conditions").and_then(Value::as_array_mut);
    if let Some(c) = conditions.into_iter().flatten().find(|c| c["type"] == ALLOWED)
        && !observed.is_null()
    {
        c["observedGeneration"] = observed;
    }
}

/// The condition's own words, when the status could not be counted or says why else nothing is allowed: reason and message.
pub(super) fn refusal(budget: &Value) -> Option<(&str, &str)> {
    let conditions = budget.pointer("/status/conditions")?.as_array()?;
    let c = conditions.iter().find(|c| c["type"] == ALLOWED && c["status"] == "False")?;
    Some((c["reason"].as_str()?, c["message"].as_str().filter(|m| !m.is_empty())?))
}

fn wanted(budget: &Value, pods: &[Value], scale: FindScale<'_>) -> Result<Wanted, String> {
    let (min, max) = (&budget["spec"]["minAvailable"], &budget["spec"]["maxUnavailable"]);
    if !max.is_null() {
        let expected = expected_scale(pods, scale)?;
        return Ok(Wanted { expected, healthy: (expected - share(max, expected)?).max(0) });
    }
    if let Some(healthy) = min.as_i64() {
        // Absolute, and so known without the Pods' controllers.
        return Ok(Wanted { expected: i64::try_from(pods.len()).unwrap_or(i64::MAX), healthy });
    }
    if min.is_null() {
        return Ok(Wanted { expected: 0, healthy: 0 });
    }
    let expected = expected_scale(pods, scale)?;
    Ok(Wanted { expected, healthy: share(min, expected)? })
}

/// A number, or the percentage of `total`, rounded up.
fn share(value: &Value, total: i64) -> Result<i64, String> {
    if let Some(number) = value.as_i64() {
        return Ok(number);
    }
    let percent = value.as_str().and_then(|t| t.strip_suffix('%')).and_then(|p| p.parse::<u32>().ok());
    let percent = percent.ok_or_else(|| format!("invalid value for IntOrString: invalid type: {value}"))?;
    Ok((i64::from(percent) * total + 99) / 100)
}

/// The sum over the Pods' controllers, each once. Pods without a controller count for nothing: nobody says how many there
/// should be of them.
fn expected_scale(pods: &[Value], scale: FindScale<'_>) -> Result<i64, String> {
    let mut asked = BTreeSet::new();
    let mut found: BTreeMap<String, i64> = BTreeMap::new();
    for pod in pods {
        let Some(controller) = Controller::of(pod) else { continue };
        if !asked.insert(controller.uid.clone()) {
            continue;
        }
        let Some((uid, replicas)) = scale(&controller)? else {
            return Err(format!("found no controllers for pod {:?}", object::name(pod)));
        };
        found.insert(uid, replicas);
    }
    Ok(found.values().sum())
}

/// Those of the evicted Pods that are there, were not deleted yet and still may be.
fn still_disrupted(budget: &Value, pods: &[Value], now: Timestamp) -> Map<String, Value> {
    let there = pods.iter().filter(|p| !object::is_deleting(p)).map(object::name);
    let waits = |pod: &str| charged_at(budget, pod).is_some_and(|at| now.duration_since(at) <= DELETION_TIMEOUT);
    there.filter(|pod| waits(pod)).map(|pod| (pod.to_owned(), budget["status"]["disruptedPods"][pod].clone())).collect()
}

fn count_healthy(pods: &[Value], disrupted: &Map<String, Value>) -> i64 {
    let counts = |p: &&Value| !object::is_deleting(p) && !disrupted.contains_key(object::name(p)) && healthy(p);
    i64::try_from(pods.iter().filter(counts).count()).unwrap_or(i64::MAX)
}
