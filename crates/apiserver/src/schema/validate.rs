//! Validation of objects: values first, then list uniqueness, then CEL.
//!
//! Wording follows what `kube-apiserver` answers, because people search for it. Ratcheting (Kubernetes 1.33): on update a
//! subtree equal to its stored counterpart is not validated again, except for list uniqueness and transition rules, so that
//! tightening a schema does not lock people out of objects they already have.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Number, Value};

use super::{Schema, SchemaRoot, builtin, checks::Checks, junctors, lists, rules};
use crate::field::{FieldError, FieldErrorKind};

/// Where CEL did not run because the shape of the object is wrong already.
const NOT_CHECKED: &str = "some validation rules were not checked because the object was invalid; correct the existing \
                           errors to complete validation";

/// More faults than this help nobody, and a hostile object could have millions.
const MAX_ERRORS: usize = 200;

/// Validates `object`; see [`SchemaRoot::validate`].
pub(super) fn validate(root: &SchemaRoot, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut walk = Walk::new(root);
    walk.node(&root.root, object, old, old.is_some_and(|o| o == object));
    let mut errors = walk.errors;
    if !root.root.go_type && root.root.checks().keyed_lists_below {
        lists::unique(root, object, &mut errors);
    }
    if root.root.checks().rules_below {
        use FieldErrorKind as K;
        let blocking = |e: &FieldError| matches!(e.kind, K::Required | K::TooLong | K::TooMany | K::TypeInvalid);
        if errors.iter().any(blocking) {
            errors.push(FieldError::invalid("<nil>", "null".into(), NOT_CHECKED));
        } else {
            errors.extend(rules::validate(root, object, old));
        }
    }
    errors.truncate(MAX_ERRORS);
    errors
}

/// Validates one value against a node, without CEL, uniqueness or ratcheting (defaults, branches of combinators).
pub(super) fn value_errors(root: &SchemaRoot, schema: &Schema, value: &Value, path: &str) -> Vec<FieldError> {
    let mut walk = Walk::new(root);
    path.clone_into(&mut walk.path);
    walk.node(schema, value, None, false);
    walk.errors
}

/// A walk along an object and its schema.
pub(super) struct Walk<'r> {
    pub(super) root: &'r SchemaRoot,
    pub(super) path: String,
    pub(super) errors: Vec<FieldError>,
    /// Inside of `status` of a built-in object: required fields have zero values there.
    lenient: bool,
}

impl<'r> Walk<'r> {
    fn new(root: &'r SchemaRoot) -> Self {
        Self { root, path: String::new(), errors: Vec::new(), lenient: false }
    }

    fn enter(&mut self, name: &str) -> usize {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        length
    }

    pub(super) fn error(&mut self, kind: FieldErrorKind, value: Value, detail: String) {
        self.errors.push(FieldError::new(kind, self.path.clone(), value, detail));
    }

    /// `settled`: equal to the stored value, so only what ratcheting does not excuse is looked at (elsewhere).
    pub(super) fn node(&mut self, schema: &'r Schema, value: &Value, old: Option<&Value>, settled: bool) {
        if settled || self.errors.len() >= MAX_ERRORS {
            return;
        }
        let schema = self.root.resolve(schema);
        if value.is_null() && (schema.nullable || schema.go_type) {
            return;
        }
        let checks = schema.checks();
        if !schema.go_type {
            if !type_matches(schema, value) {
                return self.type_error(schema, value);
            }
            if schema.embedded_resource {
                self.embedded(value);
            }
        }
        self.keywords(checks, schema, value);
        match value {
            Value::Object(object) => {
                self.required(schema, object);
                for (name, value) in object {
                    let Some(property) = schema.property(name) else { continue };
                    let old = old.and_then(|o| o.get(name));
                    let length = self.enter(name);
                    let lenient = self.lenient;
                    self.lenient |= property.go_type && length == 0 && name == "status";
                    self.node(property, value, old, old == Some(value));
                    self.lenient = lenient;
                    self.path.truncate(length);
                }
            }
            Value::Array(items) => {
                if let Some(item) = &schema.items {
                    let correlated = lists::Correlation::new(schema, old);
                    for (index, value) in items.iter().enumerate() {
                        let old = correlated.find(value);
                        let length = self.path.len();
                        let _ = write!(self.path, "[{index}]");
                        self.node(item, value, old, old == Some(value));
                        self.path.truncate(length);
                    }
                }
            }
            _ => {}
        }
        junctors::check(self, checks, value);
    }

