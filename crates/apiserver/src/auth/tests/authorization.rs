//! Built-in roles, the node authorizer, and the words of refusals.

use serde_json::json;

use super::{asked, cluster, kubelet, user};
use crate::auth::{Attributes, UserInfo, bootstrap_objects};

fn path<'a>(verb: &'a str, path: &'a str) -> Attributes<'a> {
    Attributes { verb, path, ..Attributes::default() }
}

#[test]
fn built_in_roles_do_what_they_are_known_for() {
    let c = cluster();
    for role in ["view", "edit", "admin", "cluster-admin", "system:node-bootstrapper", "system:auth-delegator"] {
        c.bind(role, role);
    }
    let signer = |name| asked("approve", "signers.certificates.k8s.io", "", name);
    c.bind("approver", "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver");
    for (who, asked, expected) in [
        ("view", asked("list", "pods", "ns", ""), true),
        ("view", asked("get", "pods/log", "ns", "p"), true),
        ("view", asked("list", "secrets", "ns", ""), false),
        ("view", asked("create", "configmaps", "ns", ""), false),
        ("edit", asked("get", "secrets", "ns", "s"), true),
        ("edit", asked("delete", "deployments.apps", "ns", "d"), true),
        ("edit", asked("create", "serviceaccounts/token", "ns", "s"), true),
        ("edit", asked("create", "roles.rbac.authorization.k8s.io", "ns", ""), false),
        ("admin", asked("create", "rolebindings.rbac.authorization.k8s.io", "ns", ""), true),
        ("admin", asked("list", "pods", "ns", ""), true),
        ("admin", asked("delete", "nodes", "", "n"), false),
        ("cluster-admin", asked("escalate", "clusterroles.rbac.authorization.k8s.io", "", "x"), true),
        ("cluster-admin", path("get", "/metrics"), true),
        ("system:node-bootstrapper", asked("create", "certificatesigningrequests.certificates.k8s.io", "", ""), true),
        (
            "system:node-bootstrapper",
            asked("update", "certificatesigningrequests.certificates.k8s.io/approval", "", "x"),
            false,
        ),
        ("system:auth-delegator", asked("create", "tokenreviews.authentication.k8s.io", "", ""), true),
        ("approver", signer("kubernetes.io/kube-apiserver-client-kubelet"), true),
        ("approver", signer("kubernetes.io/kube-apiserver-client"), false),
        ("nobody", asked("list", "pods", "ns", ""), false),
    ] {
        assert_eq!(c.allowed(&user(who, &[]), &asked), expected, "{who}: {asked:?}");
    }
}

#[test]
fn everyone_sees_a_little() {
    let c = cluster();
    let known = user("x", &["system:authenticated"]);
    let masters = user("x", &["system:masters"]);
    let robot = user("x", &["system:serviceaccounts"]);
    let anonymous = UserInfo::anonymous();
    let cluster_info = asked("get", "configmaps", "kube-public", "cluster-info");
    for (who, asked, expected) in [
        (&anonymous, path("get", "/version"), true),
        (&anonymous, path("get", "/livez"), true),
        (&anonymous, path("get", "/api"), false),
        (&anonymous, path("get", "/"), false),
        (&anonymous, cluster_info.clone(), true),
        (&anonymous, Attributes { verb: "list", name: "", ..cluster_info.clone() }, false),
        (&anonymous, Attributes { name: "other", ..cluster_info.clone() }, false),
        (&anonymous, Attributes { namespace: "kube-system", ..cluster_info }, false),
        (&anonymous, asked("create", "selfsubjectaccessreviews.authorization.k8s.io", "", ""), false),
        (&known, path("get", "/apis/apps/v1"), true),
        (&known, path("get", "/openapi/v3"), true),
        (&known, path("get", "/metrics"), false),
        (&known, asked("create", "selfsubjectaccessreviews.authorization.k8s.io", "", ""), true),
        (&known, asked("create", "selfsubjectreviews.authentication.k8s.io", "", ""), true),
        (&known, asked("create", "subjectaccessreviews.authorization.k8s.io", "", ""), false),
        (&known, asked("get", "pods", "default", "x"), false),
        (&robot, path("get", "/openid/v1/jwks"), true),
        (&known, path("get", "/openid/v1/jwks"), false),
        (&masters, asked("delete", "anything.example.com", "", "x"), true),
        (&masters, path("post", "/anything"), true),
    ] {
        assert_eq!(c.allowed(who, &asked), expected, "{}: {asked:?}", who.username);
    }
}

