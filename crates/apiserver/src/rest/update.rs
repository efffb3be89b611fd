//! `update` and `patch`: the new state from the old one, checked and committed against the revision it is based on.

use std::sync::Arc;

use bytes::Bytes;
use http::{StatusCode, header};
use serde_json::{Map, Value};

use super::{
    answer::{Answer, served},
    decode,
    media::{self, PatchType},
    metadata,
    options::{FieldValidation, WriteOptions},
    pipeline::Call,
    write::{ATTEMPTS, Refused, STALE, manager_of},
};
use crate::{
    error::ApiError,
    field::{FieldError, FieldErrorKind},
    kinds::WriteContext,
    managed::{self, Writer},
    object, patch,
    store::{Change, Precondition, Stored},
};

/// How the new state was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// By update or a patch: ownership is found by comparing.
    Written,
    /// By server-side apply, which recorded ownership itself.
    Applied,
}

impl Call {
    /// Answers `update`.
    pub(super) async fn update(&mut self, body: &Bytes) -> Result<Answer, ApiError> {
        let options = WriteOptions::read(&self.query, "UpdateOptions", false)?;
        let mut sent = self.body_object(body, options.validation)?;
        if object::name(&sent).is_empty() {
            return Err(ApiError::bad_request("the name of the object must be provided: metadata.name is empty"));
        }
        self.place(&mut sent)?;
        let given = match object::resource_version(&sent) {
            "0" => "",
            given => given,
        }
        .to_owned();
        for _ in 0..ATTEMPTS {
            let stored = self.stored()?;
            if given.is_empty() && !self.unconditional() {
                let e = FieldError::invalid("metadata.resourceVersion", 0.into(), "must be specified for an update");
                return Err(self.invalid(&sent, &[e]));
            }
            if !given.is_empty() && given != stored.revision.to_string() {
                return Err(self.conflict(&self.path.name, STALE));
            }
            let old = served(&self.resource, &stored);
            match self.replace(sent.clone(), &old, &stored, &options, Origin::Written).await {
                Ok(answer) => return Ok(answer),
                Err(Refused::Raced) if given.is_empty() => self.warnings.clear(),
                Err(Refused::Raced) => break,
                Err(Refused::Final(e)) => return Err(e),
            }
        }
        Err(self.conflict(&self.path.name, STALE))
    }

    /// Whether an update may leave the resourceVersion out. Kubernetes lets most old kinds, but not custom resources and the
    /// kinds that exist for locking.
    fn unconditional(&self) -> bool {
        !self.resource.custom && !matches!(self.resource.group.as_str(), "coordination.k8s.io" | "apiextensions.k8s.io")
    }

    /// Answers `patch`.
    pub(super) async fn patch(&mut self, body: &Bytes) -> Result<Answer, ApiError> {
        let kind = media::patch_type(self.header(header::CONTENT_TYPE), self.resource.custom)?;
        let options = WriteOptions::read(&self.query, "PatchOptions", kind == PatchType::Apply)?;
        if kind == PatchType::Apply {
            return self.apply(body, &options).await;
        }
        let (document, duplicates) = if kind == PatchType::Json {
            (Value::Null, Vec::new())
        } else {
            let decoded = decode::decode(body, media::BodyType::Json)
                .map_err(|e| ApiError::bad_request(format!("error decoding patch: {e}")))?;
            if !decoded.value.is_object() {
                return Err(ApiError::bad_request("error decoding patch: the patch must be a JSON object"));
            }
            (decoded.value, decoded.duplicates)
        };
        for _ in 0..ATTEMPTS {
            let stored = self.stored()?;
            let old = served(&self.resource, &stored);
            let mut new = old.clone();
            match kind {
                PatchType::Json => patch::json_patch(&mut new, body)?,
                PatchType::Merge => patch::merge_patch(&mut new, &document),
                PatchType::Strategic => {
                    patch::strategic_merge_patch(&self.resource.schema, &mut new, &document)?;
                }
                PatchType::Apply => return Err(ApiError::internal("apply is no plain patch")),
            }
            self.patched(&mut new, &options, &duplicates)?;
            match self.replace(new, &old, &stored, &options, Origin::Written).await {
                Ok(answer) => return Ok(answer),
                // With a resourceVersion in the patch, the next round ends in the conflict that the client asked for.
                Err(Refused::Raced) => self.warnings.clear(),
                Err(Refused::Final(e)) => return Err(e),
            }
        }
        Err(self.conflict(&self.path.name, STALE))
    }

