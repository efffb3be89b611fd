use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::{Request, Response, StatusCode};
use base64::{Engine, prelude::BASE64_STANDARD};
use kube::{Client, client::Body};
use serde_json::{Value, json};

use super::{PasswordError, PasswordRef, Passwords};

/// An API server with Secret `bmc` in `unbounded-kube`, which counts what it is asked.
fn passwords(data: &Value) -> (Passwords, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let (count, data) = (asked.clone(), data.clone());
    let service = tower::service_fn(move |request: Request<Body>| {
        count.fetch_add(1, Ordering::SeqCst);
        let (code, answer) = if request.uri().path() == "/api/v1/namespaces/unbounded-kube/secrets/bmc" {
            let secret =
                json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "bmc" }, "data": data.clone() });
            (StatusCode::OK, secret)
        } else {
            let missing = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound",
                "message": "no", "code": 404 });
            (StatusCode::NOT_FOUND, missing)
        };
        let answer = Response::builder().status(code).body(Body::from(answer.to_string().into_bytes()));
        async move { Ok::<_, Infallible>(answer.expect("a response")) }
    });
    (Passwords::new(Client::new(service, "default"), "unbounded-kube"), asked)
}

fn reference(namespace: &str, name: &str, key: &str) -> PasswordRef {
    PasswordRef { namespace: namespace.into(), name: name.into(), key: key.into() }
}

#[tokio::test]
async fn is_read_once_a_minute_and_after_a_refusal() {
    let (passwords, asked) = passwords(&json!({ "password": BASE64_STANDARD.encode("s3cret\n") }));
    let reference = reference("unbounded-kube", "bmc", "password");
    let begun = Instant::now();
    for _ in 0..3 {
        assert_eq!(passwords.read(&reference, begun).await.expect("a password").expose(), "s3cret");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    passwords.forget(&reference);
    let password = passwords.read(&reference, begun).await.expect("a password");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    passwords.read(&reference, begun + Duration::from_secs(61)).await.expect("a password");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    assert!(!format!("{password:?}").contains("s3cret"));
}

#[tokio::test]
async fn another_namespace_is_refused_without_asking() {
    let (passwords, asked) = passwords(&json!({}));
    let error =
        passwords.read(&reference("kube-system", "root", "password"), Instant::now()).await.expect_err("refused");
    assert!(matches!(error, PasswordError::Foreign { .. }));
    let text = error.to_string();
    assert!(text.contains("kube-system/root") && text.contains("unbounded-kube"), "{text}");
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_secret_is_named() {
    let (passwords, _) = passwords(&json!({ "binary": "/w==", "empty": BASE64_STANDARD.encode("\n") }));
    for (name, key, expected) in [
        ("bmc", "password", "has no key password"),
        ("bmc", "binary", "holds no UTF-8 text under binary"),
        ("bmc", "empty", "holds nothing under empty"),
        ("other", "password", "there is no Secret other in namespace unbounded-kube"),
    ] {
        let error =
            passwords.read(&reference("unbounded-kube", name, key), Instant::now()).await.expect_err("no password");
        assert!(error.to_string().contains(expected), "{error}");
    }
}
