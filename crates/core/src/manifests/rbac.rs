//! What metalman may do.
//!
//! Invariant: least privilege. Each rule exists for one use, which its comment names; Secrets are readable by name in one
//! namespace only, and nowhere may metalman list them.

use super::{Manifest, part_of};
use crate::api::GROUP;
use crate::api::labels::{BOOTSTRAP_NAMESPACE, CONTROLLER_SERVICE_ACCOUNT};
use crate::cluster::{CLUSTER_DNS, CLUSTER_INFO};
use serde_json::{Value, json};

const RBAC: &str = "rbac.authorization.k8s.io/v1";
const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// One rule of a Role, and its reason to be.
struct Rule {
    group: &'static str,
    resource: &'static str,
    verbs: &'static [&'static str],
    /// Only objects of these names; empty: all.
    names: &'static [&'static str],
    why: &'static str,
}

const READ: &[&str] = &["get", "list", "watch"];
const EVENT: &[&str] = &["create", "patch"];

/// Cluster-wide.
const CLUSTER: &[Rule] = &[
    Rule {
        group: GROUP,
        resource: "machines",
        verbs: READ,
        names: &[],
        why: "The inventory: which machines there are, and what is asked of them.",
    },
    Rule {
        group: GROUP,
        resource: "machines/status",
        verbs: &["get", "patch", "update"],
        names: &[],
        why: "What metalman saw and did. It never writes a Machine's spec.",
    },
    Rule { group: "", resource: "nodes", verbs: READ, names: &[], why: "A Machine is Ready when its Node is." },
    Rule {
        group: "",
        resource: "nodes",
        verbs: &["patch"],
        names: &[],
        why: "Only with --drain: cordons the Node of a Machine that is about to lose power, and takes that back.",
    },
    Rule {
        group: "",
        resource: "pods",
        verbs: &["list"],
        names: &[],
        why: "Only with --drain: what runs on that Node.",
    },
    Rule {
        group: "",
        resource: "pods/eviction",
        verbs: &["create"],
        names: &[],
        why: "Only with --drain: asks for its end. PodDisruptionBudgets are asked first; deleting Pods is not granted.",
    },
    Rule {
        group: "certificates.k8s.io",
        resource: "certificatesigningrequests",
        verbs: READ,
        names: &[],
        why: "Kubelets of attested Machines ask for their client certificate.",
    },
    Rule {
        group: "certificates.k8s.io",
        resource: "certificatesigningrequests/approval",
        verbs: &["update"],
        names: &[],
        why: "Approves those that come from the Machine's own ServiceAccount, for its own Node.",
    },
    Rule {
        group: "certificates.k8s.io",
        resource: "signers",
        verbs: &["approve"],
        names: &["kubernetes.io/kube-apiserver-client-kubelet"],
        why: "For no other signer than that of kubelets.",
    },
];

/// In metalman's own namespace.
const OWN: &[Rule] = &[
    Rule {
        group: "",
        resource: "secrets",
        verbs: &["get"],
        names: &[],
        why: "BMC passwords and image pull secrets that Machines name. Of this namespace only: a Machine cannot point \
              metalman at another's.",
    },
    Rule { group: "", resource: "configmaps", verbs: READ, names: &[], why: "User-data that Machines name." },
    Rule {
        group: "coordination.k8s.io",
        resource: "leases",
        verbs: &["create", "get", "update", "patch"],
        names: &[],
        why: "One Lease per site: which replica acts on BMCs and writes status.",
    },
    Rule { group: "events.k8s.io", resource: "events", verbs: EVENT, names: &[], why: "Events about that Lease." },
    Rule { group: "", resource: "events", verbs: EVENT, names: &[], why: "The same, in the older API." },
];

/// Kubernetes keeps events about objects without namespace, such as Machines, here.
const EVENTS: &[Rule] = &[
    Rule { group: "events.k8s.io", resource: "events", verbs: EVENT, names: &[], why: "Events about Machines." },
    Rule { group: "", resource: "events", verbs: EVENT, names: &[], why: "The same, in the older API." },
];

