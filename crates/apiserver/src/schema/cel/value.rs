//! Values during evaluation: JSON is borrowed with its schema and read as it is touched.

use std::{borrow::Cow, sync::Arc};

use base64::Engine as _;
use kube_cel::cel::Value as Foreign;
use serde_json::{Map, Number, Value};

use crate::schema::{ListType, Schema, formats};

/// A CEL value.
#[derive(Debug, Clone)]
pub(in crate::schema) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Str(Cow<'a, str>),
    Bytes(Arc<[u8]>),
    List(Arc<Vec<Val<'a>>>),
    Map(Arc<Vec<(Val<'a>, Val<'a>)>>),
    /// A list of the object under validation.
    JsonList(&'a [Value], Option<&'a Schema>),
    /// An object or map of the object under validation.
    JsonMap(&'a Map<String, Value>, Option<&'a Schema>),
    /// Nanoseconds.
    Duration(i64),
    Timestamp(jiff::Timestamp),
    Optional(Option<Arc<Val<'a>>>),
    Type(&'static str),
    /// A type of a function library: quantity, URL, IP address, semantic version …
    Foreign(Foreign),
}

impl<'a> Val<'a> {
    /// JSON as CEL sees it: the schema decides between int and double, string and timestamp.
    pub(in crate::schema) fn from_json(value: &'a Value, schema: Option<&'a Schema>) -> Self {
        // A built-in type stands there by reference (metadata's fields): read without a schema.
        let schema = schema.filter(|s| s.reference.is_none());
        match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(*b),
            Value::Number(n) => number(n, schema),
            Value::String(s) => string(s, schema),
            Value::Array(items) => Self::JsonList(items, schema),
            Value::Object(object) => Self::JsonMap(object, schema),
        }
    }

    pub(super) fn text(s: impl Into<String>) -> Self {
        Self::Str(Cow::Owned(s.into()))
    }

    /// The name of the type in errors and for `type()`.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::Str(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::List(_) | Self::JsonList(..) => "list",
            Self::Map(_) | Self::JsonMap(..) => "map",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::Optional(_) => "optional_type",
            Self::Type(_) => "type",
            Self::Foreign(_) => "object",
        }
    }

    /// The number of elements, for collections.
    pub(super) fn len(&self) -> Option<usize> {
        match self {
            Self::List(l) => Some(l.len()),
            Self::JsonList(l, _) => Some(l.len()),
            Self::Map(m) => Some(m.len()),
            Self::JsonMap(m, _) => Some(m.len()),
            _ => None,
        }
    }

    /// An element of a list.
    pub(super) fn at(&self, index: usize) -> Option<Val<'a>> {
        match self {
            Self::List(l) => l.get(index).cloned(),
            Self::JsonList(l, schema) => {
                l.get(index).map(|v| Self::from_json(v, schema.and_then(|s| s.items.as_deref())))
            }
            _ => None,
        }
    }

    /// The elements of a list.
    pub(super) fn items(&self) -> Option<Vec<Val<'a>>> {
        match self {
            Self::List(l) => Some(l.to_vec()),
            Self::JsonList(l, schema) => {
                let item = schema.and_then(|s| s.items.as_deref());
                Some(l.iter().map(|v| Self::from_json(v, item)).collect())
            }
            _ => None,
        }
    }

    /// The entries of a map.
    pub(super) fn entries(&self) -> Option<Vec<(Val<'a>, Val<'a>)>> {
        match self {
            Self::Map(m) => Some(m.to_vec()),
            Self::JsonMap(m, schema) => Some(
                m.iter()
                    .map(|(k, v)| {
                        let schema = schema.and_then(|s| s.property(k)).map(AsRef::as_ref);
                        (Self::Str(Cow::Borrowed(k)), Self::from_json(v, schema))
                    })
                    .collect(),
            ),
            _ => None,
        }
    }

    /// The value of a key of a map, or of a field by its escaped name (`field` access, `self.a__dash__b`).
    pub(super) fn get(&self, key: &Val<'_>, field: bool) -> Option<Val<'a>> {
        match self {
            Self::Map(m) => m.iter().find(|(k, _)| equal(k, key)).map(|(_, v)| v.clone()),
            Self::JsonMap(m, schema) => {
                let Val::Str(key) = key else { return None };
                let escaped = field && schema.is_none_or(|s| s.additional_properties.is_none());
                let name = if escaped { unescape(key) } else { Cow::Borrowed(key.as_ref()) };
                let value = m.get(name.as_ref())?;
                Some(Self::from_json(value, schema.and_then(|s| s.property(&name)).map(AsRef::as_ref)))
            }
            _ => None,
        }
    }

    /// The merge semantics of a list, which equality and concatenation follow.
    pub(super) fn list_semantics(&self) -> (ListType, &'a [String]) {
        match self {
            Self::JsonList(_, Some(s)) => (s.list_type, &s.list_map_keys),
            _ => (ListType::Atomic, &[]),
        }
    }
}

