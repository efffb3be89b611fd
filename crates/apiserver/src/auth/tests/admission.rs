//! Escalation, signers, and what a kubelet may write.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Cluster, asked, cluster, kubelet, user};
use crate::auth::{Attributes, UserInfo};

fn admit(
    c: &Cluster,
    who: &UserInfo,
    asked: &Attributes<'_>,
    new: Option<&Value>,
    old: Option<&Value>,
) -> Result<(), String> {
    c.auth.admit(who, asked, new, old).map_err(|e| e.message)
}

#[test]
fn roles_and_bindings_do_not_escalate() {
    let c = cluster();
    let jane = user("jane", &[]);
    c.role("pods", &json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]));
    c.role("secrets", &json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]));
    c.bind("jane", "pods");
    let role = |resource: &str| json!({"metadata": {"name": "r"}, "rules": [{"apiGroups": [""], "resources": [resource], "verbs": ["get"]}]});
    let roles = asked("create", "clusterroles.rbac.authorization.k8s.io", "", "");
    assert_eq!(admit(&c, &jane, &roles, Some(&role("pods")), None), Ok(()));
    let refused = admit(&c, &jane, &roles, Some(&role("secrets")), None).unwrap_err();
    assert_eq!(
        refused,
        "clusterroles.rbac.authorization.k8s.io \"r\" is forbidden: user \"jane\" (groups=[]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\"]}"
    );
    // Labels may change without holding the rules; the rules may not.
    let update = asked("update", "clusterroles.rbac.authorization.k8s.io", "", "r");
    let mut labelled = role("secrets");
    labelled["metadata"]["labels"] = json!({"a": "b"});
    assert_eq!(admit(&c, &jane, &update, Some(&labelled), Some(&role("secrets"))), Ok(()));
    admit(&c, &jane, &update, Some(&role("secrets")), Some(&role("pods"))).unwrap_err();
    assert_eq!(
        admit(
            &c,
            &jane,
            &asked("delete", "clusterroles.rbac.authorization.k8s.io", "", "r"),
            None,
            Some(&role("secrets"))
        ),
        Ok(())
    );

    let binding = |name: &str| json!({"metadata": {"name": "b"}, "roleRef": {"kind": "ClusterRole", "name": name}, "subjects": []});
    let bindings = asked("create", "rolebindings.rbac.authorization.k8s.io", "ns", "");
    assert_eq!(admit(&c, &jane, &bindings, Some(&binding("pods")), None), Ok(()));
    assert!(admit(&c, &jane, &bindings, Some(&binding("secrets")), None).unwrap_err().contains("not currently held"));
    assert_eq!(
        c.auth.admit(&jane, &bindings, Some(&binding("absent")), None).unwrap_err().message,
        "clusterroles.rbac.authorization.k8s.io \"absent\" not found"
    );
    assert_eq!(admit(&c, &user("root", &["system:masters"]), &bindings, Some(&binding("absent")), None), Ok(()));

    c.role("grant", &json!([
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "resourceNames": ["secrets"], "verbs": ["bind"]},
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "resourceNames": ["r"], "verbs": ["escalate"]},
    ]));
    c.bind("jane", "grant");
    assert_eq!(admit(&c, &jane, &bindings, Some(&binding("secrets")), None), Ok(()));
    admit(&c, &jane, &bindings, Some(&binding("cluster-admin")), None).unwrap_err();
    assert_eq!(admit(&c, &jane, &update, Some(&role("secrets")), Some(&role("pods"))), Ok(()));
}

fn csr(signer: &str, organization: &str) -> Value {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "jane");
    params.distinguished_name.push(rcgen::DnType::OrganizationName, organization);
    let pem = params.serialize_request(&rcgen::KeyPair::generate().unwrap()).unwrap().pem().unwrap();
    json!({"metadata": {"name": "c"}, "spec": {"signerName": signer, "request": STANDARD.encode(pem)}, "status": {}})
}

