//! What every request passes: panic guard, authentication, limits, routing, authorization, logging.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use http::{HeaderMap, Method, header, request::Parts};

use super::{
    Api, Caller, ClientCertificate,
    answer::Answer,
    body, documents, eviction,
    media::{self, Accept},
    options::Query,
    path::{self, ResourcePath, Target},
    read, special, watch,
};
use crate::{
    auth::{Attributes, UserInfo},
    error::ApiError,
    kinds::{Resource, Serves, selector::FieldSelector},
};

/// A request for a resource, on its way to a verb.
pub(super) struct Call {
    pub api: Api,
    pub user: UserInfo,
    pub resource: Arc<Resource>,
    pub path: ResourcePath,
    pub query: Query,
    pub verb: &'static str,
    pub accept: Accept,
    pub headers: HeaderMap,
    pub now: jiff::Timestamp,
    /// Texts of `Warning` headers, in order.
    pub warnings: Vec<String>,
}

impl Call {
    /// The resource as the authorizer sees this request.
    pub(super) fn attributes(&self) -> Attributes<'_> {
        self.attributes_of(self.verb)
    }
    /// The same with another verb.
    pub(super) fn attributes_of<'a>(&'a self, verb: &'a str) -> Attributes<'a> {
        Attributes {
            verb,
            group: &self.path.group,
            resource: &self.path.resource,
            subresource: &self.path.subresource,
            namespace: &self.path.namespace,
            name: &self.path.name,
            field_selector: self.query.text("fieldSelector"),
            ..Attributes::default()
        }
    }
    /// A header as text.
    pub(super) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
    /// Now, as API times are written: RFC 3339, seconds.
    pub(super) fn timestamp(&self) -> String {
        timestamp(self.now)
    }
}

/// RFC 3339 in UTC with whole seconds.
pub(super) fn timestamp(now: jiff::Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Serves one request; never panics and always answers.
pub(super) async fn serve(api: &Api, caller: &Caller, request: Request) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let mut who = String::new();
    let work = AssertUnwindSafe(handle(api, caller, request, &mut who)).catch_unwind();
    let response = match work.await {
        Ok(Ok(response)) => response,
        Ok(Err(e)) => e.into_response(),
        Err(_) => {
            tracing::error!(%method, path, "a request handler panicked");
            ApiError::internal("the request could not be served because of a fault in the server").into_response()
        }
    };
    let code = response.status().as_u16();
    api.inner.documents.count(code);
    let latency = started.elapsed();
    if code >= 500 && code != 504 {
        tracing::warn!(%method, path, user = who, code, ?latency, "request failed");
    } else {
        tracing::debug!(%method, path, user = who, code, ?latency, "request");
    }
    response
}

async fn handle(api: &Api, caller: &Caller, request: Request, who: &mut String) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let now = jiff::Timestamp::now();
    let user = match caller {
        Caller::Fixed(user) => user.clone(),
        Caller::Presented => {
            let certificate = parts.extensions.get::<ClientCertificate>().map(|c| c.0.as_ref());
            api.inner.auth.authenticate(certificate, &parts.headers, now)?
        }
    };
    user.username.clone_into(who);
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    match path::parse(parts.uri.path()) {
        Target::Document => documents::serve(api, &user, &parts),
        Target::Resource(path) => resource_request(api, user, path, query, parts, body, now).await,
    }
}

async fn resource_request(
    api: &Api,
    user: UserInfo,
    path: ResourcePath,
    query: Query,
    parts: Parts,
    body: Body,
    now: jiff::Timestamp,
) -> Result<Response, ApiError> {
    let watching = path.legacy_watch || (path.name.is_empty() && query.flag("watch") == Some(true));
    let verb = verb(&parts.method, &path, watching);
    let _permit = if watching && parts.method == Method::GET { None } else { Some(admit(api, &parts.method)?) };
    let verb_or_guess = verb.unwrap_or_else(|| if parts.method == Method::POST { "create" } else { "get" });
    let collective = path.name.is_empty() && matches!(verb_or_guess, "list" | "watch" | "deletecollection");
    // Read as it is applied later: a second, simpler reading would be fooled by an escaped comma. A malformed one selects
    // nothing here, and is refused where it is applied.
    let selector = FieldSelector::parse(query.text("fieldSelector")).unwrap_or_default();
    let attributes = Attributes {
        verb: verb_or_guess,
        group: &path.group,
        resource: &path.resource,
        subresource: &path.subresource,
        namespace: &path.namespace,
        // A rule with `resourceNames` covers a list, watch or collective delete that selects that one name.
        name: if collective { selector.required("metadata.name").unwrap_or_default() } else { &path.name },
        field_selector: query.text("fieldSelector"),
        ..Attributes::default()
    };
    // Authorization precedes the look for the resource, so that the answer does not tell strangers what is served.
    api.inner.auth.require(&user, &attributes)?;
    let resource = find(api, &path)?;
    let verb = verb.filter(|v| allowed(&resource, &path, v)).ok_or_else(ApiError::method_not_allowed)?;
    let accept = media::negotiate(parts.headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()), true)?;
    let mut call = Call {
        api: api.clone(),
        user,
        resource,
        path,
        query,
        verb,
        accept,
        headers: parts.headers,
        now,
        warnings: vec![],
    };
    let answer = dispatch(&mut call, body).await?;
    answer.render(&call).await
}

