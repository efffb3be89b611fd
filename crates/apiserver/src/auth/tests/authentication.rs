//! Certificates, bootstrap tokens, nobody, and impersonation.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::SignedDuration;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::{Value, json};

use super::{bearer, cluster, headers, now, user};
use crate::pki::Pki;

fn der(pem: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
}

#[test]
fn a_certificate_of_ours_names_its_user() {
    let c = cluster();
    let (pem, _) = c.pki.client_certificate(&user("jane", &["ops"]), 1, now());
    let jane = c.auth.authenticate(Some(&der(&pem)), &headers(&[]), now()).unwrap();
    assert_eq!(jane.username, "jane");
    assert_eq!(jane.groups, ["ops", "system:authenticated"]);
    assert!(jane.extra["authentication.kubernetes.io/credential-id"][0].starts_with("X509SHA256="));
    // A good certificate makes the token irrelevant.
    let jane = c.auth.authenticate(Some(&der(&pem)), &bearer("rubbish"), now()).unwrap();
    assert_eq!(jane.username, "jane");
}

#[test]
fn wrong_certificates_are_401_and_not_anonymous() {
    let c = cluster();
    let (ours, _) = c.pki.client_certificate(&user("jane", &[]), 1, now());
    let (nameless, _) = c.pki.client_certificate(&user("", &["ops"]), 1, now());
    let dir = tempfile::tempdir().unwrap();
    let other = Pki::open(dir.path(), &[], now()).unwrap();
    let (foreign, _) = other.client_certificate(&user("jane", &["system:masters"]), 1, now());
    let mut forged = der(&ours);
    let at = forged.windows(4).position(|w| w == b"jane").unwrap();
    forged[at] = b'k';
    let day = SignedDuration::from_hours(25);
    for (certificate, at) in [
        (der(&ours), now() + day),
        (der(&ours), now() - day),
        (der(&nameless), now()),
        (der(&foreign), now()),
        (forged, now()),
        (b"rubbish".to_vec(), now()),
        (Vec::new(), now()),
    ] {
        let error = c.auth.authenticate(Some(&certificate), &headers(&[]), at).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (401, "Unauthorized"));
    }
}

#[test]
fn nothing_presented_is_anonymous() {
    let c = cluster();
    for nothing in [headers(&[]), headers(&[("authorization", "Basic eDp5")]), headers(&[("authorization", "Bearer ")])]
    {
        let nobody = c.auth.authenticate(None, &nothing, now()).unwrap();
        assert_eq!(
            (nobody.username.as_str(), nobody.groups),
            ("system:anonymous", vec!["system:unauthenticated".to_owned()])
        );
    }
    let mut binary = http::HeaderMap::new();
    binary.insert("authorization", http::HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap());
    for wrong in [bearer("x"), bearer("a.b.c"), headers(&[("authorization", "bearer x")]), binary] {
        assert_eq!(c.auth.authenticate(None, &wrong, now()).unwrap_err().code, 401);
    }
}

fn bootstrap_secret(changes: &[(&str, Option<&str>)]) -> Value {
    let mut data = json!({
        "token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true",
        "expiration": "2026-11-22T13:00:00Z", "auth-extra-groups": "system:bootstrappers:metal, system:bootstrappers:a:b",
    });
    for (field, value) in changes {
        match value {
            Some(value) => data[*field] = (*value).into(),
            None => drop(data.as_object_mut().unwrap().remove(*field)),
        }
    }
    for value in data.as_object_mut().unwrap().values_mut() {
        *value = STANDARD.encode(value.as_str().unwrap()).into();
    }
    json!({
        "metadata": {"namespace": "kube-system", "name": "bootstrap-token-abcdef"},
        "type": "bootstrap.kubernetes.io/token", "data": data,
    })
}

