//! Everything that is not a resource: discovery, `OpenAPI`, version, health, metrics, keys of `ServiceAccount` tokens.

use std::{
    fmt::Write,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use serde_json::{Value, json};

use super::{
    Api,
    answer::{json_response, to_json},
    media,
    options::Query,
};
use crate::{
    auth::{Attributes, UserInfo},
    error::ApiError,
    kinds::{Resource, discovery},
    openapi,
};

/// What `/version` says.
pub(super) const GIT_VERSION: &str = "v1.35.0+embedded";

const GNOSTIC: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/// Built documents, until what is served changes; and request counters.
#[derive(Default)]
pub(super) struct Cache {
    built: Mutex<Built>,
    /// Requests answered by class of status code: 1xx to 5xx.
    answered: [AtomicU64; 5],
}

#[derive(Default)]
struct Built {
    generation: u64,
    documents: std::collections::HashMap<String, Document>,
}

#[derive(Clone)]
struct Document {
    bytes: Bytes,
    etag: String,
}

impl Cache {
    /// Counts an answer.
    pub(super) fn count(&self, code: u16) {
        if let Some(counter) = self.answered.get(usize::from(code / 100).wrapping_sub(1)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The document `name` for this generation of the registry, built when it is not there.
    fn get(&self, generation: u64, name: &str, build: impl FnOnce() -> Option<Vec<u8>>) -> Option<Document> {
        {
            let mut cached = self.built.lock().unwrap_or_else(PoisonError::into_inner);
            if cached.generation != generation {
                *cached = Built { generation, ..Built::default() };
            }
            if let Some(document) = cached.documents.get(name) {
                return Some(document.clone());
            }
        }
        // Built outside of the lock: two requests may both build it, none waits for another's.
        let bytes = Bytes::from(build()?);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
        let etag = digest.as_ref().iter().fold(String::new(), |s, b| s + &format!("{b:02X}"));
        let document = Document { bytes, etag };
        let mut cached = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.generation == generation {
            cached.documents.insert(name.to_owned(), document.clone());
        }
        Some(document)
    }
}

/// Answers a path that names no resource.
pub(super) fn serve(api: &Api, user: &UserInfo, parts: &Parts) -> Result<Response, ApiError> {
    let path = parts.uri.path();
    let method = parts.method.as_str().to_ascii_lowercase();
    let attributes = Attributes { verb: &method, path, ..Attributes::default() };
    api.inner.auth.require(user, &attributes)?;
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        let known = document(api, parts, path)?.is_some();
        return Err(if known { ApiError::method_not_allowed() } else { ApiError::no_such_path() });
    }
    document(api, parts, path)?.ok_or_else(ApiError::no_such_path)
}

fn document(api: &Api, parts: &Parts, path: &str) -> Result<Option<Response>, ApiError> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let accept = parts.headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let resources = || api.inner.registry.all();
    let generation = api.inner.registry.generation();
    let cache = &api.inner.documents;
    let etagged = |name: &str, build: &Build<'_>| cache.get(generation, name, || build(&resources()));
    let response = match segments.as_slice() {
        [""] => json_document(&json!({"paths": paths(&resources())})),
        ["api"] => match aggregated(accept) {
            Some(version) => aggregated_document(api, &parts.headers, true, version),
            None => json_document(&discovery::core_versions(&resources(), api.inner.address())),
        },
        ["apis"] => match aggregated(accept) {
            Some(version) => aggregated_document(api, &parts.headers, false, version),
            None => json_document(&discovery::groups(&resources())),
        },
        ["apis", group] => match discovery::group(&resources(), group) {
            Some(document) => json_document(&document),
            None => return Ok(None),
        },
        ["api", version] => match discovery::resource_list(&resources(), "", version) {
            Some(document) => json_document(&document),
            None => return Ok(None),
        },
        ["apis", group, version] => match discovery::resource_list(&resources(), group, version) {
            Some(document) => json_document(&document),
            None => return Ok(None),
        },
        ["openapi", "v2"] => return openapi_v2(accept, &parts.headers, &etagged).map(Some),
        ["openapi", "v3"] => {
            let hash = |group: &str, version: &str| openapi_v3_document(group, version, &etagged).map(|d| d.etag);
            let built = etagged("v3", &|r| serde_json::to_vec(&openapi::v3_index(r, hash)).ok());
            return Ok(built.map(|d| with_etag(&d, &parts.headers, "application/json")));
        }
        ["openapi", "v3", rest @ ..] => return Ok(openapi_v3(parts, rest, &etagged)),
        ["version"] => json_document(&version()),
        ["healthz" | "livez" | "readyz", rest @ ..] => return Ok(health(api, parts, segments[0], rest)),
        ["metrics"] => metrics(api),
        [".well-known", "openid-configuration"] => json_document(&api.inner.auth.openid_configuration(&api.inner.url)),
        ["openid", "v1", "jwks"] => {
            let mut response = json_document(&api.inner.auth.jwks());
            let kind = HeaderValue::from_static("application/jwk-set+json");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        _ => return Ok(None),
    };
    Ok(Some(response))
}

fn json_document(value: &Value) -> Response {
    json_response(StatusCode::OK, Body::from(to_json(value)))
}

fn paths(resources: &[Arc<Resource>]) -> Vec<String> {
    let mut paths: Vec<String> = resources
        .iter()
        .flat_map(|r| {
            if r.group.is_empty() {
                vec!["/api".to_owned(), format!("/api/{}", r.version)]
            } else {
                vec!["/apis".to_owned(), format!("/apis/{}", r.group), format!("/apis/{}/{}", r.group, r.version)]
            }
        })
        .collect();
    let fixed =
        ["/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/openid/v1/jwks", "/readyz", "/version"];
    paths.extend(fixed.map(str::to_owned));
    paths.push("/.well-known/openid-configuration".to_owned());
    paths.sort();
    paths.dedup();
    paths
}

/// The version of aggregated discovery that is preferred over the classic form.
fn aggregated(accept: &str) -> Option<&'static str> {
    for range in media::ranges(accept) {
        if range.media != "application/json" && range.media != "*/*" {
            continue;
        }
        match (range.parameter("as"), range.parameter("g"), range.parameter("v")) {
            ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2") => return Some("v2"),
            ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2beta1") => return Some("v2beta1"),
            ("", _, _) => return None,
            _ => {}
        }
    }
    None
}

fn aggregated_document(api: &Api, headers: &HeaderMap, core: bool, version: &str) -> Response {
    let inner = &api.inner;
    let name = format!("discovery/{core}/{version}");
    let built = inner.documents.get(inner.registry.generation(), &name, || {
        serde_json::to_vec(&discovery::aggregated(&inner.registry.all(), core, version)).ok()
    });
    let kind = format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
    match built {
        Some(document) => with_etag(&document, headers, &kind),
        None => json_document(&json!({})),
    }
}

/// Builds a document over what is served.
type Build<'a> = dyn Fn(&[Arc<Resource>]) -> Option<Vec<u8>> + 'a;
/// Finds a document by name, or builds it.
type Etagged<'a> = dyn Fn(&str, &Build<'_>) -> Option<Document> + 'a;

