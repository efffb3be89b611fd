//! The verbs over a store in a temporary folder, through the router, one module per verb. Expectations are Kubernetes'
//! documented behaviour.

mod apply;
mod create;
mod delete;
mod documents;
mod list;
mod negotiation;
mod panics;
mod patch;
mod tokens;
mod update;
mod watch;

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{Api, Caller};
use crate::{
    auth::{Auth, UserInfo},
    kinds::Registry,
    pki::Pki,
    store::{Store, Window},
};

/// A cluster with the namespace `default`, asked by an administrator unless a test says otherwise.
struct Cluster {
    api: Api,
    router: axum::Router,
    stop: CancellationToken,
    _dir: tempfile::TempDir,
}

/// An answer.
struct Reply {
    code: u16,
    headers: HeaderMap,
    body: Value,
}

impl Reply {
    /// The answer, which must have this code.
    #[track_caller]
    fn expect(self, code: u16) -> Value {
        assert_eq!(self.code, code, "{:#}", self.body);
        self.body
    }
    #[track_caller]
    fn refused(self, code: u16, part: &str) -> Value {
        assert_eq!(self.code, code, "{:#}", self.body);
        assert_eq!(self.body["status"], "Failure");
        assert_eq!(self.body["code"], code);
        let message = self.body["message"].as_str().unwrap_or_default();
        assert!(message.contains(part), "{message:?} does not contain {part:?}");
        self.body
    }
    fn warnings(&self) -> Vec<String> {
        self.headers.get_all("warning").iter().map(|w| w.to_str().expect("ASCII").to_owned()).collect()
    }
}

fn admin() -> UserInfo {
    UserInfo { username: "admin".into(), groups: vec!["system:masters".into()], ..UserInfo::default() }
}

impl Cluster {
    async fn new() -> Self {
        Self::with(Window::default(), Duration::from_mins(1)).await
    }

    async fn with_window(window: Window) -> Self {
        Self::with(window, Duration::from_mins(1)).await
    }

    async fn with(window: Window, bookmarks: Duration) -> Self {
        let dir = tempfile::tempdir().expect("temporary folder");
        let store = Store::open_with(dir.path(), window).expect("store");
        let now = jiff::Timestamp::now();
        let pki = Arc::new(Pki::open(dir.path(), &[], now).expect("keys"));
        let auth = Arc::new(Auth::new(store.clone(), pki));
        let stop = CancellationToken::new();
        let url = "https://127.0.0.1:6443".to_owned();
        let api = Api::new(store, Arc::new(Registry::new()), auth, url, stop.clone());
        let api = api.with_bookmarks_every(bookmarks);
        let router = api.router(Caller::Fixed(admin()));
        let cluster = Self { api, router, stop, _dir: dir };
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}});
        cluster.post("/api/v1/namespaces", &namespace).await.expect(201);
        cluster
    }

    /// The same cluster, asked by somebody else.
    fn user(&self, name: &str) -> axum::Router {
        let user =
            UserInfo { username: name.into(), groups: vec!["system:authenticated".into()], ..UserInfo::default() };
        self.api.router(Caller::Fixed(user))
    }

    async fn send(&self, method: Method, uri: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
        send(&self.router, method, uri, headers, body).await
    }
    async fn get(&self, uri: &str) -> Reply {
        self.send(Method::GET, uri, &[], Body::empty()).await
    }
    async fn post(&self, uri: &str, body: &Value) -> Reply {
        self.send(Method::POST, uri, &[("content-type", "application/json")], body.to_string()).await
    }
    async fn put(&self, uri: &str, body: &Value) -> Reply {
        self.send(Method::PUT, uri, &[("content-type", "application/json")], body.to_string()).await
    }
    async fn delete(&self, uri: &str, body: Value) -> Reply {
        let body = if body.is_null() { Body::empty() } else { body.to_string().into() };
        self.send(Method::DELETE, uri, &[("content-type", "application/json")], body).await
    }
    /// `kind` is `merge`, `json`, `strategic` or `apply`.
    async fn patch(&self, kind: &str, uri: &str, body: &Value) -> Reply {
        let content = match kind {
            "json" => "application/json-patch+json".to_owned(),
            "apply" => "application/apply-patch+yaml".to_owned(),
            other => format!("application/{other}-patch+json").replace("strategic-patch", "strategic-merge-patch"),
        };
        self.send(Method::PATCH, uri, &[("content-type", &content)], body.to_string()).await
    }

    /// A `ConfigMap` that exists now.
    async fn config_map(&self, name: &str, labels: Value) -> Value {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": {"k": "v"},
        });
        self.post(MAPS, &object).await.expect(201)
    }

    /// The kind `Widget` in `example.com/v1`, with status, a default, a CEL rule and printer columns.
    async fn widgets(&self) {
        let crd = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced",
                "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
                "versions": [{
                    "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                    "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
                    "schema": {"openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object", "required": ["size"],
                                "properties": {
                                    "size": {"type": "integer", "maximum": 10},
                                    "color": {"type": "string", "default": "red"},
                                    "list": {"type": "array", "items": {"type": "string"}},
                                },
                                "x-kubernetes-validations": [
                                    {"rule": "self.size < 9 || self.color == 'red'", "message": "big ones are red"},
                                ],
                            },
                            "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
                        },
                    }},
                }],
            },
        });
        self.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &crd).await.expect(201);
    }

    async fn widget(&self, name: &str, size: i64) -> Value {
        self.post(WIDGETS, &widget(name, size)).await.expect(201)
    }
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const WIDGETS: &str = "/apis/example.com/v1/namespaces/default/widgets";

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

fn widget(name: &str, size: i64) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": {"size": size}})
}

async fn respond(
    router: &axum::Router,
    method: Method,
    uri: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> axum::response::Response {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body.into()).expect("a request");
    router.clone().oneshot(request).await.expect("infallible")
}

async fn send(
    router: &axum::Router,
    method: Method,
    uri: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Reply {
    let (parts, body) = respond(router, method, uri, headers, body).await.into_parts();
    let bytes = body.collect().await.expect("a body").to_bytes();
    let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| text());
    Reply { code: StatusCode::as_u16(&parts.status), headers: parts.headers, body }
}
