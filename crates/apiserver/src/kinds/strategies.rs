//! The strategies of the built-in kinds.

mod apps;
mod config;
mod csr;
mod event;
mod lease;
pub(crate) mod namespace;
mod node;
mod pod;
mod pod_spec;
mod policy;
mod rbac;
mod review;
mod service;

use std::sync::{Arc, Weak};

use serde_json::Value;

use super::{Strategy, cells, crd, registry::Shared};

/// Finds the strategy of a kind: (group, kind).
pub(super) type Strategies = Box<dyn Fn(&str, &str) -> Arc<dyn Strategy>>;

/// The strategies of all built-in kinds.
pub(super) fn strategies(shared: &Weak<Shared>) -> Strategies {
    let shared = shared.clone();
    Box::new(move |group, kind| -> Arc<dyn Strategy> {
        match kind {
            "ConfigMap" => Arc::new(config::ConfigMap),
            "Secret" => Arc::new(config::Secret),
            "Namespace" => Arc::new(namespace::Namespace),
            "ServiceAccount" => Arc::new(namespace::ServiceAccount),
            "Node" => Arc::new(node::Node),
            "Pod" => Arc::new(pod::Pod),
            "Service" => Arc::new(service::Service),
            "Endpoints" => Arc::new(service::Endpoints),
            "Event" => Arc::new(event::Event { new: !group.is_empty() }),
            "Deployment" => Arc::new(apps::Apps::Deployment),
            "DaemonSet" => Arc::new(apps::Apps::DaemonSet),
            "ReplicaSet" => Arc::new(apps::Apps::ReplicaSet),
            "StatefulSet" => Arc::new(apps::Apps::StatefulSet),
            "Lease" => Arc::new(lease::Lease),
            "CertificateSigningRequest" => Arc::new(csr::Csr),
            "PodDisruptionBudget" => Arc::new(policy::Pdb),
            "Role" => Arc::new(rbac::Role { cluster: false }),
            "ClusterRole" => Arc::new(rbac::Role { cluster: true }),
            "RoleBinding" => Arc::new(rbac::Binding { cluster: false }),
            "ClusterRoleBinding" => Arc::new(rbac::Binding { cluster: true }),
            "CustomResourceDefinition" => Arc::new(crd::CrdStrategy::new(shared.clone())),
            _ => Arc::new(review::Review),
        }
    })
}

/// The texts of the list at a dotted path.
fn strings_at(object: &Value, path: &str) -> Vec<String> {
    crd::names::strings(cells::at(object, path))
}

#[cfg(test)]
mod tests;
