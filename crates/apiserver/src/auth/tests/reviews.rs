//! Reviews, as clients send them.

use serde_json::{Value, json};

use super::{Cluster, cluster, now, user};
use crate::{
    auth::{ISSUER, UserInfo},
    error::ApiError,
};

fn review(c: &Cluster, who: &UserInfo, kind: &str, namespace: &str, spec: impl Into<Value>) -> Result<Value, ApiError> {
    let spec: Value = spec.into();
    let object = json!({"apiVersion": "x/v1", "kind": kind, "metadata": {}, "spec": spec});
    c.auth.review(who, kind, namespace, object, now()).map(|r| {
        assert_eq!(r["kind"], kind);
        r["status"].clone()
    })
}

#[test]
fn token_reviews_tell_whose_token_it_is() {
    let c = cluster();
    let account = c.account();
    let token = c.auth.token_request(&account, json!({"spec": {"audiences": ["vault", ISSUER]}}), now()).unwrap();
    let token = token["status"]["token"].clone();
    let root = user("root", &["system:masters"]);
    let ask = |spec: Value| review(&c, &root, "TokenReview", "", spec).unwrap();
    let status = ask(json!({"token": token}));
    assert_eq!(status["authenticated"], true);
    assert_eq!(status["audiences"], json!([ISSUER]));
    assert_eq!(status["user"]["username"], "system:serviceaccount:tools:robot");
    assert_eq!(status["user"]["uid"], "sa-uid");
    assert_eq!(
        status["user"]["groups"],
        json!(["system:serviceaccounts", "system:serviceaccounts:tools", "system:authenticated"])
    );
    assert_eq!(ask(json!({"token": token, "audiences": ["vault", "other"]}))["audiences"], json!(["vault"]));
    for wrong in [
        json!({"token": token, "audiences": ["other"]}),
        json!({"token": "rubbish"}),
        json!({"token": "abcdef.0123456789abcdef"}),
    ] {
        let status = ask(wrong);
        assert_eq!((&status["authenticated"], &status["user"]), (&json!(false), &json!({})));
        assert!(!status["error"].as_str().unwrap().is_empty());
    }
    let error = review(&c, &root, "TokenReview", "", json!({})).unwrap_err();
    assert_eq!((error.code, error.message.as_str()), (400, "token is required for TokenReview in authentication"));
}

#[test]
fn access_reviews_answer_as_the_authorizer() {
    let c = cluster();
    c.bind("jane", "view");
    let jane = user("jane", &["system:authenticated"]);
    let pods = json!({"verb": "list", "resource": "pods", "namespace": "ns"});
    let status = review(&c, &jane, "SelfSubjectAccessReview", "", json!({"resourceAttributes": pods})).unwrap();
    assert_eq!(
        status,
        json!({"allowed": true, "reason": "RBAC: allowed by ClusterRoleBinding \"jane-view\" of ClusterRole \"view\" to User \"jane\""})
    );
    let secrets = json!({"verb": "get", "resource": "secrets", "namespace": "ns"});
    let status = review(&c, &jane, "SelfSubjectAccessReview", "", json!({"resourceAttributes": secrets})).unwrap();
    assert_eq!(status, json!({"allowed": false}));
    let root = user("root", &["system:masters"]);
    for (kind, namespace) in [("SubjectAccessReview", ""), ("LocalSubjectAccessReview", "ns")] {
        for (subject, expected) in [
            (json!({"user": "jane"}), true),
            (json!({"user": "dave"}), false),
            (json!({"user": "dave", "groups": ["system:masters"]}), true),
            (json!({"groups": ["system:masters"], "extra": {"Scopes": ["x"]}}), true),
        ] {
            let mut spec = subject;
            spec["resourceAttributes"] = pods.clone();
            assert_eq!(review(&c, &root, kind, namespace, spec.clone()).unwrap()["allowed"], expected, "{kind} {spec}");
        }
    }
    let path = json!({"nonResourceAttributes": {"verb": "get", "path": "/openapi/v2"}});
    assert_eq!(review(&c, &jane, "SelfSubjectAccessReview", "", path).unwrap()["allowed"], true);
    let node = json!({
        "user": "system:node:n1", "groups": ["system:nodes"],
        "resourceAttributes": {"verb": "list", "resource": "pods", "fieldSelector": {"requirements": [{"key": "spec.nodeName", "operator": "In", "values": ["n1"]}]}},
    });
    assert_eq!(review(&c, &root, "SubjectAccessReview", "", node).unwrap()["allowed"], true);
}

