//! Template data from the JSON of a case, with the tagged forms that oracle/value.go describes.

use std::fmt::Write as _;

use gotemplate::{List, Map, Number, Str, Struct, Type, Value};
use serde_json::Value as Json;

use super::{funcs, unhex};

/// The value of a case's JSON.
///
/// # Panics
///
/// On JSON that the Go side refuses as well: the corpus is ours.
pub fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => Value::Int(i),
            (None, Some(u)) => Value::Uint(u),
            _ => Value::Float(n.as_f64().expect("a JSON number is a float")),
        },
        Json::String(s) => s.as_str().into(),
        Json::Array(items) => Value::List(items.iter().map(value).collect()),
        Json::Object(object) => match object.keys().find(|k| k.starts_with('$')) {
            Some(tag) => tagged(tag, &object[tag], json),
            None => Value::Map(object.iter().map(|(k, v)| (k.as_str(), value(v))).collect()),
        },
    }
}

fn tagged(tag: &str, arg: &Json, object: &Json) -> Value {
    let text = arg.as_str().unwrap_or_default();
    match tag {
        "$float" => Value::Float(match text {
            "NaN" => f64::NAN,
            "+Inf" => f64::INFINITY,
            "-Inf" => f64::NEG_INFINITY,
            "-0" => -0.0,
            _ => arg.as_f64().expect("$float"),
        }),
        "$bytes" => Value::List(List::of(Type::Uint8, text.bytes().map(Value::from).collect())),
        "$hex" => Value::String(Str::from(unhex(text))),
        "$func" => funcs::function(text).into(),
        "$nil" => convert(&Json::Null, &type_named(text)),
        "$slice" => convert(&object["of"], &Type::list(type_named(text))),
        "$map" => {
            let (key, elem) = text.split_once(':').expect("$map is key:element");
            assert_eq!(key, "string", "maps have string keys");
            let elem = type_named(elem);
            let pairs = object["of"].as_array().expect("of");
            let entries: Vec<_> = pairs.iter().map(|p| (p[0].as_str().expect("key"), convert(&p[1], &elem))).collect();
            Value::Map(Map::of(elem, entries))
        }
        "$struct" => structure(arg, object.get("type").and_then(Json::as_str)),
        _ => convert(arg, &type_named(&tag[1..])),
    }
}

/// The declared struct types of oracle/value.go: their fields in order.
fn declared(name: &str) -> &'static [(&'static str, &'static str)] {
    match name.trim_start_matches('*') {
        "main.Machine" => &[
            ("Name", "string"),
            ("Labels", "map[string]string"),
            ("Spec", "main.Spec"),
            ("Leases", "[]main.Lease"),
            ("hidden", "string"),
        ],
        "main.Spec" => &[
            ("Image", "string"),
            ("Version", "string"),
            ("Reboots", "int64"),
            ("Ready", "bool"),
            ("Weight", "float64"),
            ("Extra", "any"),
            ("PXE", "*main.PXE"),
        ],
        "main.PXE" => &[("Image", "string"), ("Lease", "main.Lease")],
        "main.Lease" => &[("MAC", "string"), ("IPv4", "string"), ("DNS", "[]string"), ("MTU", "int")],
        _ => panic!("no struct type {name}"),
    }
}

fn structure(pairs: &Json, name: Option<&str>) -> Value {
    let pairs = pairs.as_array().expect("$struct is a list of pairs");
    if let Some(name) = name {
        return Value::Struct(fill(name, pairs));
    }
    let mut ty = String::from("struct {");
    let mut separator = " ";
    for pair in pairs {
        let declared = value(&pair[1]).go_type().unwrap_or(Type::Any);
        let _ = write!(ty, "{separator}{} {declared}", pair[0].as_str().expect("field name"));
        separator = "; ";
    }
    ty.push_str(if pairs.is_empty() { "}" } else { " }" });
    Value::Struct(
        pairs.iter().fold(Struct::new(ty), |s, pair| s.field(pair[0].as_str().expect("field name"), value(&pair[1]))),
    )
}

fn fill(name: &str, pairs: &[Json]) -> Struct {
    declared(name).iter().fold(Struct::new(name), |s, (field, ty)| {
        let given = pairs.iter().find(|p| p[0] == *field).map_or(&Json::Null, |p| &p[1]);
        let ty = type_named(ty);
        let v = convert(given, &ty);
        if ty == Type::Any { s.any_field(*field, v) } else { s.field(*field, v) }
    })
}

fn type_named(name: &str) -> Type {
    match name {
        "any" => Type::Any,
        "bool" => Type::Bool,
        "int" => Type::Int,
        "int8" => Type::Int8,
        "int16" => Type::Int16,
        "int32" => Type::Int32,
        "int64" => Type::Int64,
        "uint" => Type::Uint,
        "uint8" => Type::Uint8,
        "uint16" => Type::Uint16,
        "uint32" => Type::Uint32,
        "uint64" => Type::Uint64,
        "float32" => Type::Float32,
        "float64" => Type::Float64,
        "string" => Type::String,
        _ => {
            if let Some(elem) = name.strip_prefix("[]") {
                Type::list(type_named(elem))
            } else if let Some(elem) = name.strip_prefix("map[string]") {
                Type::map(type_named(elem))
            } else {
                Type::Struct(name.into())
            }
        }
    }
}

/// A JSON value as the wanted Go type; null is its zero value.
#[expect(clippy::cast_possible_truncation, reason = "Go's conversion to float32 is meant")]
fn convert(json: &Json, ty: &Type) -> Value {
    let int = || json.as_i64().unwrap_or_default();
    let uint = || json.as_u64().unwrap_or_default();
    let float = || json.as_f64().unwrap_or_default();
    let fits = "the number is in the range of its type";
    Value::Number(match ty {
        Type::Bool => return Value::Bool(json.as_bool().unwrap_or_default()),
        Type::Int => return Value::Int(int()),
        Type::Uint => return Value::Uint(uint()),
        Type::Float64 => return Value::Float(float()),
        Type::String => return json.as_str().unwrap_or_default().into(),
        Type::Int8 => Number::Int8(int().try_into().expect(fits)),
        Type::Int16 => Number::Int16(int().try_into().expect(fits)),
        Type::Int32 => Number::Int32(int().try_into().expect(fits)),
        Type::Int64 => Number::Int64(int()),
        Type::Uint8 => Number::Uint8(uint().try_into().expect(fits)),
        Type::Uint16 => Number::Uint16(uint().try_into().expect(fits)),
        Type::Uint32 => Number::Uint32(uint().try_into().expect(fits)),
        Type::Uint64 => Number::Uint64(uint()),
        Type::Float32 => Number::Float32(float() as f32),
        Type::List(elem) => {
            let items = json.as_array().map_or(&[][..], Vec::as_slice);
            return Value::List(List::of((**elem).clone(), items.iter().map(|j| convert(j, elem)).collect()));
        }
        Type::Map(elem) => {
            let entries = json.as_object().into_iter().flatten().map(|(k, v)| (k.as_str(), convert(v, elem)));
            return Value::Map(Map::of((**elem).clone(), entries));
        }
        Type::Struct(name) => {
            let pairs = json.get("$struct").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
            return Value::Struct(fill(name, pairs));
        }
        _ => return value(json),
    })
}
