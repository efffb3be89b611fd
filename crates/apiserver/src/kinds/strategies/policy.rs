//! `PodDisruptionBudget`.

use serde_json::Value;

use crate::{
    field::FieldError,
    kinds::{
        Column, Strategy, WriteContext, cells,
        check::{self, Check},
        names,
        selector::LabelSelector,
    },
};

pub(super) struct Pdb;

/// An int-or-string as `kubectl` shows it.
fn shown(value: &Value) -> String {
    cells::scalar(value).unwrap_or_else(|| "N/A".into())
}

impl Strategy for Pdb {
    fn prepare_create(&self, _ctx: &WriteContext<'_>, object: &mut Value) {
        check::remove(object, "status");
    }
    fn validate(&self, _ctx: &WriteContext<'_>, object: &Value, _old: Option<&Value>) -> Vec<FieldError> {
        let mut check = Check::default();
        let (min, max) = (cells::at(object, "spec.minAvailable"), cells::at(object, "spec.maxUnavailable"));
        if !min.is_null() && !max.is_null() {
            check.invalid("spec", object["spec"].clone(), "minAvailable and maxUnavailable cannot be both set");
        }
        for (path, value) in [("spec.minAvailable", min), ("spec.maxUnavailable", max)] {
            check.not_negative(object, "", path);
            if let Some(text) = value.as_str() {
                let percent = text.strip_suffix('%').and_then(|p| p.parse::<u32>().ok());
                match percent {
                    None => check.invalid(path, text, "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"),
                    Some(p) if p > 100 => check.invalid(path, text, "must not be greater than 100%"),
                    Some(_) => {}
                }
            }
        }
        check.one_of(object, "", "spec.unhealthyPodEvictionPolicy", &["AlwaysAllow", "IfHealthyBudget"]);
        if let Err(why) = LabelSelector::from_object(cells::at(object, "spec.selector")) {
            check.invalid("spec.selector", cells::at(object, "spec.selector").clone(), why);
        }
        check.errors
    }
    fn validate_name(&self, name: &str) -> Option<String> {
        names::dns1123_subdomain(name)
    }
    fn columns(&self) -> Vec<Column> {
        cells::columns(&[
            ("Min Available", "string", 0, "Pods that must stay."),
            ("Max Unavailable", "string", 0, "Pods that may go."),
            ("Allowed Disruptions", "integer", 0, "Pods that may go now."),
            cells::AGE,
        ])
    }
    fn cells(&self, object: &Value, now: jiff::Timestamp) -> Vec<Value> {
        vec![
            cells::name(object),
            shown(cells::at(object, "spec.minAvailable")).into(),
            shown(cells::at(object, "spec.maxUnavailable")).into(),
            cells::int(object, "status.disruptionsAllowed").into(),
            cells::age(object, now),
        ]
    }
}
