//! The apps group: Deployment, `DaemonSet`, `ReplicaSet` and `StatefulSet` as stored objects. What they share is a template and
//! the selector that must match it.

use serde_json::{Value, json};

use super::pod_spec;
use crate::{
    field::FieldError,
    kinds::{
        Column, ScalePaths, Strategy, WriteContext, cells,
        check::{self, Check},
        names,
        selector::{self, LabelSelector},
    },
    object,
};

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Apps {
    Deployment,
    DaemonSet,
    ReplicaSet,
    StatefulSet,
}

impl Apps {
    fn spec_defaults(self, object: &mut Value) {
        let mut set = |path: &str, value: Value| check::default(object, &format!("spec.{path}"), value);
        if self != Self::DaemonSet {
            set("replicas", json!(1));
        }
        if self != Self::ReplicaSet {
            set("revisionHistoryLimit", json!(10));
        }
        match self {
            Self::Deployment => {
                set("progressDeadlineSeconds", json!(600));
                set("strategy.type", json!("RollingUpdate"));
            }
            Self::DaemonSet => set("updateStrategy.type", json!("RollingUpdate")),
            Self::StatefulSet => {
                set("podManagementPolicy", json!("OrderedReady"));
                set("updateStrategy.type", json!("RollingUpdate"));
                set("persistentVolumeClaimRetentionPolicy.whenDeleted", json!("Retain"));
                set("persistentVolumeClaimRetentionPolicy.whenScaled", json!("Retain"));
            }
            Self::ReplicaSet => {}
        }
        let strategy = if self == Self::Deployment { "strategy" } else { "updateStrategy" };
        if cells::text(object, &format!("spec.{strategy}.type")) != "RollingUpdate" {
            return;
        }
        let rolling: &[(&str, Value)] = match self {
            Self::Deployment => &[("maxSurge", json!("25%")), ("maxUnavailable", json!("25%"))],
            Self::DaemonSet => &[("maxSurge", json!(0)), ("maxUnavailable", json!(1))],
            Self::StatefulSet => &[("partition", json!(0))],
            Self::ReplicaSet => &[],
        };
        for (field, value) in rolling {
            check::default(object, &format!("spec.{strategy}.rollingUpdate.{field}"), value.clone());
        }
    }
}

