//! Pod.

use serde_json::{Value, json};

use super::pod_spec;
use crate::{
    field::FieldError,
    kinds::{
        Column, Strategy, WriteContext, cells,
        check::{self, Check},
        duration, names,
    },
    object,
};

const FIELDS: [&str; 8] = [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
];

const UPDATABLE: &str = "pod updates may not change fields other than `spec.containers[*].image`,\
    `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing \
    tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

pub(super) struct Pod;

impl Strategy for Pod {
    fn default(&self, object: &mut Value) {
        if cells::at(object, "spec").is_object() {
            check::default(object, "spec.enableServiceLinks", true);
            pod_spec::defaults(&mut object["spec"]);
        }
    }
    fn prepare_create(&self, _ctx: &WriteContext<'_>, object: &mut Value) {
        if cells::at(object, "spec").is_object() {
            check::default(object, "spec.serviceAccountName", "default");
            check::default(object, "spec.serviceAccount", "default");
        }
        object["status"] = json!({"phase": "Pending", "qosClass": qos(object)});
    }
    fn validate(&self, ctx: &WriteContext<'_>, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut check = Check::default();
        match old {
            None => pod_spec::validate(&mut check, &object["spec"], "spec"),
            Some(old) if ctx.subresource.is_empty() && fixed(object) != fixed(old) => {
                check.forbidden("spec", UPDATABLE);
            }
            Some(_) => {}
        }
        check.errors
    }
    fn validate_name(&self, name: &str) -> Option<String> {
        names::dns1123_subdomain(name)
    }
    fn selectable_fields(&self) -> Vec<String> {
        FIELDS.map(str::to_owned).to_vec()
    }
    fn selectable_field(&self, object: &Value, path: &str) -> Option<String> {
        match path {
            "spec.hostNetwork" => Some((cells::at(object, path) == &Value::Bool(true)).to_string()),
            path => FIELDS.contains(&path).then(|| cells::text(object, path).to_owned()),
        }
    }
    fn columns(&self) -> Vec<Column> {
        cells::columns(&[
            ("Ready", "string", 0, "Containers that are ready, of all."),
            ("Status", "string", 0, "What the pod is doing."),
            ("Restarts", "string", 0, "How often its containers were restarted, and when last."),
            cells::AGE,
            ("IP", "string", 1, "Its address."),
            ("Node", "string", 1, "Where it runs."),
            ("Nominated Node", "string", 1, "Where it may run once room was made."),
            ("Readiness Gates", "string", 1, "Further conditions for readiness that hold, of all."),
        ])
    }
    fn cells(&self, object: &Value, now: jiff::Timestamp) -> Vec<Value> {
        let statuses = cells::list(object, "status.containerStatuses");
        let ready = statuses.iter().filter(|s| s["ready"] == true && s["state"]["running"].is_object()).count();
        let text = |path: &str| Value::from(cells::or_none(cells::text(object, path)));
        vec![
            cells::name(object),
            format!("{ready}/{}", cells::list(object, "spec.containers").len()).into(),
            status(object).into(),
            restarts(object, now).into(),
            cells::age(object, now),
            text("status.podIP"),
            text("spec.nodeName"),
            text("status.nominatedNodeName"),
            gates(object).into(),
        ]
    }
}

/// The spec without what an update may change.
fn fixed(object: &Value) -> Value {
    let mut spec = object["spec"].clone();
    for list in ["/containers", "/initContainers"] {
        for c in check::items_mut(&mut spec, list) {
            check::remove(c, "image");
        }
    }
    for field in ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"] {
        check::remove(&mut spec, field);
    }
    spec
}

