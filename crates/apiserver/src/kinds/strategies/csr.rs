//! `CertificateSigningRequest`: who asks is recorded by the server, what is asked never changes, and only the approval
//! subresource approves or denies.

use serde_json::{Map, Value, json};

use crate::{
    field::FieldError,
    kinds::{
        Column, Strategy, WriteContext, cells,
        check::{self, Check},
        duration, names,
    },
    pki,
};

const DECISIONS: [&str; 2] = ["Approved", "Denied"];

pub(super) struct Csr;

fn decision(condition: &Value) -> Option<&'static str> {
    let type_ = cells::text(condition, "type");
    DECISIONS.into_iter().find(|d| *d == type_)
}

/// Conditions without times get `now`, or keep the time of their last real change.
fn stamp(object: &mut Value, old: &Value, now: &str) {
    for c in check::items_mut(object, "/status/conditions") {
        let before = cells::list(old, "status.conditions").iter().find(|o| o["type"] == c["type"]);
        let transition = match before {
            Some(b) if b["status"] == c["status"] => b["lastTransitionTime"].as_str().unwrap_or(now).to_owned(),
            _ => now.to_owned(),
        };
        check::default(c, "lastUpdateTime", now);
        check::default(c, "lastTransitionTime", transition);
    }
}

fn set_conditions(object: &mut Value, conditions: Vec<Value>) {
    if !cells::at(object, "status").is_object() {
        object["status"] = json!({});
    }
    if conditions.is_empty() {
        check::remove(&mut object["status"], "conditions");
    } else {
        object["status"]["conditions"] = conditions.into();
    }
}

impl Strategy for Csr {
    fn prepare_create(&self, ctx: &WriteContext<'_>, object: &mut Value) {
        if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
            // Signers trust these: they are never the client's to say.
            for field in ["username", "uid", "groups", "extra"] {
                spec.remove(field);
            }
            let mut put = |field: &str, value: Value| spec.insert(field.to_owned(), value);
            put("username", ctx.user.username.as_str().into());
            if !ctx.user.uid.is_empty() {
                put("uid", ctx.user.uid.as_str().into());
            }
            if !ctx.user.groups.is_empty() {
                put("groups", json!(ctx.user.groups));
            }
            if !ctx.user.extra.is_empty() {
                put("extra", json!(ctx.user.extra));
            }
        }
        object["status"] = Value::Object(Map::new());
    }
    fn prepare_update(&self, ctx: &WriteContext<'_>, object: &mut Value, old: &Value) {
        check::keep(object, old, "spec");
        let was = cells::list(old, "status.conditions").to_vec();
        let now = cells::list(object, "status.conditions").to_vec();
        match ctx.subresource {
            "approval" => {
                check::keep(object, old, "status");
                set_conditions(object, now);
            }
            "status" => {
                let decided = was.into_iter().filter(|c| decision(c).is_some());
                let others = now.into_iter().filter(|c| decision(c).is_none());
                set_conditions(object, decided.chain(others).collect());
            }
            _ => check::keep(object, old, "status"),
        }
        if !ctx.subresource.is_empty() {
            stamp(object, old, ctx.now);
        }
    }
    fn validate(&self, _ctx: &WriteContext<'_>, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut check = Check::default();
        if old.is_none() {
            check.errors = pki::csr::validate(&object["spec"]);
        }
        let mut decided = None;
        let conditions = cells::list(object, "status.conditions");
        for (i, c) in conditions.iter().enumerate() {
            let at = format!("status.conditions[{i}]");
            check.present(c, &at, "type");
            let status = cells::text(c, "status");
            if status.is_empty() {
                check.required(format!("{at}.status"), "");
            }
            let Some(d) = decision(c) else {
                check.one_of(c, &at, "status", &["True", "False", "Unknown"]);
                continue;
            };
            check.one_of(c, &at, "status", &["True"]);
            if decided.is_some_and(|other| other != d) {
                check.invalid(format!("{at}.type"), d, "Approved and Denied conditions are mutually exclusive");
            }
            decided = Some(d);
        }
        if let Some(old) = old {
            for d in cells::list(old, "status.conditions").iter().filter_map(decision) {
                if !conditions.iter().any(|c| c["type"] == d) {
                    let why = format!("updates may not remove a condition of type \"{d}\"");
                    check.forbidden("status.conditions", &why);
                }
            }
            let issued = cells::text(old, "status.certificate");
            if !issued.is_empty() && issued != cells::text(object, "status.certificate") {
                check.forbidden("status.certificate", "updates may not set or modify certificate content once issued");
            }
        }
        check.errors
    }
    fn validate_name(&self, name: &str) -> Option<String> {
        names::path_segment(name)
    }
    fn selectable_fields(&self) -> Vec<String> {
        vec!["spec.signerName".into()]
    }
    fn selectable_field(&self, object: &Value, path: &str) -> Option<String> {
        (path == "spec.signerName").then(|| cells::text(object, path).to_owned())
    }
    fn columns(&self) -> Vec<Column> {
        cells::columns(&[
            cells::AGE,
            ("SignerName", "string", 0, "Who is asked to sign."),
            ("Requestor", "string", 0, "Who asked."),
            ("RequestedDuration", "string", 0, "How long the certificate should last."),
            ("Condition", "string", 0, "Whether it was approved, and the certificate issued."),
        ])
    }
    fn cells(&self, object: &Value, now: jiff::Timestamp) -> Vec<Value> {
        let seconds = cells::at(object, "spec.expirationSeconds").as_i64();
        vec![
            cells::name(object),
            cells::age(object, now),
            cells::or_none(cells::text(object, "spec.signerName")).into(),
            cells::text(object, "spec.username").into(),
            seconds.map_or_else(|| "<none>".to_owned(), duration::human).into(),
            condition(object).into(),
        ]
    }
}

fn condition(object: &Value) -> String {
    let has = |t: &str| cells::list(object, "status.conditions").iter().any(|c| c["type"] == t);
    let mut text = match (has("Denied"), has("Approved")) {
        (true, _) => "Denied",
        (_, true) => "Approved",
        _ => "Pending",
    }
    .to_owned();
    if has("Failed") {
        text += ",Failed";
    }
    if !cells::text(object, "status.certificate").is_empty() {
        text += ",Issued";
    }
    text
}
