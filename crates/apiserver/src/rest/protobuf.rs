//! Request bodies in `application/vnd.kubernetes.protobuf`, which Go clients send for the built-in kinds without asking.
//!
//! An envelope (`k8s\0` and a `runtime.Unknown`) names apiVersion and kind; the rest is decoded by the table of messages in
//! `fields.txt` into the JSON the same client would have sent. Only requests: answers are JSON, which every client takes.
//!
//! Invariant: any bytes decode or give an error; depth is bounded, and nothing is allocated ahead of the data.

use std::{collections::HashMap, sync::OnceLock};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

const TABLE: &str = include_str!("protobuf/fields.txt");
/// Begins every body.
const MAGIC: &[u8] = b"k8s\0";
/// Messages inside messages; Pods, the deepest kind, need about ten.
const DEPTH: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Type {
    Text,
    Integer,
    Boolean,
    Double,
    Bytes,
    Time,
    MicroTime,
    Quantity,
    IntOrString,
    Raw,
    Items,
    List(Box<Type>),
    Map(Box<Type>),
    Message(&'static str),
}

impl Type {
    fn parse(text: &'static str) -> Self {
        if let Some(item) = text.strip_prefix('[') {
            return Self::List(Box::new(Self::parse(item)));
        }
        if let Some(value) = text.strip_prefix('{') {
            return Self::Map(Box::new(Self::parse(value)));
        }
        match text {
            "s" => Self::Text,
            "i" => Self::Integer,
            "b" => Self::Boolean,
            "d" => Self::Double,
            "y" => Self::Bytes,
            "time" => Self::Time,
            "micro" => Self::MicroTime,
            "quantity" => Self::Quantity,
            "intstr" => Self::IntOrString,
            "raw" => Self::Raw,
            "items" => Self::Items,
            message => Self::Message(message),
        }
    }
}

#[derive(Debug)]
struct Field {
    number: u64,
    /// Empty: the fields of the message stand in the parent.
    name: &'static str,
    type_: Type,
    /// Clients write the zero value of what is not set.
    zero_is_absent: bool,
}

fn messages() -> &'static HashMap<&'static str, Vec<Field>> {
    static MESSAGES: OnceLock<HashMap<&'static str, Vec<Field>>> = OnceLock::new();
    MESSAGES.get_or_init(|| {
        let lines = TABLE.lines().filter(|l| !l.starts_with('#'));
        lines
            .filter_map(|line| {
                let mut words = line.split(' ');
                let name = words.next()?;
                let fields = words.filter_map(|word| {
                    let mut parts = word.splitn(3, ':');
                    let number = parts.next()?;
                    let zero_is_absent = number.ends_with('?');
                    let number = number.trim_end_matches('?').parse().ok()?;
                    Some(Field { number, name: parts.next()?, type_: Type::parse(parts.next()?), zero_is_absent })
                });
                Some((name, fields.collect()))
            })
            .collect()
    })
}

/// Decodes a body into the object it stands for.
pub(super) fn decode(body: &[u8]) -> Result<Value, String> {
    let rest = body.strip_prefix(MAGIC).ok_or("protobuf parse error: the body does not begin with k8s\\0")?;
    let (mut version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for part in Parts(rest) {
        match part? {
            (1, Wire::Bytes(meta)) => {
                for part in Parts(meta) {
                    match part? {
                        (1, Wire::Bytes(b)) => version = text(b)?,
                        (2, Wire::Bytes(b)) => kind = text(b)?,
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(b)) => raw = b,
            _ => {}
        }
    }
    let (group, v) = version.split_once('/').unwrap_or(("", &version));
    let package = if group.is_empty() { "core" } else { group.split('.').next().unwrap_or_default() };
    let name = match kind.as_str() {
        // Sent in the version of whatever is deleted.
        "DeleteOptions" => "meta/v1.DeleteOptions".to_owned(),
        kind => format!("{package}/{v}.{kind}"),
    };
    let (name, _) = messages()
        .get_key_value(name.as_str())
        .ok_or_else(|| format!("protobuf parse error: {kind:?} in version {version:?} is not known in protobuf"))?;
    let mut object = message(name, raw, 0)?;
    object.insert("apiVersion".to_owned(), version.into());
    object.insert("kind".to_owned(), kind.into());
    Ok(Value::Object(object))
}

fn message(name: &str, bytes: &[u8], depth: usize) -> Result<Map<String, Value>, String> {
    if depth > DEPTH {
        return Err("protobuf parse error: messages are nested too deeply".to_owned());
    }
    let fields = messages().get(name).ok_or_else(|| format!("protobuf parse error: unknown message {name}"))?;
    let mut out = Map::new();
    for part in Parts(bytes) {
        let (number, wire) = part?;
        // Fields of newer clients are skipped, as protobuf demands.
        let Some(field) = fields.iter().find(|f| f.number == number) else { continue };
        match &field.type_ {
            Type::List(item) => {
                let list = out.entry(field.name).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(list) = list {
                    items(item, wire, depth, list)?;
                }
            }
            Type::Map(of) => {
                let (key, value) = entry(of, wire, depth)?;
                let map = out.entry(field.name).or_insert_with(|| Value::Object(Map::new()));
                map[key] = value;
            }
            type_ => {
                let value = scalar(type_, wire, depth)?;
                match value {
                    Value::Object(inner) if field.name.is_empty() => out.extend(inner),
                    Value::Null => {}
                    value if field.zero_is_absent && is_zero(&value) => {}
                    value => {
                        out.insert(field.name.to_owned(), value);
                    }
                }
            }
        }
    }
    Ok(out)
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(b) => !b,
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::String(s) => s.is_empty(),
        Value::Array(a) => a.is_empty(),
        Value::Object(o) => o.is_empty(),
    }
}

fn items(item: &Type, wire: Wire<'_>, depth: usize, list: &mut Vec<Value>) -> Result<(), String> {
    match (item, wire) {
        // Packed numbers.
        (Type::Integer, Wire::Bytes(mut bytes)) => {
            while !bytes.is_empty() {
                list.push(signed(varint(&mut bytes)?).into());
            }
        }
        (item, wire) => list.push(scalar(item, wire, depth)?),
    }
    Ok(())
}

fn entry(of: &Type, wire: Wire<'_>, depth: usize) -> Result<(String, Value), String> {
    let Wire::Bytes(bytes) = wire else { return Err(wrong("a map entry")) };
    let mut key = String::new();
    // The value of an entry without one is the zero value.
    let mut value = match of {
        Type::Text | Type::Bytes => Value::String(String::new()),
        Type::Quantity => "0".into(),
        Type::Items => json!([]),
        _ => json!({}),
    };
    for part in Parts(bytes) {
        match part? {
            (1, Wire::Bytes(b)) => key = text(b)?,
            (2, wire) => value = scalar(of, wire, depth)?,
            _ => {}
        }
    }
    Ok((key, value))
}

fn scalar(type_: &Type, wire: Wire<'_>, depth: usize) -> Result<Value, String> {
    Ok(match (type_, wire) {
        (Type::Text, Wire::Bytes(b)) => text(b)?.into(),
        (Type::Bytes, Wire::Bytes(b)) => BASE64_STANDARD.encode(b).into(),
        (Type::Integer, Wire::Number(n)) => signed(n).into(),
        (Type::Boolean, Wire::Number(n)) => (n != 0).into(),
        (Type::Double, Wire::Fixed64(bits)) => f64::from_bits(bits).into(),
        (Type::Message(name), Wire::Bytes(b)) => Value::Object(message(name, b, depth + 1)?),
        (Type::Time, Wire::Bytes(b)) => time(b, false)?,
        (Type::MicroTime, Wire::Bytes(b)) => time(b, true)?,
        (Type::Quantity, Wire::Bytes(b)) => first_text(b)?.map_or_else(|| "0".into(), Value::String),
        (Type::IntOrString, Wire::Bytes(b)) => int_or_string(b)?,
        (Type::Raw, Wire::Bytes(b)) => raw(b)?,
        (Type::Items, Wire::Bytes(b)) => {
            let mut list = Vec::new();
            for part in Parts(b) {
                if let (1, Wire::Bytes(b)) = part? {
                    list.push(Value::String(text(b)?));
                }
            }
            Value::Array(list)
        }
        (type_, _) => return Err(wrong(&format!("{type_:?}"))),
    })
}

fn wrong(what: &str) -> String {
    format!("protobuf parse error: wrong wire type for {what}")
}

/// Varints carry two's complement.
#[allow(clippy::cast_possible_wrap, reason = "this is how protobuf encodes negative numbers")]
fn signed(n: u64) -> i64 {
    n as i64
}

fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "protobuf parse error: a string is not UTF-8".to_owned())
}

fn first_text(bytes: &[u8]) -> Result<Option<String>, String> {
    for part in Parts(bytes) {
        if let (1, Wire::Bytes(b)) = part? {
            return text(b).map(Some);
        }
    }
    Ok(None)
}

/// `meta/v1` Time and `MicroTime`: seconds and nanoseconds; nothing at all is the zero time, which JSON writes as null.
fn time(bytes: &[u8], micro: bool) -> Result<Value, String> {
    let (mut seconds, mut nanos) = (None, 0);
    for part in Parts(bytes) {
        match part? {
            (1, Wire::Number(n)) => seconds = Some(signed(n)),
            (2, Wire::Number(n)) => nanos = i32::try_from(signed(n)).unwrap_or(0),
            _ => {}
        }
    }
    let Some(seconds) = seconds else { return Ok(Value::Null) };
    let at = jiff::Timestamp::new(seconds, nanos).map_err(|e| format!("protobuf parse error: a time: {e}"))?;
    let format = if micro { "%Y-%m-%dT%H:%M:%S%.6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    Ok(at.strftime(format).to_string().into())
}

fn int_or_string(bytes: &[u8]) -> Result<Value, String> {
    let (mut is_text, mut number, mut string) = (false, 0, String::new());
    for part in Parts(bytes) {
        match part? {
            (1, Wire::Number(n)) => is_text = n == 1,
            (2, Wire::Number(n)) => number = signed(n),
            (3, Wire::Bytes(b)) => string = text(b)?,
            _ => {}
        }
    }
    Ok(if is_text { string.into() } else { number.into() })
}

/// `RawExtension` and `FieldsV1`: JSON in a message.
fn raw(bytes: &[u8]) -> Result<Value, String> {
    for part in Parts(bytes) {
        if let (1, Wire::Bytes(b)) = part? {
            return serde_json::from_slice(b).map_err(|e| format!("json parse error: {e}"));
        }
    }
    Ok(json!({}))
}

#[derive(Debug, Clone, Copy)]
enum Wire<'a> {
    Number(u64),
    Fixed64(u64),
    Fixed32,
    Bytes(&'a [u8]),
}

/// The fields of a message, in the order of the wire.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (head, tail) = self.0.split_at_checked(n).ok_or("protobuf parse error: unexpected end")?;
        self.0 = tail;
        Ok(head)
    }
    fn part(&mut self) -> Result<(u64, Wire<'a>), String> {
        let tag = varint(&mut self.0)?;
        let wire = match tag & 7 {
            0 => Wire::Number(varint(&mut self.0)?),
            1 => Wire::Fixed64(self.take(8)?.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))),
            2 => {
                let length = varint(&mut self.0)?;
                Wire::Bytes(self.take(usize::try_from(length).unwrap_or(usize::MAX))?)
            }
            5 => {
                self.take(4)?;
                Wire::Fixed32
            }
            other => return Err(format!("protobuf parse error: wire type {other}")),
        };
        Ok((tag >> 3, wire))
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<(u64, Wire<'a>), String>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let part = self.part();
        if part.is_err() {
            self.0 = &[];
        }
        Some(part)
    }
}

fn varint(bytes: &mut &[u8]) -> Result<u64, String> {
    let mut value = 0;
    for (i, b) in bytes.iter().enumerate().take(10) {
        value |= u64::from(b & 0x7f) << (7 * i);
        if b & 0x80 == 0 {
            *bytes = &bytes[i + 1..];
            return Ok(value);
        }
    }
    Err("protobuf parse error: unexpected end".to_owned())
}

#[cfg(test)]
mod tests;
