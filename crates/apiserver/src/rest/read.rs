//! `get` and `list`.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    answer::Answer,
    filter::Filter,
    media::Shape,
    options::{ListOptions, parse_revision},
    pages::List,
    pipeline::Call,
};
use crate::{
    error::ApiError,
    store::{Key, Page, Stored, WatchError},
};

impl Call {
    /// The key of the object that the path names.
    pub(super) fn key(&self) -> Key {
        self.key_of(&self.path.name)
    }
    /// The key of an object of this resource in the path's namespace.
    pub(super) fn key_of(&self, name: &str) -> Key {
        let namespace = if self.resource.namespaced { self.path.namespace.as_str() } else { "" };
        Key { resource: Arc::clone(&self.resource.storage), namespace: namespace.into(), name: name.into() }
    }
    /// The object that the path names.
    pub(super) fn stored(&self) -> Result<Arc<Stored>, ApiError> {
        self.api.inner.store.get(&self.key()).ok_or_else(|| self.not_found(&self.path.name))
    }
    /// 404 of an object of this resource.
    pub(super) fn not_found(&self, name: &str) -> ApiError {
        ApiError::not_found(&self.resource.group, &self.resource.plural, name)
    }
    /// The namespace to look in, or all.
    pub(super) fn scope(&self) -> Option<&str> {
        let ns = self.path.namespace.as_str();
        (self.resource.namespaced && !ns.is_empty()).then_some(ns)
    }
}

/// 410 with the reason that makes clients start anew.
pub(super) fn watch_error(e: &WatchError) -> ApiError {
    match e {
        WatchError::Expired { .. } => ApiError::new(410, "Expired", e.to_string()),
        WatchError::Future { .. } => too_large(&e.to_string()),
    }
}

/// 504: the client has seen a revision that this server has not (client-go looks for the cause).
fn too_large(message: &str) -> ApiError {
    let mut e = ApiError::new(504, "Timeout", message.to_owned());
    e.details = json!({
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    });
    e
}

fn reached(asked: u64, current: u64) -> Result<(), ApiError> {
    if asked > current { Err(watch_error(&WatchError::Future { asked, current })) } else { Ok(()) }
}

/// Answers `get`, also of subresources that show the object.
pub(super) fn get(call: &Call) -> Result<Answer, ApiError> {
    if let Some(asked) = parse_revision(call.query.text("resourceVersion"))? {
        reached(asked, call.api.inner.store.revision())?;
    }
    Ok(Answer::Stored(StatusCode::OK, call.stored()?))
}

/// Where a paged list goes on: opaque to clients.
#[derive(Debug, PartialEq, Eq)]
struct Continue {
    /// The revision the list shows; `None` goes on with the current state, after the old one expired.
    revision: Option<u64>,
    namespace: String,
    name: String,
}

impl Continue {
    fn encode(&self) -> String {
        let document = json!({"v": 1, "rv": self.revision, "ns": self.namespace, "name": self.name});
        BASE64_URL_SAFE_NO_PAD.encode(document.to_string())
    }
    fn decode(token: &str) -> Result<Self, ApiError> {
        let bad = || ApiError::bad_request("continue key is not valid: it must be a token from a previous list");
        let raw = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| bad())?;
        let document: Value = serde_json::from_slice(&raw).map_err(|_| bad())?;
        let text = |field: &str| document[field].as_str().map(str::to_owned).ok_or_else(bad);
        if document["v"] != 1 || !(document["rv"].is_null() || document["rv"].is_u64()) {
            return Err(bad());
        }
        Ok(Self { revision: document["rv"].as_u64(), namespace: text("ns")?, name: text("name")? })
    }
}

/// Answers `list`.
pub(super) async fn list(call: &Call) -> Result<Answer, ApiError> {
    let options = ListOptions::read(&call.query, false)?;
    let filter = Filter::new(&call.resource, &options)?;
    let (page, after) = snapshot(call, &options, &filter)?;
    let limit = if options.limit == 0 { usize::MAX } else { options.limit };
    let select = {
        let filter = filter.clone();
        move || select(page, after, limit, &filter)
    };
    // Parsing thousands of objects would hold up the other requests of this worker.
    let selected =
        if filter.parses() { tokio::task::spawn_blocking(select).await.map_err(ApiError::internal)? } else { select() };
    let next =
        selected.next.map(|(namespace, name)| Continue { revision: Some(selected.revision), namespace, name }.encode());
    Ok(Answer::List(List {
        revision: selected.revision,
        items: selected.items,
        next,
        remaining: selected.remaining.filter(|_| options.selects_all()),
    }))
}

