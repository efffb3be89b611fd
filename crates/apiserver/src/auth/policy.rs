//! The roles and bindings that every cluster has (Kubernetes documentation, "Default roles and role bindings"). The server
//! creates the ones that are missing when it starts.

use serde_json::{Value, json};

use super::{ANONYMOUS, AUTHENTICATED, MASTERS, UNAUTHENTICATED, node, rbac::Rule};

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];
const HEALTH: [&str; 5] = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
const CSR: &str = "certificates.k8s.io";

fn metadata(name: &str) -> Value {
    json!({
        "name": name,
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
    })
}

fn cluster_role(name: &str, rules: &[Rule]) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": metadata(name),
        "rules": rules.iter().map(Rule::to_json).collect::<Vec<_>>(),
    })
}

/// A role of people, filled by aggregation. Its rules stand in it as the aggregation would fill them.
fn aggregated(name: &str, into: Option<&str>, rules: &[Rule]) -> Value {
    let mut role = cluster_role(name, rules);
    let label = format!("rbac.authorization.k8s.io/aggregate-to-{name}");
    role["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {label: "true"}}]});
    if let Some(into) = into {
        role["metadata"]["labels"][format!("rbac.authorization.k8s.io/aggregate-to-{into}")] = "true".into();
    }
    role
}

/// What fills an aggregated role.
fn aggregate_to(name: &str, rules: &[Rule]) -> Value {
    let mut role = cluster_role(&format!("system:aggregate-to-{name}"), rules);
    role["metadata"]["labels"][format!("rbac.authorization.k8s.io/aggregate-to-{name}")] = "true".into();
    role
}

fn role_ref(kind: &str, name: &str) -> Value {
    json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name})
}

fn subject(kind: &str, name: &str) -> Value {
    json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name})
}

/// Binds a `ClusterRole` to groups under its own name.
fn cluster_binding(name: &str, groups: &[&str]) -> Value {
    let mut binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": metadata(name), "roleRef": role_ref("ClusterRole", name),
    });
    if !groups.is_empty() {
        binding["subjects"] = groups.iter().map(|g| subject("Group", g)).collect();
    }
    binding
}

fn view_rules() -> Vec<Rule> {
    let rule = Rule::resources;
    vec![
        rule(
            &[""],
            &[
                "bindings",
                "configmaps",
                "endpoints",
                "events",
                "limitranges",
                "namespaces",
                "namespaces/status",
                "persistentvolumeclaims",
                "persistentvolumeclaims/status",
                "pods",
                "pods/log",
                "pods/status",
                "replicationcontrollers",
                "replicationcontrollers/scale",
                "replicationcontrollers/status",
                "resourcequotas",
                "resourcequotas/status",
                "serviceaccounts",
                "services",
                "services/status",
            ],
            READ,
        ),
        rule(&["discovery.k8s.io"], &["endpointslices"], READ),
        rule(
            &["apps"],
            &[
                "controllerrevisions",
                "daemonsets",
                "daemonsets/status",
                "deployments",
                "deployments/scale",
                "deployments/status",
                "replicasets",
                "replicasets/scale",
                "replicasets/status",
                "statefulsets",
                "statefulsets/scale",
                "statefulsets/status",
            ],
            READ,
        ),
        rule(&["autoscaling"], &["horizontalpodautoscalers", "horizontalpodautoscalers/status"], READ),
        rule(&["batch"], &["cronjobs", "cronjobs/status", "jobs", "jobs/status"], READ),
        rule(&["networking.k8s.io"], &["ingresses", "ingresses/status", "networkpolicies"], READ),
        rule(&["policy"], &["poddisruptionbudgets", "poddisruptionbudgets/status"], READ),
    ]
}

fn edit_rules() -> Vec<Rule> {
    let rule = Rule::resources;
    vec![
        rule(&[""], &["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"], READ),
        rule(&[""], &["serviceaccounts"], &["impersonate"]),
        rule(
            &[""],
            &[
                "configmaps",
                "events",
                "persistentvolumeclaims",
                "pods",
                "pods/attach",
                "pods/exec",
                "pods/portforward",
                "pods/proxy",
                "replicationcontrollers",
                "replicationcontrollers/scale",
                "secrets",
                "serviceaccounts",
                "services",
                "services/proxy",
            ],
            WRITE,
        ),
        rule(&[""], &["pods/eviction", "serviceaccounts/token"], &["create"]),
        rule(
            &["apps"],
            &[
                "daemonsets",
                "deployments",
                "deployments/rollback",
                "deployments/scale",
                "replicasets",
                "replicasets/scale",
                "statefulsets",
                "statefulsets/scale",
            ],
            WRITE,
        ),
        rule(&["autoscaling"], &["horizontalpodautoscalers"], WRITE),
        rule(&["batch"], &["cronjobs", "jobs"], WRITE),
        rule(&["networking.k8s.io"], &["ingresses", "networkpolicies"], WRITE),
        rule(&["policy"], &["poddisruptionbudgets"], WRITE),
        rule(&["coordination.k8s.io"], &["leases"], &[READ, WRITE].concat()),
    ]
}

