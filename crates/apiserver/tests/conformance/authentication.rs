//! "Authenticating": who asks.

use base64::Engine as _;
use serde_json::{Value, json};

use super::cluster::{Cluster, causes, unique};

async fn who(caller: &super::cluster::Caller) -> Value {
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let review = caller.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &body).await.expect(201);
    review["status"]["userInfo"].clone()
}

#[tokio::test]
async fn a_service_account_token_is_its_account() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let (name, caller) = c.account(&namespace).await;
    let user = who(&caller).await;
    assert_eq!(user["username"], format!("system:serviceaccount:{namespace}:{name}"));
    let groups: Vec<_> = user["groups"].as_array().unwrap().iter().map(|g| g.as_str().unwrap()).collect();
    let own = format!("system:serviceaccounts:{namespace}");
    for group in ["system:serviceaccounts", &own, "system:authenticated"] {
        assert!(groups.contains(&group), "{groups:?}");
    }
}

#[tokio::test]
async fn a_token_dies_with_its_account() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let (name, caller) = c.account(&namespace).await;
    who(&caller).await;
    c.admin().delete(&format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}")).await.expect(200);
    super::wait::until("the token is refused", || async {
        let answer = caller.get("/api/v1/namespaces").await;
        if answer.code == 401 { Ok(()) } else { Err(answer.text) }
    })
    .await;
}

#[tokio::test]
async fn wrong_tokens_are_unauthorized() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let accounts = format!("/api/v1/namespaces/{namespace}/serviceaccounts/default");
    super::wait::until("the default account", || async {
        let answer = c.admin().get(&accounts).await;
        if answer.code == 200 { Ok(()) } else { Err(answer.text) }
    })
    .await;
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let answer = c.admin().post(&format!("{accounts}/token"), &request).await.expect(201);
    let token = answer["status"]["token"].as_str().unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let claims = String::from_utf8(engine.decode(parts[1]).unwrap()).unwrap();
    let forged = engine.encode(claims.replace(":default", ":admin"));
    let unsigned = engine.encode(r#"{"alg":"none"}"#);
    for (what, bad) in [
        ("garbage", "not-a-token".to_owned()),
        ("changed claims", format!("{}.{forged}.{}", parts[0], parts[2])),
        ("no signature", format!("{unsigned}.{}.", parts[1])),
        ("cut", token[..token.len() - 4].to_owned()),
        ("a bootstrap token that does not exist", "abcdef.0123456789abcdef".to_owned()),
    ] {
        let answer = c.with_token(&bad).get("/api/v1/namespaces").await;
        assert_eq!(answer.code, 401, "{what}: {}", answer.text);
        assert_eq!(
            (&answer.json["reason"], &answer.json["kind"]),
            (&json!("Unauthorized"), &json!("Status")),
            "{what}"
        );
    }
    // For another audience, it is no credential here.
    let request =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": ["vault"]}});
    let answer = c.admin().post(&format!("{accounts}/token"), &request).await.expect(201);
    let foreign = answer["status"]["token"].as_str().unwrap().to_owned();
    assert_eq!(c.with_token(&foreign).get("/api/v1/namespaces").await.code, 401);
    // A review for that audience knows it.
    let review = |audiences: Value| {
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "spec": {"token": foreign, "audiences": audiences}})
    };
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    let known = c.admin().post(reviews, &review(json!(["vault"]))).await.expect(201);
    assert_eq!((&known["status"]["authenticated"], &known["status"]["audiences"]), (&json!(true), &json!(["vault"])));
    let unknown = c.admin().post(reviews, &review(json!(["other"]))).await.expect(201);
    assert_ne!(unknown["status"]["authenticated"], true);
}

#[tokio::test]
async fn tokens_have_a_term() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let (name, _) = c.account(&namespace).await;
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
    let request = |seconds: u64| {
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": seconds}})
    };
    let status = c.admin().post(&path, &request(60)).await.refused(422, "Invalid");
    assert_eq!(causes(&status), ["spec.expirationSeconds"]);
    let granted = c.admin().post(&path, &request(1200)).await.expect(201);
    assert_eq!(granted["spec"]["expirationSeconds"], 1200);
    assert!(granted["status"]["expirationTimestamp"].as_str().unwrap().ends_with('Z'));
    let absent = format!("/api/v1/namespaces/{namespace}/serviceaccounts/absent/token");
    c.admin().post(&absent, &request(1200)).await.refused(404, "NotFound");
}

