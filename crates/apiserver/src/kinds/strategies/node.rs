//! Node.

use serde_json::Value;

use crate::kinds::{
    Column, Strategy, WriteContext, cells,
    check::{Check, join},
    names,
};

const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
const ROLE_LABEL: &str = "kubernetes.io/role";

pub(super) struct Node;

impl Strategy for Node {
    fn validate_name(&self, name: &str) -> Option<String> {
        names::dns1123_subdomain(name)
    }
    fn validate(&self, _ctx: &WriteContext<'_>, object: &Value, old: Option<&Value>) -> Vec<crate::field::FieldError> {
        let mut check = Check::default();
        taints(&mut check, object);
        if let Some(old) = old {
            // Set once, by whoever allocates: routes depend on them.
            let was = cells::list(old, "spec.podCIDRs");
            if !was.is_empty() && was != cells::list(object, "spec.podCIDRs") {
                check.forbidden("spec.podCIDRs", "node updates may not change podCIDR except from \"\" to valid");
            }
            let was = cells::text(old, "spec.podCIDR");
            if !was.is_empty() && was != cells::text(object, "spec.podCIDR") {
                check.forbidden("spec.podCIDR", "node updates may not change podCIDR except from \"\" to valid");
            }
            let was = cells::text(old, "spec.providerID");
            if !was.is_empty() && was != cells::text(object, "spec.providerID") {
                check.forbidden("spec.providerID", "node updates may not change providerID except from \"\" to valid");
            }
        }
        check.errors
    }
    fn selectable_fields(&self) -> Vec<String> {
        vec!["spec.unschedulable".into()]
    }
    fn selectable_field(&self, object: &Value, path: &str) -> Option<String> {
        (path == "spec.unschedulable").then(|| (cells::at(object, path) == &Value::Bool(true)).to_string())
    }
    fn columns(&self) -> Vec<Column> {
        cells::columns(&[
            ("Status", "string", 0, "Whether the node is ready, and takes pods."),
            ("Roles", "string", 0, "Roles, from its labels."),
            cells::AGE,
            ("Version", "string", 0, "Version of its kubelet."),
            ("Internal-IP", "string", 1, "Address inside the cluster."),
            ("External-IP", "string", 1, "Address outside of the cluster."),
            ("OS-Image", "string", 1, "Operating system."),
            ("Kernel-Version", "string", 1, "Kernel."),
            ("Container-Runtime", "string", 1, "Container runtime."),
        ])
    }
    fn cells(&self, object: &Value, now: jiff::Timestamp) -> Vec<Value> {
        let info = |field: &str| match cells::text(object, &format!("status.nodeInfo.{field}")) {
            "" => "<unknown>".to_owned(),
            text => text.to_owned(),
        };
        vec![
            cells::name(object),
            status(object).into(),
            cells::or_none(roles(object)).into(),
            cells::age(object, now),
            cells::text(object, "status.nodeInfo.kubeletVersion").into(),
            cells::or_none(address(object, "InternalIP")).into(),
            cells::or_none(address(object, "ExternalIP")).into(),
            info("osImage").into(),
            info("kernelVersion").into(),
            info("containerRuntimeVersion").into(),
        ]
    }
}

fn taints(check: &mut Check, object: &Value) {
    let mut seen = Vec::new();
    for (i, taint) in cells::list(object, "spec.taints").iter().enumerate() {
        let at = format!("spec.taints[{i}]");
        let (key, effect) = (cells::text(taint, "key"), cells::text(taint, "effect"));
        check.rule(join(&at, "key"), key, names::qualified_name);
        check.rule(join(&at, "value"), cells::text(taint, "value"), names::label_value);
        if effect.is_empty() {
            check.required(join(&at, "effect"), "");
        }
        check.one_of(taint, &at, "effect", &["NoSchedule", "PreferNoSchedule", "NoExecute"]);
        if seen.contains(&(key, effect)) {
            check.duplicate(at, format!("{key}:{effect}"));
        }
        seen.push((key, effect));
    }
}

fn status(object: &Value) -> String {
    let ready = cells::list(object, "status.conditions").iter().find(|c| c["type"] == "Ready");
    let ready = match ready {
        None => "Unknown",
        Some(c) if c["status"] == "True" => "Ready",
        Some(_) => "NotReady",
    };
    let cordoned = cells::at(object, "spec.unschedulable") == &Value::Bool(true);
    format!("{ready}{}", if cordoned { ",SchedulingDisabled" } else { "" })
}

fn roles(object: &Value) -> String {
    let labels = cells::at(object, "metadata.labels").as_object().into_iter().flatten();
    let mut roles: Vec<&str> = labels
        .filter_map(|(k, v)| match k.strip_prefix(ROLE_PREFIX) {
            Some(role) => Some(role),
            None if k == ROLE_LABEL => v.as_str(),
            None => None,
        })
        .filter(|r| !r.is_empty())
        .collect();
    roles.sort_unstable();
    roles.dedup();
    roles.join(",")
}

fn address<'a>(object: &'a Value, type_: &str) -> &'a str {
    let found = cells::list(object, "status.addresses").iter().find(|a| a["type"] == type_);
    found.map_or("", |a| cells::text(a, "address"))
}
