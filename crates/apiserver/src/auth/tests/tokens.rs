//! `ServiceAccount` tokens: minted, presented, and refused.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Cluster, bearer, cluster, now};
use crate::{
    auth::{ISSUER, claims},
    pki::{Pki, TokenKey},
};

fn mint(c: &Cluster, spec: impl Into<Value>) -> (String, Value) {
    let spec: Value = spec.into();
    let account = c.account();
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
    let answer = c.auth.token_request(&account, request, now()).unwrap();
    (answer["status"]["token"].as_str().unwrap().to_owned(), answer)
}

fn code(c: &Cluster, token: &str, at: jiff::Timestamp) -> u16 {
    c.auth.authenticate(None, &bearer(token), at).map_or_else(|e| e.code, |_| 200)
}

fn payload(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[test]
fn a_token_names_its_account_for_its_time() {
    let c = cluster();
    let (token, answer) = mint(&c, json!({}));
    assert_eq!(answer["status"]["expirationTimestamp"], "2026-11-22T13:00:00Z");
    assert_eq!(answer["spec"], json!({"audiences": [ISSUER], "expirationSeconds": 3600}));
    assert_eq!(answer["metadata"]["name"], "robot");
    let robot = c.auth.authenticate(None, &bearer(&token), now()).unwrap();
    assert_eq!((robot.username.as_str(), robot.uid.as_str()), ("system:serviceaccount:tools:robot", "sa-uid"));
    assert_eq!(robot.groups, ["system:serviceaccounts", "system:serviceaccounts:tools", "system:authenticated"]);
    let claims = payload(&token);
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!(ISSUER), &json!("system:serviceaccount:tools:robot")));
    assert_eq!(
        claims["kubernetes.io"],
        json!({"namespace": "tools", "serviceaccount": {"name": "robot", "uid": "sa-uid"}})
    );
    assert_eq!(
        robot.extra["authentication.kubernetes.io/credential-id"],
        [format!("JTI={}", claims["jti"].as_str().unwrap())]
    );
    for (seconds, expected) in [(3600, 200), (3659, 200), (3660, 401), (-60, 200), (-61, 401)] {
        assert_eq!(code(&c, &token, now() + SignedDuration::from_secs(seconds)), expected, "{seconds}");
    }
}

#[test]
fn a_token_ends_with_its_account() {
    let c = cluster();
    let (token, _) = mint(&c, json!({}));
    let mut account = c.account();
    account["metadata"]["uid"] = "another".into();
    c.map.put("serviceaccounts", account.clone());
    assert_eq!(code(&c, &token, now()), 401, "another account of the same name");
    account["metadata"]["uid"] = "sa-uid".into();
    account["metadata"]["deletionTimestamp"] = "2026-11-22T11:59:30Z".into();
    c.map.put("serviceaccounts", account);
    assert_eq!(code(&c, &token, now()), 200, "deletion began just now");
    assert_eq!(code(&c, &token, now() + SignedDuration::from_secs(40)), 401);
    c.map.delete("serviceaccounts", "tools", "robot");
    assert_eq!(code(&c, &token, now()), 401);
}

#[test]
fn a_bound_token_ends_with_what_it_is_bound_to() {
    let c = cluster();
    c.pod("tools", "p", "n1", json!({"serviceAccountName": "robot"}));
    c.map.put("nodes", json!({"metadata": {"name": "n1", "uid": "n1-uid"}}));
    c.map.put("secrets", json!({"metadata": {"namespace": "tools", "name": "s", "uid": "s-uid"}}));
    let bound = |kind: &str, name: &str| json!({"boundObjectRef": {"kind": kind, "apiVersion": "v1", "name": name}});
    let (token, _) = mint(&c, bound("Pod", "p"));
    let extra = c.auth.authenticate(None, &bearer(&token), now()).unwrap().extra;
    for (key, value) in [("pod-name", "p"), ("pod-uid", "p-uid"), ("node-name", "n1"), ("node-uid", "n1-uid")] {
        assert_eq!(extra[&format!("authentication.kubernetes.io/{key}")], [value]);
    }
    for (kind, resource, namespace, name) in
        [("Pod", "pods", "tools", "p"), ("Secret", "secrets", "tools", "s"), ("Node", "nodes", "", "n1")]
    {
        let (token, _) = mint(&c, bound(kind, name));
        assert_eq!(code(&c, &token, now()), 200, "{kind}");
        c.map.delete(resource, namespace, name);
        assert_eq!(code(&c, &token, now()), 401, "{kind}");
    }
}