/// The state to list from, and the key after which the page begins.
fn snapshot(call: &Call, options: &ListOptions, filter: &Filter) -> Result<(Page, Option<(String, String)>), ApiError> {
    let store = &call.api.inner.store;
    let resource = &call.resource.storage;
    if !options.continue_token.is_empty() {
        let token = Continue::decode(&options.continue_token)?;
        let page = match token.revision {
            None => store.list(resource, call.scope()),
            Some(revision) => at(call, revision).map_err(|e| expired(&e, &token))?,
        };
        return Ok((page, Some((token.namespace, token.name))));
    }
    let current = store.revision();
    if let Some(asked) = options.revision.filter(|r| *r > 0) {
        reached(asked, current)?;
        // Before `resourceVersionMatch` existed, a limit with a version meant exactly that version.
        if options.exact || (!options.matching && options.limit > 0) {
            return Ok((at(call, asked).map_err(|e| watch_error(&e))?, None));
        }
    }
    let namespace = call.scope().or_else(|| filter.single_namespace().filter(|_| call.resource.namespaced));
    if let Some(name) = filter.single_name()
        && (namespace.is_some() || !call.resource.namespaced)
    {
        return Ok((single(call, namespace.unwrap_or_default(), name), None));
    }
    Ok((store.list(resource, namespace), None))
}

/// A list that can hold one object only, without walking the others: what `kubectl wait` and informers of one object do.
fn single(call: &Call, namespace: &str, name: &str) -> Page {
    let store = &call.api.inner.store;
    let key = Key { resource: Arc::clone(&call.resource.storage), namespace: namespace.into(), name: name.into() };
    loop {
        // The revision is read first: a change in between may then show twice, but is never missed.
        let revision = store.revision();
        let item = store.get(&key);
        if item.as_ref().is_none_or(|i| i.revision <= revision) {
            return Page { revision, items: item.into_iter().collect() };
        }
    }
}

fn at(call: &Call, revision: u64) -> Result<Page, WatchError> {
    let store = &call.api.inner.store;
    let page = store.list(&call.resource.storage, call.scope());
    // Nothing of the resource changed since: the current objects are the old ones. Order matters: listed first, so that a
    // change after the check cannot be among the items.
    if store.resource_revision(&call.resource.storage) <= revision && revision <= page.revision {
        return Ok(Page { revision, items: page.items });
    }
    store.list_at(&call.resource.storage, call.scope(), revision)
}

fn expired(e: &WatchError, token: &Continue) -> ApiError {
    if matches!(e, WatchError::Future { .. }) {
        return ApiError::bad_request("continue key is not valid: it names a revision that was never written");
    }
    let mut error = ApiError::new(
        410,
        "Expired",
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without \
         the continue parameter, or use the continue token in this response to retrieve the remainder of the results. \
         Continuing with the provided token results in an inconsistent list - objects that were created, modified, or \
         deleted between the time the first chunk was returned and now may show up in the list.",
    );
    let rest = Continue { revision: None, namespace: token.namespace.clone(), name: token.name.clone() };
    error.metadata = json!({"continue": rest.encode()});
    error
}

struct Selected {
    revision: u64,
    items: Vec<Arc<Stored>>,
    next: Option<(String, String)>,
    remaining: Option<usize>,
}

fn select(page: Page, after: Option<(String, String)>, limit: usize, filter: &Filter) -> Selected {
    let start = after.map_or(0, |(namespace, name)| {
        page.items.partition_point(|i| (&*i.key.namespace, &*i.key.name) <= (namespace.as_str(), name.as_str()))
    });
    let total = page.items.len();
    let mut items = Vec::new();
    let mut next = None;
    let mut remaining = None;
    for (at, item) in page.items.into_iter().enumerate().skip(start) {
        if !filter.matches(&item) {
            continue;
        }
        if items.len() == limit {
            let last: &Arc<Stored> = &items[limit - 1];
            next = Some((last.key.namespace.to_string(), last.key.name.to_string()));
            remaining = Some(total - at);
            break;
        }
        items.push(item);
    }
    Selected { revision: page.revision, items, next, remaining }
}

/// Whether the answer to a list needs its objects parsed.
pub(super) fn needs_parsing(call: &Call) -> bool {
    call.accept.shape != Shape::Object
        || call.accept.encoding != super::media::Encoding::Json
        || call.pretty()
        || !call.resource.strategy.stored_as_served()
}

#[cfg(test)]
mod tests;
