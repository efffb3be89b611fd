//! Which schemas a `CustomResourceDefinition` may carry ("Specifying a structural schema" in the documentation), and how a
//! root is made of one.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{ListType, Schema, SchemaRoot, builtin, checks::compile_pattern, lists, prune, read, rules, validate};
use crate::field::{FieldError, FieldErrorKind};

mod extensions;

/// Keywords that a structural schema may not use, with the reason given.
const FORBIDDEN: [(&str, &str); 7] = [
    ("$ref", "$ref is not supported"),
    ("id", "id is not supported"),
    ("$schema", "$schema is not supported"),
    ("definitions", "definitions is not supported"),
    ("dependencies", "dependencies is not supported"),
    ("patternProperties", "patternProperties is not supported"),
    ("additionalItems", "additionalItems is not supported"),
];

/// Keywords that say something about structure and so may not stand in a branch of a combinator.
const STRUCTURE_ONLY: [&str; 13] = [
    "title",
    "description",
    "default",
    "type",
    "additionalProperties",
    "nullable",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-patch-strategy",
];

/// Compiling and checking recurse as deep as the schema and its CEL expressions are nested, which the JSON decoder and
/// the CEL parser bound; a stack of its own keeps a hostile one away from the caller's.
const STACK: usize = 64 << 20;

/// Reads, checks and compiles; see [`SchemaRoot::from_crd`].
pub(super) fn from_crd(json: &Value, path: &str) -> Result<SchemaRoot, Vec<FieldError>> {
    std::thread::scope(|scope| {
        let work = std::thread::Builder::new().name("schema".into()).stack_size(STACK);
        let internal = |why: &str| vec![FieldError::new(FieldErrorKind::Internal, path, Value::Null, why)];
        match work.spawn_scoped(scope, || build(json, path)) {
            Ok(handle) => handle.join().unwrap_or_else(|_| Err(internal("the schema could not be compiled"))),
            Err(_) => Err(internal("no thread to compile the schema in")),
        }
    })
}

fn build(json: &Value, path: &str) -> Result<SchemaRoot, Vec<FieldError>> {
    let mut check = Check { errors: Vec::new() };
    let Some(object) = json.as_object() else {
        return Err(vec![FieldError::required(path, "schemas are required")]);
    };
    match object.get("type").and_then(Value::as_str) {
        Some("object") => {}
        None | Some("") => check.push(FieldError::required(join(path, "type"), "must not be empty at the root")),
        Some(other) => {
            check.push(FieldError::invalid(join(path, "type"), other.into(), "must be object at the root"));
        }
    }
    if object.get("nullable") == Some(&Value::Bool(true)) {
        check.push(FieldError::forbidden(join(path, "nullable"), "nullable cannot be true at the root"));
    }
    check.node(object, path, Place::Root);
    if !check.errors.is_empty() {
        return Err(check.errors);
    }
    let schema = with_metadata(read::read(json, false));
    let root = SchemaRoot { root: Arc::new(schema), definitions: builtin::definitions().clone() };
    let mut errors = Vec::new();
    rules::check(&root.root, path, &mut errors);
    if errors.is_empty() {
        root.root.checks();
        defaults(&root, &root.root, path, &mut errors);
    }
    if errors.is_empty() { Ok(root) } else { Err(errors) }
}

/// `apiVersion`, `kind` and `metadata` are implicit; a schema may only narrow names.
fn with_metadata(mut schema: Schema) -> Schema {
    let meta = builtin::definitions().get(builtin::OBJECT_META).cloned().unwrap_or_default();
    let mut meta = (*meta).clone();
    meta.checks = std::sync::OnceLock::new();
    if let Some(narrowed) = schema.properties.get("metadata") {
        for (name, property) in &narrowed.properties {
            meta.properties.insert(name.clone(), property.clone());
        }
        if let Some(description) = narrowed.keywords.get("description") {
            meta.keywords.insert("description".into(), description.clone());
        }
    }
    schema.properties.insert("metadata".into(), Arc::new(meta));
    for name in ["apiVersion", "kind"] {
        schema
            .properties
            .entry(name.into())
            .or_insert_with(|| Arc::new(Schema { type_: "string".into(), ..Schema::default() }));
    }
    schema
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    Property,
    Item,
}

struct Check {
    errors: Vec<FieldError>,
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

fn flag(object: &Map<String, Value>, key: &str) -> bool {
    object.get(key) == Some(&Value::Bool(true))
}

impl Check {
    fn push(&mut self, error: FieldError) {
        self.errors.push(error);
    }

