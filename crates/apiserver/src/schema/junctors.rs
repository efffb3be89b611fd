//! `allOf`, `anyOf`, `oneOf` and `not`.

use std::sync::Arc;

use serde_json::Value;

use super::{Schema, checks::Checks, validate};
use crate::field::{FieldError, FieldErrorKind};

/// Checks the combinators of a node whose own keywords were checked already.
pub(super) fn check(walk: &mut validate::Walk<'_>, checks: &Checks, value: &Value) {
    if checks.all_of.is_empty() && checks.any_of.is_empty() && checks.one_of.is_empty() && checks.not.is_none() {
        return;
    }
    let attempt = |branch: &Arc<Schema>| validate::value_errors(walk.root, branch, value, &walk.path);
    let mut found: Vec<FieldError> = Vec::new();
    let mut sentences = Vec::new();
    let path = &walk.path;

    let failures: Vec<_> = checks.all_of.iter().map(&attempt).filter(|e| !e.is_empty()).collect();
    if !failures.is_empty() {
        let none = if failures.len() == checks.all_of.len() { ". None validated" } else { "" };
        sentences.push(format!("\"{path}\" must validate all the schemas (allOf){none}"));
        found.extend(failures.into_iter().flatten());
    }
    if !checks.any_of.is_empty() {
        let outcomes: Vec<_> = checks.any_of.iter().map(&attempt).collect();
        if !outcomes.iter().any(Vec::is_empty) {
            sentences.push(format!("\"{path}\" must validate at least one schema (anyOf)"));
            found.extend(closest(outcomes));
        }
    }
    if !checks.one_of.is_empty() {
        let outcomes: Vec<_> = checks.one_of.iter().map(&attempt).collect();
        match outcomes.iter().filter(|o| o.is_empty()).count() {
            1 => {}
            0 => {
                sentences.push(format!("\"{path}\" must validate one and only one schema (oneOf). Found none valid"));
                found.extend(closest(outcomes));
            }
            n => sentences.push(format!(
                "\"{path}\" must validate one and only one schema (oneOf). Found {n} valid alternatives"
            )),
        }
    }
    if let Some(not) = &checks.not
        && attempt(not).is_empty()
    {
        sentences.push(format!("\"{path}\" must not validate the schema (not)"));
    }
    for sentence in sentences {
        walk.error(FieldErrorKind::Invalid, "".into(), sentence);
    }
    walk.errors.extend(found);
}

/// The branch that came nearest: its errors are the ones that help.
fn closest(outcomes: Vec<Vec<FieldError>>) -> Vec<FieldError> {
    outcomes.into_iter().min_by_key(Vec::len).unwrap_or_default()
}
