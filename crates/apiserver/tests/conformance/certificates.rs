//! "Certificates and Certificate Signing Requests", and the kubelet's TLS bootstrap.

use base64::Engine as _;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::{Value, json};

use super::{
    cluster::{Cluster, causes, unique},
    wait,
};

const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const KUBELET_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
/// Nothing approves its requests by itself.
const CLIENT: &str = "kubernetes.io/kube-apiserver-client";

fn pem(common_name: &str, organization: &str, key: &KeyPair) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, organization);
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.serialize_request(key).unwrap().pem().unwrap()
}

fn request(name: &str, signer: &str, pem: &str, usages: &Value) -> Value {
    let request = base64::engine::general_purpose::STANDARD.encode(pem);
    json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": name},
        "spec": {"signerName": signer, "request": request, "usages": usages, "expirationSeconds": 3600}})
}

fn verdict(kind: &str) -> Value {
    json!([{"type": kind, "status": "True", "reason": "Tested", "message": "by the conformance suite"}])
}

async fn decide(c: &Cluster, name: &str, kind: &str) {
    // A cluster's own approver may have been there already (kube-controller-manager approves what a kubelet's identity
    // asks for, when whoever asks may), or write in between.
    wait::until(&format!("{name} is {kind}"), || async {
        let mut object = c.admin().get(&format!("{REQUESTS}/{name}")).await.expect(200);
        if object["status"]["conditions"][0]["type"] == kind {
            return Ok(());
        }
        object["status"]["conditions"] = verdict(kind);
        let answer = c.admin().put(&format!("{REQUESTS}/{name}/approval"), &object).await;
        if answer.code == 409 {
            Err(answer.text)
        } else {
            answer.expect(200);
            Ok(())
        }
    })
    .await;
}

async fn issued(c: &Cluster, name: &str) -> String {
    let encoded = wait::until("the certificate is issued", || async {
        let answer = c.admin().get(&format!("{REQUESTS}/{name}")).await;
        answer.json["status"]["certificate"].as_str().map(str::to_owned).ok_or(answer.text)
    })
    .await;
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(encoded).unwrap()).unwrap()
}

#[tokio::test]
async fn an_approved_request_becomes_a_working_certificate() {
    let c = Cluster::get().await;
    let (name, node) = (unique("csr"), unique("node"));
    let key = KeyPair::generate().unwrap();
    let pem = pem(&format!("system:node:{node}"), "system:nodes", &key);
    let body = request(&name, KUBELET_CLIENT, &pem, &json!(["client auth", "digital signature"]));
    let created = c.admin().post(REQUESTS, &body).await.expect(201);
    c.undo(format!("{REQUESTS}/{name}"));
    assert!(
        created["spec"]["groups"].as_array().unwrap().contains(&json!("system:authenticated")),
        "the requester is recorded"
    );
    assert!(created.get("status").is_none_or(|s| s.get("certificate").is_none()));
    decide(&c, &name, "Approved").await;
    let certificate = issued(&c, &name).await;

    let kubelet = c.with_certificate(&certificate, &key.serialize_pem());
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let who = kubelet.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &body).await.expect(201);
    assert_eq!(who["status"]["userInfo"]["username"], format!("system:node:{node}"));

    // A kubelet registers its own Node and heartbeats it; another's is out of reach.
    let own = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}});
    c.undo(format!("/api/v1/nodes/{node}"));
    wait::until("the node registers", || async {
        let answer = kubelet.post("/api/v1/nodes", &own).await;
        if answer.code == 201 { Ok(()) } else { Err(answer.text) }
    })
    .await;
    let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    kubelet.strategic_patch(&format!("/api/v1/nodes/{node}/status"), &ready).await.expect(200);
    let other = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": unique("other")}});
    kubelet.post("/api/v1/nodes", &other).await.refused(403, "Forbidden");
    kubelet.get("/api/v1/secrets").await.refused(403, "Forbidden");
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": node},
        "spec": {"holderIdentity": node, "leaseDurationSeconds": 40}});
    kubelet.post("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", &lease).await.expect(201);
    c.undo(format!("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{node}"));
}

