//! The protobuf encoding of a Swagger document: messages and field numbers of gnostic's `openapi.v2` package
//! (OpenAPIv2.proto, Apache-2.0). Only what the documents of this server contain is encoded.

use serde_json::{Map, Value};

/// A message under construction.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut n: u64) {
        #[allow(clippy::cast_possible_truncation)] // seven bits at a time
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        #[allow(clippy::cast_possible_truncation)] // below 0x80
        self.0.push(n as u8);
    }
    fn key(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }
    fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }
    fn message(&mut self, field: u32, message: &Message) {
        self.bytes(field, &message.0);
    }
    /// A string; absent and empty are the same (proto3).
    fn text(&mut self, field: u32, value: Option<&Value>) {
        if let Some(s) = value.and_then(Value::as_str).filter(|s| !s.is_empty()) {
            self.bytes(field, s.as_bytes());
        }
    }
    fn texts(&mut self, field: u32, value: Option<&Value>) {
        for s in value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            self.bytes(field, s.as_bytes());
        }
    }
    fn flag(&mut self, field: u32, value: Option<&Value>) {
        if value == Some(&Value::Bool(true)) {
            self.key(field, 0);
            self.varint(1);
        }
    }
    fn integer(&mut self, field: u32, value: Option<&Value>) {
        if let Some(n) = value.and_then(Value::as_i64).filter(|n| *n != 0) {
            self.key(field, 0);
            // Two's complement, as protobuf writes int64.
            self.varint(u64::from_le_bytes(n.to_le_bytes()));
        }
    }
    fn double(&mut self, field: u32, value: Option<&Value>) {
        if let Some(f) = value.and_then(Value::as_f64).filter(|f| *f != 0.0) {
            self.key(field, 1);
            self.0.extend_from_slice(&f.to_le_bytes());
        }
    }
    /// `Any`, whose text is YAML: JSON is.
    fn any(&mut self, field: u32, value: Option<&Value>) {
        if let Some(value) = value {
            self.message(field, &any(value));
        }
    }
    fn anys(&mut self, field: u32, value: Option<&Value>) {
        for value in value.and_then(Value::as_array).into_iter().flatten() {
            self.message(field, &any(value));
        }
    }
    /// The `x-` members of an object, in field `field`.
    fn extensions(&mut self, field: u32, object: &Value) {
        for (name, value) in members(object).filter(|(name, _)| name.starts_with("x-")) {
            self.message(field, &named(name, &any(value)));
        }
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// `Named…`: the entry of a map.
fn named(name: &str, value: &Message) -> Message {
    let mut m = Message::default();
    m.bytes(1, name.as_bytes());
    m.message(2, value);
    m
}

fn any(value: &Value) -> Message {
    let mut m = Message::default();
    m.bytes(2, format!("{value}\n").as_bytes());
    m
}

/// `Document`.
pub(super) fn document(d: &Value) -> Vec<u8> {
    let mut m = Message::default();
    m.text(1, d.get("swagger"));
    if let Some(info) = d.get("info") {
        let mut i = Message::default();
        i.text(1, info.get("title"));
        i.text(2, info.get("version"));
        i.text(3, info.get("description"));
        m.message(2, &i);
    }
    let mut paths = Message::default();
    for (path, item) in d.get("paths").into_iter().flat_map(members) {
        paths.message(2, &named(path, &path_item(item)));
    }
    m.message(8, &paths);
    let mut definitions = Message::default();
    for (name, definition) in d.get("definitions").into_iter().flat_map(members) {
        definitions.message(1, &named(name, &schema(definition)));
    }
    m.message(9, &definitions);
    for requirement in d.get("security").and_then(Value::as_array).into_iter().flatten() {
        let mut r = Message::default();
        for (name, scopes) in members(requirement) {
            let mut list = Message::default();
            list.texts(1, Some(scopes));
            r.message(1, &named(name, &list));
        }
        m.message(12, &r);
    }
    let mut security = Message::default();
    for (name, scheme) in d.get("securityDefinitions").into_iter().flat_map(members) {
        // All of ours are API keys.
        let mut key = Message::default();
        key.text(1, scheme.get("type"));
        key.text(2, scheme.get("name"));
        key.text(3, scheme.get("in"));
        key.text(4, scheme.get("description"));
        let mut item = Message::default();
        item.message(2, &key);
        security.message(1, &named(name, &item));
    }
    m.message(13, &security);
    m.0
}

fn path_item(p: &Value) -> Message {
    let mut m = Message::default();
    for (field, method) in
        [(2, "get"), (3, "put"), (4, "post"), (5, "delete"), (6, "options"), (7, "head"), (8, "patch")]
    {
        if let Some(o) = p.get(method) {
            m.message(field, &operation(o));
        }
    }
    parameters(&mut m, 9, p);
    m.extensions(10, p);
    m
}

fn operation(o: &Value) -> Message {
    let mut m = Message::default();
    m.texts(1, o.get("tags"));
    m.text(2, o.get("summary"));
    m.text(3, o.get("description"));
    m.text(5, o.get("operationId"));
    m.texts(6, o.get("produces"));
    m.texts(7, o.get("consumes"));
    parameters(&mut m, 8, o);
    let mut responses = Message::default();
    for (code, r) in o.get("responses").into_iter().flat_map(members) {
        let mut response = Message::default();
        response.text(1, r.get("description"));
        if let Some(s) = r.get("schema") {
            let mut item = Message::default();
            item.message(1, &schema(s));
            response.message(2, &item);
        }
        let mut value = Message::default();
        value.message(1, &response);
        responses.message(1, &named(code, &value));
    }
    m.message(9, &responses);
    m.texts(10, o.get("schemes"));
    m.flag(11, o.get("deprecated"));
    m.extensions(13, o);
    m
}

/// The parameters of an operation or path, as `ParametersItem`s.
fn parameters(m: &mut Message, field: u32, holder: &Value) {
    for p in holder.get("parameters").and_then(Value::as_array).into_iter().flatten() {
        let mut parameter = Message::default();
        match p.get("in").and_then(Value::as_str) {
            Some("body") => {
                let mut body = Message::default();
                body.text(1, p.get("description"));
                body.text(2, p.get("name"));
                body.text(3, p.get("in"));
                body.flag(4, p.get("required"));
                if let Some(s) = p.get("schema") {
                    body.message(5, &schema(s));
                }
                parameter.message(1, &body);
            }
            place => {
                // Query parameters have one field more than path parameters, which shifts the rest.
                let (variant, shift) = if place == Some("path") { (4, 0) } else { (3, 1) };
                let mut sub = Message::default();
                sub.flag(1, p.get("required"));
                sub.text(2, p.get("in"));
                sub.text(3, p.get("description"));
                sub.text(4, p.get("name"));
                sub.text(5 + shift, p.get("type"));
                sub.text(6 + shift, p.get("format"));
                sub.flag(19 + shift, p.get("uniqueItems"));
                let mut non_body = Message::default();
                non_body.message(variant, &sub);
                parameter.message(2, &non_body);
            }
        }
        let mut item = Message::default();
        item.message(1, &parameter);
        m.message(field, &item);
    }
}

fn schema(s: &Value) -> Message {
    let mut m = Message::default();
    m.text(1, s.get("$ref"));
    m.text(2, s.get("format"));
    m.text(3, s.get("title"));
    m.text(4, s.get("description"));
    m.any(5, s.get("default"));
    m.double(6, s.get("multipleOf"));
    m.double(7, s.get("maximum"));
    m.flag(8, s.get("exclusiveMaximum"));
    m.double(9, s.get("minimum"));
    m.flag(10, s.get("exclusiveMinimum"));
    m.integer(11, s.get("maxLength"));
    m.integer(12, s.get("minLength"));
    m.text(13, s.get("pattern"));
    m.integer(14, s.get("maxItems"));
    m.integer(15, s.get("minItems"));
    m.flag(16, s.get("uniqueItems"));
    m.integer(17, s.get("maxProperties"));
    m.integer(18, s.get("minProperties"));
    m.texts(19, s.get("required"));
    m.anys(20, s.get("enum"));
    match s.get("additionalProperties") {
        Some(Value::Bool(allowed)) => {
            let mut item = Message::default();
            item.flag(2, Some(&Value::Bool(*allowed)));
            m.message(21, &item);
        }
        Some(values) => {
            let mut item = Message::default();
            item.message(1, &schema(values));
            m.message(21, &item);
        }
        None => {}
    }
    if let Some(type_) = s.get("type") {
        let mut item = Message::default();
        item.text(1, Some(type_));
        m.message(22, &item);
    }
    if let Some(items) = s.get("items") {
        let mut item = Message::default();
        item.message(1, &schema(items));
        m.message(23, &item);
    }
    if let Some(properties) = s.get("properties") {
        let mut p = Message::default();
        for (name, property) in members(properties) {
            p.message(1, &named(name, &schema(property)));
        }
        m.message(25, &p);
    }
    m.extensions(31, s);
    m
}