/// Quality of service: who is evicted first (pod `QoS` classes).
fn qos(object: &Value) -> &'static str {
    let containers = cells::list(object, "spec.containers").iter().chain(cells::list(object, "spec.initContainers"));
    let (mut any, mut guaranteed) = (false, true);
    for c in containers {
        for resource in ["cpu", "memory"] {
            let limit = &c["resources"]["limits"][resource];
            let request = &c["resources"]["requests"][resource];
            any |= !limit.is_null() || !request.is_null();
            guaranteed &= !limit.is_null() && (request.is_null() || request == limit);
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

/// Why a container ended, as the STATUS column says it.
fn ended(terminated: &Value) -> String {
    match (cells::text(terminated, "reason"), cells::int(terminated, "signal")) {
        ("", 0) => format!("ExitCode:{}", cells::int(terminated, "exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn status(object: &Value) -> String {
    let phase = cells::text(object, "status.phase");
    let own_reason = cells::text(object, "status.reason");
    let mut text = if own_reason.is_empty() { phase } else { own_reason }.to_owned();
    let condition = |t: &str| cells::list(object, "status.conditions").iter().find(|c| c["type"] == t);
    if condition("PodScheduled").is_some_and(|c| c["reason"] == "SchedulingGated") {
        text = "SchedulingGated".into();
    }
    let initializing = init_status(object);
    if let Some(init) = &initializing {
        text.clone_from(init);
    } else {
        let mut running = false;
        for s in cells::list(object, "status.containerStatuses").iter().rev() {
            let waiting = cells::text(s, "state.waiting.reason");
            if !waiting.is_empty() {
                waiting.clone_into(&mut text);
            } else if s["state"]["terminated"].is_object() {
                text = ended(&s["state"]["terminated"]);
            } else if s["ready"] == true && s["state"]["running"].is_object() {
                running = true;
            }
        }
        if text == "Completed" && running {
            let ready = condition("Ready").is_some_and(|c| c["status"] == "True");
            text = if ready { "Running" } else { "NotReady" }.into();
        }
    }
    if object::is_deleting(object) {
        if own_reason == "NodeLost" {
            text = "Unknown".into();
        } else if !matches!(phase, "Succeeded" | "Failed") {
            text = "Terminating".into();
        }
    }
    text
}

/// The status while init containers run; `None` once they are done.
fn init_status(object: &Value) -> Option<String> {
    let specs = cells::list(object, "spec.initContainers");
    for (i, s) in cells::list(object, "status.initContainerStatuses").iter().enumerate() {
        let terminated = &s["state"]["terminated"];
        let sidecar = specs.iter().any(|c| c["name"] == s["name"] && c["restartPolicy"] == "Always");
        if (terminated.is_object() && cells::int(terminated, "exitCode") == 0) || (sidecar && s["started"] == true) {
            continue;
        }
        if terminated.is_object() {
            return Some(format!("Init:{}", ended(terminated)));
        }
        return Some(match cells::text(s, "state.waiting.reason") {
            "" | "PodInitializing" => format!("Init:{i}/{}", specs.len()),
            reason => format!("Init:{reason}"),
        });
    }
    None
}

fn restarts(object: &Value, now: jiff::Timestamp) -> String {
    let lists = ["status.containerStatuses", "status.initContainerStatuses"];
    // While init containers run, theirs are the ones that count.
    let list = if init_status(object).is_some() { lists[1] } else { lists[0] };
    let statuses = cells::list(object, list);
    let count: i64 = statuses.iter().map(|s| cells::int(s, "restartCount")).sum();
    let newest = statuses.iter().filter_map(|s| cells::text(s, "lastState.terminated.finishedAt").parse().ok()).max();
    match newest {
        Some(at) if count > 0 => format!("{count} ({} ago)", duration::since(at, now)),
        _ => count.to_string(),
    }
}

fn gates(object: &Value) -> String {
    let gates = cells::list(object, "spec.readinessGates");
    if gates.is_empty() {
        return "<none>".into();
    }
    let holds = |g: &&Value| {
        let conditions = cells::list(object, "status.conditions");
        conditions.iter().any(|c| c["type"] == g["conditionType"] && c["status"] == "True")
    };
    format!("{}/{}", gates.iter().filter(holds).count(), gates.len())
}
