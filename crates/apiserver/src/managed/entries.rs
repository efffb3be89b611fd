//! The entries of `managedFields`: reading, writing, order, and the bound on their number.
//!
//! Invariant: a written list is sorted (appliers first, then by time, name, version, subresource) and holds no entry
//! without fields.

use std::{cmp::Ordering, collections::BTreeMap};

use serde_json::{Map, Value};

use super::{Writer, element::ElementError, field_set::FieldSet};

/// Most entries from updates; the oldest beyond it are put together.
const MAX_UPDATERS: usize = 10;
/// Who owns what was put together.
const ANCIENT: &str = "ancient-changes";

/// How a manager came to own its fields. The order is that of the written list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Apply,
    Update,
}

/// One manager's fields.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) manager: String,
    pub(super) operation: Operation,
    pub(super) api_version: String,
    pub(super) subresource: String,
    pub(super) time: Option<String>,
    pub(super) fields: FieldSet,
}

/// Why `managedFields` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEntry {
    /// Not a list of objects.
    #[error("managedFields must be a list of entries")]
    NotEntries,
    /// Neither `Apply` nor `Update`.
    #[error("operation must be `Apply` or `Update`")]
    Operation,
    /// No `apiVersion`.
    #[error("apiVersion must not be empty")]
    ApiVersion,
    /// `fieldsType` is not `FieldsV1`.
    #[error("invalid fieldsType {found:?} in managed fields entry {index}")]
    FieldsType {
        /// Which entry.
        index: usize,
        /// What stands there.
        found: String,
    },
    /// `fieldsV1` is not a set of fields.
    #[error("error decoding set of managed fields entry {index}: {why}")]
    Fields {
        /// Which entry.
        index: usize,
        /// What is wrong.
        why: String,
    },
}

/// Whether `metadata.managedFields` as a client sent it can be used. [`super::track_update`] falls back to the live
/// entries when it cannot, as kube-apiserver does; a caller that would rather refuse asks first.
pub fn check_entries(managed_fields: &Value) -> Result<(), InvalidEntry> {
    Managers::parse(managed_fields).map(|_| ())
}

impl Entry {
    pub(super) fn of(writer: &Writer<'_>, operation: Operation, fields: FieldSet) -> Self {
        Self {
            manager: manager_name(writer).to_owned(),
            operation,
            api_version: writer.api_version.to_owned(),
            subresource: writer.subresource.to_owned(),
            time: Some(writer.now.to_owned()),
            fields,
        }
    }

    /// Whether this is the entry of `writer` for `operation`. One applier has one entry, whatever version it applied
    /// with; updates of different versions are kept apart.
    pub(super) fn is_of(&self, writer: &Writer<'_>, operation: Operation) -> bool {
        self.operation == operation
            && self.manager == manager_name(writer)
            && self.subresource == writer.subresource
            && (operation == Operation::Apply || self.api_version == writer.api_version)
    }

    fn parse(index: usize, entry: &Value) -> Result<Self, InvalidEntry> {
        let Value::Object(entry) = entry else { return Err(InvalidEntry::NotEntries) };
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let operation = match text("operation") {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return Err(InvalidEntry::Operation),
        };
        if text("apiVersion").is_empty() {
            return Err(InvalidEntry::ApiVersion);
        }
        if text("fieldsType") != "FieldsV1" {
            return Err(InvalidEntry::FieldsType { index, found: text("fieldsType").to_owned() });
        }
        let fields = match entry.get("fieldsV1") {
            None | Some(Value::Null) => FieldSet::default(),
            Some(fields @ Value::Object(_)) => {
                FieldSet::parse(fields).map_err(|e: ElementError| InvalidEntry::Fields { index, why: e.to_string() })?
            }
            Some(_) => return Err(InvalidEntry::Fields { index, why: "not an object".into() }),
        };
        Ok(Self {
            manager: text("manager").to_owned(),
            operation,
            api_version: text("apiVersion").to_owned(),
            subresource: text("subresource").to_owned(),
            time: entry.get("time").and_then(Value::as_str).map(str::to_owned),
            fields,
        })
    }

    /// Takes an entry that this module wrote, moving its parts.
    fn trusted(entry: Value) -> Option<Self> {
        let Value::Object(mut entry) = entry else { return None };
        let mut text = |name: &str| match entry.remove(name) {
            Some(Value::String(s)) => Some(s),
            _ => None,
        };
        Some(Self {
            manager: text("manager").unwrap_or_default(),
            operation: if text("operation")? == "Apply" { Operation::Apply } else { Operation::Update },
            api_version: text("apiVersion").unwrap_or_default(),
            subresource: text("subresource").unwrap_or_default(),
            time: text("time"),
            fields: FieldSet::trusted(entry.remove("fieldsV1").unwrap_or_default()),
        })
    }

