//! Lease.

use serde_json::Value;

use crate::kinds::{Column, Strategy, WriteContext, cells, check::Check, names};

pub(super) struct Lease;

impl Strategy for Lease {
    fn validate_name(&self, name: &str) -> Option<String> {
        names::dns1123_subdomain(name)
    }
    fn validate(&self, _ctx: &WriteContext<'_>, object: &Value, _old: Option<&Value>) -> Vec<crate::field::FieldError> {
        let mut check = Check::default();
        let seconds = cells::at(object, "spec.leaseDurationSeconds");
        if seconds.as_i64().is_some_and(|n| n <= 0) {
            check.invalid("spec.leaseDurationSeconds", seconds.clone(), "must be greater than 0");
        }
        check.not_negative(object, "", "spec.leaseTransitions");
        check.errors
    }
    fn columns(&self) -> Vec<Column> {
        cells::columns(&[("Holder", "string", 0, "Who holds the lease."), cells::AGE])
    }
    fn cells(&self, object: &Value, now: jiff::Timestamp) -> Vec<Value> {
        vec![cells::name(object), cells::text(object, "spec.holderIdentity").into(), cells::age(object, now)]
    }
}
