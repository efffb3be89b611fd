//! What all writing verbs share: reading the object, unknown fields, validation, ownership, commit.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, header};
use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use super::{
    answer::served,
    decode, media, metadata,
    options::{FieldValidation, WriteOptions},
    pipeline::Call,
};
use crate::{
    error::ApiError,
    field::FieldError,
    kinds::WriteContext,
    managed::{self, Writer},
    object,
    store::{Change, CommitError, Key, Precondition, Stored},
};

/// How often a write without a stated resourceVersion is tried again on the newest state.
pub(super) const ATTEMPTS: usize = 10;

/// Kubernetes' sentence for a stale resourceVersion; clients look for it.
pub(super) const STALE: &str =
    "the object has been modified; please apply your changes to the latest version and try again";

/// Why a commit did not happen.
pub(super) enum Refused {
    /// Another write came first: try again on the newest state.
    Raced,
    /// Tell the client.
    Final(ApiError),
}

impl From<ApiError> for Refused {
    fn from(e: ApiError) -> Self {
        Self::Final(e)
    }
}

/// The manager of a request that names none: what stands before the first `/` of the User-Agent.
pub(super) fn manager_of(options: &WriteOptions, headers: &HeaderMap) -> String {
    if !options.manager.is_empty() {
        return options.manager.clone();
    }
    let agent = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let prefix: String =
        agent.split('/').next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(128).collect();
    if prefix.is_empty() { "unknown".to_owned() } else { prefix }
}

