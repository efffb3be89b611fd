//! `delete` and `deletecollection`: preconditions, propagation, finalizers, grace periods.

use std::sync::Arc;

use bytes::Bytes;
use http::{StatusCode, header};
use serde_json::{Value, json};

use super::{
    answer::{Answer, served, success},
    decode,
    filter::Filter,
    media,
    options::{DeleteOptions, ListOptions, Propagation},
    pages::list_value,
    pipeline::{Call, timestamp},
    write::{ATTEMPTS, Refused, STALE},
};
use crate::{
    error::ApiError,
    object,
    store::{Change, Precondition, Stored},
};

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";
/// What a Pod gets when nobody says otherwise.
const POD_GRACE_SECONDS: i64 = 30;
/// Namespaces that the cluster cannot do without.
const LASTING_NAMESPACES: [&str; 3] = ["default", "kube-system", "kube-public"];

/// What became of the object.
pub(super) struct Outcome {
    object: Value,
    gone: bool,
}

impl Call {
    /// Answers `delete`.
    pub(super) async fn delete(&mut self, body: &Bytes) -> Result<Answer, ApiError> {
        let options = self.delete_options(body)?;
        let name = self.path.name.clone();
        let outcome = self.remove(&name, &options).await?;
        if !outcome.gone || self.answers_object() {
            return Ok(Answer::Object(StatusCode::OK, outcome.object));
        }
        let mut details = json!({"name": name, "kind": self.resource.plural, "uid": object::uid(&outcome.object)});
        if !self.resource.group.is_empty() {
            details["group"] = self.resource.group.as_str().into();
        }
        Ok(Answer::Plain(StatusCode::OK, success(details)))
    }

    /// Answers `deletecollection` with the objects as they were.
    pub(super) async fn delete_collection(&mut self, body: &Bytes) -> Result<Answer, ApiError> {
        let options = self.delete_options(body)?;
        let list = ListOptions::read(&self.query, false)?;
        let filter = Filter::new(&self.resource, &list)?;
        let page = self.api.inner.store.list(&self.resource.storage, self.scope());
        let mut items: Vec<Arc<Stored>> = page.items;
        items.retain(|i| filter.matches(i));
        if list.limit > 0 {
            items.truncate(list.limit);
        }
        for item in &items {
            match self.remove(&item.key.name, &options).await {
                // Somebody else was faster: that is what was wanted.
                Err(e) if e.code == 404 => {}
                Err(e) => return Err(e),
                Ok(_) => {}
            }
        }
        Ok(Answer::Plain(StatusCode::OK, list_value(&self.resource, page.revision, &items)))
    }

    fn delete_options(&self, body: &Bytes) -> Result<DeleteOptions, ApiError> {
        let value = if body.iter().all(u8::is_ascii_whitespace) {
            Value::Null
        } else {
            let kind = media::body_type(self.header(header::CONTENT_TYPE), false)?;
            let decoded = decode::decode(body, kind)
                .map_err(|e| ApiError::bad_request(format!("DeleteOptions cannot be read: {e}")))?;
            if !decoded.value.is_object() {
                return Err(ApiError::bad_request("DeleteOptions cannot be read: the body must be a JSON object"));
            }
            decoded.value
        };
        DeleteOptions::read(&self.query, &value)
    }

    /// Kinds whose deletion has always been answered with the object.
    fn answers_object(&self) -> bool {
        self.resource.group.is_empty()
            && matches!(self.resource.plural.as_str(), "pods" | "services" | "serviceaccounts")
    }