impl Strategy for Apps {
    fn default(&self, object: &mut Value) {
        if !cells::at(object, "spec").is_object() {
            return;
        }
        self.spec_defaults(object);
        if let Some(spec) = object.pointer_mut("/spec/template/spec") {
            pod_spec::defaults(spec);
        }
    }
    fn prepare_create(&self, _ctx: &WriteContext<'_>, object: &mut Value) {
        object["status"] = json!({});
    }
    fn prepare_update(&self, ctx: &WriteContext<'_>, object: &mut Value, old: &Value) {
        // Alone among the kinds, a Deployment's annotations count as a generation: its controller copies them to ReplicaSets.
        let annotations = "metadata.annotations";
        if *self == Self::Deployment
            && ctx.subresource.is_empty()
            && cells::at(object, annotations) != cells::at(old, annotations)
        {
            let next = cells::at(old, "metadata.generation").as_i64().unwrap_or(0) + 1;
            object::metadata_mut(object).insert("generation".into(), next.into());
        }
    }
    fn validate(&self, ctx: &WriteContext<'_>, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut check = Check::default();
        if !ctx.subresource.is_empty() {
            return check.errors;
        }
        for path in ["spec.replicas", "spec.minReadySeconds", "spec.revisionHistoryLimit"] {
            check.not_negative(object, "", path);
        }
        let labels = cells::at(object, "spec.template.metadata.labels");
        let wanted = cells::at(object, "spec.selector");
        if wanted.is_null() {
            check.required("spec.selector", "");
        } else if selector::object_text(wanted).is_empty() {
            let why = format!("empty selector is invalid for {}", self.noun());
            check.invalid("spec.selector", wanted.clone(), why);
        } else {
            match LabelSelector::from_object(wanted) {
                Err(why) => check.invalid("spec.selector", wanted.clone(), why),
                Ok(s) if !s.matches(&label_map(labels)) => {
                    let why = "`selector` does not match template `labels`";
                    // Shown as text: the reader needs to see which labels.
                    check.invalid("spec.template.metadata.labels", labels.to_string(), why);
                }
                Ok(_) => {}
            }
        }
        if *self == Self::Deployment {
            check.one_of(object, "", "spec.strategy.type", &["Recreate", "RollingUpdate"]);
            let rolling = cells::at(object, "spec.strategy.rollingUpdate");
            if cells::text(object, "spec.strategy.type") == "Recreate" && !rolling.is_null() {
                let why = "may not be specified when strategy `type` is 'Recreate'";
                check.forbidden("spec.strategy.rollingUpdate", why);
            }
        } else {
            check.one_of(object, "", "spec.updateStrategy.type", &["OnDelete", "RollingUpdate"]);
        }
        pod_spec::validate(&mut check, cells::at(object, "spec.template.spec"), "spec.template.spec");
        let restart = cells::text(object, "spec.template.spec.restartPolicy");
        if matches!(restart, "OnFailure" | "Never") {
            let path = "spec.template.spec.restartPolicy";
            check.add(FieldError::not_supported(path, restart.into(), &["Always"]));
        }
        if let Some(old) = old {
            check.immutable(object, old, "spec.selector");
            if *self == Self::StatefulSet && cells::at(object, "spec.serviceName") != cells::at(old, "spec.serviceName")
            {
                check.forbidden("spec", "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden");
            }
        }
        check.errors
    }
    fn validate_name(&self, name: &str) -> Option<String> {
        names::dns1123_subdomain(name)
    }
    fn scale_paths(&self) -> Option<ScalePaths> {
        (*self != Self::DaemonSet).then(|| ScalePaths {
            spec_replicas: ".spec.replicas".into(),
            status_replicas: ".status.replicas".into(),
            selector: Some(".spec.selector".into()),
        })
    }
    fn columns(&self) -> Vec<Column> {
        let number = |name: &'static str, about: &'static str| (name, "string", 0, about);
        let int = |name: &'static str, about: &'static str| (name, "integer", 0, about);
        let mut own = match self {
            Self::Deployment => vec![
                number("Ready", "Pods that are ready, of those wanted."),
                number("Up-to-date", "Pods of the current template."),
                number("Available", "Pods that have been ready for long enough."),
            ],
            Self::DaemonSet => vec![
                int("Desired", "Nodes that should run a pod."),
                int("Current", "Nodes that run a pod."),
                int("Ready", "Pods that are ready."),
                int("Up-to-date", "Pods of the current template."),
                int("Available", "Pods that have been ready for long enough."),
                number("Node Selector", "Which nodes."),
            ],
            Self::ReplicaSet => vec![
                int("Desired", "Pods wanted."),
                int("Current", "Pods there."),
                int("Ready", "Pods that are ready."),
            ],
            Self::StatefulSet => vec![number("Ready", "Pods that are ready, of those wanted.")],
        };
        own.push(cells::AGE);
        own.push(("Containers", "string", 1, "Names of the containers."));
        own.push(("Images", "string", 1, "Images of the containers."));
        if *self != Self::StatefulSet {
            own.push(("Selector", "string", 1, "Which pods."));
        }
        cells::columns(&own)
    }
    fn cells(&self, object: &Value, now: jiff::Timestamp) -> Vec<Value> {
        let int = |path: &str| Value::from(cells::int(object, path));
        let ready = || {
            let of = (cells::int(object, "status.readyReplicas"), cells::int(object, "spec.replicas"));
            Value::from(format!("{}/{}", of.0, of.1))
        };
        let mut row = vec![cells::name(object)];
        match self {
            Self::Deployment => row.extend([ready(), int("status.updatedReplicas"), int("status.availableReplicas")]),
            Self::DaemonSet => row.extend([
                int("status.desiredNumberScheduled"),
                int("status.currentNumberScheduled"),
                int("status.numberReady"),
                int("status.updatedNumberScheduled"),
                int("status.numberAvailable"),
                cells::labels(cells::at(object, "spec.template.spec.nodeSelector")).into(),
            ]),
            Self::ReplicaSet => {
                row.extend([int("spec.replicas"), int("status.replicas"), int("status.readyReplicas")]);
            }
            Self::StatefulSet => row.push(ready()),
        }
        row.push(cells::age(object, now));
        let containers = cells::list(object, "spec.template.spec.containers");
        for field in ["name", "image"] {
            row.push(containers.iter().map(|c| cells::text(c, field)).collect::<Vec<_>>().join(",").into());
        }
        if *self != Self::StatefulSet {
            row.push(cells::or_none(selector::object_text(cells::at(object, "spec.selector"))).into());
        }
        row
    }
}

impl Apps {
    fn noun(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::DaemonSet => "daemonset",
            Self::ReplicaSet => "replicaset",
            Self::StatefulSet => "statefulset",
        }
    }
}

fn label_map(labels: &Value) -> std::collections::BTreeMap<String, String> {
    let pairs = labels.as_object().into_iter().flatten();
    pairs.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
}