    fn into_value(self) -> Value {
        let mut out = Map::new();
        let operation = match self.operation {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        };
        if !self.manager.is_empty() {
            out.insert("manager".into(), self.manager.into());
        }
        out.insert("operation".into(), operation.into());
        out.insert("apiVersion".into(), self.api_version.into());
        if let Some(time) = self.time {
            out.insert("time".into(), time.into());
        }
        out.insert("fieldsType".into(), "FieldsV1".into());
        out.insert("fieldsV1".into(), self.fields.into_fields_v1());
        if !self.subresource.is_empty() {
            out.insert("subresource".into(), self.subresource.into());
        }
        Value::Object(out)
    }

    fn cmp(&self, other: &Self) -> Ordering {
        self.operation
            .cmp(&other.operation)
            .then_with(|| self.time.cmp(&other.time))
            .then_with(|| self.manager.cmp(&other.manager))
            .then_with(|| self.api_version.cmp(&other.api_version))
            .then_with(|| self.subresource.cmp(&other.subresource))
    }
}

fn manager_name<'w>(writer: &Writer<'w>) -> &'w str {
    if writer.manager.is_empty() { "unknown" } else { writer.manager }
}

/// All entries of an object.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Managers(pub(super) Vec<Entry>);

impl Managers {
    /// Reads what a client sent. Entries of the same manager are put together.
    pub(super) fn parse(list: &Value) -> Result<Self, InvalidEntry> {
        let Value::Array(list) = list else { return Err(InvalidEntry::NotEntries) };
        let mut entries: Vec<Entry> = Vec::with_capacity(list.len());
        for (index, entry) in list.iter().enumerate() {
            let entry = Entry::parse(index, entry)?;
            let same = entries.iter_mut().find(|e| {
                e.operation == entry.operation
                    && e.manager == entry.manager
                    && e.subresource == entry.subresource
                    && (e.operation == Operation::Apply || e.api_version == entry.api_version)
            });
            match same {
                Some(first) => first.fields.union(&entry.fields),
                None => entries.push(entry),
            }
        }
        Ok(Self(entries))
    }

    /// Takes what stands in a stored object.
    pub(super) fn trusted(list: Value) -> Self {
        match list {
            Value::Array(list) => Self(list.into_iter().filter_map(Entry::trusted).collect()),
            _ => Self::default(),
        }
    }

    /// The list to store; `None` when nobody owns anything.
    pub(super) fn into_value(mut self) -> Option<Value> {
        self.0.retain(|e| !e.fields.is_empty());
        self.0.sort_by(Entry::cmp);
        (!self.0.is_empty()).then(|| Value::Array(self.0.into_iter().map(Entry::into_value).collect()))
    }

    /// Puts the oldest updaters of each version together until there are few enough.
    pub(super) fn cap(&mut self) {
        let mut updaters = self.0.iter().filter(|e| e.operation == Operation::Update).count();
        if updaters <= MAX_UPDATERS {
            return;
        }
        // Appliers sort first and stay; what follows is by age.
        self.0.sort_by(Entry::cmp);
        let entries = std::mem::take(&mut self.0);
        let mut bucket_of: BTreeMap<String, usize> = BTreeMap::new();
        for entry in entries {
            if entry.operation == Operation::Update && updaters > MAX_UPDATERS {
                if let Some(&at) = bucket_of.get(&entry.api_version) {
                    let bucket = &mut self.0[at];
                    ANCIENT.clone_into(&mut bucket.manager);
                    bucket.subresource.clear();
                    bucket.fields.union(&entry.fields);
                    // The younger of both.
                    bucket.time = entry.time;
                    updaters -= 1;
                    continue;
                }
                bucket_of.insert(entry.api_version.clone(), self.0.len());
            }
            self.0.push(entry);
        }
        self.join_ancient();
    }

    /// An older bucket of the same version may still be among the entries.
    fn join_ancient(&mut self) {
        let mut at = 0;
        while at < self.0.len() {
            let (head, tail) = self.0.split_at_mut(at);
            let Some(entry) = tail.first() else { return };
            let is_bucket =
                |e: &Entry| e.operation == Operation::Update && e.manager == ANCIENT && e.subresource.is_empty();
            let first = head.iter_mut().find(|e| is_bucket(e) && e.api_version == entry.api_version);
            match first {
                Some(first) if is_bucket(entry) => {
                    first.fields.union(&entry.fields);
                    if entry.time > first.time {
                        first.time.clone_from(&entry.time);
                    }
                    self.0.remove(at);
                }
                _ => at += 1,
            }
        }
    }
}