#[test]
fn bootstrap_tokens_name_bootstrappers_while_they_last() {
    let c = cluster();
    let good = || bearer("abcdef.0123456789abcdef");
    assert_eq!(c.auth.authenticate(None, &good(), now()).unwrap_err().code, 401, "unknown");
    c.map.put("secrets", bootstrap_secret(&[]));
    let who = c.auth.authenticate(None, &good(), now()).unwrap();
    assert_eq!(who.username, "system:bootstrap:abcdef");
    assert_eq!(
        who.groups,
        ["system:bootstrappers", "system:bootstrappers:metal", "system:bootstrappers:a:b", "system:authenticated"]
    );
    for wrong in
        ["abcdef.0123456789abcdee", "abcdef.0123456789abcde", "abcdeg.0123456789abcdef", "ABCDEF.0123456789abcdef"]
    {
        assert_eq!(c.auth.authenticate(None, &bearer(wrong), now()).unwrap_err().code, 401, "{wrong}");
    }
    let hour = SignedDuration::from_hours(1);
    assert_eq!(c.auth.authenticate(None, &good(), now() + hour).unwrap_err().code, 401, "expired");
    for changes in [
        ("usage-bootstrap-authentication", None),
        ("usage-bootstrap-authentication", Some("false")),
        ("expiration", Some("tomorrow")),
        ("token-secret", Some("")),
        ("token-secret", None),
        ("token-id", Some("fedcba")),
        ("auth-extra-groups", Some("system:masters")),
        ("auth-extra-groups", Some("system:bootstrappers:")),
        ("auth-extra-groups", Some("system:bootstrappers:Upper")),
    ] {
        c.map.put("secrets", bootstrap_secret(&[changes]));
        assert_eq!(c.auth.authenticate(None, &good(), now()).unwrap_err().code, 401, "{changes:?}");
    }
    c.map.put("secrets", bootstrap_secret(&[("expiration", None), ("auth-extra-groups", None)]));
    c.auth.authenticate(None, &good(), now() + hour).unwrap();
    for (path, value) in [("/type", json!("Opaque")), ("/metadata/deletionTimestamp", json!("2026-11-22T11:00:00Z"))] {
        let mut secret = bootstrap_secret(&[]);
        secret["metadata"]["deletionTimestamp"] = Value::Null;
        *secret.pointer_mut(path).unwrap() = value;
        c.map.put("secrets", secret);
        assert_eq!(c.auth.authenticate(None, &good(), now()).unwrap_err().code, 401, "{path}");
    }
}

#[test]
fn impersonation_needs_permission_for_every_part() {
    let c = cluster();
    let (pem, _) = c.pki.client_certificate(&user("boss", &[]), 1, now());
    let boss = der(&pem);
    let act = |list: &[(&str, &str)]| c.auth.authenticate(Some(&boss), &headers(list), now());
    let refused = act(&[("Impersonate-User", "jane")]).unwrap_err();
    assert_eq!(refused.code, 403);
    assert_eq!(
        refused.message,
        "users \"jane\" is forbidden: User \"boss\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope"
    );
    c.role("act", &json!([
        {"apiGroups": [""], "resources": ["users"], "resourceNames": ["jane", "system:anonymous"], "verbs": ["impersonate"]},
        {"apiGroups": [""], "resources": ["groups"], "resourceNames": ["dev"], "verbs": ["impersonate"]},
        {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]},
        {"apiGroups": ["authentication.k8s.io"], "resources": ["userextras/scopes", "userextras/a/b"], "resourceNames": ["view"], "verbs": ["impersonate"]},
    ]));
    c.bind("boss", "act");
    let jane = act(&[
        ("Impersonate-User", "jane"),
        ("Impersonate-Group", "dev"),
        ("Impersonate-Extra-Scopes", "view"),
        ("Impersonate-Extra-a%2Fb", "view"),
    ])
    .unwrap();
    assert_eq!(
        (jane.username.as_str(), jane.groups),
        ("jane", vec!["dev".to_owned(), "system:authenticated".to_owned()])
    );
    assert_eq!(
        jane.extra,
        [("a/b".to_owned(), vec!["view".to_owned()]), ("scopes".to_owned(), vec!["view".to_owned()])].into()
    );
    let robot = act(&[("Impersonate-User", "system:serviceaccount:tools:robot")]).unwrap();
    assert_eq!(robot.groups, ["system:serviceaccounts", "system:serviceaccounts:tools", "system:authenticated"]);
    let nobody = act(&[("Impersonate-User", "system:anonymous")]).unwrap();
    assert_eq!(nobody.groups, ["system:unauthenticated"]);
    for (list, code) in [
        (&[("Impersonate-User", "jane"), ("Impersonate-Group", "system:masters")][..], 403),
        (&[("Impersonate-User", "dave")], 403),
        (&[("Impersonate-User", "jane"), ("Impersonate-Uid", "1")], 403),
        (&[("Impersonate-User", "jane"), ("Impersonate-Extra-Scopes", "edit")], 403),
        (&[("Impersonate-Group", "dev")], 400),
        (&[("Impersonate-Extra-Scopes", "view")], 400),
    ] {
        assert_eq!(act(list).unwrap_err().code, code, "{list:?}");
    }
    // Nobody impersonates without a credential.
    let nobody = c.auth.authenticate(None, &headers(&[("Impersonate-User", "jane")]), now());
    assert_eq!(nobody.unwrap_err().code, 403);
}