fn openapi_v2(accept: &str, headers: &HeaderMap, etagged: &Etagged<'_>) -> Result<Response, ApiError> {
    let json = |r: &[Arc<Resource>]| serde_json::to_vec(&openapi::v2(r, GIT_VERSION)).ok();
    let protobuf = |r: &[Arc<Resource>]| Some(openapi::v2_protobuf(&openapi::v2(r, GIT_VERSION)));
    let ranges = media::ranges(accept);
    for range in &ranges {
        match range.media {
            "application/json" | "*/*" | "application/*" => {
                if let Some(d) = etagged("v2", &json) {
                    return Ok(with_etag(&d, headers, "application/json"));
                }
            }
            // The `.` in place of `@` is what media type grammar wants and newer clients send.
            GNOSTIC | "application/com.github.proto-openapi.spec.v2.v1.0+protobuf" => {
                if let Some(d) = etagged("v2.pb", &protobuf) {
                    return Ok(with_etag(&d, headers, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"));
                }
            }
            _ => {}
        }
    }
    if ranges.is_empty()
        && let Some(d) = etagged("v2", &json)
    {
        return Ok(with_etag(&d, headers, "application/json"));
    }
    Err(ApiError::not_acceptable(&format!("application/json, {GNOSTIC}")))
}

fn openapi_v3(parts: &Parts, rest: &[&str], etagged: &Etagged<'_>) -> Option<Response> {
    let (group, version) = match rest {
        ["api", version] => ("", *version),
        ["apis", group, version] => (*group, *version),
        _ => return None,
    };
    let document = openapi_v3_document(group, version, etagged)?;
    let mut response = with_etag(&document, &parts.headers, "application/json");
    // A client that names the document's hash may keep it forever; one that names another gets the document as it is, and
    // must not keep it under a hash that is not its own.
    if Query::parse(parts.uri.query().unwrap_or_default()).get("hash") == Some(&document.etag) {
        let forever = HeaderValue::from_static("public, immutable, max-age=31536000");
        response.headers_mut().insert(header::CACHE_CONTROL, forever);
    }
    Some(response)
}

fn openapi_v3_document(group: &str, version: &str, etagged: &Etagged<'_>) -> Option<Document> {
    let build =
        |r: &[Arc<Resource>]| openapi::v3(r, group, version, GIT_VERSION).and_then(|d| serde_json::to_vec(&d).ok());
    etagged(&format!("v3/{group}/{version}"), &build)
}

fn with_etag(document: &Document, headers: &HeaderMap, kind: &str) -> Response {
    let etag = format!("\"{}\"", document.etag);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    let fresh = known.is_some_and(|k| k.split(',').any(|k| k.trim().trim_start_matches("W/") == etag));
    let mut response = if fresh {
        json_response(StatusCode::NOT_MODIFIED, Body::empty())
    } else {
        json_response(StatusCode::OK, Body::from(document.bytes.clone()))
    };
    let headers = response.headers_mut();
    for (name, value) in [(header::ETAG, etag.as_str()), (header::CONTENT_TYPE, kind), (header::VARY, "Accept")] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

fn version() -> Value {
    json!({
        "major": "1", "minor": "35", "gitVersion": GIT_VERSION, "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "rustc",
        "platform": format!("linux/{}", if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }),
    })
}

fn health(api: &Api, parts: &Parts, endpoint: &str, rest: &[&str]) -> Option<Response> {
    let ready = api.inner.ready.load(Ordering::Acquire);
    let stopping = api.inner.stop.is_cancelled();
    let mut checks = vec![("ping", true), ("store", api.inner.store.revision() > 0)];
    if endpoint == "readyz" {
        checks.push(("poststarthook/bootstrap", ready));
        checks.push(("shutdown", !stopping));
    }
    match rest {
        [] => {}
        [one] => checks.retain(|(name, _)| name == one),
        ["poststarthook", one] => checks.retain(|(name, _)| name.strip_prefix("poststarthook/") == Some(one)),
        _ => return None,
    }
    if checks.is_empty() {
        return None;
    }
    let ok = checks.iter().all(|(_, ok)| *ok);
    let verbose = Query::parse(parts.uri.query().unwrap_or_default()).get("verbose").is_some();
    let body = if ok && !verbose {
        "ok".to_owned()
    } else {
        let mut lines = String::new();
        for (name, ok) in &checks {
            let _ = writeln!(lines, "[{}]{name} {}", if *ok { '+' } else { '-' }, if *ok { "ok" } else { "failed" });
        }
        let _ = writeln!(lines, "{endpoint} check {}", if ok { "passed" } else { "failed" });
        lines
    };
    Some(text(if ok { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }, body, "text/plain; charset=utf-8"))
}

fn text(code: StatusCode, body: String, kind: &'static str) -> Response {
    let mut response = json_response(code, Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn metrics(api: &Api) -> Response {
    let mut out = String::from(
        "# HELP apiserver_requests_answered_total Requests answered, by class of status code.\n# TYPE apiserver_requests_answered_total counter\n",
    );
    for (i, counter) in api.inner.documents.answered.iter().enumerate() {
        let count = counter.load(Ordering::Relaxed);
        let _ = writeln!(out, "apiserver_requests_answered_total{{code=\"{}xx\"}} {count}", i + 1);
    }
    out += "# HELP apiserver_store_revision Newest durable revision of the store.\n# TYPE apiserver_store_revision gauge\n";
    let _ = writeln!(out, "apiserver_store_revision {}", api.inner.store.revision());
    text(StatusCode::OK, out, "text/plain; version=0.0.4; charset=utf-8")
}
