//! "Using RBAC Authorization": who may.

use serde_json::{Value, json};

use super::{
    cluster::{Caller, Cluster, unique},
    wait,
};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

async fn role(c: &Cluster, namespace: &str, rules: Value) -> String {
    let name = unique("role");
    let body = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules});
    c.admin().post(&format!("{RBAC}/namespaces/{namespace}/roles"), &body).await.expect(201);
    name
}

async fn bind(c: &Cluster, namespace: &str, role: &str, subject: Value) {
    let body = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": unique("binding")},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role}, "subjects": [subject]});
    c.admin().post(&format!("{RBAC}/namespaces/{namespace}/rolebindings"), &body).await.expect(201);
}

async fn allowed(caller: &Caller, path: &str) {
    wait::until(&format!("{path} is allowed"), || async {
        let answer = caller.get(path).await;
        if answer.code == 403 { Err(answer.text) } else { Ok(()) }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_allowed_unless_granted() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let (name, caller) = c.account(&namespace).await;
    let secrets = format!("/api/v1/namespaces/{namespace}/secrets");
    let status = caller.get(&secrets).await.refused(403, "Forbidden");
    assert_eq!(
        status["message"],
        format!(
            "secrets is forbidden: User \"system:serviceaccount:{namespace}:{name}\" cannot list resource \"secrets\" in API \
             group \"\" in the namespace \"{namespace}\""
        )
    );
    let status = caller.get("/api/v1/nodes/n1").await.refused(403, "Forbidden");
    assert!(
        status["message"]
            .as_str()
            .unwrap()
            .ends_with("cannot get resource \"nodes\" in API group \"\" at the cluster scope"),
        "{status}"
    );
    let role = role(&c, &namespace, json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}])).await;
    bind(&c, &namespace, &role, json!({"kind": "ServiceAccount", "name": name, "namespace": namespace})).await;
    allowed(&caller, &secrets).await;
    caller.get(&format!("{secrets}/x")).await.refused(403, "Forbidden");
    caller.get(&format!("{secrets}?watch=1")).await.refused(403, "Forbidden");
    caller.get("/api/v1/secrets").await.refused(403, "Forbidden");
    caller.get(&format!("/api/v1/namespaces/{namespace}/configmaps")).await.refused(403, "Forbidden");
}

#[tokio::test]
async fn names_groups_and_subresources() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let (_, caller) = c.account(&namespace).await;
    let rules = json!([
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["mine"], "verbs": ["get", "update"]},
        {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["get"]},
        {"apiGroups": ["apps"], "resources": ["*"], "verbs": ["*"]}]);
    let role = role(&c, &namespace, rules).await;
    let group = format!("system:serviceaccounts:{namespace}");
    bind(&c, &namespace, &role, json!({"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": group})).await;
    let base = format!("/api/v1/namespaces/{namespace}");
    allowed(&caller, &format!("{base}/configmaps/mine")).await;
    caller.get(&format!("{base}/configmaps/other")).await.refused(403, "Forbidden");
    caller.get(&format!("{base}/configmaps")).await.refused(403, "Forbidden");
    caller.get(&format!("{base}/pods/p/status")).await.refused(404, "NotFound");
    caller.get(&format!("{base}/pods/p")).await.refused(403, "Forbidden");
    caller.get(&format!("/apis/apps/v1/namespaces/{namespace}/deployments")).await.expect(200);
    caller.get(&format!("/apis/apps/v1/namespaces/{namespace}/deployments/d/status")).await.refused(404, "NotFound");
}

#[tokio::test]
async fn a_list_of_one_name_is_what_the_name_allows() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let (name, caller) = c.account(&namespace).await;
    let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["mine"], "verbs": ["list", "watch"]}]);
    let role = role(&c, &namespace, rules).await;
    bind(&c, &namespace, &role, json!({"kind": "ServiceAccount", "name": name, "namespace": namespace})).await;
    let maps = format!("/api/v1/namespaces/{namespace}/configmaps");
    allowed(&caller, &format!("{maps}?fieldSelector=metadata.name%3Dmine")).await;
    caller.get(&maps).await.refused(403, "Forbidden");
    caller.get(&format!("{maps}?fieldSelector=metadata.name!%3Dmine")).await.refused(403, "Forbidden");
    // An escaped comma belongs to the value before it: this names no one object.
    let escaped = "metadata.namespace!%3Dx%5C,metadata.name%3Dmine";
    caller.get(&format!("{maps}?fieldSelector={escaped}")).await.refused(403, "Forbidden");
}

#[tokio::test]
async fn a_cluster_role_reaches_as_far_as_its_binding() {
    let c = Cluster::get().await;
    let (here, there) = (c.namespace().await, c.namespace().await);
    let (name, caller) = c.account(&here).await;
    let body = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": here}]});
    c.admin().post(&format!("{RBAC}/namespaces/{here}/rolebindings"), &body).await.expect(201);
    allowed(&caller, &format!("/api/v1/namespaces/{here}/configmaps")).await;
    caller.get(&format!("/api/v1/namespaces/{there}/configmaps")).await.refused(403, "Forbidden");
    // `view` does not show Secrets.
    caller.get(&format!("/api/v1/namespaces/{here}/secrets")).await.refused(403, "Forbidden");
}