impl Call {
    /// 400: the body is not an object of this kind.
    pub(super) fn cannot_handle(&self, why: &str) -> ApiError {
        let (kind, version) = (&self.resource.kind, self.resource.api_version());
        ApiError::bad_request(format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"))
    }

    /// The object in a request body: decoded, of the right kind, with well-formed metadata and only known fields.
    pub(super) fn body_object(&mut self, body: &Bytes, validation: FieldValidation) -> Result<Value, ApiError> {
        let body_type = media::body_type(self.header(header::CONTENT_TYPE), self.resource.custom)?;
        let decoded = decode::decode(body, body_type).map_err(|e| {
            ApiError::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): couldn't get version/kind; {e}",
                self.resource.kind
            ))
        })?;
        let mut value = decoded.value;
        self.check_kind(&mut value)?;
        self.check_types(&value).map_err(|e| self.cannot_handle(&e))?;
        self.normalise(&mut value)?;
        let faults = self.prune(&mut value, decoded.duplicates, validation);
        self.judge_faults(&faults, validation).map_err(|list| self.cannot_handle(&list))?;
        Ok(value)
    }

    /// Checks `apiVersion` and `kind`. Built-in kinds may leave them out, as the path says what is meant.
    pub(super) fn check_kind(&self, value: &mut Value) -> Result<(), ApiError> {
        let version = self.resource.api_version();
        let kind = self.resource.kind.clone();
        let Some(map) = value.as_object_mut() else {
            return Err(ApiError::bad_request(format!(
                "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; the body must be a JSON object"
            )));
        };
        for (field, expected) in [("kind", &kind), ("apiVersion", &version)] {
            match map.get(field) {
                Some(Value::String(s)) if s == expected => {}
                Some(Value::String(s)) if !s.is_empty() => {
                    let what = if field == "kind" { "kind" } else { "API version" };
                    return Err(ApiError::bad_request(format!(
                        "the {what} in the data ({s}) does not match the expected {what} ({expected})"
                    )));
                }
                None | Some(Value::Null | Value::String(_)) if self.resource.custom => {
                    let missing =
                        if field == "kind" { "Object 'Kind' is missing" } else { "Object 'apiVersion' is missing" };
                    return Err(self.cannot_handle(missing));
                }
                None | Some(Value::Null | Value::String(_)) => {
                    map.insert(field.to_owned(), expected.as_str().into());
                }
                Some(_) => return Err(self.cannot_handle(&format!("{field} must be a string"))),
            }
        }
        Ok(())
    }

    /// What typed decoding would refuse: the sentence for it.
    pub(super) fn check_types(&self, value: &Value) -> Result<(), String> {
        match self.resource.schema.type_errors(value).first() {
            Some(e) => Err(e.detail.clone()),
            None => Ok(()),
        }
    }

    /// Brings metadata (and, for built-in kinds, absent values written as null) into form.
    pub(super) fn normalise(&self, value: &mut Value) -> Result<(), ApiError> {
        metadata::normalise(value).map_err(|e| self.cannot_handle(&e))?;
        // Typed clients write null for "not set"; in free-form JSON, which only CRDs hold among the built-in kinds, and in
        // custom objects null may mean something.
        if !self.resource.custom && self.resource.group != "apiextensions.k8s.io" {
            drop_nulls(value);
        }
        Ok(())
    }

    /// Removes unknown fields; returns the faults found, worded.
    pub(super) fn prune(&self, value: &mut Value, duplicates: Vec<String>, validation: FieldValidation) -> Vec<String> {
        let unknown = self.resource.schema.prune(value);
        if validation == FieldValidation::Ignore {
            return Vec::new();
        }
        let unknown = unknown.into_iter().map(|p| format!("unknown field {p:?}"));
        unknown.chain(duplicates.into_iter().map(|p| format!("duplicate field {p:?}"))).collect()
    }

    /// Warns of faults, or returns them as one text when they are to be refused.
    pub(super) fn judge_faults(&mut self, faults: &[String], validation: FieldValidation) -> Result<(), String> {
        if faults.is_empty() || validation == FieldValidation::Ignore {
            return Ok(());
        }
        if validation == FieldValidation::Strict {
            return Err(format!("strict decoding error: {}", faults.join(", ")));
        }
        // A header per fault, but no more than a client will read.
        self.warnings.extend(faults.iter().take(50).cloned());
        Ok(())
    }

    /// Sets the defaults of the kind.
    pub(super) fn default(&self, object: &mut Value) {
        if self.resource.custom {
            self.resource.schema.apply_defaults(object);
        }
        self.resource.strategy.default(object);
    }

    /// Takes what no two objects of the kind may share. What is returned is held until the write is done.
    pub(super) async fn allocate(
        &self,
        object: &mut Value,
        old: Option<&Value>,
    ) -> Result<Option<OwnedMutexGuard<()>>, ApiError> {
        let strategy = &self.resource.strategy;
        if !strategy.allocates(object, old) {
            return Ok(None);
        }
        let held = Arc::clone(&self.api.inner.allocating).lock_owned().await;
        let own = self.key_of(object::name(object));
        let stored = self.api.inner.store.list(&self.resource.storage, None).items;
        // An object of the same name is no rival: either this write replaces it or it fails because it is there.
        let others: Vec<Value> = stored.iter().filter(|s| s.key != own).map(|s| served(&self.resource, s)).collect();
        match strategy.allocate(object, &others) {
            Ok(()) => Ok(Some(held)),
            Err(e) => Err(self.invalid(object, &[e])),
        }
    }

    /// All validation of an object about to be written.
    pub(super) fn validate(&mut self, new: &Value, old: Option<&Value>, now: &str) -> Result<(), ApiError> {
        let resource = Arc::clone(&self.resource);
        let ctx = WriteContext { user: &self.user, subresource: &self.path.subresource, now };
        let mut errors = metadata::validate(new, resource.namespaced, &|name| resource.strategy.validate_name(name));
        if let Some(old) = old {
            errors.extend(metadata::validate_update(new, old));
        }
        errors.extend(resource.schema.validate(new, old));
        errors.extend(resource.strategy.validate(&ctx, new, old));
        if !errors.is_empty() {
            return Err(self.invalid(new, &errors));
        }
        self.warnings.extend(resource.strategy.warnings(new, old));
        Ok(())
    }

    /// 422.
    pub(super) fn invalid(&self, object: &Value, errors: &[FieldError]) -> ApiError {
        let name = match object::name(object) {
            "" => object::meta_str(object, "generateName"),
            name => name,
        };
        ApiError::invalid(&self.resource.group, &self.resource.kind, name, errors)
    }

    /// 409 of a stale write.
    pub(super) fn conflict(&self, name: &str, why: &str) -> ApiError {
        ApiError::conflict(&self.resource.group, &self.resource.plural, name, why)
    }

    /// Records who owns what differs from `live`.
    pub(super) fn track(&self, live: Option<&Value>, new: &mut Value, options: &WriteOptions, now: &str) {
        let manager = manager_of(options, &self.headers);
        let version = self.resource.api_version();
        let writer = Writer { manager: &manager, api_version: &version, subresource: &self.path.subresource, now };
        managed::track_update(&self.resource.schema, live, new, writer);
    }

    /// Writes durably, and lets the registry know of `CustomResourceDefinitions`.
    pub(super) async fn commit(
        &self,
        key: Key,
        precondition: Precondition,
        change: Change,
    ) -> Result<Arc<Stored>, Refused> {
        let change = match change {
            Change::Put(v) => Change::Put(self.resource.strategy.to_storage(v)),
            Change::Delete(v) => Change::Delete(self.resource.strategy.to_storage(v)),
        };
        let deleted = matches!(change, Change::Delete(_));
        let name = Arc::clone(&key.name);
        let stored = match self.api.inner.store.commit(key, precondition, change).await {
            Ok(stored) => stored,
            Err(CommitError::Stale { .. }) => return Err(Refused::Raced),
            Err(CommitError::Missing(_)) => return Err(self.not_found(&name).into()),
            Err(CommitError::Exists(_)) => {
                return Err(ApiError::already_exists(&self.resource.group, &self.resource.plural, &name).into());
            }
            Err(e @ CommitError::Disk(_)) => {
                tracing::error!(error = %e, "a write was refused by the disk");
                return Err(ApiError::internal(e).into());
            }
        };
        if self.resource.group == "apiextensions.k8s.io" && self.resource.kind == "CustomResourceDefinition" {
            // Served from the moment the write is acknowledged, not some watch event later.
            let crd = stored.object();
            if deleted { self.api.inner.registry.unregister(&crd) } else { self.api.inner.registry.register(&crd) }
        }
        Ok(stored)
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, v| !v.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
