//! Events, in both groups. They are stored in the core form; `events.k8s.io` renames what it renamed and marks the rest
//! as deprecated (API reference, Event v1 events.k8s.io).

use serde_json::Value;

use crate::{
    field::FieldError,
    kinds::{Column, Strategy, WriteContext, cells, check::Check, duration, names},
    object,
};

/// (core, events.k8s.io)
const RENAMED: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

const REFERENCE_FIELDS: [&str; 7] = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"];

/// Event of the core group, or (`new`) of `events.k8s.io`.
pub(super) struct Event {
    pub(super) new: bool,
}

fn rename(
    mut object: Value,
    api_version: &str,
    name: impl Fn(&(&'static str, &'static str)) -> (&'static str, &'static str),
) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.insert("apiVersion".into(), api_version.into());
        for pair in &RENAMED {
            let (from, to) = name(pair);
            if let Some(value) = map.remove(from) {
                map.insert(to.into(), value);
            }
        }
    }
    object
}

impl Event {
    fn to_core(&self, object: Value) -> Value {
        if self.new { rename(object, "v1", |&(core, new)| (new, core)) } else { object }
    }
    fn reference(&self) -> &'static str {
        if self.new { "regarding" } else { "involvedObject" }
    }
    fn controller(&self) -> &'static str {
        if self.new { "reportingController" } else { "reportingComponent" }
    }
}

fn limited(check: &mut Check, object: &Value, field: &str, limit: usize) {
    if cells::text(object, field).len() > limit {
        check.invalid(field, cells::text(object, field), format!("can have at most {limit} characters"));
    }
}

impl Strategy for Event {
    fn validate_name(&self, name: &str) -> Option<String> {
        names::dns1123_subdomain(name)
    }
    fn validate(&self, _ctx: &WriteContext<'_>, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut check = Check::default();
        let reference = self.reference();
        let about = cells::text(object, &format!("{reference}.namespace"));
        let at = object::namespace(object);
        // Events about cluster-scoped objects have no home of their own: they live in `default`.
        let agrees = if about.is_empty() { matches!(at, "" | "default" | "kube-system") } else { about == at };
        if !agrees {
            check.invalid(format!("{reference}.namespace"), about, "does not match event.namespace");
        }
        let timed = !cells::text(object, "eventTime").is_empty();
        if self.new && old.is_none() && !timed {
            check.required("eventTime", "");
        }
        if timed {
            let controller = self.controller();
            if check.present(object, "", controller) {
                check.rule(controller, cells::text(object, controller), names::qualified_name);
            }
            for field in ["reportingInstance", "action", "reason"] {
                check.present(object, "", field);
                limited(&mut check, object, field, 128);
            }
            limited(&mut check, object, if self.new { "note" } else { "message" }, 1024);
        }
        if self.new && old.is_none() {
            check.one_of(object, "", "type", &["Normal", "Warning"]);
            for (_, field) in RENAMED.iter().filter(|(_, n)| n.starts_with("deprecated")) {
                let value = &object[*field];
                let unset = value.is_null() || *value == 0 || value.as_object().is_some_and(serde_json::Map::is_empty);
                if !unset {
                    check.invalid(*field, value.clone(), "needs to be unset");
                }
            }
        }
        check.errors
    }
    fn selectable_fields(&self) -> Vec<String> {
        let reference = self.reference();
        let own = ["reason", self.controller(), "type"].map(str::to_owned);
        let source = (!self.new).then(|| "source".to_owned());
        REFERENCE_FIELDS.iter().map(|f| format!("{reference}.{f}")).chain(own).chain(source).collect()
    }
    fn selectable_field(&self, object: &Value, path: &str) -> Option<String> {
        let known = self.selectable_fields().iter().any(|f| f == path);
        let at = match path {
            "source" if cells::text(object, "source.component").is_empty() => "reportingComponent",
            "source" => "source.component",
            path => path,
        };
        known.then(|| cells::text(object, at).to_owned())
    }
    fn to_storage(&self, object: Value) -> Value {
        self.to_core(object)
    }
    fn stored_as_served(&self) -> bool {
        !self.new
    }
    fn from_storage(&self, object: Value) -> Value {
        if self.new { rename(object, "events.k8s.io/v1", |&pair| pair) } else { object }
    }
    fn columns(&self) -> Vec<Column> {
        let mut columns = cells::columns(&[
            ("Last Seen", "string", 0, "Time since it happened last."),
            ("Type", "string", 0, "Normal or Warning."),
            ("Reason", "string", 0, "Why, for machines."),
            ("Object", "string", 0, "What it is about."),
            ("Subobject", "string", 1, "Which part of the object."),
            ("Source", "string", 1, "Who reports it."),
            ("Message", "string", 0, "What happened, for people."),
            ("First Seen", "string", 1, "Time since it happened first."),
            ("Count", "string", 1, "How often it happened."),
        ]);
        // The name says nothing to people: it comes last, and only with -o wide.
        let mut name = columns.remove(0);
        name.priority = 1;
        columns.push(name);
        columns
    }
    fn cells(&self, object: &Value, now: jiff::Timestamp) -> Vec<Value> {
        let event = self.to_core(object.clone());
        let text = |path: &str| cells::text(&event, path);
        let first = [text("firstTimestamp"), text("eventTime")].into_iter().find(|t| !t.is_empty()).unwrap_or("");
        let last = [text("series.lastObservedTime"), text("lastTimestamp"), first];
        let last = last.into_iter().find(|t| !t.is_empty()).unwrap_or("");
        let count = [cells::int(&event, "series.count"), cells::int(&event, "count"), 1];
        let count = count.into_iter().find(|n| *n > 0).unwrap_or(1);
        let kind = text("involvedObject.kind").to_lowercase();
        let target = match text("involvedObject.name") {
            "" => kind,
            name => format!("{kind}/{name}"),
        };
        let (mut component, mut instance) = (text("source.component"), text("source.host"));
        if component.is_empty() {
            (component, instance) = (text("reportingComponent"), text("reportingInstance"));
        }
        let source = if instance.is_empty() { component.to_owned() } else { format!("{component}, {instance}") };
        vec![
            duration::since_text(last, now).into(),
            text("type").into(),
            text("reason").into(),
            target.into(),
            text("involvedObject.fieldPath").into(),
            source.into(),
            text("message").trim().into(),
            duration::since_text(first, now).into(),
            count.to_string().into(),
            cells::name(object),
        ]
    }
}
