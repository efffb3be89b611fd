//! `create`: identity, defaults, validation, ownership, commit.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::{answer::Answer, options::WriteOptions, pipeline::Call, write::Refused};
use crate::{
    error::ApiError,
    kinds::WriteContext,
    object,
    store::{Change, Key, Precondition},
};

/// Letters of generated names: no vowels, so that no words come out, and nothing that looks alike.
const SUFFIX_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// Longest prefix that leaves room for the suffix.
const PREFIX_LIMIT: usize = 58;
/// How often another suffix is tried when a generated name is taken.
const NAME_ATTEMPTS: usize = 8;

/// `N` random bytes from the operating system's generator.
pub(super) fn random<const N: usize>() -> Result<[u8; N], ApiError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| ApiError::internal("no randomness"))?;
    Ok(bytes)
}

/// A random (version 4) UUID.
pub(super) fn new_uid() -> Result<String, ApiError> {
    Ok(uuid::Builder::from_random_bytes(random::<16>()?).into_uuid().to_string())
}

fn generated(prefix: &str) -> Result<String, ApiError> {
    let kept: String = prefix.chars().take(PREFIX_LIMIT).collect();
    let suffix = random::<5>()?.map(|b| char::from(SUFFIX_LETTERS[usize::from(b) % SUFFIX_LETTERS.len()]));
    Ok(kept + &String::from_iter(suffix))
}

impl Call {
    /// Answers `create`.
    pub(super) async fn create(&mut self, body: &Bytes) -> Result<Answer, ApiError> {
        let options = WriteOptions::read(&self.query, "CreateOptions", false)?;
        let object = self.body_object(body, options.validation)?;
        self.insert(object, &options, false).await
    }

    /// Creates an object that was decoded already. `applied`: by server-side apply, which recorded ownership itself.
    pub(super) async fn insert(
        &mut self,
        mut object: Value,
        options: &WriteOptions,
        applied: bool,
    ) -> Result<Answer, ApiError> {
        let now = self.timestamp();
        if !matches!(object::resource_version(&object), "" | "0") {
            return Err(ApiError::bad_request("resourceVersion should not be set on objects to be created"));
        }
        self.place(&mut object)?;
        self.require_namespace()?;
        self.default(&mut object);
        self.begin(&mut object, &now)?;
        let ctx = WriteContext { user: &self.user, subresource: "", now: &now };
        self.resource.strategy.prepare_create(&ctx, &mut object);

        let prefix = object::meta_str(&object, "generateName").to_owned();
        let generates = object::name(&object).is_empty() && !prefix.is_empty();
        if generates {
            object::set_meta(&mut object, "name", &generated(&prefix)?);
        }
        let _alone = self.allocate(&mut object, None).await?;
        self.validate(&object, None, &now)?;
        let mut attributes = self.attributes_of("create");
        attributes.name = object::name(&object);
        self.api.inner.auth.admit(&self.user, &attributes, Some(&object), None)?;
        if !applied {
            self.track(None, &mut object, options, &now);
        }
        if options.dry_run {
            let key = self.key_of(object::name(&object));
            if self.api.inner.store.get(&key).is_some() {
                return Err(self.exists(&key));
            }
            return Ok(Answer::Object(StatusCode::CREATED, object));
        }
        for _ in 1..NAME_ATTEMPTS {
            let key = self.key_of(object::name(&object));
            match self.commit(key.clone(), Precondition::Absent, Change::Put(object.clone())).await {
                Ok(stored) => return Ok(Answer::Stored(StatusCode::CREATED, stored)),
                Err(Refused::Final(e)) if e.code == 409 && generates => {
                    object::set_meta(&mut object, "name", &generated(&prefix)?);
                }
                Err(Refused::Final(e)) => return Err(e),
                Err(Refused::Raced) => return Err(self.exists(&key)),
            }
        }
        let mut e = self.exists(&self.key_of(object::name(&object)));
        e.details["retryAfterSeconds"] = 1.into();
        Err(e)
    }

    fn exists(&self, key: &Key) -> ApiError {
        ApiError::already_exists(&self.resource.group, &self.resource.plural, &key.name)
    }

    /// Makes name and namespace agree with the path.
    pub(super) fn place(&self, object: &mut Value) -> Result<(), ApiError> {
        let wanted = if self.resource.namespaced { self.path.namespace.as_str() } else { "" };
        match object::namespace(object) {
            sent if sent == wanted => {}
            "" => object::set_meta(object, "namespace", wanted),
            _ => {
                return Err(ApiError::bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ));
            }
        }
        if self.path.name.is_empty() {
            return Ok(());
        }
        match object::name(object) {
            "" => object::set_meta(object, "name", &self.path.name),
            sent if sent == self.path.name => {}
            sent => {
                return Err(ApiError::bad_request(format!(
                    "the name of the object ({sent}) does not match the name on the URL ({})",
                    self.path.name
                )));
            }
        }
        Ok(())
    }

    /// The namespace must be there and not on its way out.
    pub(super) fn require_namespace(&self) -> Result<(), ApiError> {
        if !self.resource.namespaced {
            return Ok(());
        }
        let name = self.path.namespace.as_str();
        let key = Key { resource: "namespaces".into(), namespace: "".into(), name: name.into() };
        let namespace = self.api.inner.store.get(&key).ok_or_else(|| ApiError::not_found("", "namespaces", name))?;
        // The stored bytes hold this key only while the namespace is being deleted or a user wrote it into an annotation:
        // parsing is then worth it.
        let hint = b"deletionTimestamp";
        if namespace.json.windows(hint.len()).any(|w| w == hint) && object::is_deleting(&namespace.object()) {
            let why = format!("unable to create new content in namespace {name} because it is being terminated");
            let mut e = ApiError::forbidden(&self.resource.group, &self.resource.plural, "", &why);
            e.details["causes"] = json!([{
                "reason": "NamespaceTerminating", "message": format!("namespace {name} is being terminated"),
                "field": "metadata.namespace",
            }]);
            return Err(e);
        }
        Ok(())
    }

    /// Sets what the server alone decides on a new object.
    fn begin(&self, object: &mut Value, now: &str) -> Result<(), ApiError> {
        let uid = new_uid()?;
        let meta = object::metadata_mut(object);
        for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion", "generation", "selfLink"] {
            meta.remove(field);
        }
        meta.insert("uid".into(), uid.into());
        meta.insert("creationTimestamp".into(), now.into());
        if self.resource.tracks_generation {
            meta.insert("generation".into(), 1.into());
        }
        if self.resource.custom
            && self.resource.has_status()
            && let Some(map) = object.as_object_mut()
        {
            map.remove("status");
        }
        Ok(())
    }
}
