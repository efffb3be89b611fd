//! The status of a `CustomResourceDefinition`: accepted names and the conditions `NamesAccepted`, `Established` and
//! `Terminating`.

use serde_json::{Value, json};

use super::names::{AcceptedNames, decide};
use crate::kinds::{
    cells,
    check::{self, items_mut},
    custom::condition_true,
};

/// Decides over the names in `spec`, given those that others hold. Once established a definition stays so, with the
/// names it got.
pub fn settle(crd: &mut Value, others: &[AcceptedNames], now: &str) {
    let verdict = decide(cells::at(crd, "spec.names"), cells::at(crd, "status.acceptedNames"), others);
    let established = condition_true(crd, "Established");
    check::default(crd, "status.conditions", json!([]));
    crd["status"]["acceptedNames"] = verdict.accepted;
    set_condition(crd, "NamesAccepted", verdict.complete, verdict.reason, &verdict.message, now);
    if verdict.complete {
        set_condition(crd, "Established", true, "InitialNamesAccepted", "the initial names have been accepted", now);
    } else if !established {
        set_condition(crd, "Established", false, "NotAccepted", "not all names are accepted", now);
    }
}

/// Sets a condition; its `lastTransitionTime` moves only when its status does.
pub fn set_condition(crd: &mut Value, type_: &str, status: bool, reason: &str, message: &str, now: &str) {
    let status = if status { "True" } else { "False" };
    check::default(crd, "status.conditions", json!([]));
    let existing = items_mut(crd, "/status/conditions").find(|c| c["type"] == type_);
    if let Some(c) = existing {
        if c["status"] != status {
            c["lastTransitionTime"] = now.into();
        }
        c["status"] = status.into();
        c["reason"] = reason.into();
        c["message"] = message.into();
    } else if let Some(list) = crd.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
        list.push(json!({
            "type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": now,
        }));
    }
}
