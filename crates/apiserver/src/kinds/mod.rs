//! What each resource is: names, scope, schema, strategy, columns; the built-in table and the custom resources that
//! `CustomResourceDefinitions` add at run time.

mod builtin;
mod cells;
mod check;
pub mod crd;
pub(crate) mod custom;
pub mod discovery;
pub mod duration;
pub mod jsonpath;
pub mod names;
mod registry;
pub mod scale;
pub mod selector;
mod strategies;
pub mod table;

use std::sync::Arc;

use serde_json::Value;

pub use self::registry::Registry;
pub(crate) use self::{builtin::storage_name, custom::condition_true, strategies::namespace};
use crate::{auth::UserInfo, field::FieldError, schema::SchemaRoot};

/// One served version of a resource.
pub struct Resource {
    /// API group, empty for core.
    pub group: String,
    /// Version, `v1`.
    pub version: String,
    /// Kind, `ConfigMap`.
    pub kind: String,
    /// Kind of the list, `ConfigMapList`.
    pub list_kind: String,
    /// Plural, lower case: the path segment.
    pub plural: String,
    /// Singular, lower case.
    pub singular: String,
    /// Short names.
    pub short_names: Vec<String>,
    /// Categories (`all`).
    pub categories: Vec<String>,
    /// Objects live in a namespace.
    pub namespaced: bool,
    /// Storage name: versions of one resource share it, and so do the two groups of Event.
    pub storage: Arc<str>,
    /// What may be asked of it.
    pub serves: Serves,
    /// Subresources: `status`, `approval`, `token` …
    pub subresources: Vec<Subresource>,
    /// Its schema.
    pub schema: SchemaRoot,
    /// `OpenAPI` definition name, `io.k8s.api.core.v1.ConfigMap`.
    pub definition: String,
    /// Behaviour beyond the schema.
    pub strategy: Arc<dyn Strategy>,
    /// Comes from a `CustomResourceDefinition`.
    pub custom: bool,
    /// `metadata.generation` counts changes of anything but metadata (and status, where that is a subresource).
    pub tracks_generation: bool,
}

impl Resource {
    /// `apiVersion` of its objects: `v1`, `apps/v1`.
    pub fn api_version(&self) -> String {
        discovery::group_version(&self.group, &self.version)
    }
    /// Verbs, sorted, as discovery lists them.
    pub fn verbs(&self) -> &'static [&'static str] {
        match self.serves {
            Serves::Review => &["create"],
            // All namespaces at once are too much to lose by one request.
            Serves::Stored if &*self.storage == "namespaces" => {
                &["create", "delete", "get", "list", "patch", "update", "watch"]
            }
            Serves::Stored => &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        }
    }
    /// A subresource by name.
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|s| s.name == name)
    }
    /// Whether `status` is written apart from the rest.
    pub fn has_status(&self) -> bool {
        self.subresource("status").is_some()
    }
}

impl std::fmt::Debug for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Resource({}/{} {})", self.api_version(), self.plural, self.storage)
    }
}

/// How a resource is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    /// All verbs over stored objects.
    Stored,
    /// `create` only, answered at once and never stored (`TokenReview`, `SubjectAccessReview` …).
    Review,
}

/// A subresource and how it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subresource {
    /// `status`.
    pub name: String,
    /// Kind it takes and answers where that is not the resource's own: (group, version, kind).
    pub kind: Option<(String, String, String)>,
    /// Verbs.
    pub verbs: Vec<&'static str>,
}

/// Who writes, and when.
pub struct WriteContext<'a> {
    /// The authenticated user.
    pub user: &'a UserInfo,
    /// Subresource, empty for the object itself.
    pub subresource: &'a str,
    /// RFC 3339, seconds.
    pub now: &'a str,
}

/// What a kind does beyond its schema. The default methods are right for plain stored objects and custom resources.
/// The generic part (metadata rules, status as a subresource, generation, managedFields) is `rest`'s.
pub trait Strategy: Send + Sync {
    /// Fills defaults that clients see (`spec.type: ClusterIP`), on every read from a client.
    fn default(&self, _object: &mut Value) {}
    /// Before validation of a create: drop what the client may not set, fill what the server sets.
    fn prepare_create(&self, _ctx: &WriteContext<'_>, _object: &mut Value) {}
    /// Before validation of an update, after the generic rules.
    fn prepare_update(&self, _ctx: &WriteContext<'_>, _object: &mut Value, _old: &Value) {}
    /// Whether the object is to have something that no other of its kind may have, which `old` did not have yet. Then
    /// [`Self::allocate`] follows, and nothing else is allocated until the write is done.
    fn allocates(&self, _object: &Value, _old: Option<&Value>) -> bool {
        false
    }
    /// Gives the object what it is to have alone, or checks what it asks for, in view of all others of its kind.
    fn allocate(&self, _object: &mut Value, _others: &[Value]) -> Result<(), FieldError> {
        Ok(())
    }
    /// Semantic validation; `old` on update.
    fn validate(&self, _ctx: &WriteContext<'_>, _object: &Value, _old: Option<&Value>) -> Vec<FieldError> {
        Vec::new()
    }
    /// `metadata.name` validation: an error text, or `None`.
    fn validate_name(&self, name: &str) -> Option<String>;
    /// The value of a field that field selectors may name, beyond `metadata.name` and `metadata.namespace`.
    fn selectable_field(&self, _object: &Value, _path: &str) -> Option<String> {
        None
    }
    /// Field paths that selectors may name, beyond the two metadata ones.
    fn selectable_fields(&self) -> Vec<String> {
        Vec::new()
    }
    /// From the served version to the stored form.
    fn to_storage(&self, object: Value) -> Value {
        object
    }
    /// Whether the stored form is the served one to the byte, which lets reads skip parsing.
    fn stored_as_served(&self) -> bool {
        true
    }
    /// From the stored form to the served version (only when `stored_as_served` is false).
    #[expect(clippy::wrong_self_convention, reason = "the strategy converts; it is not what is converted")]
    fn from_storage(&self, object: Value) -> Value {
        object
    }
    /// The columns of `kubectl get`; `priority` 0 is always shown, 1 with `-o wide`.
    fn columns(&self) -> Vec<Column>;
    /// The cells of one object, one for each column.
    fn cells(&self, object: &Value, now: jiff::Timestamp) -> Vec<Value>;
    /// Where the `scale` subresource finds its numbers, for kinds that have one.
    fn scale_paths(&self) -> Option<ScalePaths> {
        None
    }
    /// Texts for `Warning` headers (deprecations, surprising input).
    fn warnings(&self, _object: &Value, _old: Option<&Value>) -> Vec<String> {
        Vec::new()
    }
}

/// Where an object keeps what `autoscaling/v1` Scale shows: simple JSON paths (`.spec.replicas`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalePaths {
    /// Wanted replicas.
    pub spec_replicas: String,
    /// Observed replicas.
    pub status_replicas: String,
    /// Label selector: a string in the status of custom kinds, a `LabelSelector` object in built-in ones.
    pub selector: Option<String>,
}

/// A column of a server-side table (`meta/v1` `TableColumnDefinition`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Header.
    pub name: String,
    /// `OpenAPI` type.
    pub type_: String,
    /// `OpenAPI` format (`name` marks the identifying column).
    pub format: String,
    /// Description.
    pub description: String,
    /// 0: always; 1: wide.
    pub priority: i32,
}
