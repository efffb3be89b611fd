//! Role-based access control (`rbac.authorization.k8s.io/v1`).
//!
//! Invariants:
//! - deny by default: only a rule reached through a binding of the user, or of one of its groups, allows;
//! - rules only add up, so that the answer does not depend on the order of roles, bindings or rules;
//! - no request makes an index: it is rebuilt when one of the four resources changed.

pub(super) mod aggregation;
mod cache;
pub(super) mod escalation;
mod rule;
#[cfg(test)]
mod tests;
mod view;

pub(super) use cache::Cache;
pub(super) use rule::Rule;
pub(super) use view::View;

/// API group of all of it.
pub(super) const GROUP: &str = "rbac.authorization.k8s.io";
/// Storage name of `ClusterRoles`.
pub(super) const CLUSTER_ROLES: &str = "clusterroles.rbac.authorization.k8s.io";
/// Storage name of Roles.
pub(super) const ROLES: &str = "roles.rbac.authorization.k8s.io";
/// Storage name of `ClusterRoleBindings`.
pub(super) const CLUSTER_ROLE_BINDINGS: &str = "clusterrolebindings.rbac.authorization.k8s.io";
/// Storage name of `RoleBindings`.
pub(super) const ROLE_BINDINGS: &str = "rolebindings.rbac.authorization.k8s.io";