#[test]
fn built_in_objects_are_whole() {
    let objects = bootstrap_objects();
    let mut seen = std::collections::BTreeSet::new();
    for object in &objects {
        let kind = object["kind"].as_str().unwrap();
        let name = object["metadata"]["name"].as_str().unwrap();
        assert!(seen.insert((kind, name)), "{kind} {name} twice");
        assert_eq!(object["metadata"]["labels"]["kubernetes.io/bootstrapping"], "rbac-defaults");
        assert_eq!(object["metadata"]["annotations"]["rbac.authorization.kubernetes.io/autoupdate"], "true");
        if let Some(to) = object.pointer("/roleRef/name") {
            let role = (object["roleRef"]["kind"].as_str().unwrap(), to.as_str().unwrap());
            assert!(seen.contains(&role), "{role:?} comes before its binding");
        }
    }
    // The rules that stand in aggregated roles are those that aggregation gives them.
    let roles: Vec<_> = objects.iter().filter(|o| o["kind"] == "ClusterRole").cloned().collect();
    let resolved = super::super::rbac::aggregation::resolve(&roles);
    for name in ["admin", "edit", "view"] {
        let role = roles.iter().find(|r| r["metadata"]["name"] == name).unwrap();
        let mut written = super::super::rbac::Rule::list_from_json(role);
        let mut effective = resolved[name].clone();
        written.sort();
        effective.sort();
        assert_eq!(written, effective, "{name}");
    }
}

#[test]
fn decisions_follow_the_store() {
    let c = cluster();
    let list = asked("list", "machines.example.com", "", "");
    let jane = user("jane", &[]);
    assert!(!c.allowed(&jane, &list));
    c.role("machines", &json!([{"apiGroups": ["example.com"], "resources": ["machines"], "verbs": ["list"]}]));
    c.bind("jane", "machines");
    assert!(c.allowed(&jane, &list));
    c.map.delete("clusterrolebindings.rbac.authorization.k8s.io", "", "jane-machines");
    assert!(!c.allowed(&jane, &list));
}

#[test]
fn refusals_say_who_what_and_where() {
    let c = cluster();
    let jane = user("jane", &[]);
    c.bind("lost", "absent");
    for (who, asked, message) in [
        (
            &jane,
            asked("list", "pods", "default", ""),
            "pods is forbidden: User \"jane\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\"",
        ),
        (
            &jane,
            asked("get", "pods/log", "default", "p"),
            "pods \"p\" is forbidden: User \"jane\" cannot get resource \"pods/log\" in API group \"\" in the namespace \"default\"",
        ),
        (
            &jane,
            asked("delete", "machines.example.com", "", "m"),
            "machines.example.com \"m\" is forbidden: User \"jane\" cannot delete resource \"machines\" in API group \"example.com\" at the cluster scope",
        ),
        (&jane, path("get", "/metrics"), "forbidden: User \"jane\" cannot get path \"/metrics\""),
        (
            &user("lost", &[]),
            asked("list", "nodes", "", ""),
            "nodes is forbidden: User \"lost\" cannot list resource \"nodes\" in API group \"\" at the cluster scope: RBAC: clusterrole.rbac.authorization.k8s.io \"absent\" not found",
        ),
        (
            &kubelet("n1"),
            asked("get", "secrets", "ns", "s"),
            "secrets \"s\" is forbidden: User \"system:node:n1\" cannot get resource \"secrets\" in API group \"\" in the namespace \"ns\": no relationship found between node 'n1' and this object",
        ),
    ] {
        let error = c.auth.require(who, &asked).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (403, message));
    }
}

