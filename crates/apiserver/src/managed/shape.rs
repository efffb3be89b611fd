//! How an object divides into fields that can be owned: what the schema says of maps and lists, and what is deduced where
//! it says nothing (maps field by field, lists as a whole).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use serde_json::{Map, Value};

use super::{element, field_set::FieldSet};
use crate::schema::{ListType, Schema, SchemaRoot};

/// Fields below this depth are owned as a whole. `fieldsV1` nests deeper than the object it describes, and must stay
/// within the 128 levels that the JSON parser reads back.
pub(super) const MAX_DEPTH: usize = 64;

/// `metadata` of any object, whatever its own schema says: custom kinds declare it as a bare object.
static OBJECT_META: LazyLock<Schema> = LazyLock::new(|| {
    let string = || Schema { type_: "string".into(), ..Schema::default() };
    let strings =
        || Schema { type_: "object".into(), additional_properties: Some(Arc::new(string())), ..Schema::default() };
    let finalizers = Schema {
        type_: "array".into(),
        items: Some(Arc::new(string())),
        list_type: ListType::Set,
        ..Schema::default()
    };
    let owners = Schema {
        type_: "array".into(),
        items: Some(Arc::new(Schema { type_: "object".into(), map_atomic: true, ..Schema::default() })),
        list_type: ListType::Map,
        list_map_keys: vec!["uid".into()],
        ..Schema::default()
    };
    let mut properties = BTreeMap::new();
    for (name, schema) in [
        ("annotations", strings()),
        ("labels", strings()),
        ("finalizers", finalizers),
        ("ownerReferences", owners),
        ("generateName", string()),
    ] {
        properties.insert(name.to_owned(), Arc::new(schema));
    }
    Schema { type_: "object".into(), properties, ..Schema::default() }
});

/// Top-level fields that say what the object is.
pub(super) const IDENTITY: [&str; 2] = ["apiVersion", "kind"];
/// Fields of `metadata` that nobody owns: identity, and what only the server writes.
const BOOKKEEPING: [&str; 11] = [
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "selfLink",
    "clusterName",
    "resourceVersion",
    "generation",
    "managedFields",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// How a list divides.
#[derive(Debug, Clone, Copy)]
enum Division<'a> {
    Atomic,
    Set,
    Keyed(&'a [String]),
}

/// A place in the schema; without a schema everything is deduced.
#[derive(Clone, Copy)]
pub(super) struct Shape<'a> {
    root: &'a SchemaRoot,
    schema: Option<&'a Schema>,
    is_object_root: bool,
}

impl<'a> Shape<'a> {
    /// The object itself.
    pub(super) fn of(root: &'a SchemaRoot) -> Self {
        Self { root, schema: Some(root.resolve(&root.root)), is_object_root: true }
    }

    fn at(self, schema: Option<&'a Arc<Schema>>) -> Self {
        let schema = schema.map(|s| self.root.resolve(s));
        Self { root: self.root, schema, is_object_root: schema.is_some_and(|s| s.embedded_resource) }
    }

    /// The place of a member of a map.
    pub(super) fn member(self, name: &str) -> Self {
        if self.is_object_root && name == "metadata" {
            return Self { root: self.root, schema: Some(&OBJECT_META), is_object_root: false };
        }
        self.at(self.schema.and_then(|s| s.properties.get(name).or(s.additional_properties.as_ref())))
    }

    /// Whether a member is a field of a struct, rather than an entry of a map or unknown.
    pub(super) fn declares(self, name: &str) -> bool {
        (self.is_object_root && name == "metadata") || self.schema.is_some_and(|s| s.properties.contains_key(name))
    }

    /// Whether the schema says that this is owned as a whole.
    pub(super) fn is_atomic(self) -> bool {
        self.schema.is_some_and(|s| match s.type_.as_str() {
            "object" => s.map_atomic,
            "array" => s.list_type == ListType::Atomic,
            _ => false,
        })
    }

    /// The place of the items of a list.
    pub(super) fn items(self) -> Self {
        self.at(self.schema.and_then(|s| s.items.as_ref()))
    }