#[test]
fn token_requests_are_validated() {
    let c = cluster();
    let account = c.account();
    c.pod("tools", "p", "n1", json!({"serviceAccountName": "other"}));
    let request = |spec: Value| c.auth.token_request(&account, json!({"spec": spec}), now());
    for (spec, code, message) in [
        (
            json!({"expirationSeconds": 599}),
            422,
            "TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes",
        ),
        (json!({"expirationSeconds": (1_u64 << 32) + 1}), 422, "may not specify a duration larger than 2^32 seconds"),
        (json!({"expirationSeconds": "1h"}), 400, "spec.expirationSeconds"),
        (
            json!({"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "absent"}}),
            404,
            "pods \"absent\" not found",
        ),
        (json!({"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "p"}}), 400, "different serviceaccount"),
        (
            json!({"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": "x"}}),
            409,
            "UID in the bound object reference (x)",
        ),
        (json!({"boundObjectRef": {"kind": "Machine", "apiVersion": "v1", "name": "p"}}), 400, "Machine"),
        (json!({"boundObjectRef": {}}), 400, "cannot bind token"),
    ] {
        let error = request(spec.clone()).unwrap_err();
        assert_eq!(error.code, code, "{spec}");
        assert!(error.message.contains(message), "{spec}: {}", error.message);
    }
    for odd in [json!({}), json!({"spec": null}), json!({"spec": [], "metadata": 1})] {
        c.auth.token_request(&account, odd, now()).unwrap();
    }
    let (_, long) = mint(&c, json!({"expirationSeconds": 1_u64 << 32}));
    assert_eq!(long["spec"]["expirationSeconds"], 365 * 24 * 3600);
}

#[test]
fn tokens_for_others_are_not_for_us() {
    let c = cluster();
    let (vault, _) = mint(&c, json!({"audiences": ["vault"]}));
    assert_eq!(code(&c, &vault, now()), 401);
    let (both, _) = mint(&c, json!({"audiences": ["vault", ISSUER]}));
    assert_eq!(code(&c, &both, now()), 200);
}

/// A token with any header and claims, signed by any key.
fn forge(key: &TokenKey, header: &Value, claims: &Value) -> String {
    let encode = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).unwrap());
    format!("{message}.{signature}")
}

#[test]
fn forged_tokens_are_refused() {
    let c = cluster();
    let (good, _) = mint(&c, json!({}));
    let claims = payload(&good);
    let key = c.pki.token_key();
    let header = json!({"alg": "ES256", "kid": key.id()});
    assert_eq!(code(&c, &forge(key, &header, &claims), now()), 200, "the forge itself works");

    let changed = |path: &str, value: Value| {
        let mut changed = claims.clone();
        *changed.pointer_mut(path).unwrap() = value;
        changed
    };
    let dir = tempfile::tempdir().unwrap();
    let other = Pki::open(dir.path(), &[], now()).unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "kid": key.id()}).to_string());
    let elevated = URL_SAFE_NO_PAD.encode(changed("/kubernetes.io/namespace", json!("kube-system")).to_string());
    let huge = "a".repeat(20_000);
    for (what, token) in [
        ("another key", forge(other.token_key(), &header, &claims)),
        (
            "another key's id",
            forge(other.token_key(), &json!({"alg": "ES256", "kid": other.token_key().id()}), &claims),
        ),
        ("no id", forge(key, &json!({"alg": "ES256"}), &claims)),
        ("alg HS256", forge(key, &json!({"alg": "HS256", "kid": key.id()}), &claims)),
        ("alg none, unsigned", format!("{none}.{}.", parts[1])),
        ("alg none, signed", format!("{none}.{}.{}", parts[1], parts[2])),
        ("tampered", format!("{}.{elevated}.{}", parts[0], parts[2])),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("short signature", format!("{}.{}.{}", parts[0], parts[1], &parts[2][..40])),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("four parts", format!("{good}.x")),
        ("another issuer", forge(key, &header, &changed("/iss", json!("https://evil.example")))),
        ("another subject", forge(key, &header, &changed("/sub", json!("system:serviceaccount:kube-system:robot")))),
        ("another namespace", forge(key, &header, &changed("/kubernetes.io/namespace", json!("kube-system")))),
        ("another uid", forge(key, &header, &changed("/kubernetes.io/serviceaccount/uid", json!("x")))),
        ("no private claims", forge(key, &header, &changed("/kubernetes.io", Value::Null))),
        ("no audience", forge(key, &header, &changed("/aud", json!([])))),
        ("expired", forge(key, &header, &changed("/exp", json!(0)))),
        ("absurd times", forge(key, &header, &changed("/nbf", json!(i64::MAX)))),
        ("no end", forge(key, &header, &changed("/exp", Value::Null))),
        ("oversized", format!("{good}{huge}")),
        ("oversized claims", forge(key, &header, &changed("/jti", json!(huge)))),
    ] {
        assert_eq!(code(&c, &token, now()), 401, "{what}");
    }
}

#[test]
fn discovery_documents_verify_our_tokens() {
    let c = cluster();
    let (token, _) = mint(&c, json!({}));
    let configuration = c.auth.openid_configuration("https://192.0.2.1:6443");
    assert_eq!(configuration["issuer"], ISSUER);
    assert_eq!(configuration["jwks_uri"], "https://192.0.2.1:6443/openid/v1/jwks");
    let jwk = c.auth.jwks()["keys"][0].clone();
    let decode = |v: &Value| URL_SAFE_NO_PAD.decode(v.as_str().unwrap()).unwrap();
    let point = [vec![4], decode(&jwk["x"]), decode(&jwk["y"])].concat();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED, point)
        .verify(message.as_bytes(), &signature)
        .unwrap();
    assert_eq!(jwk.get("d"), None, "the private part stays here");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic_or_pass(text in "\\PC{0,200}", parts in "[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,90}") {
        let key = super::PKI.token_key();
        for token in [text, parts] {
            prop_assert!(claims::verify(key, &token, ISSUER, &[ISSUER], now()).is_err());
        }
    }

    #[test]
    fn any_changed_character_spoils_a_token(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        use std::sync::LazyLock;
        static GOOD: LazyLock<String> = LazyLock::new(|| mint(&cluster(), json!({})).0);
        let i = at.index(GOOD.len());
        let mut changed = GOOD.clone();
        changed.replace_range(i..=i, &to);
        prop_assume!(changed != *GOOD);
        prop_assert!(claims::verify(super::PKI.token_key(), &changed, ISSUER, &[ISSUER], now()).is_err());
    }
}