    pub(super) async fn remove(&self, name: &str, options: &DeleteOptions) -> Result<Outcome, ApiError> {
        for _ in 0..ATTEMPTS {
            let key = self.key_of(name);
            let stored = self.api.inner.store.get(&key).ok_or_else(|| self.not_found(name))?;
            let old = served(&self.resource, &stored);
            self.check_preconditions(&old, name, options)?;
            let mut attributes = self.attributes_of("delete");
            attributes.name = name;
            self.api.inner.auth.admit(&self.user, &attributes, None, Some(&old))?;
            let lasting = self.is_namespace() && LASTING_NAMESPACES.contains(&name);
            if lasting {
                return Err(ApiError::forbidden("", "namespaces", name, "this namespace may not be deleted"));
            }
            let new = self.marked(&old, options);
            let gone = self.finalized(&new);
            if options.dry_run || (!gone && new == old) {
                return Ok(Outcome { object: new, gone });
            }
            // What goes at once was never seen with a deletion time, so its last state is the old one.
            let change = if gone && !object::is_deleting(&old) {
                Change::Delete(old)
            } else if gone {
                Change::Delete(new)
            } else {
                Change::Put(new)
            };
            match self.commit(key, Precondition::Revision(stored.revision), change).await {
                Ok(written) => return Ok(Outcome { object: served(&self.resource, &written), gone }),
                Err(Refused::Raced) => {}
                Err(Refused::Final(e)) => return Err(e),
            }
        }
        Err(self.conflict(name, STALE))
    }

    pub(super) fn check_preconditions(&self, old: &Value, name: &str, options: &DeleteOptions) -> Result<(), ApiError> {
        if let Some(uid) = options.uid.as_deref().filter(|u| *u != object::uid(old)) {
            let why =
                format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", object::uid(old));
            return Err(self.conflict(name, &why));
        }
        if let Some(version) = options.resource_version.as_deref().filter(|v| *v != object::resource_version(old)) {
            let why = format!(
                "Precondition failed: ResourceVersion in precondition: {version}, ResourceVersion in object meta: {}",
                object::resource_version(old)
            );
            return Err(self.conflict(name, &why));
        }
        Ok(())
    }

    fn is_namespace(&self) -> bool {
        self.resource.group.is_empty() && self.resource.plural == "namespaces"
    }

    /// The object with the marks of its deletion. Deleting again changes it only where that shortens the wait.
    fn marked(&self, old: &Value, options: &DeleteOptions) -> Value {
        let mut new = old.clone();
        let mut finalizers = object::finalizers(old);
        match options.propagation {
            None => {}
            Some(policy) => {
                finalizers.retain(|f| f != ORPHAN && f != FOREGROUND);
                match policy {
                    Propagation::Orphan => finalizers.push(ORPHAN.to_owned()),
                    Propagation::Foreground => finalizers.push(FOREGROUND.to_owned()),
                    Propagation::Background => {}
                }
            }
        }
        let grace = self.grace(old, options);
        let meta = object::metadata_mut(&mut new);
        if finalizers.is_empty() {
            meta.remove("finalizers");
        } else {
            meta.insert("finalizers".into(), finalizers.into());
        }
        let earlier = meta.get("deletionGracePeriodSeconds").and_then(Value::as_i64);
        let deleting = meta.contains_key("deletionTimestamp");
        if !deleting || earlier.is_some_and(|e| grace < e) {
            let end = self.now.checked_add(jiff::SignedDuration::from_secs(grace)).unwrap_or(self.now);
            meta.insert("deletionTimestamp".into(), timestamp(end).into());
            meta.insert("deletionGracePeriodSeconds".into(), grace.into());
            if !deleting && let Some(generation) = meta.get("generation").and_then(Value::as_i64) {
                meta.insert("generation".into(), (generation + 1).into());
            }
        }
        if self.is_namespace() && !deleting {
            new["status"]["phase"] = "Terminating".into();
        }
        new
    }

    /// Only Pods that run somewhere are given time: a kubelet stops them and then deletes them with no grace.
    fn grace(&self, old: &Value, options: &DeleteOptions) -> i64 {
        let text = |path: &str| old.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let pod = self.resource.group.is_empty() && self.resource.plural == "pods";
        if !pod || text("/spec/nodeName").is_empty() || matches!(text("/status/phase"), "Succeeded" | "Failed") {
            return 0;
        }
        let default =
            old.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(POD_GRACE_SECONDS);
        options.grace_seconds.unwrap_or(default).max(0)
    }

    /// Nothing holds a deleted object any more.
    pub(super) fn finalized(&self, object: &Value) -> bool {
        let waits = object.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0) > 0;
        let of_spec = object.pointer("/spec/finalizers").and_then(Value::as_array);
        let content = self.is_namespace() && of_spec.is_some_and(|f| !f.is_empty());
        !waits && !content && object::finalizers(object).is_empty()
    }
}