    fn required(&mut self, schema: &Schema, object: &serde_json::Map<String, Value>) {
        for name in &schema.required {
            let missing = match object.get(name) {
                None => true,
                Some(Value::Null) => schema.go_type,
                Some(_) => false,
            };
            if missing && !(schema.go_type && (self.lenient || self.has_zero_value(schema, name))) {
                let length = self.enter(name);
                self.error(FieldErrorKind::Required, Value::Null, String::new());
                self.path.truncate(length);
            }
        }
    }

    /// A built-in type's required field that a client may leave out because the decoder's zero value is a fine one.
    fn has_zero_value(&self, schema: &Schema, name: &str) -> bool {
        schema
            .properties
            .get(name)
            .is_none_or(|p| matches!(self.root.resolve(p).type_.as_str(), "integer" | "number" | "boolean" | "array"))
            || builtin::OPTIONAL.contains(&name)
    }

    /// An embedded resource names its type ("x-kubernetes-embedded-resource").
    fn embedded(&mut self, value: &Value) {
        for field in ["apiVersion", "kind"] {
            let length = self.enter(field);
            match value.get(field) {
                None | Some(Value::Null) => {
                    self.error(FieldErrorKind::Required, Value::Null, "must not be empty".into());
                }
                Some(Value::String(s)) if s.is_empty() => {
                    self.error(FieldErrorKind::Required, Value::Null, "must not be empty".into());
                }
                Some(Value::String(_)) => {}
                Some(other) => {
                    let found = type_name(other);
                    let detail = format!("{} in body must be of type string: \"{found}\"", self.path);
                    self.error(FieldErrorKind::TypeInvalid, found.into(), detail);
                }
            }
            self.path.truncate(length);
        }
    }

    fn type_error(&mut self, schema: &Schema, value: &Value) {
        let found = type_name(value);
        let expected = if schema.int_or_string { "integer,string" } else { &schema.type_ };
        let detail = format!("{} in body must be of type {expected}: \"{found}\"", self.path);
        self.error(FieldErrorKind::TypeInvalid, found.into(), detail);
    }

    fn invalid(&mut self, value: &Value, rest: std::fmt::Arguments<'_>) {
        let detail = format!("{} in body {rest}", self.path);
        self.error(FieldErrorKind::Invalid, value.clone(), detail);
    }

    fn keywords(&mut self, c: &Checks, schema: &Schema, value: &Value) {
        if let Some(allowed) = &c.enumeration
            && !allowed.iter().any(|a| same(a, value))
        {
            let shown: Vec<String> =
                allowed.iter().map(|a| a.as_str().map_or_else(|| a.to_string(), str::to_owned)).collect();
            let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
            self.errors.push(FieldError::not_supported(self.path.clone(), value.clone(), &shown));
        }
        match value {
            Value::String(s) => self.string(c, schema, s, value),
            Value::Number(n) => self.number(c, schema, n, value),
            Value::Array(items) => {
                let len = items.len() as u64;
                if let Some(max) = c.max_items.filter(|max| len > *max) {
                    self.error(FieldErrorKind::TooMany, len.into(), format!("{len}: must have at most {max} items"));
                }
                if let Some(min) = c.min_items.filter(|min| len < *min) {
                    let count = len.into();
                    self.invalid(&count, format_args!("should have at least {min} items"));
                }
                if c.unique_items && items.iter().enumerate().any(|(i, v)| items[..i].contains(v)) {
                    self.invalid(value, format_args!("shouldn't contain duplicates"));
                }
            }
            Value::Object(object) => {
                let len = object.len() as u64;
                if let Some(max) = c.max_properties.filter(|max| len > *max) {
                    self.error(FieldErrorKind::TooMany, len.into(), format!("{len}: must have at most {max} items"));
                }
                if let Some(min) = c.min_properties.filter(|min| len < *min) {
                    let count = len.into();
                    self.invalid(&count, format_args!("should have at least {min} properties"));
                }
            }
            _ => {}
        }
    }

