//! From what `serde` can serialize to values.

use std::fmt;

use serde::ser::{self, Serialize};

use super::{List, Map, Number, Str, Struct, Type, Value};

/// Why something serializable is no value.
///
/// ```
/// use gotemplate::Value;
/// let odd_keys = std::collections::BTreeMap::from([((1, 2), 3)]);
/// assert_eq!(Value::from_serialize(&odd_keys).unwrap_err().to_string(), "a map's key must be a string");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerializeError(String);

impl fmt::Display for SerializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SerializeError {}

impl ser::Error for SerializeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl Value {
    /// Converts anything serializable. Rust structs become Go structs, where an unknown field is an error
    /// (all fields are visible, whatever their case); maps become maps, with
    /// integers and booleans as keys written out; `None` and `()` become nil, an enum's variant its name or a map of one entry,
    /// integers of up to 64 bits `int` (beyond `i64::MAX`: `uint`), bytes `[]byte`.
    ///
    /// ```
    /// use gotemplate::Value;
    /// let v = Value::from_serialize(&serde_json::json!({"a": [1, null, 2.5]})).expect("JSON is always a value");
    /// assert_eq!(v.type_name(), "map[string]interface {}");
    /// ```
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self, SerializeError> {
        value.serialize(ToValue)
    }
}

struct ToValue;

impl ser::Serializer for ToValue {
    type Ok = Value;
    type Error = SerializeError;
    type SerializeSeq = ToList;
    type SerializeTuple = ToList;
    type SerializeTupleStruct = ToList;
    type SerializeTupleVariant = ToList;
    type SerializeMap = ToMap;
    type SerializeStruct = ToStruct;
    type SerializeStructVariant = ToStruct;

    fn serialize_bool(self, v: bool) -> Result<Value, SerializeError> {
        Ok(Value::Bool(v))
    }
    fn serialize_i8(self, v: i8) -> Result<Value, SerializeError> {
        Ok(Value::Int(v.into()))
    }
    fn serialize_i16(self, v: i16) -> Result<Value, SerializeError> {
        Ok(Value::Int(v.into()))
    }
    fn serialize_i32(self, v: i32) -> Result<Value, SerializeError> {
        Ok(Value::Int(v.into()))
    }
    fn serialize_i64(self, v: i64) -> Result<Value, SerializeError> {
        Ok(Value::Int(v))
    }
    fn serialize_u8(self, v: u8) -> Result<Value, SerializeError> {
        Ok(Value::Int(v.into()))
    }
    fn serialize_u16(self, v: u16) -> Result<Value, SerializeError> {
        Ok(Value::Int(v.into()))
    }
    fn serialize_u32(self, v: u32) -> Result<Value, SerializeError> {
        Ok(Value::Int(v.into()))
    }
    fn serialize_u64(self, v: u64) -> Result<Value, SerializeError> {
        Ok(i64::try_from(v).map_or(Value::Uint(v), Value::Int))
    }
    fn serialize_f32(self, v: f32) -> Result<Value, SerializeError> {
        Ok(Value::Number(Number::Float32(v)))
    }
    fn serialize_f64(self, v: f64) -> Result<Value, SerializeError> {
        Ok(Value::Float(v))
    }
    fn serialize_char(self, v: char) -> Result<Value, SerializeError> {
        Ok(v.to_string().into())
    }
    fn serialize_str(self, v: &str) -> Result<Value, SerializeError> {
        Ok(v.into())
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<Value, SerializeError> {
        Ok(List::of(Type::Uint8, v.iter().map(|b| (*b).into()).collect()).into())
    }
    fn serialize_none(self) -> Result<Value, SerializeError> {
        Ok(Value::Nil)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, SerializeError> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Value, SerializeError> {
        Ok(Value::Nil)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, SerializeError> {
        Ok(Value::Nil)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Value, SerializeError> {
        Ok(variant.into())
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, SerializeError> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, SerializeError> {
        Ok(variant_of(variant, value.serialize(self)?))
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<ToList, SerializeError> {
        Ok(ToList { variant: None, items: Vec::with_capacity(len.unwrap_or(0).min(1024)) })
    }
    fn serialize_tuple(self, len: usize) -> Result<ToList, SerializeError> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<ToList, SerializeError> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<ToList, SerializeError> {
        Ok(ToList { variant: Some(variant), items: Vec::new() })
    }
    fn serialize_map(self, _: Option<usize>) -> Result<ToMap, SerializeError> {
        Ok(ToMap { key: None, entries: Vec::new() })
    }
    fn serialize_struct(self, name: &'static str, _: usize) -> Result<ToStruct, SerializeError> {
        Ok(ToStruct { variant: None, made: Struct::new(name) })
    }
    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<ToStruct, SerializeError> {
        Ok(ToStruct { variant: Some(variant), made: Struct::new(name) })
    }
}

/// An enum's variant with contents, as serde's data model writes it in JSON.
fn variant_of(name: &'static str, value: Value) -> Value {
    Value::Map(Map::from_iter([(name, value)]))
}

struct ToList {
    variant: Option<&'static str>,
    items: Vec<Value>,
}

impl ToList {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        self.items.push(value.serialize(ToValue)?);
        Ok(())
    }
    fn finish(self) -> Value {
        let list = Value::from(self.items);
        match self.variant {
            Some(name) => variant_of(name, list),
            None => list,
        }
    }
}

macro_rules! list {
    ($($of:ident $add:ident),*) => {
        $(impl ser::$of for ToList {
            type Ok = Value;
            type Error = SerializeError;
            fn $add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
                self.push(value)
            }
            fn end(self) -> Result<Value, SerializeError> {
                Ok(self.finish())
            }
        })*
    };
}
list!(SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field);

struct ToMap {
    key: Option<Str>,
    entries: Vec<(Str, Value)>,
}

impl ser::SerializeMap for ToMap {
    type Ok = Value;
    type Error = SerializeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerializeError> {
        self.key = Some(match key.serialize(ToValue)? {
            Value::String(s) => s,
            Value::Int(i) => i.to_string().into(),
            Value::Uint(u) => u.to_string().into(),
            Value::Bool(b) => b.to_string().into(),
            _ => return Err(SerializeError("a map's key must be a string".to_owned())),
        });
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        let key = self.key.take().ok_or_else(|| SerializeError("a map's value came before its key".to_owned()))?;
        self.entries.push((key, value.serialize(ToValue)?));
        Ok(())
    }
    fn end(self) -> Result<Value, SerializeError> {
        Ok(Value::Map(Map::of(Type::Any, self.entries)))
    }
}

struct ToStruct {
    variant: Option<&'static str>,
    made: Struct,
}

impl ToStruct {
    fn push<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), SerializeError> {
        let made = std::mem::replace(&mut self.made, Struct::new(""));
        self.made = made.exported(key, value.serialize(ToValue)?);
        Ok(())
    }
    fn finish(self) -> Value {
        match self.variant {
            Some(name) => variant_of(name, self.made.into()),
            None => self.made.into(),
        }
    }
}

macro_rules! structure {
    ($($of:ident),*) => {
        $(impl ser::$of for ToStruct {
            type Ok = Value;
            type Error = SerializeError;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), SerializeError> {
                self.push(key, value)
            }
            fn end(self) -> Result<Value, SerializeError> {
                Ok(self.finish())
            }
        })*
    };
}
structure!(SerializeStruct, SerializeStructVariant);
