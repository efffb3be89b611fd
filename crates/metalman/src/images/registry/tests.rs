//! Against a registry in this process that misbehaves as told; the real one is in `crates/rack/tests/protocol`.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response as Answer},
};
use futures::stream;

use super::*;

type Handler = Arc<dyn Fn(&Request) -> Answer + Send + Sync>;

/// What was asked: method, path with query, and the authorization.
type Asked = Arc<Mutex<Vec<(String, String, Option<String>)>>>;

/// A registry that answers by a function; its `host:port`.
async fn registry(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> (String, Asked) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let asked = Asked::default();
    let handler: (Handler, Asked) = (Arc::new(answer), asked.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serve = |State((handler, asked)): State<(Handler, Asked)>, request: Request| async move {
        let authorization = request.headers().get(AUTHORIZATION).and_then(|v| v.to_str().ok()).map(str::to_owned);
        lock(&asked).push((request.method().to_string(), request.uri().to_string(), authorization));
        handler(&request)
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(serve).with_state(handler)).await });
    (address, asked)
}

fn client(host: &str, credentials: Option<Credentials>, named: bool) -> RegistryClient {
    let insecure = if named { vec![host.parse().unwrap()] } else { Vec::new() };
    let trust = Trust { insecure, certificates: Vec::new() };
    RegistryClient::with_patience(host, credentials, &trust, Duration::from_millis(500)).unwrap()
}

fn user() -> Credentials {
    Credentials::Password { username: "u".into(), password: "hush".into() }
}

fn unauthorized(challenge: &str) -> Answer {
    let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
    (StatusCode::UNAUTHORIZED, [("www-authenticate", challenge.to_owned())], body).into_response()
}

fn authorization(request: &Request) -> Option<&str> {
    request.headers().get(AUTHORIZATION).and_then(|v| v.to_str().ok())
}