    fn string(&mut self, c: &Checks, schema: &Schema, s: &str, value: &Value) {
        if c.min_length.is_some() || c.max_length.is_some() {
            // Lengths count code points, although the message says bytes: so does the original.
            let len = s.chars().count() as u64;
            if let Some(max) = c.max_length.filter(|max| len > *max) {
                self.error(FieldErrorKind::TooLong, Value::Null, format!("may not be more than {max} bytes"));
            }
            if let Some(min) = c.min_length.filter(|min| len < *min) {
                self.invalid(value, format_args!("should be at least {min} chars long"));
            }
        }
        if let Some((text, pattern)) = &c.pattern
            && !pattern.is_match(s)
        {
            self.invalid(value, format_args!("should match '{text}'"));
        }
        // Formats of built-in types are their decoder's matter.
        if !schema.go_type
            && !schema.int_or_string
            && let Some(format) = c.format
            && !format.accepts(s)
        {
            let detail = format!("{} in body must be of type {}: {value}", self.path, c.format_name);
            self.error(FieldErrorKind::TypeInvalid, value.clone(), detail);
        }
    }

    fn number(&mut self, c: &Checks, schema: &Schema, n: &Number, value: &Value) {
        if let Some((max, exclusive)) = &c.maximum {
            let over = compare(n, max).is_gt() || *exclusive && compare(n, max).is_eq();
            if over {
                let words = if *exclusive { "should be less than" } else { "should be less than or equal to" };
                self.invalid(value, format_args!("{words} {max}"));
            }
        }
        if let Some((min, exclusive)) = &c.minimum {
            let under = compare(n, min).is_lt() || *exclusive && compare(n, min).is_eq();
            if under {
                let words = if *exclusive { "should be greater than" } else { "should be greater than or equal to" };
                self.invalid(value, format_args!("{words} {min}"));
            }
        }
        if let Some(unit) = &c.multiple_of
            && !is_multiple(n, unit)
        {
            self.invalid(value, format_args!("should be a multiple of {unit}"));
        }
        if !schema.go_type && !in_range(n, &c.format_name) {
            let (type_, format) = (type_name(value), &c.format_name);
            let detail = format!("Checked value must be of type {type_} with format {format} in {}", self.path);
            self.error(FieldErrorKind::Invalid, value.clone(), detail);
        }
    }
}

/// The JSON type in the schema's words.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn type_matches(schema: &Schema, value: &Value) -> bool {
    if schema.int_or_string {
        return value.is_string() || is_integer(value);
    }
    match schema.type_.as_str() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => is_integer(value),
        _ => true,
    }
}

/// An integer, also when written as `1.0`: JSON does not tell them apart.
fn is_integer(value: &Value) -> bool {
    match value {
        Value::Number(n) => n.is_i64() || n.is_u64() || n.as_f64().is_some_and(|f| f.fract() == 0.0),
        _ => false,
    }
}

/// Equality of JSON values with numbers by value.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare(a, b).is_eq(),
        _ => a == b,
    }
}

/// Order of numbers, exact where both are integers.
pub(super) fn compare(a: &Number, b: &Number) -> std::cmp::Ordering {
    let integer = |n: &Number| n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from));
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.as_f64().unwrap_or(f64::NAN).total_cmp(&b.as_f64().unwrap_or(f64::NAN)),
    }
}

fn is_multiple(n: &Number, unit: &Number) -> bool {
    if let (Some(n), Some(unit)) = (n.as_i64(), unit.as_i64()) {
        return unit != 0 && n.wrapping_rem(unit) == 0;
    }
    match (n.as_f64(), unit.as_f64()) {
        (Some(n), Some(unit)) if unit != 0.0 => {
            let quotient = n / unit;
            // Decimal fractions are not exact in binary: 0.3 is a multiple of 0.1.
            (quotient - quotient.round()).abs() <= 1e-9 * quotient.abs().max(1.0)
        }
        _ => false,
    }
}

fn in_range(n: &Number, format: &str) -> bool {
    match format {
        "int32" => n.as_f64().is_some_and(|f| f >= f64::from(i32::MIN) && f <= f64::from(i32::MAX)),
        "uint32" => n.as_f64().is_some_and(|f| f >= 0.0 && f <= f64::from(u32::MAX)),
        "int64" => n.as_u64().is_none_or(|u| i64::try_from(u).is_ok()),
        "uint64" => n.as_f64().is_some_and(|f| f >= 0.0),
        "float" => n.as_f64().is_some_and(|f| f.abs() <= f64::from(f32::MAX)),
        _ => true,
    }
}

/// Properties as JSON schema nodes would list them, for messages about maps.
pub(super) fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(o) => {
            let sorted: BTreeMap<_, _> = o.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            Value::Object(sorted.into_iter().collect())
        }
        Value::Array(a) => Value::Array(a.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