    fn node(&mut self, o: &Map<String, Value>, path: &str, place: Place) {
        for (key, why) in FORBIDDEN {
            if o.get(key).is_some_and(|v| !v.is_null() && v != &Value::Bool(false)) {
                self.push(FieldError::forbidden(join(path, key), why));
            }
        }
        if flag(o, "uniqueItems") {
            let why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
            self.push(FieldError::forbidden(join(path, "uniqueItems"), why));
        }
        self.type_(o, path, place);
        self.keywords(o, path);
        let has_properties = o.get("properties").and_then(Value::as_object).is_some_and(|p| !p.is_empty());
        match o.get("additionalProperties") {
            Some(Value::Bool(false)) => self.push(FieldError::forbidden(
                join(path, "additionalProperties"),
                "additionalProperties cannot be set to false",
            )),
            Some(Value::Bool(true) | Value::Object(_)) if has_properties => self.push(FieldError::forbidden(
                join(path, "additionalProperties"),
                "additionalProperties and properties are mutual exclusive",
            )),
            Some(Value::Bool(true) | Value::Object(_)) if place == Place::Root => {
                self.push(FieldError::forbidden(join(path, "additionalProperties"), "must not be used at the root"));
            }
            Some(Value::Object(values)) => self.node(values, &join(path, "additionalProperties"), Place::Property),
            _ => {}
        }
        match o.get("items") {
            Some(Value::Array(_)) => {
                self.push(FieldError::forbidden(join(path, "items"), "items must be a schema object and not an array"));
            }
            Some(Value::Object(items)) => self.node(items, &join(path, "items"), Place::Item),
            None if o.get("type").is_some_and(|t| t == "array") => {
                self.push(FieldError::required(join(path, "items"), "must be specified"));
            }
            _ => {}
        }
        if let Some(properties) = o.get("properties").and_then(Value::as_object) {
            for (name, property) in properties {
                let at = format!("{path}.properties[{name}]");
                let Some(property) = property.as_object() else { continue };
                if name == "metadata" && (place == Place::Root || flag(o, "x-kubernetes-embedded-resource")) {
                    self.metadata(property, &at);
                }
                self.node(property, &at, Place::Property);
            }
        }
        self.list(o, path);
        self.extensions(o, path);
        self.junctors(o, o, path, path);
    }

    fn type_(&mut self, o: &Map<String, Value>, path: &str, place: Place) {
        let type_ = o.get("type").and_then(Value::as_str).unwrap_or_default();
        let at = join(path, "type");
        let int_or_string = flag(o, "x-kubernetes-int-or-string");
        let open = int_or_string || flag(o, "x-kubernetes-preserve-unknown-fields");
        match (type_, place) {
            ("", Place::Root) => {}
            ("", Place::Property) if !open => {
                self.push(FieldError::required(at, "must not be empty for specified object fields"));
            }
            ("", Place::Item) if !open => {
                self.push(FieldError::required(at, "must not be empty for specified array items"));
            }
            ("null", _) => {
                let why = "type cannot be set to null, use nullable as an alternative";
                self.push(FieldError::forbidden(at, why));
            }
            ("" | "object" | "array" | "string" | "integer" | "number" | "boolean", _) => {
                if int_or_string && !type_.is_empty() {
                    let why = "must be empty if x-kubernetes-int-or-string is true";
                    self.push(FieldError::invalid(at, type_.into(), why));
                }
            }
            (other, _) => {
                let supported = ["array", "boolean", "integer", "number", "object", "string"];
                self.push(FieldError::not_supported(at, other.into(), &supported));
            }
        }
    }

    fn keywords(&mut self, o: &Map<String, Value>, path: &str) {
        if let Some(pattern) = o.get("pattern").and_then(Value::as_str)
            && let Err(why) = compile_pattern(pattern)
        {
            let detail = format!("must be a valid regular expression, but isn't: {why}");
            self.push(FieldError::invalid(join(path, "pattern"), pattern.into(), detail));
        }
        for key in ["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"] {
            if let Some(value) = o.get(key)
                && value.as_u64().is_none()
            {
                self.push(FieldError::invalid(join(path, key), value.clone(), "must be a non-negative integer"));
            }
        }
        for key in ["minimum", "maximum", "multipleOf"] {
            if let Some(value) = o.get(key)
                && !value.is_number()
            {
                self.push(FieldError::invalid(join(path, key), value.clone(), "must be a number"));
            }
        }
        for key in ["required", "enum", "allOf", "anyOf", "oneOf", "x-kubernetes-validations"] {
            if let Some(value) = o.get(key)
                && !value.is_array()
            {
                self.push(FieldError::invalid(join(path, key), value.clone(), "must be an array"));
            }
        }
    }

