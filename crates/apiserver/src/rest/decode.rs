//! Request bodies as JSON values: JSON, YAML and protobuf, with the positions of faults and the paths of duplicate fields.
//!
//! Depth and (for YAML) aliases are bounded by the parsers, so that no body can exhaust the stack or memory.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{media::BodyType, protobuf};

/// A decoded document.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    /// The value; of duplicate fields the last one counts.
    pub value: Value,
    /// Paths of duplicate fields.
    pub duplicates: Vec<String>,
}

/// Decodes a body. The error says what is wrong and where.
pub(crate) fn decode(bytes: &[u8], kind: BodyType) -> Result<Decoded, String> {
    match kind {
        BodyType::Json => serde_json::from_slice(bytes).map_err(|e| format!("json parse error: {e}")),
        BodyType::Yaml => decode_yaml(bytes),
        BodyType::Protobuf => protobuf::decode(bytes).map(|value| Decoded { value, duplicates: Vec::new() }),
    }
}

/// Decodes what may be YAML or, being a subset of it, JSON (apply patches).
pub(crate) fn decode_yaml(bytes: &[u8]) -> Result<Decoded, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| format!("yaml parse error: not UTF-8: {e}"))?;
    // JSON's own parser is faster and has no quirks; only what it refuses can be YAML proper.
    if text.trim_start().starts_with('{')
        && let Ok(decoded) = serde_json::from_str(text)
    {
        return Ok(decoded);
    }
    let options = serde_saphyr::options! { duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::PassThrough };
    serde_saphyr::from_str_with_options(text, options).map_err(|e| format!("yaml parse error: {e}"))
}

/// The value as YAML.
pub(crate) fn to_yaml(value: &Value) -> Result<String, String> {
    serde_saphyr::to_string(value).map_err(|e| e.to_string())
}

impl<'de> Deserialize<'de> for Decoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl Decoded {
    fn plain(value: impl Into<Value>) -> Self {
        Self { value: value.into(), duplicates: Vec::new() }
    }
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Decoded;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Decoded, E> {
        Ok(Decoded::default())
    }
    fn visit_none<E>(self) -> Result<Decoded, E> {
        Ok(Decoded::default())
    }
    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Decoded, D::Error> {
        Decoded::deserialize(d)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Decoded, E> {
        Ok(Decoded::plain(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Decoded, E> {
        Ok(Decoded::plain(v))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Decoded, E> {
        Ok(Decoded::plain(v))
    }
    fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<Decoded, E> {
        // YAML knows .nan and .inf, JSON does not.
        Number::from_f64(v).map(Decoded::plain).ok_or_else(|| E::custom("not a finite number"))
    }
    fn visit_str<E>(self, v: &str) -> Result<Decoded, E> {
        Ok(Decoded::plain(v))
    }
    fn visit_string<E>(self, v: String) -> Result<Decoded, E> {
        Ok(Decoded::plain(v))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Decoded, A::Error> {
        let mut out = Vec::new();
        let mut duplicates = Vec::new();
        while let Some(item) = seq.next_element::<Decoded>()? {
            let index = out.len();
            duplicates.extend(item.duplicates.into_iter().map(|d| join(&format!("[{index}]"), &d)));
            out.push(item.value);
        }
        Ok(Decoded { value: Value::Array(out), duplicates })
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Decoded, A::Error> {
        let mut out = Map::new();
        let mut duplicates = Vec::new();
        while let Some((key, item)) = map.next_entry::<String, Decoded>()? {
            duplicates.extend(item.duplicates.into_iter().map(|d| join(&key, &d)));
            if out.contains_key(&key) && !duplicates.contains(&key) {
                duplicates.push(key.clone());
            }
            out.insert(key, item.value);
        }
        Ok(Decoded { value: Value::Object(out), duplicates })
    }
}

fn join(outer: &str, inner: &str) -> String {
    if inner.starts_with('[') { format!("{outer}{inner}") } else { format!("{outer}.{inner}") }
}

#[cfg(test)]
mod tests;
