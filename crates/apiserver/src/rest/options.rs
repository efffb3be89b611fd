//! Query options of the verbs (`meta/v1` `ListOptions`, `CreateOptions`, `UpdateOptions`, `PatchOptions`, `DeleteOptions`) and their
//! validation.

use serde_json::{Value, json};

use super::path::percent_decode;
use crate::{
    error::ApiError,
    field::{FieldError, FieldErrorKind},
    kinds::selector::{FieldSelector, LabelSelector},
};

const META: &str = "meta.k8s.io";

/// The query string, decoded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Decodes `application/x-www-form-urlencoded`. What does not decode is dropped, as an unknown option would be.
    pub(crate) fn parse(raw: &str) -> Self {
        let decode = |s: &str| percent_decode(&s.replace('+', " ")).map(std::borrow::Cow::into_owned);
        let pairs = raw.split('&').filter(|p| !p.is_empty()).filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(key)?, decode(value)?))
        });
        Self(pairs.collect())
    }
    /// The first value of an option.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }
    /// A string option, empty when absent.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.get(key).unwrap_or_default()
    }
    fn all(&self, key: &str) -> Vec<&str> {
        self.0.iter().filter(|(k, v)| k == key && !v.is_empty()).map(|(_, v)| v.as_str()).collect()
    }
    /// A boolean option: present and neither `false` nor `0`.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        self.get(key).map(|v| !v.eq_ignore_ascii_case("false") && v != "0")
    }
    fn integer(&self, key: &str) -> Result<Option<i64>, ApiError> {
        match self.text(key) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                ApiError::bad_request(format!(
                    "invalid value {text:?} of the query option {key:?}: it must be an integer"
                ))
            }),
        }
    }
}

/// Options of `list` and `watch`.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListOptions {
    /// Page size, 0 for all.
    pub limit: usize,
    /// Continue token.
    pub continue_token: String,
    /// `resourceVersion`; `None` when not given.
    pub revision: Option<u64>,
    /// `resourceVersionMatch=Exact`.
    pub exact: bool,
    /// `resourceVersionMatch` was given.
    pub matching: bool,
    /// Label selector.
    pub labels: LabelSelector,
    /// Field selector.
    pub fields: FieldSelector,
    /// How long a watch lasts.
    pub timeout_seconds: Option<u64>,
    /// The watcher understands bookmarks.
    pub bookmarks: bool,
    /// `sendInitialEvents`.
    pub initial_events: Option<bool>,
}

impl ListOptions {
    /// Reads and validates the options of a list, or of a watch.
    pub(crate) fn read(query: &Query, watch: bool) -> Result<Self, ApiError> {
        let matching = query.text("resourceVersionMatch");
        let version = query.text("resourceVersion");
        let initial_events = query.flag("sendInitialEvents");
        let errors = check_list(query, watch, matching, version, initial_events);
        if !errors.is_empty() {
            return Err(ApiError::invalid(META, "ListOptions", "", &errors));
        }
        if !watch && !query.text("continue").is_empty() && !matches!(version, "" | "0") {
            return Err(ApiError::bad_request("specifying resource version is not allowed when using continue"));
        }
        Ok(Self {
            limit: usize::try_from(query.integer("limit")?.unwrap_or(0)).unwrap_or(0),
            continue_token: query.text("continue").to_owned(),
            revision: parse_revision(version)?,
            exact: matching == "Exact",
            matching: !matching.is_empty(),
            labels: LabelSelector::parse(query.text("labelSelector"))?,
            fields: FieldSelector::parse(query.text("fieldSelector"))?,
            timeout_seconds: query.integer("timeoutSeconds")?.and_then(|s| u64::try_from(s).ok()).filter(|s| *s > 0),
            bookmarks: query.flag("allowWatchBookmarks").unwrap_or(false),
            initial_events,
        })
    }
    /// Every object is wanted.
    pub(crate) fn selects_all(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }
}

