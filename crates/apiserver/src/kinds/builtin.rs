//! The built-in resources, in discovery order: groups by Kubernetes' priority, resources by name.

use std::sync::Weak;

use super::{
    Resource, Serves, Subresource,
    registry::Shared,
    strategies::{Strategies, strategies},
};
use crate::schema::SchemaRoot;

/// Verbs of a subresource that shows a part of the object.
pub(super) const PART: &[&str] = &["get", "patch", "update"];

/// What may be nested below an object of a row.
#[derive(Clone, Copy)]
enum Sub {
    Status,
    Finalize,
    Approval,
    Token,
    Scale,
    Eviction,
}

impl Sub {
    fn build(self) -> Subresource {
        let gvk = |g: &str, v: &str, k: &str| Some((g.to_owned(), v.to_owned(), k.to_owned()));
        let (name, kind, verbs): (_, _, &[&str]) = match self {
            Self::Status => ("status", None, PART),
            Self::Finalize => ("finalize", None, &["update"]),
            Self::Approval => ("approval", None, PART),
            Self::Token => ("token", gvk("authentication.k8s.io", "v1", "TokenRequest"), &["create"]),
            Self::Scale => ("scale", gvk("autoscaling", "v1", "Scale"), PART),
            Self::Eviction => ("eviction", gvk("policy", "v1", "Eviction"), &["create"]),
        };
        Subresource { name: name.into(), kind, verbs: verbs.to_vec() }
    }
}

struct Row {
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    subs: &'static [Sub],
    namespaced: bool,
    all: bool,
    generation: bool,
}

const fn row(kind: &'static str, plural: &'static str, short: &'static [&'static str]) -> Row {
    Row { kind, plural, short, subs: &[], namespaced: true, all: false, generation: false }
}

impl Row {
    const fn cluster(mut self) -> Self {
        self.namespaced = false;
        self
    }
    const fn subs(mut self, subs: &'static [Sub]) -> Self {
        self.subs = subs;
        self
    }
    /// Counts generations.
    const fn spec(mut self) -> Self {
        self.generation = true;
        self
    }
    /// In the category `all`.
    const fn all(mut self) -> Self {
        self.all = true;
        self
    }
}

struct Group {
    name: &'static str,
    /// What `OpenAPI` definition names begin with.
    package: &'static str,
    serves: Serves,
    rows: &'static [Row],
}

use Sub::{Approval, Eviction, Finalize, Scale, Status, Token};

