//! Roles and bindings. Whether a writer may grant what they write is the authorizer's question, not asked here.

use serde_json::Value;

use crate::{
    field::FieldError,
    kinds::{
        Column, Strategy, WriteContext, cells,
        check::{self, Check, join},
        names,
    },
};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Role, and `ClusterRole`.
pub(super) struct Role {
    pub(super) cluster: bool,
}

impl Strategy for Role {
    fn validate_name(&self, name: &str) -> Option<String> {
        names::path_segment(name)
    }
    fn validate(&self, _ctx: &WriteContext<'_>, object: &Value, _old: Option<&Value>) -> Vec<FieldError> {
        let mut check = Check::default();
        for (i, rule) in cells::list(object, "rules").iter().enumerate() {
            let at = format!("rules[{i}]");
            let filled = |field: &str| !cells::list(rule, field).is_empty();
            if !filled("verbs") {
                check.required(join(&at, "verbs"), "verbs must contain at least one value");
            }
            if filled("nonResourceURLs") {
                let urls = rule["nonResourceURLs"].clone();
                if !self.cluster {
                    check.invalid(
                        join(&at, "nonResourceURLs"),
                        urls,
                        "namespaced rules cannot apply to non-resource URLs",
                    );
                } else if filled("apiGroups") || filled("resources") || filled("resourceNames") {
                    let why = "rules cannot apply to both regular resources and non-resource URLs";
                    check.invalid(join(&at, "nonResourceURLs"), urls, why);
                }
                continue;
            }
            if !filled("apiGroups") {
                check.required(join(&at, "apiGroups"), "resource rules must supply at least one api group");
            }
            if !filled("resources") {
                check.required(join(&at, "resources"), "resource rules must supply at least one resource");
            }
        }
        check.errors
    }
    fn columns(&self) -> Vec<Column> {
        cells::columns(&[cells::CREATED_AT])
    }
    fn cells(&self, object: &Value, _now: jiff::Timestamp) -> Vec<Value> {
        vec![cells::name(object), cells::created_at(object)]
    }
}

/// `RoleBinding`, and `ClusterRoleBinding`.
pub(super) struct Binding {
    pub(super) cluster: bool,
}

impl Strategy for Binding {
    fn default(&self, object: &mut Value) {
        if object.get("roleRef").is_some_and(Value::is_object) {
            fill_group(&mut object["roleRef"], GROUP);
        }
        for subject in check::items_mut(object, "/subjects") {
            if matches!(cells::text(subject, "kind"), "User" | "Group") {
                fill_group(subject, GROUP);
            }
        }
    }
    fn validate_name(&self, name: &str) -> Option<String> {
        names::path_segment(name)
    }
    fn validate(&self, _ctx: &WriteContext<'_>, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut check = Check::default();
        check.one_of(object, "", "roleRef.apiGroup", &[GROUP]);
        let kinds: &[&str] = if self.cluster { &["ClusterRole"] } else { &["Role", "ClusterRole"] };
        let kind = cells::text(object, "roleRef.kind");
        if !kinds.contains(&kind) {
            check.add(FieldError::not_supported("roleRef.kind", kind.into(), kinds));
        }
        if check.present(object, "", "roleRef.name") {
            check.rule("roleRef.name", cells::text(object, "roleRef.name"), names::path_segment);
        }
        for (i, s) in cells::list(object, "subjects").iter().enumerate() {
            subject(&mut check, s, &format!("subjects[{i}]"));
        }
        if let Some(old) = old
            && old["roleRef"] != object["roleRef"]
        {
            // A binding that could be pointed elsewhere would hand its subjects more than its writer was checked for.
            check.invalid("roleRef", object["roleRef"].clone(), "cannot change roleRef");
        }
        check.errors
    }
    fn columns(&self) -> Vec<Column> {
        cells::columns(&[
            ("Role", "string", 0, "The role that is granted."),
            cells::AGE,
            ("Users", "string", 1, "Users it is granted to."),
            ("Groups", "string", 1, "Groups it is granted to."),
            ("ServiceAccounts", "string", 1, "ServiceAccounts it is granted to."),
        ])
    }
    fn cells(&self, object: &Value, now: jiff::Timestamp) -> Vec<Value> {
        let of = |kind: &str| {
            let found = cells::list(object, "subjects").iter().filter(|s| s["kind"] == kind);
            let named = found.map(|s| match kind {
                "ServiceAccount" => format!("{}/{}", cells::text(s, "namespace"), cells::text(s, "name")),
                _ => cells::text(s, "name").to_owned(),
            });
            Value::from(named.collect::<Vec<_>>().join(", "))
        };
        let role = format!("{}/{}", cells::text(object, "roleRef.kind"), cells::text(object, "roleRef.name"));
        vec![cells::name(object), role.into(), cells::age(object, now), of("User"), of("Group"), of("ServiceAccount")]
    }
}

fn fill_group(reference: &mut Value, group: &str) {
    if cells::text(reference, "apiGroup").is_empty() {
        reference["apiGroup"] = group.into();
    }
}

fn subject(check: &mut Check, s: &Value, at: &str) {
    let name = cells::text(s, "name");
    if name.is_empty() {
        check.required(join(at, "name"), "");
    }
    let group = cells::text(s, "apiGroup");
    match cells::text(s, "kind") {
        "ServiceAccount" => {
            if !name.is_empty() {
                check.rule(join(at, "name"), name, names::dns1123_subdomain);
            }
            if !group.is_empty() {
                check.add(FieldError::not_supported(join(at, "apiGroup"), group.into(), &[""]));
            }
            if cells::text(s, "namespace").is_empty() {
                check.required(join(at, "namespace"), "");
            }
        }
        "User" | "Group" if group != GROUP => {
            check.add(FieldError::not_supported(join(at, "apiGroup"), group.into(), &[GROUP]));
        }
        "User" | "Group" => {}
        kind => {
            let kinds = ["Group", "ServiceAccount", "User"];
            check.add(FieldError::not_supported(join(at, "kind"), kind.into(), &kinds));
        }
    }
}
