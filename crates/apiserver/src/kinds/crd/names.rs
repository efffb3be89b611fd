//! Which names a `CustomResourceDefinition` gets: within a group plural, singular and short names share one name space,
//! kind and list kind another. Who comes second keeps what is free and is told what is not.

use serde_json::{Value, json};

use crate::kinds::cells;

/// The names under which a resource is served (`status.acceptedNames`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AcceptedNames {
    /// API group.
    pub group: String,
    /// Plural.
    pub plural: String,
    /// Singular.
    pub singular: String,
    /// Short names.
    pub short_names: Vec<String>,
    /// Kind.
    pub kind: String,
    /// Kind of the list.
    pub list_kind: String,
}

/// `NamesAccepted`: whether, the machine-readable reason, and the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Names that may be served.
    pub accepted: Value,
    /// All requested names are.
    pub complete: bool,
    /// Reason of the condition.
    pub reason: &'static str,
    /// Message of the condition.
    pub message: String,
}

impl AcceptedNames {
    /// Those of a CRD's status.
    pub fn of(crd: &Value) -> Self {
        let get = |f: &str| cells::text(crd, &format!("status.acceptedNames.{f}")).to_owned();
        Self {
            group: cells::text(crd, "spec.group").to_owned(),
            plural: get("plural"),
            singular: get("singular"),
            short_names: strings(cells::at(crd, "status.acceptedNames.shortNames")),
            kind: get("kind"),
            list_kind: get("listKind"),
        }
    }

    fn resources(&self) -> impl Iterator<Item = &str> {
        [&self.plural, &self.singular].into_iter().chain(&self.short_names).map(String::as_str)
    }
    fn kinds(&self) -> impl Iterator<Item = &str> {
        [self.kind.as_str(), &self.list_kind].into_iter()
    }
}

/// The texts of a list.
pub(in crate::kinds) fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Decides over `spec.names` (`requested`), given the names accepted so far and those that others of the group hold.
pub fn decide(requested: &Value, before: &Value, others: &[AcceptedNames]) -> Verdict {
    let taken = |name: &str| !name.is_empty() && others.iter().any(|o| o.resources().any(|n| n == name));
    let kind_taken = |name: &str| !name.is_empty() && others.iter().any(|o| o.kinds().any(|n| n == name));
    let text = |f: &str| requested.get(f).and_then(Value::as_str).unwrap_or_default();
    let mut accepted = if before.is_object() { before.clone() } else { json!({}) };
    let mut conflict: Option<(&'static str, String)> = None;
    let in_use = |names: &[String]| match names {
        [one] => format!("{one:?} is already in use"),
        many => many.iter().map(|n| format!("{n:?} is already in use")).collect::<Vec<_>>().join(", "),
    };
    for (field, reason, is_kind) in [
        ("plural", "PluralConflict", false),
        ("singular", "SingularConflict", false),
        ("shortNames", "ShortNamesConflict", false),
        ("kind", "KindConflict", true),
        ("listKind", "ListKindConflict", true),
    ] {
        let wanted = if field == "shortNames" { strings(&requested[field]) } else { vec![text(field).to_owned()] };
        let lost: Vec<String> = wanted.into_iter().filter(|n| if is_kind { kind_taken(n) } else { taken(n) }).collect();
        if lost.is_empty() {
            copy(requested, &mut accepted, field);
        } else {
            // The last conflict found is the one reported, as upstream does.
            conflict = Some((reason, in_use(&lost)));
        }
    }
    copy(requested, &mut accepted, "categories");
    match conflict {
        None => Verdict { accepted, complete: true, reason: "NoConflicts", message: "no conflicts found".into() },
        Some((reason, message)) => Verdict { accepted, complete: false, reason, message },
    }
}

fn copy(from: &Value, to: &mut Value, field: &str) {
    let Some(map) = to.as_object_mut() else { return };
    match from.get(field) {
        Some(v) => map.insert(field.to_owned(), v.clone()),
        None => map.remove(field),
    };
}