#[test]
fn signers_are_approved_and_signed_for_by_who_may() {
    let c = cluster();
    let old = csr("kubernetes.io/kube-apiserver-client-kubelet", "system:nodes");
    let mut new = old.clone();
    new["status"]["conditions"] = json!([{"type": "Approved"}]);
    let approval = asked("update", "certificatesigningrequests.certificates.k8s.io", "", "c");
    let on = |subresource| Attributes { subresource, ..approval.clone() };
    for (i, (verb, subresource)) in [("approve", "approval"), ("sign", "status")].into_iter().enumerate() {
        for (j, (name, expected)) in [
            ("kubernetes.io/kube-apiserver-client-kubelet", true),
            ("kubernetes.io/*", true),
            ("kubernetes.io/kubelet-serving", false),
            ("example.com/*", false),
        ]
        .into_iter()
        .enumerate()
        {
            let (who, role) = (format!("u{i}{j}"), format!("r{i}{j}"));
            c.role(&role, &json!([{"apiGroups": ["certificates.k8s.io"], "resources": ["signers"], "resourceNames": [name], "verbs": [verb]}]));
            c.bind(&who, &role);
            let result = admit(&c, &user(&who, &[]), &on(subresource), Some(&new), Some(&old));
            assert_eq!(result.is_ok(), expected, "{verb} {name}: {result:?}");
            if !expected {
                assert_eq!(
                    result.unwrap_err(),
                    format!(
                        "certificatesigningrequests.certificates.k8s.io \"c\" is forbidden: user not permitted to {verb} requests with signerName \"kubernetes.io/kube-apiserver-client-kubelet\""
                    )
                );
            }
        }
    }
    assert_eq!(admit(&c, &user("x", &[]), &on("status"), Some(&old), Some(&old)), Ok(()), "nothing changes");
}

#[test]
fn nobody_requests_masters() {
    let c = cluster();
    let create = asked("create", "certificatesigningrequests.certificates.k8s.io", "", "");
    let request =
        |signer: &str, organization: &str| admit(&c, &user("x", &[]), &create, Some(&csr(signer, organization)), None);
    assert!(
        request("kubernetes.io/kube-apiserver-client", "system:masters")
            .unwrap_err()
            .contains("system:masters group is not allowed")
    );
    assert_eq!(request("kubernetes.io/kube-apiserver-client", "ops"), Ok(()));
    assert_eq!(request("example.com/own", "system:masters"), Ok(()));
}