fn admin_rules() -> Vec<Rule> {
    vec![
        Rule::resources(&["authorization.k8s.io"], &["localsubjectaccessreviews"], &["create"]),
        Rule::resources(&["rbac.authorization.k8s.io"], &["rolebindings", "roles"], &[READ, WRITE].concat()),
    ]
}

fn people() -> Vec<Value> {
    let (view, edit, admin) = (view_rules(), edit_rules(), admin_rules());
    let edit_all = [edit.clone(), view.clone()].concat();
    let admin_all = [admin.clone(), edit_all.clone()].concat();
    vec![
        cluster_role("cluster-admin", &[Rule::resources(&["*"], &["*"], &["*"]), Rule::urls(&["*"], &["*"])]),
        aggregated("admin", None, &admin_all),
        aggregated("edit", Some("admin"), &edit_all),
        aggregated("view", Some("edit"), &view),
        aggregate_to("admin", &admin),
        aggregate_to("edit", &edit),
        aggregate_to("view", &view),
    ]
}

fn everyone() -> Vec<Value> {
    let discovery: Vec<&str> =
        [&HEALTH[..], &["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"]].concat();
    let reviews = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"];
    vec![
        cluster_role(
            "system:basic-user",
            &[
                Rule::resources(&["authorization.k8s.io"], &reviews, &["create"]),
                Rule::resources(&["authentication.k8s.io"], &["selfsubjectreviews"], &["create"]),
            ],
        ),
        cluster_role("system:discovery", &[Rule::urls(&discovery, &["get"])]),
        cluster_role("system:public-info-viewer", &[Rule::urls(&HEALTH, &["get"])]),
        cluster_role(
            "system:monitoring",
            &[Rule::urls(
                &["/healthz", "/healthz/*", "/livez", "/livez/*", "/metrics", "/metrics/*", "/readyz", "/readyz/*"],
                &["get"],
            )],
        ),
        cluster_role(
            "system:auth-delegator",
            &[
                Rule::resources(&["authentication.k8s.io"], &["tokenreviews"], &["create"]),
                Rule::resources(&["authorization.k8s.io"], &["subjectaccessreviews"], &["create"]),
            ],
        ),
        cluster_role(
            "system:service-account-issuer-discovery",
            &[Rule::urls(
                &[
                    "/.well-known/openid-configuration",
                    "/.well-known/openid-configuration/",
                    "/openid/v1/jwks",
                    "/openid/v1/jwks/",
                ],
                &["get"],
            )],
        ),
    ]
}

fn kubelets() -> Vec<Value> {
    let requests = |subresource: &str| {
        let resource = format!("certificatesigningrequests/{subresource}");
        cluster_role(
            &format!("system:certificates.k8s.io:certificatesigningrequests:{subresource}"),
            &[Rule::resources(&[CSR], &[&resource], &["create"])],
        )
    };
    let approver = |signer: &str| {
        let name = format!("kubernetes.io/{signer}");
        cluster_role(
            &format!("system:certificates.k8s.io:{signer}-approver"),
            &[Rule::resources(&[CSR], &["signers"], &["approve"]).named(&[&name])],
        )
    };
    let mut roles = vec![
        cluster_role("system:node", &node::rules()),
        cluster_role(
            "system:node-bootstrapper",
            &[Rule::resources(&[CSR], &["certificatesigningrequests"], &["create", "get", "list", "watch"])],
        ),
        requests("nodeclient"),
        requests("selfnodeclient"),
    ];
    let signers = ["kube-apiserver-client", "kube-apiserver-client-kubelet", "kubelet-serving", "legacy-unknown"];
    roles.extend(signers.map(approver));
    roles
}

/// `cluster-info` is how a machine without credentials learns the CA, whose hash it was told.
fn cluster_info() -> [Value; 2] {
    let name = "kubeadm:bootstrap-signer-clusterinfo";
    let meta = |mut meta: Value| {
        meta["namespace"] = "kube-public".into();
        meta
    };
    let rule = Rule::resources(&[""], &["configmaps"], &["get"]).named(&["cluster-info"]);
    [
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": meta(metadata(name)), "rules": [rule.to_json()],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": meta(metadata(name)), "roleRef": role_ref("Role", name),
            "subjects": [subject("User", ANONYMOUS)],
        }),
    ]
}

/// `ClusterRoles`, `ClusterRoleBindings`, Roles and `RoleBindings`, in the order of creation. The namespace kube-public must
/// exist.
pub fn bootstrap_objects() -> Vec<Value> {
    let mut all = [people(), everyone(), kubelets()].concat();
    all.extend([
        cluster_binding("cluster-admin", &[MASTERS]),
        cluster_binding("system:basic-user", &[AUTHENTICATED]),
        cluster_binding("system:discovery", &[AUTHENTICATED]),
        cluster_binding("system:public-info-viewer", &[AUTHENTICATED, UNAUTHENTICATED]),
        cluster_binding("system:monitoring", &["system:monitoring"]),
        // Kubelets get their rights from the node authorizer; this binding is there to be found, and binds nobody.
        cluster_binding("system:node", &[]),
        cluster_binding("system:service-account-issuer-discovery", &["system:serviceaccounts"]),
    ]);
    all.extend(cluster_info());
    all
}