#[tokio::test]
async fn bearer_tokens_are_fetched_once_for_a_repository() {
    let (host, asked) = registry(|request| {
        let host = request.headers()["host"].to_str().unwrap();
        match (request.uri().path(), authorization(request)) {
            ("/token", Some("Basic dTpodXNo")) => r#"{"token":"t1","expires_in":300}"#.into_response(),
            ("/token", _) => StatusCode::UNAUTHORIZED.into_response(),
            (_, Some("Bearer t1")) => "{}".into_response(),
            _ => unauthorized(&format!(r#"Bearer realm="http://{host}/token",service="svc""#)),
        }
    })
    .await;
    let named = client(&host, Some(user()), true);
    for _ in 0..2 {
        named.manifest("a/b", "v1").await.unwrap();
    }
    let seen: Vec<String> = lock(&asked).iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(
        seen,
        [
            "GET /v2/a/b/manifests/v1",
            "GET /token?service=svc&scope=repository%3Aa%2Fb%3Apull",
            "GET /v2/a/b/manifests/v1",
            "GET /v2/a/b/manifests/v1",
        ]
    );
}

#[tokio::test]
async fn credentials_do_not_go_over_plain_http_unless_the_host_was_named() {
    for (named, challenge) in [(true, "Basic realm=x"), (false, "Basic realm=x"), (false, "bearer")] {
        let (host, asked) = registry(move |request| match authorization(request) {
            Some(_) => "{}".into_response(),
            None if request.uri().path() == "/token" => r#"{"token":""}"#.into_response(),
            None if challenge == "bearer" => {
                let host = request.headers()["host"].to_str().unwrap();
                unauthorized(&format!(r#"Bearer realm="http://{host}/token""#))
            }
            None => unauthorized(challenge),
        })
        .await;
        let outcome = client(&host, Some(user()), named).manifest("a", "v1").await;
        assert_eq!(outcome.is_ok(), named, "{challenge}: {outcome:?}");
        let told = lock(&asked).iter().any(|(_, _, authorization)| authorization.is_some());
        assert_eq!(told, named, "{challenge}: {asked:?}");
        if let Err(error @ RegistryError::Unauthorized { .. }) = outcome {
            assert!(error.to_string().contains("not sent over plain HTTP"), "{error}");
        }
    }
}

#[tokio::test]
async fn redirects_are_followed_without_credentials() {
    let (storage, asked_storage) = registry(|request| match request.uri().path() {
        "/blob" => "content".into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    })
    .await;
    let target = format!("http://{storage}/blob?signature=x");
    let (host, _) = registry(move |request| match authorization(request) {
        None => unauthorized("Basic realm=x"),
        Some(_) if request.uri().path().ends_with("/loop") => {
            (StatusCode::FOUND, [("location", "loop")]).into_response()
        }
        Some(_) => (StatusCode::TEMPORARY_REDIRECT, [("location", target.clone())]).into_response(),
    })
    .await;
    let client = client(&host, Some(user()), true);
    let mut blob = client.blob("a", &Digest::sha256(b"content"), 0).await.unwrap();
    assert_eq!(blob.next().await.unwrap().as_deref(), Some(&b"content"[..]));
    assert!(lock(&asked_storage).iter().all(|(_, _, authorization)| authorization.is_none()), "{asked_storage:?}");
    let circles = client.manifest("a", "loop").await.unwrap_err().to_string();
    assert!(circles.contains("circles"), "{circles}");
}

#[tokio::test]
async fn redirects_to_elsewhere_are_not_followed() {
    let (host, _) = registry(|_| (StatusCode::FOUND, [("location", "http://192.0.2.1/x")]).into_response()).await;
    // From plain HTTP to plain HTTP it would be; from what is secure, and to a file, never.
    let secure = client(&host, None, false);
    let from = Url::parse("https://r.example/v2/").unwrap();
    for (to, may) in [
        ("https://cdn.example/x", true),
        ("http://cdn.example/x", false),
        ("http://127.0.0.1:1/x", true),
        ("file:///etc/passwd", false),
    ] {
        assert_eq!(secure.may_follow(&from, &Url::parse(to).unwrap()), may, "{to}");
    }
}

#[tokio::test]
async fn silence_is_an_error_of_its_own() {
    let (host, _) = registry(|request| match request.uri().path() {
        path if path.contains("blobs") => {
            let chunks = stream::unfold(0, async |n| match n {
                0 => Some((Ok::<_, std::io::Error>("begun"), 1)),
                _ => std::future::pending().await,
            });
            Body::from_stream(chunks).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    })
    .await;
    let client = client(&host, None, false);
    let mut blob = client.blob("a", &Digest::sha256(b"x"), 0).await.unwrap();
    assert_eq!(blob.next().await.unwrap().as_deref(), Some(&b"begun"[..]));
    let error = blob.next().await.unwrap_err();
    assert!(matches!(error, RegistryError::Stalled { .. }) && error.is_transient(), "{error}");
    assert_eq!(error.class(), "stalled");
}

#[tokio::test]
async fn the_registrys_own_words() {
    for (status, body, words) in [
        (404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#, "manifest unknown"),
        (404, r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#, "name unknown"),
        (500, "<html>", "Internal Server Error (500)"),
        (429, r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow\ndown"}]}"#, "slow down"),
        (400, r#"{"errors":[{"message":"your password hush is odd"}]}"#, "your password *** is odd"),
    ] {
        let (host, _) = registry(move |_| (StatusCode::from_u16(status).unwrap(), body).into_response()).await;
        let error = client(&host, Some(user()), true).manifest("a", "v1").await.unwrap_err();
        assert_eq!(error.to_string(), format!("registry {host}: {words}"));
    }
}

#[tokio::test]
async fn manifests_are_what_was_asked_for() {
    let (host, _) = registry(|request| match request.uri().path().rsplit('/').next() {
        Some("large") => vec![b' '; LARGEST_MANIFEST + 1].into_response(),
        Some("told") => ([("docker-content-digest", Digest::sha256(b"other").to_string())], "{}").into_response(),
        _ => "{}".into_response(),
    })
    .await;
    let client = client(&host, None, false);
    let honest = Digest::sha256(b"{}");
    assert_eq!(client.manifest("a", &honest.to_string()).await.unwrap().digest, honest);
    assert_eq!(client.manifest("a", "v1").await.unwrap().digest, honest, "computed where nobody tells");
    let lie = client.manifest("a", &Digest::sha256(b"other").to_string()).await.unwrap_err();
    assert_eq!(lie.class(), "digest");
    assert_eq!(client.manifest("a", "told").await.unwrap_err().class(), "digest");
    assert_eq!(client.manifest("a", "large").await.unwrap_err().class(), "protocol");
}

#[tokio::test]
async fn ranges_begin_where_they_were_asked_to() {
    let (host, _) = registry(|request| {
        let range = request.headers().get(RANGE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        match (request.uri().path().contains("aaaa"), range) {
            (true, "bytes=3-") => {
                (StatusCode::PARTIAL_CONTENT, [("content-range", "bytes 3-6/7")], "tent").into_response()
            }
            (false, "bytes=3-") => {
                (StatusCode::PARTIAL_CONTENT, [("content-range", "bytes 2-6/7")], "ntent").into_response()
            }
            _ => "content".into_response(),
        }
    })
    .await;
    let client = client(&host, None, false);
    let digest = |c: &str| format!("sha256:{}", c.repeat(64)).parse::<Digest>().unwrap();
    assert_eq!(client.blob("x", &digest("a"), 3).await.unwrap().offset, 3);
    assert_eq!(client.blob("x", &digest("a"), 4).await.unwrap().offset, 0, "a registry without ranges");
    assert!(client.blob("x", &digest("b"), 3).await.is_err(), "another range");
}

#[tokio::test]
async fn nobody_there() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = client(&host, None, false).head("a", "v1").await.unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
}