#[test]
fn a_kubelet_writes_only_its_own_node() {
    let c = cluster();
    let n1 = kubelet("n1");
    let node =
        |name: &str, labels: Value, spec: Value| json!({"metadata": {"name": name, "labels": labels}, "spec": spec});
    let create = asked("create", "nodes", "", "");
    let update = asked("update", "nodes", "", "n1");
    let empty = || json!({});
    let plain = node("n1", empty(), empty());
    let tainted = node("n1", empty(), json!({"taints": [{"key": "a", "effect": "NoSchedule"}]}));
    let owned = json!({"metadata": {"name": "n1", "ownerReferences": [{"name": "x"}]}, "spec": {}});
    let labelled = |label: &str| node("n1", json!({label: "x"}), empty());
    assert_eq!(admit(&c, &n1, &create, Some(&plain), None), Ok(()));
    assert_eq!(admit(&c, &n1, &create, Some(&tainted), None), Ok(()), "a kubelet registers with taints");
    assert_eq!(
        admit(&c, &n1, &Attributes { subresource: "status", ..update.clone() }, Some(&plain), Some(&plain)),
        Ok(())
    );
    for (asked, new, old, why) in [
        (&create, &node("n2", empty(), empty()), None, "node \"n1\" is not allowed to modify node \"n2\""),
        (
            &asked("update", "nodes", "", "n2"),
            &node("n2", empty(), empty()),
            Some(&plain),
            "not allowed to modify node",
        ),
        (&update, &tainted, Some(&plain), "not allowed to modify taints"),
        (&update, &plain, Some(&tainted), "not allowed to modify taints"),
        (&update, &owned, Some(&plain), "not allowed to modify ownerReferences"),
    ] {
        let refused = admit(&c, &n1, asked, Some(new), old).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    for (label, expected) in [
        ("example.com/rack", true),
        ("rack", true),
        ("kubernetes.io/hostname", true),
        ("topology.kubernetes.io/zone", true),
        ("node.kubernetes.io/anything", true),
        ("kubelet.kubernetes.io/x", true),
        ("x.node.kubernetes.io/y", true),
        ("node-role.kubernetes.io/control-plane", false),
        ("node-restriction.kubernetes.io/secure", false),
        ("fips.node-restriction.kubernetes.io/on", false),
        ("kubernetes.io/other", false),
        ("k8s.io/x", false),
        ("notkubernetes.io/x", true),
    ] {
        assert_eq!(admit(&c, &n1, &create, Some(&labelled(label)), None).is_ok(), expected, "{label} on create");
        assert_eq!(admit(&c, &n1, &update, Some(&labelled(label)), Some(&plain)).is_ok(), expected, "{label} set");
        assert_eq!(admit(&c, &n1, &update, Some(&plain), Some(&labelled(label))).is_ok(), expected, "{label} removed");
        assert_eq!(admit(&c, &n1, &update, Some(&labelled(label)), Some(&labelled(label))), Ok(()), "{label} kept");
    }
    assert_eq!(admit(&c, &user("jane", &[]), &update, Some(&tainted), Some(&plain)), Ok(()), "others are RBAC's");
}

#[test]
fn a_kubelet_writes_only_its_own_pods_leases_and_tokens() {
    let c = cluster();
    let n1 = kubelet("n1");
    c.pod("ns", "mine", "n1", json!({"serviceAccountName": "robot"}));
    c.pod("ns", "theirs", "n2", json!({"serviceAccountName": "robot"}));
    let pod = |spec: Value, mirror: bool| {
        let annotations = if mirror { json!({"kubernetes.io/config.mirror": "x"}) } else { json!({}) };
        json!({"metadata": {"namespace": "ns", "name": "new", "annotations": annotations}, "spec": spec})
    };
    let create = asked("create", "pods", "ns", "");
    let lease = |name: &str| json!({"metadata": {"namespace": "kube-node-lease", "name": name}});
    let leases = asked("create", "leases.coordination.k8s.io", "kube-node-lease", "");
    let token = asked("create", "serviceaccounts/token", "ns", "robot");
    let bound = |kind: &str, name: &str, uid: &str| json!({"spec": {"boundObjectRef": {"kind": kind, "name": name, "uid": uid}}});
    let status = |name| asked("patch", "pods/status", "ns", name);
    let mine = json!({"metadata": {"namespace": "ns", "name": "mine"}, "spec": {"nodeName": "n1"}});
    let relabelled =
        json!({"metadata": {"namespace": "ns", "name": "mine", "labels": {"a": "b"}}, "spec": {"nodeName": "n1"}});
    for (what, asked, object, expected) in [
        ("mirror", &create, Some(pod(json!({"nodeName": "n1"}), true)), true),
        ("no mirror", &create, Some(pod(json!({"nodeName": "n1"}), false)), false),
        ("elsewhere", &create, Some(pod(json!({"nodeName": "n2"}), true)), false),
        (
            "secret",
            &create,
            Some(pod(json!({"nodeName": "n1", "volumes": [{"secret": {"secretName": "s"}}]}), true)),
            false,
        ),
        ("account", &create, Some(pod(json!({"nodeName": "n1", "serviceAccountName": "robot"}), true)), false),
        ("delete mine", &asked("delete", "pods", "ns", "mine"), None, true),
        ("delete theirs", &asked("delete", "pods", "ns", "theirs"), None, false),
        ("evict theirs", &asked("create", "pods/eviction", "ns", "theirs"), Some(json!({})), false),
        ("status of mine", &status("mine"), Some(mine.clone()), true),
        ("labels of mine", &status("mine"), Some(relabelled), false),
        ("status of theirs", &status("theirs"), Some(mine.clone()), false),
        ("status of none", &status("absent"), Some(mine.clone()), false),
        ("spec of mine", &asked("update", "pods", "ns", "mine"), Some(mine), false),
        ("own lease", &leases, Some(lease("n1")), true),
        ("other lease", &leases, Some(lease("n2")), false),
        ("token for my pod", &token, Some(bound("Pod", "mine", "mine-uid")), true),
        ("token for their pod", &token, Some(bound("Pod", "theirs", "theirs-uid")), false),
        ("token for a former pod", &token, Some(bound("Pod", "mine", "old-uid")), false),
        ("token without uid", &token, Some(bound("Pod", "mine", "")), false),
        ("token for a secret", &token, Some(bound("Secret", "s", "u")), false),
        ("token for nothing", &token, Some(json!({"spec": {}})), false),
        (
            "token of another account",
            &asked("create", "serviceaccounts/token", "ns", "boss"),
            Some(bound("Pod", "mine", "mine-uid")),
            false,
        ),
    ] {
        let result = admit(&c, &n1, asked, object.as_ref(), None);
        assert_eq!(result.is_ok(), expected, "{what}: {result:?}");
    }
}