#[tokio::test]
async fn roles_aggregate() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let (name, caller) = c.account(&namespace).await;
    let (label, part, whole) = (unique("aggregate"), unique("part"), unique("whole"));
    let roles = format!("{RBAC}/clusterroles");
    let body = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": whole},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {label.as_str(): "true"}}]}, "rules": []});
    c.admin().post(&roles, &body).await.expect(201);
    c.undo(format!("{roles}/{whole}"));
    let body = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": part, "labels": {label.as_str(): "true"}},
        "rules": [{"apiGroups": [""], "resources": ["services"], "verbs": ["list"]}]});
    c.admin().post(&roles, &body).await.expect(201);
    c.undo(format!("{roles}/{part}"));
    let body = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": whole},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]});
    c.admin().post(&format!("{RBAC}/namespaces/{namespace}/rolebindings"), &body).await.expect(201);
    allowed(&caller, &format!("/api/v1/namespaces/{namespace}/services")).await;
}

#[tokio::test]
async fn nobody_grants_more_than_they_hold() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let (name, caller) = c.account(&namespace).await;
    let rules = json!([
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": ["create", "list"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]);
    let mine = role(&c, &namespace, rules).await;
    bind(&c, &namespace, &mine, json!({"kind": "ServiceAccount", "name": name, "namespace": namespace})).await;
    let roles = format!("{RBAC}/namespaces/{namespace}/roles");
    allowed(&caller, &roles).await;
    let grant = |name: &str, resource: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name},
            "rules": [{"apiGroups": [""], "resources": [resource], "verbs": ["get"]}]})
    };
    caller.post(&roles, &grant("fair", "configmaps")).await.expect(201);
    let status = caller.post(&roles, &grant("greedy", "secrets")).await.refused(403, "Forbidden");
    assert!(
        status["message"].as_str().unwrap().contains("is attempting to grant RBAC permissions not currently held"),
        "{status}"
    );
    let body = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "greedy"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]});
    caller.post(&format!("{RBAC}/namespaces/{namespace}/rolebindings"), &body).await.refused(403, "Forbidden");
}

#[tokio::test]
async fn a_binding_keeps_its_role() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let bindings = format!("{RBAC}/namespaces/{namespace}/rolebindings");
    let body = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}, "subjects": []});
    c.admin().post(&bindings, &body).await.expect(201);
    let patch = json!({"roleRef": {"name": "edit"}});
    let status = c.admin().merge_patch(&format!("{bindings}/b"), &patch).await.refused(422, "Invalid");
    assert!(status["message"].as_str().unwrap().contains("cannot change roleRef"), "{status}");
}

#[tokio::test]
async fn reviews_answer_what_would_happen() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let (name, caller) = c.account(&namespace).await;
    let role =
        role(&c, &namespace, json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}])).await;
    bind(&c, &namespace, &role, json!({"kind": "ServiceAccount", "name": name, "namespace": namespace})).await;
    allowed(&caller, &format!("/api/v1/namespaces/{namespace}/pods")).await;
    let group = "/apis/authorization.k8s.io/v1";
    let ask = |verb: &str| json!({"namespace": namespace, "verb": verb, "resource": "pods"});

    for (verb, expected) in [("get", true), ("delete", false)] {
        let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": ask(verb)}});
        let review = caller.post(&format!("{group}/selfsubjectaccessreviews"), &body).await.expect(201);
        assert_eq!(review["status"]["allowed"], expected, "{verb}: {review}");

        let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": format!("system:serviceaccount:{namespace}:{name}"), "resourceAttributes": ask(verb)}});
        let review = c.admin().post(&format!("{group}/subjectaccessreviews"), &body).await.expect(201);
        assert_eq!(review["status"]["allowed"], expected, "{verb}: {review}");
        caller.post(&format!("{group}/subjectaccessreviews"), &body).await.refused(403, "Forbidden");
    }
    let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}});
    let review = caller.post(&format!("{group}/selfsubjectrulesreviews"), &body).await.expect(201);
    let rules = review["status"]["resourceRules"].as_array().unwrap();
    assert!(
        rules.iter().any(|r| r["resources"] == json!(["pods"]) && r["verbs"] == json!(["get", "list"])),
        "{rules:?}"
    );

    let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {}});
    c.admin().post(&format!("{group}/selfsubjectaccessreviews"), &body).await.refused(422, "Invalid");
}

#[tokio::test]
async fn the_built_in_roles_exist() {
    let c = Cluster::get().await;
    for name in
        ["cluster-admin", "admin", "edit", "view", "system:node", "system:node-bootstrapper", "system:discovery"]
    {
        let role = c.admin().get(&format!("{RBAC}/clusterroles/{name}")).await.expect(200);
        assert_eq!(role["metadata"]["labels"]["kubernetes.io/bootstrapping"], "rbac-defaults", "{name}");
    }
    // A bootstrapper may ask for its certificate, and nothing else.
    let ask = |verb: &str, group: &str, resource: &str| {
        json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {"user": "x", "groups": [],
            "resourceAttributes": {"verb": verb, "group": group, "resource": resource}}})
    };
    let binding = unique("bootstrap");
    let body = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": binding},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node-bootstrapper"},
        "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": binding}]});
    c.admin().post(&format!("{RBAC}/clusterrolebindings"), &body).await.expect(201);
    c.undo(format!("{RBAC}/clusterrolebindings/{binding}"));
    for (verb, group, resource, expected) in [
        ("create", "certificates.k8s.io", "certificatesigningrequests", true),
        ("update", "certificates.k8s.io", "certificatesigningrequests", false),
        ("get", "", "secrets", false),
    ] {
        wait::until(&format!("{verb} {resource}: {expected}"), || async {
            let mut body = ask(verb, group, resource);
            body["spec"]["groups"] = json!([binding]);
            let review = c.admin().post("/apis/authorization.k8s.io/v1/subjectaccessreviews", &body).await.expect(201);
            if review["status"]["allowed"] == expected { Ok(()) } else { Err(review.to_string()) }
        })
        .await;
    }
}