#[tokio::test]
async fn a_token_may_be_bound_to_an_object() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let (name, _) = c.account(&namespace).await;
    let secrets = format!("/api/v1/namespaces/{namespace}/secrets");
    let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "leash"}});
    let secret = c.admin().post(&secrets, &body).await.expect(201);
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"boundObjectRef": {
        "apiVersion": "v1", "kind": "Secret", "name": "leash", "uid": secret["metadata"]["uid"]}}});
    let answer = c.admin().post(&path, &request).await.expect(201);
    let caller = c.with_token(answer["status"]["token"].as_str().unwrap());
    who(&caller).await;
    c.admin().delete(&format!("{secrets}/leash")).await.expect(200);
    super::wait::until("the token is refused", || async {
        let answer = caller.get("/api/v1/namespaces").await;
        if answer.code == 401 { Ok(()) } else { Err(answer.text) }
    })
    .await;
}

#[tokio::test]
async fn a_bootstrap_token_is_a_bootstrapper() {
    let c = Cluster::get().await;
    let id: String = unique("t").bytes().rev().filter(u8::is_ascii_alphanumeric).take(6).map(char::from).collect();
    let secret = "0123456789abcdef";
    let name = format!("bootstrap-token-{id}");
    let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "bootstrap.kubernetes.io/token",
        "stringData": {"token-id": id, "token-secret": secret, "usage-bootstrap-authentication": "true",
            "expiration": "2999-01-01T00:00:00Z", "auth-extra-groups": "system:bootstrappers:conformance"}});
    let secrets = "/api/v1/namespaces/kube-system/secrets";
    c.admin().post(secrets, &body).await.expect(201);
    c.undo(format!("{secrets}/{name}"));
    let caller = c.with_token(&format!("{id}.{secret}"));
    let user = super::wait::until("the token is known", || async {
        let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let answer = caller.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &body).await;
        if answer.code == 201 { Ok(answer.json["status"]["userInfo"].clone()) } else { Err(answer.text) }
    })
    .await;
    assert_eq!(user["username"], format!("system:bootstrap:{id}"));
    let groups = user["groups"].as_array().unwrap();
    for group in ["system:bootstrappers", "system:bootstrappers:conformance", "system:authenticated"] {
        assert!(groups.contains(&json!(group)), "{groups:?}");
    }
    let wrong = c.with_token(&format!("{id}.fedcba9876543210"));
    assert_eq!(wrong.get("/api/v1/namespaces").await.code, 401);
    let expired = json!({"stringData": {"expiration": "2001-01-01T00:00:00Z"}});
    c.admin().merge_patch(&format!("{secrets}/{name}"), &expired).await.expect(200);
    super::wait::until("the expired token is refused", || async {
        let answer = caller.get("/api/v1/namespaces").await;
        if answer.code == 401 { Ok(()) } else { Err(answer.text) }
    })
    .await;
}

#[tokio::test]
async fn nobody_is_anonymous() {
    let c = Cluster::get().await;
    let status = c.anonymous().get("/api/v1/namespaces").await.refused(403, "Forbidden");
    assert!(
        status["message"].as_str().unwrap().contains("User \"system:anonymous\" cannot list resource \"namespaces\""),
        "{status}"
    );
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_unauthorized() {
    let c = Cluster::get().await;
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "kubernetes-admin");
    params.distinguished_name.push(rcgen::DnType::OrganizationName, "system:masters");
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let foreign = params.self_signed(&key).unwrap();
    let caller = c.with_certificate(&foreign.pem(), &key.serialize_pem());
    assert_eq!(caller.get("/api/v1/namespaces").await.code, 401);
}

#[tokio::test]
async fn impersonation_needs_permission() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let as_jane =
        [("impersonate-user", "jane"), ("impersonate-group", "readers"), ("content-type", "application/json")];
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).to_string().into_bytes();
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let user = c.admin().call(http::Method::POST, path, &as_jane, body.clone()).await.expect(201);
    assert_eq!(user["status"]["userInfo"]["username"], "jane");
    assert!(user["status"]["userInfo"]["groups"].as_array().unwrap().contains(&json!("readers")));
    let (_, caller) = c.account(&namespace).await;
    let status = caller.call(http::Method::POST, path, &as_jane, body).await.refused(403, "Forbidden");
    // Since constrained impersonation the message names the request's own resource and a verb `impersonate-on:…`.
    assert!(status["message"].as_str().unwrap().contains("cannot impersonate"), "{status}");
}
