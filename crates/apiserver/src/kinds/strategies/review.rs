//! Reviews (`TokenReview`, `SubjectAccessReview` …): answered at once and never stored, so they need no name.

use serde_json::Value;

use crate::kinds::{Column, Strategy, cells};

pub(super) struct Review;

impl Strategy for Review {
    fn validate_name(&self, _name: &str) -> Option<String> {
        None
    }
    fn columns(&self) -> Vec<Column> {
        cells::columns(&[cells::CREATED_AT])
    }
    fn cells(&self, object: &Value, _now: jiff::Timestamp) -> Vec<Value> {
        vec![cells::name(object), cells::created_at(object)]
    }
}