fn number<'a>(n: &Number, schema: Option<&Schema>) -> Val<'a> {
    let type_ = schema.map(|s| s.type_.as_str()).unwrap_or_default();
    if type_ == "number" {
        return Val::Double(n.as_f64().unwrap_or(f64::NAN));
    }
    match (n.as_i64(), n.as_u64(), n.as_f64()) {
        (Some(i), ..) => Val::Int(i),
        (_, Some(u), _) => Val::Uint(u),
        // 1.0 where an integer stands; within the exact range of a double.
        #[allow(clippy::cast_possible_truncation)] // integral and below 2^53
        (_, _, Some(f)) if type_ == "integer" && f.fract() == 0.0 && f.abs() < 9.0e15 => Val::Int(f as i64),
        (_, _, f) => Val::Double(f.unwrap_or(f64::NAN)),
    }
}

fn string<'a>(s: &'a str, schema: Option<&'a Schema>) -> Val<'a> {
    use formats::Format;
    let plain = Val::Str(Cow::Borrowed(s));
    let Some(schema) = schema.filter(|s| s.type_ == "string") else { return plain };
    match schema.checks().format {
        Some(Format::DateTime) => s.parse().map_or(plain, Val::Timestamp),
        Some(Format::Date) => format!("{s}T00:00:00Z").parse().map_or(plain, Val::Timestamp),
        Some(Format::Duration) => formats::go_duration(s).map_or(plain, Val::Duration),
        Some(Format::Byte) => {
            base64::engine::general_purpose::STANDARD.decode(s).map_or(plain, |bytes| Val::Bytes(bytes.into()))
        }
        _ => plain,
    }
}

/// Words that CEL reserves, written `__namespace__` as a field.
const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// The property name of an identifier ("Escaping" in the documentation of validation rules).
pub(super) fn unescape(name: &str) -> Cow<'_, str> {
    if !name.contains("__") {
        return Cow::Borrowed(name);
    }
    if let Some(word) = name.strip_prefix("__").and_then(|n| n.strip_suffix("__"))
        && RESERVED.contains(&word)
    {
        return Cow::Borrowed(word);
    }
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    'outer: while !rest.is_empty() {
        for (escaped, plain) in [("__underscores__", "__"), ("__dot__", "."), ("__dash__", "-"), ("__slash__", "/")] {
            if let Some(tail) = rest.strip_prefix(escaped) {
                out.push_str(plain);
                rest = tail;
                continue 'outer;
            }
        }
        let Some(c) = rest.chars().next() else { break };
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    Cow::Owned(out)
}

/// CEL equality: numbers by value across types; lists that are sets or maps without regard to order.
pub(super) fn equal(a: &Val<'_>, b: &Val<'_>) -> bool {
    match (a, b) {
        (Val::Null, Val::Null) => true,
        (Val::Bool(a), Val::Bool(b)) => a == b,
        (Val::Str(a), Val::Str(b)) => a == b,
        (Val::Bytes(a), Val::Bytes(b)) => a == b,
        (Val::Duration(a), Val::Duration(b)) => a == b,
        (Val::Timestamp(a), Val::Timestamp(b)) => a == b,
        (Val::Type(a), Val::Type(b)) => a == b,
        (Val::Foreign(a), Val::Foreign(b)) => a == b,
        (Val::Optional(a), Val::Optional(b)) => match (a, b) {
            (Some(a), Some(b)) => equal(a, b),
            (a, b) => a.is_none() && b.is_none(),
        },
        _ => match (compare_numbers(a, b), a.len(), b.len()) {
            (Some(order), ..) => order.is_eq(),
            (None, Some(x), Some(y)) if x == y => equal_collections(a, b),
            _ => false,
        },
    }
}

fn equal_collections(a: &Val<'_>, b: &Val<'_>) -> bool {
    // The common case of a transition rule: the same JSON.
    match (a, b) {
        (Val::JsonList(x, _), Val::JsonList(y, _)) if x == y => return true,
        (Val::JsonMap(x, _), Val::JsonMap(y, _)) if x == y => return true,
        _ => {}
    }
    if let (Some(x), Some(y)) = (a.items(), b.items()) {
        let unordered = a.list_semantics().0 != ListType::Atomic && b.list_semantics().0 != ListType::Atomic;
        // Sorting needs an order, which these values lack: quadratic, bounded by the caller's charge.
        return if unordered {
            x.iter().all(|x| y.iter().any(|y| equal(x, y))) && y.iter().all(|y| x.iter().any(|x| equal(x, y)))
        } else {
            x.iter().zip(&y).all(|(x, y)| equal(x, y))
        };
    }
    match a.entries() {
        Some(entries) => entries.iter().all(|(k, x)| b.get(k, false).is_some_and(|y| equal(x, &y))),
        None => false,
    }
}

/// Order of two numbers of any types.
#[allow(clippy::cast_precision_loss)] // as CEL compares int with double
pub(super) fn compare_numbers(a: &Val<'_>, b: &Val<'_>) -> Option<std::cmp::Ordering> {
    let integer = |v: &Val<'_>| match v {
        Val::Int(i) => Some(i128::from(*i)),
        Val::Uint(u) => Some(i128::from(*u)),
        _ => None,
    };
    let double = |v: &Val<'_>| match v {
        Val::Double(f) => Some(*f),
        _ => integer(v).map(|i| i as f64),
    };
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => double(a)?.partial_cmp(&double(b)?),
    }
}
