//! An immutable index of roles and bindings by subject, and the decision over it. Pure.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use super::{GROUP, Rule, aggregation};
use crate::{
    auth::{Attributes, Decision, UserInfo},
    object,
};

/// What one binding gives to one subject.
#[derive(Debug)]
struct Grant {
    /// `ClusterRoleBinding "x" of ClusterRole "y" to Group "z"`.
    description: String,
    /// The role's rules, or the error that it does not exist.
    rules: Result<Arc<[Rule]>, String>,
}

/// Grants by subject.
#[derive(Debug, Default)]
struct Subjects {
    users: HashMap<String, Vec<Grant>>,
    groups: HashMap<String, Vec<Grant>>,
}

impl Subjects {
    fn of<'a>(&'a self, user: &'a UserInfo) -> impl Iterator<Item = &'a Grant> {
        let of_groups = user.groups.iter().filter_map(|g| self.groups.get(g));
        self.users.get(&user.username).into_iter().chain(of_groups).flatten()
    }
}

/// The index.
#[derive(Debug, Default)]
pub(crate) struct View {
    cluster_roles: HashMap<String, Arc<[Rule]>>,
    /// By namespace and name.
    roles: HashMap<(String, String), Arc<[Rule]>>,
    cluster_wide: Subjects,
    namespaced: HashMap<String, Subjects>,
}

impl View {
    /// Over the stored objects.
    pub(crate) fn build(
        cluster_roles: &[Value],
        roles: &[Value],
        cluster_role_bindings: &[Value],
        role_bindings: &[Value],
    ) -> Self {
        let mut view = Self {
            cluster_roles: aggregation::resolve(cluster_roles).into_iter().map(|(n, r)| (n, r.into())).collect(),
            roles: roles
                .iter()
                .map(|role| {
                    let key = (object::namespace(role).to_owned(), object::name(role).to_owned());
                    (key, Rule::list_from_json(role).into())
                })
                .collect(),
            ..Self::default()
        };
        for binding in cluster_role_bindings {
            let mut subjects = std::mem::take(&mut view.cluster_wide);
            view.bind(binding, "", &mut subjects);
            view.cluster_wide = subjects;
        }
        for binding in role_bindings {
            let namespace = object::namespace(binding);
            let mut subjects = view.namespaced.remove(namespace).unwrap_or_default();
            view.bind(binding, namespace, &mut subjects);
            view.namespaced.insert(namespace.to_owned(), subjects);
        }
        view
    }

    fn bind(&self, binding: &Value, namespace: &str, subjects: &mut Subjects) {
        let text = |v: Option<&Value>| v.and_then(Value::as_str).unwrap_or_default().to_owned();
        let (kind, role) = (text(binding.pointer("/roleRef/kind")), text(binding.pointer("/roleRef/name")));
        let shown = if namespace.is_empty() {
            format!("ClusterRoleBinding {:?}", object::name(binding))
        } else {
            format!("RoleBinding {:?}", format!("{}/{namespace}", object::name(binding)))
        };
        for subject in binding.get("subjects").and_then(Value::as_array).into_iter().flatten() {
            let (subject_kind, name) = (text(subject.get("kind")), text(subject.get("name")));
            if name.is_empty() {
                continue;
            }
            let (list, subject) = match subject_kind.as_str() {
                "User" => (subjects.users.entry(name.clone()), format!("User {name:?}")),
                "Group" => (subjects.groups.entry(name.clone()), format!("Group {name:?}")),
                "ServiceAccount" => {
                    let own = text(subject.get("namespace"));
                    let of = if own.is_empty() { namespace } else { &own };
                    if of.is_empty() {
                        continue;
                    }
                    let user = format!("system:serviceaccount:{of}:{name}");
                    (subjects.users.entry(user), format!("ServiceAccount {:?}", format!("{name}/{of}")))
                }
                _ => continue,
            };
            list.or_default().push(Grant {
                description: format!("{shown} of {kind} {role:?} to {subject}"),
                rules: self.role(&kind, namespace, &role),
            });
        }
    }

    /// The rules of a role that a binding in `namespace` (empty: a `ClusterRoleBinding`) refers to.
    pub(crate) fn role(&self, kind: &str, namespace: &str, name: &str) -> Result<Arc<[Rule]>, String> {
        match kind {
            "ClusterRole" => {
                self.cluster_roles.get(name).cloned().ok_or_else(|| format!("clusterrole.{GROUP} {name:?} not found"))
            }
            "Role" if !namespace.is_empty() => self
                .roles
                .get(&(namespace.to_owned(), name.to_owned()))
                .cloned()
                .ok_or_else(|| format!("role.{GROUP} {name:?} not found")),
            other => Err(format!("unsupported role reference kind: {other:?}")),
        }
    }

    /// The grants that count in a namespace; in no namespace only the cluster-wide ones.
    fn grants<'a>(&'a self, user: &'a UserInfo, namespace: &str) -> impl Iterator<Item = &'a Grant> {
        let local = if namespace.is_empty() { None } else { self.namespaced.get(namespace) };
        self.cluster_wide.of(user).chain(local.into_iter().flat_map(|s| s.of(user)))
    }

    /// The decision. The reason of a refusal is empty, or names the roles that bindings of the user point to in vain.
    pub(crate) fn authorize(&self, user: &UserInfo, asked: &Attributes<'_>) -> Decision {
        let namespace = if asked.resource.is_empty() { "" } else { asked.namespace };
        let mut errors: Vec<&str> = Vec::new();
        for grant in self.grants(user, namespace) {
            match &grant.rules {
                Ok(rules) if rules.iter().any(|rule| rule.allows(asked)) => {
                    return Decision { allowed: true, reason: format!("RBAC: allowed by {}", grant.description) };
                }
                Ok(_) => {}
                Err(why) if errors.contains(&why.as_str()) => {}
                Err(why) => errors.push(why),
            }
        }
        let reason = match errors.as_slice() {
            [] => String::new(),
            [one] => format!("RBAC: {one}"),
            many => format!("RBAC: [{}]", many.join(", ")),
        };
        Decision { allowed: false, reason }
    }

    /// All rules that a user holds in a namespace, and what could not be resolved.
    pub(crate) fn rules_for(&self, user: &UserInfo, namespace: &str) -> (Vec<Rule>, Vec<String>) {
        let (mut rules, mut errors) = (Vec::new(), Vec::new());
        for grant in self.grants(user, namespace) {
            match &grant.rules {
                Ok(of_role) => rules.extend(of_role.iter().cloned()),
                Err(why) if !errors.contains(why) => errors.push(why.clone()),
                Err(_) => {}
            }
        }
        (rules, errors)
    }
}