const GROUPS: &[Group] = &[
    Group {
        name: "",
        package: "io.k8s.api.core.v1",
        serves: Serves::Stored,
        rows: &[
            row("ConfigMap", "configmaps", &["cm"]),
            row("Endpoints", "endpoints", &["ep"]),
            row("Event", "events", &["ev"]),
            row("Namespace", "namespaces", &["ns"]).cluster().subs(&[Finalize, Status]),
            row("Node", "nodes", &["no"]).cluster().subs(&[Status]),
            row("Pod", "pods", &["po"]).subs(&[Eviction, Status]).all().spec(),
            row("Secret", "secrets", &[]),
            row("ServiceAccount", "serviceaccounts", &["sa"]).subs(&[Token]),
            row("Service", "services", &["svc"]).subs(&[Status]).all(),
        ],
    },
    Group {
        name: "apps",
        package: "io.k8s.api.apps.v1",
        serves: Serves::Stored,
        rows: &[
            row("DaemonSet", "daemonsets", &["ds"]).subs(&[Status]).all().spec(),
            row("Deployment", "deployments", &["deploy"]).subs(&[Scale, Status]).all().spec(),
            row("ReplicaSet", "replicasets", &["rs"]).subs(&[Scale, Status]).all().spec(),
            row("StatefulSet", "statefulsets", &["sts"]).subs(&[Scale, Status]).all().spec(),
        ],
    },
    Group {
        name: "events.k8s.io",
        package: "io.k8s.api.events.v1",
        serves: Serves::Stored,
        rows: &[row("Event", "events", &["ev"])],
    },
    Group {
        name: "authentication.k8s.io",
        package: "io.k8s.api.authentication.v1",
        serves: Serves::Review,
        rows: &[
            row("SelfSubjectReview", "selfsubjectreviews", &[]).cluster(),
            row("TokenReview", "tokenreviews", &[]).cluster(),
        ],
    },
    Group {
        name: "authorization.k8s.io",
        package: "io.k8s.api.authorization.v1",
        serves: Serves::Review,
        rows: &[
            row("LocalSubjectAccessReview", "localsubjectaccessreviews", &[]),
            row("SelfSubjectAccessReview", "selfsubjectaccessreviews", &[]).cluster(),
            row("SelfSubjectRulesReview", "selfsubjectrulesreviews", &[]).cluster(),
            row("SubjectAccessReview", "subjectaccessreviews", &[]).cluster(),
        ],
    },
    Group {
        name: "certificates.k8s.io",
        package: "io.k8s.api.certificates.v1",
        serves: Serves::Stored,
        rows: &[row("CertificateSigningRequest", "certificatesigningrequests", &["csr"])
            .cluster()
            .subs(&[Approval, Status])],
    },
    Group {
        name: "policy",
        package: "io.k8s.api.policy.v1",
        serves: Serves::Stored,
        rows: &[row("PodDisruptionBudget", "poddisruptionbudgets", &["pdb"]).subs(&[Status]).spec()],
    },
    Group {
        name: "rbac.authorization.k8s.io",
        package: "io.k8s.api.rbac.v1",
        serves: Serves::Stored,
        rows: &[
            row("ClusterRoleBinding", "clusterrolebindings", &[]).cluster(),
            row("ClusterRole", "clusterroles", &[]).cluster(),
            row("RoleBinding", "rolebindings", &[]),
            row("Role", "roles", &[]),
        ],
    },
    Group {
        name: "apiextensions.k8s.io",
        package: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
        serves: Serves::Stored,
        rows: &[row("CustomResourceDefinition", "customresourcedefinitions", &["crd", "crds"])
            .cluster()
            .subs(&[Status])
            .spec()],
    },
    Group {
        name: "coordination.k8s.io",
        package: "io.k8s.api.coordination.v1",
        serves: Serves::Stored,
        rows: &[row("Lease", "leases", &[])],
    },
];

/// The storage name of a resource: what [`crate::store::Key`] calls it.
pub(crate) fn storage_name(group: &str, plural: &str) -> String {
    match group {
        // Both groups of Event are views of one set of objects.
        "" | "events.k8s.io" => plural.to_owned(),
        _ => format!("{plural}.{group}"),
    }
}

/// Builds the table. `shared` lets the strategy of `CustomResourceDefinition` see which names are taken.
pub(super) fn resources(shared: &Weak<Shared>) -> Vec<Resource> {
    let strategies: Strategies = strategies(shared);
    let mut out = Vec::new();
    for group in GROUPS {
        for r in group.rows {
            let definition = format!("{}.{}", group.package, r.kind);
            out.push(Resource {
                group: group.name.into(),
                version: "v1".into(),
                kind: r.kind.into(),
                list_kind: format!("{}List", r.kind),
                plural: r.plural.into(),
                singular: r.kind.to_ascii_lowercase(),
                short_names: r.short.iter().map(|&s| s.into()).collect(),
                categories: if r.all { vec!["all".into()] } else { vec![] },
                namespaced: r.namespaced,
                storage: storage_name(group.name, r.plural).into(),
                serves: group.serves,
                subresources: r.subs.iter().map(|s| s.build()).collect(),
                schema: SchemaRoot::builtin(&definition).expect("every row names a type of the API"),
                definition,
                strategy: strategies(group.name, r.kind),
                custom: false,
                tracks_generation: r.generation,
            });
        }
    }
    out
}
