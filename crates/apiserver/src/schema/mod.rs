//! Structural schemas: what an object of a kind may look like.
//!
//! One tree serves every use: validation with CEL, defaulting, pruning, list and map merge semantics for patches and
//! field ownership, and publishing as `OpenAPI`. Built-in kinds get theirs from the Kubernetes types of `k8s-openapi`, custom
//! kinds from their `CustomResourceDefinition`. Recursion (`JSONSchemaProps`) goes through [`Schema::reference`].
//!
//! Invariants: a schema is checked and compiled (patterns, formats, CEL) once, when it is read, and never on the path of
//! a request; walking an object costs no more than the object and the schema are large; no object, however hostile,
//! makes a walk panic or run without bound.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use serde_json::Value;

use crate::field::FieldError;

mod builtin;
mod cel;
mod checks;
mod decode;
mod defaults;
mod formats;
mod junctors;
mod lists;
mod prune;
mod read;
mod rules;
mod structural;
mod validate;

#[cfg(test)]
mod tests;

use checks::Checks;

/// How a list merges (`x-kubernetes-list-type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListType {
    /// Replaced as a whole.
    #[default]
    Atomic,
    /// Unique scalars.
    Set,
    /// Items identified by [`Schema::list_map_keys`].
    Map,
}

/// A node of a structural schema. Built once, shared, never changed.
#[derive(Debug, Default, Clone)]
#[allow(clippy::struct_excessive_bools)] // they are the keywords of the format
pub struct Schema {
    /// `object`, `array`, `string`, `integer`, `number`, `boolean`, or empty where any type may stand.
    pub type_: String,
    /// Properties of an object.
    pub properties: BTreeMap<String, Arc<Schema>>,
    /// Schema of the values of a map.
    pub additional_properties: Option<Arc<Schema>>,
    /// Schema of the items of a list.
    pub items: Option<Arc<Schema>>,
    /// `x-kubernetes-list-type`.
    pub list_type: ListType,
    /// `x-kubernetes-list-map-keys`.
    pub list_map_keys: Vec<String>,
    /// `x-kubernetes-map-type: atomic`.
    pub map_atomic: bool,
    /// `x-kubernetes-preserve-unknown-fields`.
    pub preserve_unknown: bool,
    /// `x-kubernetes-int-or-string`.
    pub int_or_string: bool,
    /// `x-kubernetes-embedded-resource`.
    pub embedded_resource: bool,
    /// `x-kubernetes-patch-merge-key` (strategic merge patch, built-in kinds only).
    pub patch_merge_key: Option<String>,
    /// `x-kubernetes-patch-strategy` contains `merge` (strategic merge patch, built-in kinds only).
    pub patch_merge: bool,
    /// `x-kubernetes-patch-strategy` contains `retainKeys`.
    pub patch_retain_keys: bool,
    /// Required property names.
    pub required: Vec<String>,
    /// `nullable`.
    pub nullable: bool,
    /// `default`.
    pub default: Option<Value>,
    /// The rest of the node as JSON (description, format, pattern, bounds, enum, allOf/anyOf/oneOf/not,
    /// x-kubernetes-validations …), read by validation and by publishing.
    pub keywords: serde_json::Map<String, Value>,
    /// A named definition that stands here (`io.k8s.api.core.v1.PodSpec`); then everything else but `description` is
    /// empty: use [`Schema::resolve`].
    ///
    /// [`Schema::resolve`]: SchemaRoot::resolve
    pub reference: Option<String>,
    /// The node describes a built-in type, which a real API server decodes into a struct: `null` is always "absent", and
    /// a value of the wrong type is a decoding error ([`SchemaRoot::type_errors`]), not a validation error.
    pub(crate) go_type: bool,
    /// The compiled form of `keywords`, made on first use; [`SchemaRoot::from_crd`] makes it at once.
    pub(crate) checks: OnceLock<Arc<Checks>>,
}

impl Schema {
    /// The compiled keywords of this node.
    pub(crate) fn checks(&self) -> &Checks {
        self.checks.get_or_init(|| Arc::new(Checks::compile(self)))
    }

    /// The node for a property: declared, or else that of the map's values.
    pub(crate) fn property(&self, name: &str) -> Option<&Arc<Schema>> {
        self.properties.get(name).or(self.additional_properties.as_ref())
    }
}

/// A schema with the definitions its references name.
#[derive(Debug, Clone)]
pub struct SchemaRoot {
    /// The object itself.
    pub root: Arc<Schema>,
    /// Named definitions: one map shared by all built-in kinds, and by custom ones for their `metadata`.
    pub definitions: Arc<BTreeMap<String, Arc<Schema>>>,
}

impl SchemaRoot {
    /// The node that really describes `node`: itself, or the definition it refers to.
    pub fn resolve<'a>(&'a self, node: &'a Schema) -> &'a Schema {
        let mut node = node;
        while let Some(target) = node.reference.as_ref().and_then(|r| self.definitions.get(r)) {
            node = target;
        }
        node
    }
    /// Reads `openAPIV3Schema` of a CRD version, checking that it is structural. Paths in errors begin with `path`.
    pub fn from_crd(openapi_v3: &Value, path: &str) -> Result<Self, Vec<FieldError>> {
        structural::from_crd(openapi_v3, path)
    }
    /// The schema of a built-in kind by its definition name, e.g. `io.k8s.api.core.v1.ConfigMap`.
    pub fn builtin(definition: &str) -> Option<Self> {
        let definitions = builtin::definitions();
        let root = definitions.get(definition)?.clone();
        Some(Self { root, definitions: definitions.clone() })
    }
    /// The definitions of all built-in types, by name.
    pub fn builtin_definitions() -> Arc<BTreeMap<String, Arc<Schema>>> {
        builtin::definitions().clone()
    }
    /// Sets defaults in place (custom kinds; built-in kinds default in their strategy).
    pub fn apply_defaults(&self, object: &mut Value) {
        defaults::apply(self, &self.root, object);
    }
    /// Removes what the schema does not know and returns the removed paths (`spec.foo`, `spec.list[2].bar`), so that
    /// `fieldValidation` can refuse or warn. `apiVersion`, `kind` and `metadata` are always known, metadata by `ObjectMeta`.
    /// In built-in types `null` fields go too, unreported: they mean "absent" there.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        prune::prune(self, object)
    }
    /// What a server with compiled-in types could not even decode: values of the wrong JSON type, malformed times,
    /// quantities and base64 in built-in types (a whole built-in object; `metadata` of a custom one). A request with such
    /// an error is a 400; `detail` carries the decoder's sentence (`json: cannot unmarshal …`).
    pub fn type_errors(&self, object: &Value) -> Vec<FieldError> {
        decode::type_errors(self, object)
    }
    /// Validates types, bounds, formats, list uniqueness and CEL rules. `old` is the stored object on update
    /// (transition rules, validation ratcheting).
    pub fn validate(&self, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        validate::validate(self, object, old)
    }
}