    /// Checks the outcome of a patch as if it had been sent.
    fn patched(&mut self, new: &mut Value, options: &WriteOptions, duplicates: &[String]) -> Result<(), ApiError> {
        let outcome = |why: String| {
            let e = FieldError::new(FieldErrorKind::Invalid, "patch", Value::Null, why);
            ApiError::invalid("", "", "", &[e])
        };
        self.check_kind(new).map_err(|e| outcome(e.message))?;
        self.check_types(new).map_err(outcome)?;
        self.normalise(new)?;
        self.place(new)?;
        let faults = self.prune(new, duplicates.to_vec(), options.validation);
        self.judge_faults(&faults, options.validation).map_err(outcome)
    }

    async fn apply(&mut self, body: &Bytes, options: &WriteOptions) -> Result<Answer, ApiError> {
        let decoded =
            decode::decode_yaml(body).map_err(|e| ApiError::bad_request(format!("error decoding YAML: {e}")))?;
        let mut config = decoded.value;
        for field in ["apiVersion", "kind"] {
            // What is applied says itself what it is, also for built-in kinds.
            if config.is_object() && config.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err(ApiError::bad_request(format!("{field} must be set in an applied configuration")));
            }
        }
        self.check_kind(&mut config)?;
        let owners = config.pointer("/metadata/managedFields");
        if owners.is_some_and(|m| !m.is_null() && m.as_array().is_none_or(|a| !a.is_empty())) {
            return Err(ApiError::bad_request("metadata.managedFields must be nil"));
        }
        self.check_types(&config).map_err(ApiError::bad_request)?;
        self.normalise(&mut config)?;
        object::metadata_mut(&mut config).remove("managedFields");
        self.place(&mut config)?;
        let faults = self.prune(&mut config, decoded.duplicates, FieldValidation::Strict);
        // Unlike the other verbs, apply cannot own what the schema does not know: upstream refuses it always for built-in
        // kinds, and prunes for custom ones unless told otherwise.
        self.judge_faults(&faults, options.validation).map_err(ApiError::bad_request)?;
        self.keep_own_part(&mut config);
        let given = object::resource_version(&config).to_owned();
        object::set_meta(&mut config, "resourceVersion", "");
        let manager = manager_of(options, &self.headers);
        let version = self.resource.api_version();
        let now = self.timestamp();
        let subresource = self.path.subresource.clone();
        for _ in 0..ATTEMPTS {
            let writer = Writer { manager: &manager, api_version: &version, subresource: &subresource, now: &now };
            let Ok(stored) = self.stored() else {
                if !subresource.is_empty() {
                    return Err(self.not_found(&self.path.name));
                }
                if !object::uid(&config).is_empty() {
                    let why = format!(
                        "uid mismatch: the provided object specified uid {}, and no existing object was found",
                        object::uid(&config)
                    );
                    return Err(self.conflict(&self.path.name, &why));
                }
                self.api.inner.auth.require(&self.user, &self.attributes_of("create"))?;
                let new = managed::apply(&self.resource.schema, None, config.clone(), writer, options.force)?;
                match self.insert(new, options, true).await {
                    Err(e) if e.reason == "AlreadyExists" => continue,
                    other => return other,
                }
            };
            if !given.is_empty() && given != stored.revision.to_string() {
                return Err(self.conflict(&self.path.name, STALE));
            }
            let old = served(&self.resource, &stored);
            let new = managed::apply(&self.resource.schema, Some(&old), config.clone(), writer, options.force)?;
            match self.replace(new, &old, &stored, options, Origin::Applied).await {
                Ok(answer) => return Ok(answer),
                Err(Refused::Raced) => self.warnings.clear(),
                Err(Refused::Final(e)) => return Err(e),
            }
        }
        Err(self.conflict(&self.path.name, STALE))
    }

    /// Leaves of an applied configuration what this endpoint can write, so that nobody owns fields they cannot set.
    fn keep_own_part(&self, config: &mut Value) {
        let Some(map) = config.as_object_mut() else { return };
        if self.path.subresource.is_empty() {
            if self.resource.has_status() {
                map.remove("status");
            }
        } else {
            map.retain(|k, _| matches!(k.as_str(), "apiVersion" | "kind" | "metadata" | "status"));
            if let Some(meta) = map.get_mut("metadata").and_then(Value::as_object_mut) {
                meta.retain(|k, _| matches!(k.as_str(), "name" | "namespace" | "uid" | "resourceVersion"));
            }
        }
    }

    /// The second half of every change of an existing object.
    async fn replace(
        &mut self,
        mut new: Value,
        old: &Value,
        stored: &Arc<Stored>,
        options: &WriteOptions,
        origin: Origin,
    ) -> Result<Answer, Refused> {
        let now = self.timestamp();
        let name = self.path.name.clone();
        if !object::uid(&new).is_empty() && object::uid(&new) != object::uid(old) {
            let why = format!(
                "Precondition failed: UID in precondition: {}, UID in object meta: {}",
                object::uid(&new),
                object::uid(old)
            );
            return Err(self.conflict(&name, &why).into());
        }
        let given = object::resource_version(&new);
        if !matches!(given, "" | "0") && given != stored.revision.to_string() {
            return Err(self.conflict(&name, STALE).into());
        }
        object::set_meta(&mut new, "resourceVersion", object::resource_version(old));
        self.merge_part(&mut new, old);
        metadata::carry_over(&mut new, old);
        self.default(&mut new);
        let ctx = WriteContext { user: &self.user, subresource: &self.path.subresource, now: &now };
        self.resource.strategy.prepare_update(&ctx, &mut new, old);
        let _alone = self.allocate(&mut new, Some(old)).await?;
        self.count_generation(&mut new, old);
        self.validate(&new, Some(old), &now)?;
        self.api.inner.auth.admit(&self.user, &self.attributes(), Some(&new), Some(old))?;
        if origin == Origin::Written {
            self.track(Some(old), &mut new, options, &now);
        }
        if let Some(meta) = new.get_mut("metadata").and_then(Value::as_object_mut)
            && meta.get("managedFields").is_some_and(|m| m.as_array().is_none_or(Vec::is_empty))
        {
            meta.remove("managedFields");
        }
        let gone = object::is_deleting(&new) && self.finalized(&new);
        if !gone && unchanged(&new, old) {
            return Ok(Answer::Stored(StatusCode::OK, Arc::clone(stored)));
        }
        if options.dry_run {
            return Ok(Answer::Object(StatusCode::OK, new));
        }
        let change = if gone { Change::Delete(new) } else { Change::Put(new) };
        let written = self.commit(self.key(), Precondition::Revision(stored.revision), change).await?;
        Ok(Answer::Stored(StatusCode::OK, written))
    }

    /// Takes from `old` what this endpoint does not write.
    fn merge_part(&self, new: &mut Value, old: &Value) {
        let keep = |new: &mut Map<String, Value>, field: &str| match old.get(field) {
            Some(v) => {
                new.insert(field.to_owned(), v.clone());
            }
            None => {
                new.remove(field);
            }
        };
        if self.path.subresource.is_empty() {
            if self.resource.has_status()
                && let Some(map) = new.as_object_mut()
            {
                keep(map, "status");
            }
            return;
        }
        let mut out = old.clone();
        let written = match self.path.subresource.as_str() {
            "finalize" => "spec",
            _ => "status",
        };
        if let (Some(out), Some(new)) = (out.as_object_mut(), new.as_object_mut()) {
            match new.remove(written) {
                Some(v) => out.insert(written.to_owned(), v),
                None => out.remove(written),
            };
            if self.resource.custom {
                // Of metadata, a custom resource's status endpoint changes only who owns what.
                let managed =
                    new.get_mut("metadata").and_then(|m| m.as_object_mut()).and_then(|m| m.remove("managedFields"));
                if let (Some(meta), Some(managed)) = (out.get_mut("metadata").and_then(Value::as_object_mut), managed) {
                    meta.insert("managedFields".into(), managed);
                }
            } else if let Some(meta) = new.remove("metadata") {
                // Built-in kinds let it change metadata as well: kubelets annotate their Node that way.
                out.insert("metadata".into(), meta);
            }
        }
        *new = out;
    }

    fn count_generation(&self, new: &mut Value, old: &Value) {
        if !self.resource.tracks_generation {
            return;
        }
        let status = self.resource.has_status();
        let counts = |k: &str| k != "metadata" && k != "apiVersion" && !(status && k == "status");
        let of = |o: &Value| -> Map<String, Value> {
            o.as_object()
                .into_iter()
                .flatten()
                .filter(|(k, _)| counts(k))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect()
        };
        if of(new) != of(old) {
            let next = old.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0) + 1;
            object::metadata_mut(new).insert("generation".into(), next.into());
        }
    }
}

/// Nothing changed but, at most, the times at which managers confirmed what they own: not worth a new revision.
fn unchanged(new: &Value, old: &Value) -> bool {
    if new == old {
        return true;
    }
    let timeless = |o: &Value| {
        let mut o = o.clone();
        if let Some(list) = o.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut) {
            for entry in list {
                entry.as_object_mut().map(|e| e.remove("time"));
            }
        }
        o
    };
    timeless(new) == timeless(old)
}