    /// Names are all a schema may say about metadata; `ObjectMeta` says the rest.
    fn metadata(&mut self, meta: &Map<String, Value>, path: &str) {
        let why = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        let known = ["type", "description", "properties", "title"];
        let extra = meta.keys().any(|k| !known.contains(&k.as_str()));
        let others = meta
            .get("properties")
            .and_then(Value::as_object)
            .is_some_and(|p| p.keys().any(|k| k != "name" && k != "generateName"));
        if extra || others {
            self.push(FieldError::forbidden(path, why));
        }
    }

    /// `at` are the combinators of `branch`; `outer` is the structural node they constrain.
    fn junctors(&mut self, branch: &Map<String, Value>, outer: &Map<String, Value>, path: &str, outer_path: &str) {
        for junctor in ["allOf", "anyOf", "oneOf"] {
            for (index, inner) in branch.get(junctor).and_then(Value::as_array).into_iter().flatten().enumerate() {
                let at = format!("{path}.{junctor}[{index}]");
                self.branch(inner, outer, &at, outer_path, true);
            }
        }
        if let Some(inner) = branch.get("not") {
            self.branch(inner, outer, &join(path, "not"), outer_path, true);
        }
    }

    fn branch(&mut self, inner: &Value, outer: &Map<String, Value>, at: &str, outer_path: &str, top: bool) {
        let Some(inner) = inner.as_object() else {
            self.push(FieldError::invalid(at, inner.clone(), "must be a schema object"));
            return;
        };
        // The two ways in which int-or-string may spell out its types.
        let spelled = flag(outer, "x-kubernetes-int-or-string")
            && top
            && inner.get("type").is_some_and(|t| t == "integer" || t == "string");
        for key in STRUCTURE_ONLY {
            if inner.get(key).is_some_and(|v| !v.is_null()) && !(spelled && key == "type") {
                self.push(FieldError::forbidden(join(at, key), "must be empty to be structural"));
            }
        }
        for (key, why) in FORBIDDEN {
            if inner.contains_key(key) {
                self.push(FieldError::forbidden(join(at, key), why));
            }
        }
        if !at.contains("allOf[") && inner.contains_key("x-kubernetes-validations") {
            let at = join(at, "x-kubernetes-validations");
            self.push(FieldError::forbidden(at, "must be empty to be structural"));
        }
        self.keywords(inner, at);
        let empty = Map::new();
        if let Some(properties) = inner.get("properties").and_then(Value::as_object) {
            let known = outer.get("properties").and_then(Value::as_object).unwrap_or(&empty);
            for (name, property) in properties {
                let property_at = format!("{at}.properties[{name}]");
                let outer_at = format!("{outer_path}.properties[{name}]");
                match known.get(name).and_then(Value::as_object) {
                    Some(known) => self.branch(property, known, &property_at, &outer_at, true),
                    None => {
                        self.push(FieldError::required(outer_at, format!("because it is defined in {property_at}")));
                    }
                }
            }
        }
        if let Some(items) = inner.get("items") {
            if let Some(known) = outer.get("items").and_then(Value::as_object) {
                self.branch(items, known, &join(at, "items"), &join(outer_path, "items"), true);
            } else {
                let why = format!("because it is defined in {at}.items");
                self.push(FieldError::required(join(outer_path, "items"), why));
            }
        }
        self.junctors(inner, outer, at, outer_path);
    }
}

/// Defaults must be what would be stored: nothing unknown in them, and valid.
fn defaults(root: &SchemaRoot, schema: &Schema, path: &str, errors: &mut Vec<FieldError>) {
    if schema.go_type {
        return;
    }
    if let Some(default) = &schema.default {
        let at = join(path, "default");
        let node = SchemaRoot { root: Arc::new(schema.clone()), definitions: root.definitions.clone() };
        let mut pruned = default.clone();
        for unknown in prune::value(&node, &mut pruned) {
            let why = format!("must not have unknown field {unknown:?}");
            errors.push(FieldError::invalid(at.clone(), default.clone(), why));
        }
        let mut full = default.clone();
        node.apply_defaults(&mut full);
        errors.extend(validate::value_errors(&node, schema, &full, &at));
        if schema.list_type != ListType::Atomic {
            lists::unique(&node, &full, errors);
        }
    }
    for (name, property) in &schema.properties {
        defaults(root, property, &format!("{path}.properties[{name}]"), errors);
    }
    if let Some(values) = &schema.additional_properties {
        defaults(root, values, &join(path, "additionalProperties"), errors);
    }
    if let Some(items) = &schema.items {
        defaults(root, items, &join(path, "items"), errors);
    }
}