const PUBLIC: &[Rule] = &[Rule {
    group: "",
    resource: "configmaps",
    verbs: READ,
    names: &[CLUSTER_INFO.1],
    why: "The API server's address and CA, which machines are told. List and watch are by field selector on this name.",
}];

const SYSTEM: &[Rule] = &[Rule {
    group: "",
    resource: "services",
    verbs: &["get"],
    names: &[CLUSTER_DNS.1],
    why: "The address of the cluster's DNS, which kubelets are told.",
}];

const BOOTSTRAP: &[Rule] = &[
    Rule {
        group: "",
        resource: "serviceaccounts",
        verbs: &["create", "get", "patch"],
        names: &[],
        why: "One ServiceAccount per Machine, owned by it, so that its credential can only become its own Node.",
    },
    Rule {
        group: "",
        resource: "serviceaccounts/token",
        verbs: &["create"],
        names: &[],
        why: "The credential that an attested Machine joins with, valid for one hour.",
    },
];

pub(super) fn manifests(namespace: &str) -> Vec<Manifest> {
    let account = Manifest::new(json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": { "name": CONTROLLER_SERVICE_ACCOUNT, "namespace": namespace, "labels": part_of([]) },
    }));
    let mut manifests = vec![account];
    manifests.extend(granted(None, CLUSTER, namespace));
    for (at, rules) in [
        (namespace, OWN),
        ("default", EVENTS),
        (CLUSTER_INFO.0, PUBLIC),
        (CLUSTER_DNS.0, SYSTEM),
        (BOOTSTRAP_NAMESPACE, BOOTSTRAP),
    ] {
        manifests.extend(granted(Some(at), rules, namespace));
    }
    manifests.push(node_bootstrappers());
    manifests
}

/// A Role in that namespace (or a ClusterRole) with its binding to metalman's ServiceAccount.
fn granted(at: Option<&str>, rules: &[Rule], account_namespace: &str) -> [Manifest; 2] {
    let (role, binding) = if at.is_some() { ("Role", "RoleBinding") } else { ("ClusterRole", "ClusterRoleBinding") };
    let mut metadata = json!({ "name": CONTROLLER_SERVICE_ACCOUNT, "labels": part_of([]) });
    if let Some(at) = at {
        metadata["namespace"] = at.into();
    }
    let mut granting = Manifest::new(json!({
        "apiVersion": RBAC,
        "kind": role,
        "metadata": metadata,
        "rules": rules.iter().map(Rule::to_value).collect::<Vec<_>>(),
    }));
    for (index, rule) in rules.iter().enumerate() {
        granting = granting.comment(format!("/rules/{index}"), rule.why);
    }
    let bound = Manifest::new(json!({
        "apiVersion": RBAC,
        "kind": binding,
        "metadata": metadata,
        "roleRef": { "apiGroup": RBAC_GROUP, "kind": role, "name": CONTROLLER_SERVICE_ACCOUNT },
        "subjects": [{ "kind": "ServiceAccount", "name": CONTROLLER_SERVICE_ACCOUNT, "namespace": account_namespace }],
    }));
    [granting, bound]
}

impl Rule {
    fn to_value(&self) -> Value {
        let mut value = json!({ "apiGroups": [self.group], "resources": [self.resource], "verbs": self.verbs });
        if !self.names.is_empty() {
            value["resourceNames"] = json!(self.names);
        }
        value
    }
}

/// Machines may ask for a kubelet's certificate; nobody approves it but metalman.
fn node_bootstrappers() -> Manifest {
    Manifest::new(json!({
        "apiVersion": RBAC,
        "kind": "ClusterRoleBinding",
        "metadata": { "name": "metalman-bootstrap", "labels": part_of([]) },
        "roleRef": { "apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": "system:node-bootstrapper" },
        "subjects": [{
            "apiGroup": RBAC_GROUP,
            "kind": "Group",
            "name": format!("system:serviceaccounts:{BOOTSTRAP_NAMESPACE}"),
        }],
    }))
    .comment(
        "",
        "The ServiceAccounts of Machines may create the signing request of a kubelet. There is no auto-approval: metalman \
         compares requester and Node first.",
    )
}