#[test]
fn a_kubelet_reads_what_its_pods_need() {
    let c = cluster();
    let spec = json!({
        "serviceAccountName": "robot",
        "imagePullSecrets": [{"name": "pull"}],
        "containers": [{
            "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "env", "key": "k"}}}],
            "envFrom": [{"configMapRef": {"name": "env-map"}}, {"secretRef": {"name": "env-from"}}],
        }],
        "initContainers": [{"env": [{"name": "B", "valueFrom": {"configMapKeyRef": {"name": "init-map", "key": "k"}}}]}],
        "volumes": [
            {"name": "v1", "secret": {"secretName": "volume"}},
            {"name": "v2", "configMap": {"name": "volume-map"}},
            {"name": "v3", "projected": {"sources": [{"secret": {"name": "projected"}}, {"configMap": {"name": "projected-map"}}]}},
            {"name": "v4", "azureFile": {"secretName": "azure", "shareName": "x"}},
        ],
    });
    c.pod("ns", "p1", "n1", spec);
    c.pod("ns", "p2", "n2", json!({"volumes": [{"name": "v", "secret": {"secretName": "other"}}]}));
    let (n1, n2) = (kubelet("n1"), kubelet("n2"));
    for secret in ["pull", "env", "env-from", "volume", "projected", "azure"] {
        assert!(c.allowed(&n1, &asked("get", "secrets", "ns", secret)), "{secret}");
        assert!(c.allowed(&n1, &asked("watch", "secrets", "ns", secret)), "{secret}");
        assert!(!c.allowed(&n2, &asked("get", "secrets", "ns", secret)), "{secret}");
        assert!(!c.allowed(&n1, &asked("get", "secrets", "other", secret)), "{secret}");
        assert!(!c.allowed(&n1, &asked("update", "secrets", "ns", secret)), "{secret}");
        assert!(!c.allowed(&n1, &asked("get", "configmaps", "ns", secret)), "{secret}");
    }
    for map in ["env-map", "init-map", "volume-map", "projected-map"] {
        assert!(c.allowed(&n1, &asked("get", "configmaps", "ns", map)), "{map}");
        assert!(!c.allowed(&n1, &asked("get", "secrets", "ns", map)), "{map}");
    }
    for (who, asked, expected) in [
        (&n1, asked("get", "secrets", "ns", "other"), false),
        (&n2, asked("get", "secrets", "ns", "other"), true),
        (&n1, asked("list", "secrets", "ns", ""), false),
        (&n1, asked("list", "secrets", "", ""), false),
        (&n1, asked("create", "serviceaccounts/token", "ns", "robot"), true),
        (&n1, asked("create", "serviceaccounts/token", "ns", "default"), false),
        (&n2, asked("create", "serviceaccounts/token", "ns", "default"), true),
        (&n1, asked("get", "pods", "ns", "p1"), true),
        (&n1, asked("get", "pods", "ns", "p2"), false),
        (&n1, asked("list", "pods", "", ""), false),
        (&n1, Attributes { field_selector: "spec.nodeName=n1", ..asked("list", "pods", "", "") }, true),
        (
            &n1,
            Attributes { field_selector: "status.phase!=Failed,spec.nodeName==n1", ..asked("watch", "pods", "", "") },
            true,
        ),
        (&n1, Attributes { field_selector: "spec.nodeName=n2", ..asked("list", "pods", "", "") }, false),
        (&n1, Attributes { field_selector: "spec.nodeName!=n1", ..asked("list", "pods", "", "") }, false),
        // An escaped comma is part of a value: this selects all Pods but those of a node with an odd name.
        (
            &n1,
            Attributes { field_selector: "spec.nodeName!=x\\,spec.nodeName=n1", ..asked("list", "pods", "", "") },
            false,
        ),
        (&n1, asked("get", "nodes", "", "n1"), true),
        (&n1, asked("get", "nodes", "", "n2"), false),
        (&n1, asked("list", "nodes", "", ""), false),
        (&n1, Attributes { field_selector: "metadata.name=n1", ..asked("watch", "nodes", "", "") }, true),
        (&n1, asked("create", "nodes", "", ""), true),
        (&n1, asked("patch", "nodes/status", "", "n1"), true),
        (&n1, asked("delete", "nodes", "", "n1"), false),
        (&n1, asked("list", "services", "", ""), true),
        (&n1, asked("create", "events", "ns", ""), true),
        (&n1, asked("create", "certificatesigningrequests.certificates.k8s.io", "", ""), true),
        (&n1, asked("create", "tokenreviews.authentication.k8s.io", "", ""), true),
        (&n1, asked("get", "leases.coordination.k8s.io", "kube-node-lease", "n1"), true),
        (&n1, asked("create", "leases.coordination.k8s.io", "kube-node-lease", ""), true),
        (&n1, asked("update", "leases.coordination.k8s.io", "kube-node-lease", "n2"), false),
        (&n1, asked("list", "leases.coordination.k8s.io", "kube-node-lease", ""), false),
        (&n1, asked("get", "leases.coordination.k8s.io", "kube-system", "n1"), false),
        (&n1, asked("list", "deployments.apps", "", ""), false),
        (&user("system:node:n1", &[]), asked("get", "nodes", "", "n1"), false),
        (&user("system:node:", &["system:nodes"]), asked("create", "nodes", "", ""), false),
        (&user("n1", &["system:nodes"]), asked("create", "nodes", "", ""), false),
    ] {
        assert_eq!(c.allowed(who, &asked), expected, "{}: {asked:?}", who.username);
    }
}

#[tokio::test]
async fn a_real_store_is_read_the_same_way() {
    use std::sync::Arc;

    use crate::{
        auth::Auth,
        store::{Change, Key, Precondition, Store},
    };

    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let auth = Auth::new(store.clone(), super::PKI.clone());
    let jane = user("jane", &[]);
    let list = asked("list", "pods", "default", "");
    assert!(!auth.authorize(&jane, &list).allowed);
    let key = |resource: &str, name: &str| Key {
        resource: Arc::from(format!("{resource}.rbac.authorization.k8s.io")),
        namespace: Arc::from(""),
        name: Arc::from(name),
    };
    for object in bootstrap_objects().into_iter().filter(|o| o["kind"] == "ClusterRole") {
        let key = key("clusterroles", object["metadata"]["name"].as_str().unwrap());
        store.commit(key, Precondition::Absent, Change::Put(object)).await.unwrap();
    }
    assert!(!auth.authorize(&jane, &list).allowed);
    let binding = json!({
        "metadata": {"name": "b"},
        "roleRef": {"kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "User", "name": "jane"}],
    });
    let stored =
        store.commit(key("clusterrolebindings", "b"), Precondition::Absent, Change::Put(binding)).await.unwrap();
    assert!(auth.authorize(&jane, &list).allowed);
    let gone = Change::Delete(stored.object());
    store.commit(key("clusterrolebindings", "b"), Precondition::Revision(stored.revision), gone).await.unwrap();
    assert!(!auth.authorize(&jane, &list).allowed);
}