#[test]
fn access_reviews_are_validated() {
    let c = cluster();
    let root = user("root", &["system:masters"]);
    let (resource, path) =
        (json!({"verb": "get", "resource": "pods", "namespace": "ns"}), json!({"verb": "get", "path": "/x"}));
    for (kind, namespace, spec, message) in [
        (
            "SelfSubjectAccessReview",
            "",
            json!({}),
            "SelfSubjectAccessReview.authorization.k8s.io \"\" is invalid: spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ),
        (
            "SelfSubjectAccessReview",
            "",
            json!({"resourceAttributes": resource, "nonResourceAttributes": path}),
            "spec.nonResourceAttributes: Invalid value: \"object\": cannot be specified in combination with resourceAttributes",
        ),
        (
            "SubjectAccessReview",
            "",
            json!({"resourceAttributes": resource}),
            "spec.user: Invalid value: \"\": at least one of user or group must be specified",
        ),
        (
            "LocalSubjectAccessReview",
            "ns",
            json!({"user": "x", "nonResourceAttributes": path}),
            "disallowed on this kind of request",
        ),
        (
            "LocalSubjectAccessReview",
            "other",
            json!({"user": "x", "resourceAttributes": resource}),
            "spec.resourceAttributes.namespace: Invalid value: \"ns\": must match metadata.namespace",
        ),
    ] {
        let error = review(&c, &root, kind, namespace, spec).unwrap_err();
        assert_eq!(error.code, 422);
        assert!(error.message.contains(message), "{}", error.message);
    }
    for odd in [Value::Null, json!([]), json!({"resourceAttributes": "x", "user": 1})] {
        assert_eq!(review(&c, &root, "SubjectAccessReview", "", odd).unwrap_err().code, 422);
    }
    assert_eq!(review(&c, &root, "PodReview", "", json!({})).unwrap_err().code, 404);
}

#[test]
fn rules_reviews_list_what_one_holds() {
    let c = cluster();
    c.role(
        "r",
        &json!([
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
            {"nonResourceURLs": ["/x"], "verbs": ["get"]},
        ]),
    );
    c.bind("jane", "r");
    c.bind("jane", "absent");
    let status = review(&c, &user("jane", &[]), "SelfSubjectRulesReview", "", json!({"namespace": "ns"})).unwrap();
    assert_eq!(status["resourceRules"], json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]));
    assert_eq!(status["nonResourceRules"], json!([{"nonResourceURLs": ["/x"], "verbs": ["get"]}]));
    assert_eq!(status["incomplete"], true);
    assert!(status["evaluationError"].as_str().unwrap().contains("\"absent\" not found"));
    let root = review(&c, &user("root", &["system:masters"]), "SelfSubjectRulesReview", "", json!({"namespace": "ns"}))
        .unwrap();
    assert_eq!(root["resourceRules"], json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]));
    assert_eq!(root["incomplete"], false);
    let error = review(&c, &user("jane", &[]), "SelfSubjectRulesReview", "", json!({})).unwrap_err();
    assert_eq!((error.code, error.message.as_str()), (400, "no namespace on request"));
}

#[test]
fn one_can_ask_who_one_is() {
    let c = cluster();
    let mut jane = user("jane", &["ops"]);
    jane.extra.insert("scopes".into(), vec!["a".into()]);
    let status = review(&c, &jane, "SelfSubjectReview", "", Value::Null).unwrap();
    assert_eq!(status, json!({"userInfo": {"username": "jane", "groups": ["ops"], "extra": {"scopes": ["a"]}}}));
}