    fn division(self) -> Division<'a> {
        match self.schema {
            Some(s) => match s.list_type {
                ListType::Atomic => Division::Atomic,
                ListType::Set => Division::Set,
                ListType::Map => Division::Keyed(&s.list_map_keys),
            },
            None => Division::Atomic,
        }
    }

    /// The map, when its members are owned one by one.
    pub(super) fn granular_map(self, value: &Value) -> Option<&Map<String, Value>> {
        match value {
            Value::Object(map) if !self.schema.is_some_and(|s| s.map_atomic) => Some(map),
            _ => None,
        }
    }

    /// The list with the path element of each item, when items are owned one by one and each can be identified.
    pub(super) fn granular_list(self, value: &Value) -> Option<Items<'_>> {
        self.items_of(value)?.ok()
    }

    /// As [`Self::granular_list`], telling which item cannot be identified and why.
    pub(super) fn items_of(self, value: &Value) -> Option<Result<Items<'_>, (usize, String)>> {
        let Value::Array(list) = value else { return None };
        let division = self.division();
        if matches!(division, Division::Atomic) {
            return None;
        }
        let mut elements = Vec::with_capacity(list.len());
        for (index, item) in list.iter().enumerate() {
            match self.item_element(division, item) {
                Ok(element) => elements.push(element),
                Err(why) => return Some(Err((index, why))),
            }
        }
        Some(Ok(Items { list, elements }))
    }

    fn item_element(self, division: Division<'_>, item: &Value) -> Result<String, String> {
        let Division::Keyed(names) = division else {
            return element::value(item).ok_or_else(|| match item {
                Value::Object(_) => "associative list without keys has an element that's a map type".to_owned(),
                Value::Array(_) => "not supported: associative list with lists as elements".to_owned(),
                _ => "associative list without keys has an element that's an explicit null".to_owned(),
            });
        };
        let Value::Object(item) = item else {
            return Err(if item.is_null() {
                "associative list with keys may not have a null element".to_owned()
            } else {
                "associative list with keys may not have non-map elements".to_owned()
            });
        };
        let mut keys = Map::new();
        for name in names {
            let default = || self.items().member(name).schema.and_then(|s| s.default.as_ref());
            match item.get(name).or_else(default) {
                Some(Value::Object(_) | Value::Array(_)) => return Err(format!("key field {name:?} is not a scalar")),
                Some(value) => {
                    keys.insert(name.clone(), value.clone());
                }
                // Absence of one of several keys identifies, too.
                None => {}
            }
        }
        if keys.is_empty() {
            return Err(format!(
                "associative list with keys has an element that omits all key fields {names:?} \
                 (and doesn't have default values for any key fields)"
            ));
        }
        Ok(element::keys(&keys))
    }
}

/// A list whose items have identities.
pub(super) struct Items<'v> {
    pub(super) list: &'v [Value],
    pub(super) elements: Vec<String>,
}

impl Items<'_> {
    /// Identities that occur more than once.
    pub(super) fn duplicates(&self) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        self.elements.iter().map(String::as_str).filter(|e| !seen.insert(*e)).collect()
    }
}

/// One step of a path, printed only when the path is recorded.
pub(super) enum Step<'v> {
    Field(&'v str),
    Item(String),
}

/// A path from the object's root.
#[derive(Default)]
pub(super) struct Path<'v>(Vec<Step<'v>>);

impl<'v> Path<'v> {
    pub(super) fn push(&mut self, step: Step<'v>) {
        self.0.push(step);
    }
    pub(super) fn pop(&mut self) {
        self.0.pop();
    }
    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }
    /// Too deep to divide further.
    pub(super) fn is_deep(&self) -> bool {
        self.0.len() >= MAX_DEPTH
    }
    /// Whether the member `name` of the map at this path is never owned.
    pub(super) fn ignores(&self, name: &str) -> bool {
        match self.0.as_slice() {
            [] => IDENTITY.contains(&name),
            [Step::Field("metadata")] => BOOKKEEPING.contains(&name),
            _ => false,
        }
    }
    /// Adds this path to `set`. The root and `metadata` itself are nobody's.
    pub(super) fn record(&self, set: &mut FieldSet) {
        if matches!(self.0.as_slice(), [] | [Step::Field("metadata")]) {
            return;
        }
        set.insert(self.0.iter().map(|step| match step {
            Step::Field(name) => element::field(name),
            Step::Item(element) => element.clone(),
        }));
    }
}

/// The fields that an object holds.
pub(super) fn fields_of(schema: &SchemaRoot, object: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    collect(Shape::of(schema), object, &mut Path::default(), &mut set);
    set
}

fn collect<'v>(shape: Shape<'_>, value: &'v Value, path: &mut Path<'v>, set: &mut FieldSet) {
    if !path.is_deep() {
        if let Some(map) = shape.granular_map(value) {
            for (name, value) in map {
                if path.ignores(name) {
                    continue;
                }
                path.push(Step::Field(name));
                collect(shape.member(name), value, path, set);
                let is_empty = value.as_object().is_some_and(Map::is_empty);
                // An entry of a map exists by itself; a struct's field only through what it holds.
                if value.is_null() || is_empty || !shape.declares(name) {
                    path.record(set);
                }
                path.pop();
            }
            return;
        }
        if let Some(items) = shape.granular_list(value) {
            let duplicates = items.duplicates();
            for (item, element) in items.list.iter().zip(&items.elements) {
                path.push(Step::Item(element.clone()));
                // Duplicates cannot be told apart: owned together, as a whole.
                if !duplicates.contains(element.as_str()) {
                    collect(shape.items(), item, path, set);
                }
                path.record(set);
                path.pop();
            }
            return;
        }
    }
    path.record(set);
}

/// Adds to `set` the struct fields that stand above its members: who owns `spec.a` keeps `spec`.
pub(super) fn with_struct_parents(schema: &SchemaRoot, set: &FieldSet) -> FieldSet {
    fn add(shape: Shape<'_>, node: &Map<String, Value>) -> Map<String, Value> {
        let mut out = Map::new();
        for (element, below) in super::field_set::children(node) {
            let (below_shape, is_field) = match element.strip_prefix("f:") {
                Some(name) => (shape.member(name), shape.declares(name)),
                None => (shape.items(), false),
            };
            let mut filled = add(below_shape, below);
            let member = is_field || super::field_set::is_member(below);
            if member && !filled.is_empty() {
                filled.insert(".".into(), Value::Object(Map::new()));
            }
            out.insert(element.clone(), Value::Object(filled));
        }
        out
    }
    FieldSet::trusted(Value::Object(add(Shape::of(schema), set.as_map())))
}
