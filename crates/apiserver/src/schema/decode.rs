//! What the decoder of a server with compiled-in types refuses: a request body whose values do not fit the built-in
//! types is malformed (400), not invalid (422).

use std::{fmt::Write as _, sync::Arc};

use base64::Engine as _;
use serde_json::Value;

use super::{Schema, SchemaRoot, formats::Format};
use crate::field::{FieldError, FieldErrorKind};

/// See [`SchemaRoot::type_errors`].
pub(super) fn type_errors(root: &SchemaRoot, object: &Value) -> Vec<FieldError> {
    let mut walk = Walk { root, path: String::new(), type_: "", errors: Vec::new() };
    if root.root.go_type {
        let name = root.definitions.iter().find(|(_, node)| Arc::ptr_eq(node, &root.root)).map(|(name, _)| name);
        walk.type_ = name.and_then(|n| n.rsplit('.').next()).unwrap_or_default();
        walk.node(&root.root, object);
    } else if let (Some(schema), Some(meta)) = (root.root.properties.get("metadata"), object.get("metadata")) {
        walk.path.push_str("metadata");
        walk.type_ = "ObjectMeta";
        walk.node(schema, meta);
    }
    walk.errors
}

struct Walk<'r> {
    root: &'r SchemaRoot,
    path: String,
    /// The struct that holds the field at `path`.
    type_: &'r str,
    errors: Vec<FieldError>,
}

impl<'r> Walk<'r> {
    fn node(&mut self, schema: &'r Schema, value: &Value) {
        // The decoder stops at the first error; one is what people get to see.
        if value.is_null() || !self.errors.is_empty() || !schema.go_type {
            return;
        }
        let outer = self.type_;
        if let Some(reference) = &schema.reference {
            self.type_ = reference.rsplit('.').next().unwrap_or_default();
        }
        let node = self.root.resolve(schema);
        self.fits(schema, node, value, outer);
        match value {
            Value::Object(object) => {
                for (name, value) in object {
                    let Some(property) = node.property(name) else { continue };
                    let length = self.path.len();
                    if length > 0 {
                        self.path.push('.');
                    }
                    self.path.push_str(name);
                    self.node(property, value);
                    self.path.truncate(length);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    let Some(item) = &node.items else { break };
                    let length = self.path.len();
                    let _ = write!(self.path, "[{index}]");
                    self.node(item, value);
                    self.path.truncate(length);
                }
            }
            _ => {}
        }
        self.type_ = outer;
    }

    fn fits(&mut self, schema: &Schema, node: &Schema, value: &Value, outer: &str) {
        let found = match value {
            Value::Null => return,
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let format = node.keywords.get("format").and_then(Value::as_str).unwrap_or_default();
        if node.int_or_string {
            let quantity = schema.reference.as_deref().is_some_and(|r| r.ends_with(".Quantity"));
            match value {
                Value::String(s) if quantity && !is_quantity(s) => self.error(
                    value,
                    "quantities must match the regular expression \
                     '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                        .into(),
                ),
                Value::String(_) | Value::Number(_) => {}
                _ => self.mismatch(value, found, outer, schema),
            }
            return;
        }
        let fits = match node.type_.as_str() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "boolean" => value.is_boolean(),
            "string" => value.is_string(),
            "number" => value.is_number(),
            "integer" => match (value.as_i64(), format) {
                (Some(n), "int32") => i32::try_from(n).is_ok(),
                (n, _) => n.is_some(),
            },
            _ => true,
        };
        if !fits {
            let found =
                if node.type_ == "integer" && value.is_number() { format!("number {value}") } else { found.into() };
            self.mismatch(value, &found, outer, schema);
            return;
        }
        let Some(s) = value.as_str() else { return };
        if format == "date-time" && !s.is_empty() && !Format::DateTime.accepts(s) {
            let layout = "2006-01-02T15:04:05Z07:00";
            self.error(value, format!("parsing time {s:?} as {layout:?}: cannot parse {s:?} as \"2006\""));
        }
        if format == "byte" && base64::engine::general_purpose::STANDARD.decode(s.replace(['\n', '\r'], "")).is_err() {
            let at = s.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')).count();
            // The value may be a secret: it is not repeated.
            self.error(&Value::Null, format!("illegal base64 data at input byte {at}"));
        }
    }

    fn mismatch(&mut self, value: &Value, found: &str, outer: &str, schema: &Schema) {
        let go = go_type_of(schema);
        let shown = if value.is_object() || value.is_array() { Value::Null } else { value.clone() };
        let field = if self.path.is_empty() { String::new() } else { format!(" field {outer}.{}", self.path) };
        let target = if field.is_empty() { " value".to_owned() } else { format!(" struct{field}") };
        self.error(&shown, format!("json: cannot unmarshal {found} into Go{target} of type {go}"));
    }

    fn error(&mut self, value: &Value, detail: String) {
        self.errors.push(FieldError::new(FieldErrorKind::TypeInvalid, self.path.clone(), value.clone(), detail));
    }
}

/// The type in the words of the decoder's errors.
fn go_type_of(schema: &Schema) -> String {
    if let Some(reference) = &schema.reference {
        let mut parts = reference.rsplit('.');
        let (name, package) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        return format!("{package}.{name}");
    }
    let format = schema.keywords.get("format").and_then(Value::as_str).unwrap_or_default();
    match schema.type_.as_str() {
        "object" => match &schema.additional_properties {
            Some(values) => format!("map[string]{}", go_type_of(values)),
            None => "map[string]interface {}".into(),
        },
        "array" => match &schema.items {
            Some(items) => format!("[]{}", go_type_of(items)),
            None => "[]interface {}".into(),
        },
        "boolean" => "bool".into(),
        "integer" if format.is_empty() => "int64".into(),
        "integer" => format.into(),
        "number" => "float64".into(),
        "string" if format == "byte" => "[]uint8".into(),
        other => other.into(),
    }
}

/// `resource.Quantity` in text: a decimal number with a binary, decimal or exponent suffix.
fn is_quantity(s: &str) -> bool {
    let unsigned = s.strip_prefix(['+', '-']).unwrap_or(s);
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let exponent = || {
        let e = suffix.strip_prefix(['e', 'E'])?;
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        (!e.is_empty() && e.bytes().all(|b| b.is_ascii_digit())).then_some(())
    };
    digits > 0
        && number.matches('.').count() <= 1
        && (matches!(
            suffix,
            "" | "n" | "u" | "m" | "k" | "M" | "G" | "T" | "P" | "E" | "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei"
        ) || exponent().is_some())
}