#[tokio::test]
async fn a_denied_request_stays_without() {
    let c = Cluster::get().await;
    let name = unique("csr");
    let pem = pem("someone", "somebodies", &KeyPair::generate().unwrap());
    c.admin()
        .post(REQUESTS, &request(&name, CLIENT, &pem, &json!(["client auth", "digital signature"])))
        .await
        .expect(201);
    c.undo(format!("{REQUESTS}/{name}"));
    decide(&c, &name, "Denied").await;
    let denied = c.admin().get(&format!("{REQUESTS}/{name}")).await.expect(200);
    assert_eq!(denied["status"]["conditions"][0]["type"], "Denied");
    // A verdict stands: it can neither be removed nor contradicted.
    let mut object = denied;
    object["status"]["conditions"] = json!([]);
    c.admin().put(&format!("{REQUESTS}/{name}/approval"), &object).await.refused(422, "Invalid");
    let mut both = c.admin().get(&format!("{REQUESTS}/{name}")).await.expect(200);
    let approved = verdict("Approved")[0].clone();
    both["status"]["conditions"].as_array_mut().unwrap().push(approved);
    c.admin().put(&format!("{REQUESTS}/{name}/approval"), &both).await.refused(422, "Invalid");
}

#[tokio::test]
async fn a_request_must_be_one() {
    let c = Cluster::get().await;
    let usages = json!(["client auth", "digital signature"]);
    let bad = request(&unique("csr"), KUBELET_CLIENT, "not a request", &usages);
    let status = c.admin().post(REQUESTS, &bad).await.refused(422, "Invalid");
    assert!(causes(&status).contains(&"spec.request"), "{status}");
    let pem = pem("system:node:x", "system:nodes", &KeyPair::generate().unwrap());
    let status =
        c.admin().post(REQUESTS, &request(&unique("csr"), "nodomain", &pem, &usages)).await.refused(422, "Invalid");
    assert!(causes(&status).contains(&"spec.signerName"), "{status}");
    let status = c
        .admin()
        .post(REQUESTS, &request(&unique("csr"), KUBELET_CLIENT, &pem, &json!([])))
        .await
        .refused(422, "Invalid");
    assert!(causes(&status).contains(&"spec.usages"), "{status}");
    let mut short = request(&unique("csr"), KUBELET_CLIENT, &pem, &usages);
    short["spec"]["expirationSeconds"] = 10.into();
    let status = c.admin().post(REQUESTS, &short).await.refused(422, "Invalid");
    assert!(causes(&status).contains(&"spec.expirationSeconds"), "{status}");
}

#[tokio::test]
async fn a_signer_refuses_what_it_may_not_sign() {
    let c = Cluster::get().await;
    let name = unique("csr");
    // Not a node's name: an approver's mistake must not become a certificate.
    let pem = pem("kubernetes-admin", "system:masters", &KeyPair::generate().unwrap());
    c.admin()
        .post(REQUESTS, &request(&name, KUBELET_CLIENT, &pem, &json!(["client auth", "digital signature"])))
        .await
        .expect(201);
    c.undo(format!("{REQUESTS}/{name}"));
    decide(&c, &name, "Approved").await;
    wait::until("the signer gives up", || async {
        let answer = c.admin().get(&format!("{REQUESTS}/{name}")).await;
        let conditions = answer.json["status"]["conditions"].as_array().cloned().unwrap_or_default();
        if conditions.iter().any(|c| c["type"] == "Failed") { Ok(()) } else { Err(answer.text) }
    })
    .await;
    let seen = c.admin().get(&format!("{REQUESTS}/{name}")).await.expect(200);
    assert!(seen["status"].get("certificate").is_none());
}

#[tokio::test]
async fn approving_needs_the_signers_permission() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let (account, caller) = c.account(&namespace).await;
    let role = unique("approver");
    let roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
    let body = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": role}, "rules": [
        {"apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests"], "verbs": ["get", "list"]},
        {"apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests/approval"], "verbs": ["update"]},
        {"apiGroups": ["certificates.k8s.io"], "resources": ["signers"], "resourceNames": ["example.com/ours"], "verbs": ["approve"]}]});
    c.admin().post(roles, &body).await.expect(201);
    c.undo(format!("{roles}/{role}"));
    let bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    let body = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}]});
    c.admin().post(bindings, &body).await.expect(201);
    c.undo(format!("{bindings}/{role}"));
    let pem = pem("system:node:x", "system:nodes", &KeyPair::generate().unwrap());
    for (signer, expected) in [(KUBELET_CLIENT, 403), ("example.com/ours", 200)] {
        let name = unique("csr");
        c.admin()
            .post(REQUESTS, &request(&name, signer, &pem, &json!(["client auth", "digital signature"])))
            .await
            .expect(201);
        c.undo(format!("{REQUESTS}/{name}"));
        wait::until(&format!("approval for {signer} answers {expected}"), || async {
            let mut object = c.admin().get(&format!("{REQUESTS}/{name}")).await.expect(200);
            object["status"]["conditions"] = verdict("Approved");
            let answer = caller.put(&format!("{REQUESTS}/{name}/approval"), &object).await;
            if answer.code == expected { Ok(()) } else { Err(answer.text) }
        })
        .await;
    }
}