fn check_list(query: &Query, watch: bool, matching: &str, version: &str, initial: Option<bool>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let forbid = |why: &str| FieldError::forbidden("resourceVersionMatch", why);
    if watch {
        match (initial, matching) {
            (None, "") | (Some(_), "NotOlderThan") => {}
            (None, _) => {
                errors.push(forbid("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
            }
            (Some(_), other) => {
                errors.push(forbid("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
                if !other.is_empty() {
                    errors.push(FieldError::not_supported("resourceVersionMatch", other.into(), &["NotOlderThan"]));
                }
            }
        }
        return errors;
    }
    if initial.is_some() {
        errors.push(FieldError::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
    }
    if matching.is_empty() {
        return errors;
    }
    if version.is_empty() {
        errors.push(forbid("resourceVersionMatch is forbidden unless resourceVersion is provided"));
    }
    if !query.text("continue").is_empty() {
        errors.push(forbid("resourceVersionMatch is forbidden when continue is provided"));
    }
    if !matches!(matching, "Exact" | "NotOlderThan") {
        errors.push(FieldError::not_supported("resourceVersionMatch", matching.into(), &["Exact", "NotOlderThan"]));
    }
    if matching == "Exact" && version == "0" {
        errors.push(forbid("resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\""));
    }
    errors
}

/// A resource version as a revision; empty is `None`.
pub(crate) fn parse_revision(version: &str) -> Result<Option<u64>, ApiError> {
    if version.is_empty() {
        return Ok(None);
    }
    version.parse().map(Some).map_err(|_| {
        ApiError::bad_request(format!("Invalid value: {version:?}: resourceVersion must be an unsigned integer"))
    })
}

/// What to do about fields that the schema does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FieldValidation {
    /// Drop them silently.
    Ignore,
    /// Drop them and say so in `Warning` headers.
    #[default]
    Warn,
    /// Refuse the object.
    Strict,
}

/// Options of the writing verbs.
#[derive(Debug, Clone, Default)]
pub(crate) struct WriteOptions {
    /// Everything but the commit.
    pub dry_run: bool,
    /// Field manager, empty when not given.
    pub manager: String,
    /// Unknown and duplicate fields.
    pub validation: FieldValidation,
    /// `force` of server-side apply.
    pub force: bool,
}

impl WriteOptions {
    /// Reads and validates; `kind` is the options' kind, named in errors. `apply`: the request is a server-side apply.
    pub(crate) fn read(query: &Query, kind: &str, apply: bool) -> Result<Self, ApiError> {
        let mut errors = Vec::new();
        let dry_run = dry_run(&query.all("dryRun"), &mut errors);
        let manager = query.text("fieldManager");
        if manager.chars().count() > 128 {
            errors.push(FieldError::new(
                FieldErrorKind::TooLong,
                "fieldManager",
                manager.into(),
                "may not be more than 128 bytes",
            ));
        }
        if manager.chars().any(char::is_control) {
            errors.push(FieldError::invalid(
                "fieldManager",
                manager.into(),
                "should only contain printable characters",
            ));
        }
        let validation = match query.text("fieldValidation") {
            "" | "Warn" => FieldValidation::Warn,
            "Ignore" => FieldValidation::Ignore,
            "Strict" => FieldValidation::Strict,
            other => {
                errors.push(FieldError::not_supported("fieldValidation", other.into(), &["Ignore", "Warn", "Strict"]));
                FieldValidation::Warn
            }
        };
        let force = query.flag("force");
        if kind == "PatchOptions" {
            if apply && manager.is_empty() {
                errors.push(FieldError::required("fieldManager", "is required for apply patch"));
            }
            if !apply && force.is_some() {
                errors.push(FieldError::forbidden("force", "may not be specified for non-apply patch"));
            }
        }
        if !errors.is_empty() {
            return Err(ApiError::invalid(META, kind, "", &errors));
        }
        Ok(Self { dry_run, manager: manager.to_owned(), validation, force: force.unwrap_or(false) })
    }
}

fn dry_run(values: &[&str], errors: &mut Vec<FieldError>) -> bool {
    if values.iter().any(|v| *v != "All") {
        errors.push(FieldError::not_supported("dryRun", json!(values), &["All"]));
    }
    !values.is_empty()
}

/// What happens to dependents of a deleted object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    /// They stay.
    Orphan,
    /// The garbage collector deletes them afterwards.
    Background,
    /// They go first.
    Foreground,
}

/// Options of `delete` and `deletecollection`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DeleteOptions {
    /// Everything but the commit.
    pub dry_run: bool,
    /// Grace period asked for.
    pub grace_seconds: Option<i64>,
    /// Propagation policy, `None` for the kind's default.
    pub propagation: Option<Propagation>,
    /// UID the object must have.
    pub uid: Option<String>,
    /// Resource version the object must have.
    pub resource_version: Option<String>,
}

impl DeleteOptions {
    /// From the body when there is one (`Null` otherwise), else from the query.
    pub(crate) fn read(query: &Query, body: &Value) -> Result<Self, ApiError> {
        let mut errors = Vec::new();
        let from_body = !body.is_null();
        if let Some(kind) = body.get("kind").and_then(Value::as_str)
            && kind != "DeleteOptions"
        {
            return Err(ApiError::bad_request(format!(
                "the body of a delete must be DeleteOptions: the kind in the data ({kind}) does not match the expected kind (DeleteOptions)"
            )));
        }
        let typed = |field: &str, want: &str| {
            ApiError::bad_request(format!("DeleteOptions cannot be read: {field} must be {want}"))
        };
        let text = |value: &Value, field: &str| match value {
            Value::Null => Ok(None),
            Value::String(s) => Ok(Some(s.clone())),
            _ => Err(typed(field, "a string")),
        };
        let body_dry: Vec<&str> = match &body["dryRun"] {
            Value::Null => Vec::new(),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                items.iter().filter_map(Value::as_str).collect()
            }
            _ => return Err(typed("dryRun", "a list of strings")),
        };
        let dry_values = if from_body && !body_dry.is_empty() { body_dry } else { query.all("dryRun") };
        let dry_run = dry_run(&dry_values, &mut errors);
        let grace_seconds = match &body["gracePeriodSeconds"] {
            Value::Null => query.integer("gracePeriodSeconds")?,
            value => Some(value.as_i64().ok_or_else(|| typed("gracePeriodSeconds", "an integer"))?),
        };
        let policy = text(&body["propagationPolicy"], "propagationPolicy")?
            .or_else(|| query.get("propagationPolicy").map(str::to_owned))
            .filter(|p| !p.is_empty());
        let orphan = match &body["orphanDependents"] {
            Value::Null => query.flag("orphanDependents"),
            value => Some(value.as_bool().ok_or_else(|| typed("orphanDependents", "a boolean"))?),
        };
        let propagation = match policy.as_deref() {
            None => orphan.map(|o| if o { Propagation::Orphan } else { Propagation::Background }),
            Some("Orphan") => Some(Propagation::Orphan),
            Some("Background") => Some(Propagation::Background),
            Some("Foreground") => Some(Propagation::Foreground),
            Some(other) => {
                let known = ["Foreground", "Background", "Orphan", "nil"];
                errors.push(FieldError::not_supported("propagationPolicy", other.into(), &known));
                None
            }
        };
        if let (Some(policy), Some(_)) = (&policy, orphan) {
            errors.push(FieldError::invalid(
                "propagationPolicy",
                policy.as_str().into(),
                "orphanDependents and deletionPropagation cannot be both set",
            ));
        }
        let preconditions = &body["preconditions"];
        if !preconditions.is_null() && !preconditions.is_object() {
            return Err(typed("preconditions", "an object"));
        }
        let uid = text(&preconditions["uid"], "preconditions.uid")?;
        let resource_version = text(&preconditions["resourceVersion"], "preconditions.resourceVersion")?;
        if !errors.is_empty() {
            return Err(ApiError::invalid(META, "DeleteOptions", "", &errors));
        }
        Ok(Self { dry_run, grace_seconds, propagation, uid, resource_version })
    }
}

#[cfg(test)]
mod tests;