fn verb(method: &Method, path: &ResourcePath, watching: bool) -> Option<&'static str> {
    let named = !path.name.is_empty();
    Some(match *method {
        Method::GET | Method::HEAD if watching => "watch",
        Method::GET | Method::HEAD if named => "get",
        Method::GET | Method::HEAD => "list",
        Method::POST if !named || !path.subresource.is_empty() => "create",
        Method::PUT if named => "update",
        Method::PATCH if named => "patch",
        Method::DELETE if named => "delete",
        Method::DELETE => "deletecollection",
        _ => return None,
    })
}

fn admit<'a>(api: &'a Api, method: &Method) -> Result<tokio::sync::SemaphorePermit<'a>, ApiError> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let limit = if reads { &api.inner.reads } else { &api.inner.writes };
    limit.try_acquire().map_err(|_| ApiError::too_many_requests("Too many requests, please try again later.", 1))
}

fn find(api: &Api, path: &ResourcePath) -> Result<Arc<Resource>, ApiError> {
    let resource =
        api.inner.registry.get(&path.group, &path.version, &path.resource).ok_or_else(ApiError::no_such_path)?;
    let in_namespace = !path.namespace.is_empty() && path.resource != "namespaces";
    // A namespaced object has no address outside its namespace, a cluster-scoped one none inside.
    if (in_namespace && !resource.namespaced) || (resource.namespaced && !in_namespace && !path.name.is_empty()) {
        return Err(ApiError::no_such_path());
    }
    if !path.subresource.is_empty() && !resource.subresources.iter().any(|s| s.name == path.subresource) {
        return Err(ApiError::no_such_path());
    }
    Ok(resource)
}

fn allowed(resource: &Resource, path: &ResourcePath, verb: &str) -> bool {
    if let Some(sub) = resource.subresources.iter().find(|s| !path.subresource.is_empty() && s.name == path.subresource)
    {
        return sub.verbs.contains(&verb);
    }
    if resource.serves == Serves::Review {
        return verb == "create" && path.name.is_empty();
    }
    // Objects are created, and collections deleted, in one namespace.
    let everywhere = resource.namespaced && path.namespace.is_empty();
    !(everywhere && matches!(verb, "create" | "deletecollection"))
}

async fn dispatch(call: &mut Call, body: Body) -> Result<Answer, ApiError> {
    if call.resource.serves == Serves::Review {
        let body = body::read(&call.headers, body).await?;
        return special::review(call, &body);
    }
    match (call.path.subresource.as_str(), call.verb) {
        ("token", _) => {
            let body = body::read(&call.headers, body).await?;
            special::token(call, &body)
        }
        ("eviction", _) => {
            let body = body::read(&call.headers, body).await?;
            eviction::evict(call, &body).await
        }
        ("scale", _) => {
            let body = body::read(&call.headers, body).await?;
            special::scale(call, body).await
        }
        (_, "get") => read::get(call),
        (_, "list") => read::list(call).await,
        (_, "watch") => watch::watch(call),
        (_, "create") => {
            let body = body::read(&call.headers, body).await?;
            call.create(&body).await
        }
        (_, "update") => {
            let body = body::read(&call.headers, body).await?;
            call.update(&body).await
        }
        (_, "patch") => {
            let body = body::read(&call.headers, body).await?;
            call.patch(&body).await
        }
        (_, "delete") => {
            let body = body::read(&call.headers, body).await?;
            call.delete(&body).await
        }
        (_, "deletecollection") => {
            let body = body::read(&call.headers, body).await?;
            call.delete_collection(&body).await
        }
        _ => Err(ApiError::method_not_allowed()),
    }
}
