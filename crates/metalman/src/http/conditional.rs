//! Conditional requests, in the order of precedence of RFC 9110 section 13.2.2.

use http::{HeaderMap, Method, header};

use super::date;

/// What a representation is recognised by.
#[derive(Debug, Clone, Default)]
pub(super) struct Validators {
    /// The strong entity tag, with its quotes; none for what is made anew each time.
    pub(super) etag: Option<String>,
    /// In seconds since 1970.
    pub(super) modified: Option<i64>,
}

/// What the preconditions come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Answer; a Range field counts.
    Proceed,
    /// Answer; a Range field does not count, as what it was about has changed.
    ProceedWhole,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// Evaluates the preconditions of a GET or HEAD. `now` in seconds since 1970.
pub(super) fn evaluate(method: &Method, headers: &HeaderMap, validators: &Validators, now: i64) -> Outcome {
    let modified_since = |name| {
        let since = date::parse(headers.get(name)?.to_str().ok()?, now)?;
        Some(validators.modified? > since)
    };
    if headers.contains_key(header::IF_MATCH) {
        if !matches(headers, &header::IF_MATCH, validators, strong) {
            return Outcome::Failed;
        }
    } else if modified_since(header::IF_UNMODIFIED_SINCE) == Some(true) {
        return Outcome::Failed;
    }
    if headers.contains_key(header::IF_NONE_MATCH) {
        if matches(headers, &header::IF_NONE_MATCH, validators, weak) {
            return Outcome::NotModified;
        }
    } else if modified_since(header::IF_MODIFIED_SINCE) == Some(false) {
        return Outcome::NotModified;
    }
    // HEAD has no ranges (section 14.2: Range is defined for GET only).
    if *method != Method::GET {
        return Outcome::ProceedWhole;
    }
    match headers.get(header::IF_RANGE) {
        Some(condition) if !if_range(condition.to_str().unwrap_or_default(), validators, now) => Outcome::ProceedWhole,
        _ => Outcome::Proceed,
    }
}

fn matches(
    headers: &HeaderMap,
    name: &header::HeaderName,
    validators: &Validators,
    equal: fn(&str, &str) -> bool,
) -> bool {
    headers.get_all(name).iter().filter_map(|field| field.to_str().ok()).any(|field| {
        // `*`: any representation at all, and there is one.
        field.trim() == "*" || validators.etag.as_deref().is_some_and(|own| tags(field).any(|tag| equal(tag, own)))
    })
}

/// The entity tags of a list. Ours have no comma, so that cutting at commas loses nothing that could match.
fn tags(field: &str) -> impl Iterator<Item = &str> {
    field.split(',').map(str::trim)
}

/// Strong comparison (section 8.8.3.2): our own tags are strong, so a weak one is never equal.
fn strong(tag: &str, own: &str) -> bool {
    tag == own
}

fn weak(tag: &str, own: &str) -> bool {
    tag.strip_prefix("W/").unwrap_or(tag) == own
}

/// Section 13.1.5: a strong tag, or the exact date.
fn if_range(condition: &str, validators: &Validators, now: i64) -> bool {
    let condition = condition.trim();
    if condition.starts_with('"') || condition.starts_with("W/") {
        return validators.etag.as_deref() == Some(condition);
    }
    date::parse(condition, now).is_some_and(|date| validators.modified == Some(date))
}

#[cfg(test)]
mod tests;
