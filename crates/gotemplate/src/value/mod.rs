//! The values that templates work on: Go's kinds, with Go's types.
//!
//! Role: what an embedder hands to `Template::execute` and what functions take and give. Invariants: a map iterates in the byte order of
//! its keys; cloning a value copies no more than a pointer; dropping one never recurses, however deep it is.

mod convert;
mod de;
mod list;
mod map;
mod number;
mod ser;
mod str;
mod structure;
#[cfg(test)]
mod tests;
mod types;

pub use list::List;
pub use map::{Map, SetError};
pub use number::Number;
pub use ser::SerializeError;
pub use str::Str;
pub use structure::Struct;
pub use types::Type;

use crate::func::Func;

/// A value as Go's templates know it.
///
/// Each variant stands for a Go type: what comes from JSON is `bool`, `int`, `float64`, `string`, `[]interface {}` and
/// `map[string]interface {}`. Other element types are made with [`List::of`] and [`Map::of`], other number types with [`Number`].
///
/// ```
/// use gotemplate::{Map, Template, Value};
/// let data = Value::from(Map::from_iter([("host", Value::from("n1")), ("cores", Value::Int(8))]));
/// let out = Template::new("motd", "{{.host}}: {{.cores}}")?.render(&data)?;
/// assert_eq!(out, "n1: 8");
/// # Ok::<(), gotemplate::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Go's nil interface, JSON's null.
    #[default]
    Nil,
    /// `bool`
    Bool(bool),
    /// `int`, which has 64 bits.
    Int(i64),
    /// `uint`, which has 64 bits.
    Uint(u64),
    /// `float64`
    Float(f64),
    /// A number of any other Go type (`int64`, `uint8`, ...).
    Number(Number),
    /// `string`
    String(Str),
    /// A slice.
    List(List),
    /// A map with string keys.
    Map(Map),
    /// A struct: a fixed set of named fields.
    Struct(Struct),
    /// A function, for `call`.
    Func(Func),
}

/// Go's `reflect.Kind`, with the sizes of numbers folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nil,
    Bool,
    Int,
    Uint,
    Float,
    Complex,
    String,
    List,
    Map,
    Struct,
    Func,
}

impl Value {
    /// A string value.
    ///
    /// ```
    /// use gotemplate::Value;
    /// assert_eq!(Value::string("a"), Value::from("a"));
    /// ```
    pub fn string(s: impl Into<Str>) -> Self {
        Self::String(s.into())
    }

    /// The Go type of the value; nil has none.
    pub fn go_type(&self) -> Option<Type> {
        Some(match self {
            Self::Nil => return None,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Uint(_) => Type::Uint,
            Self::Float(_) => Type::Float64,
            Self::Number(n) => n.go_type(),
            Self::String(_) => Type::String,
            Self::List(l) => l.go_type().clone(),
            Self::Map(m) => m.go_type().clone(),
            Self::Struct(s) => s.go_type(),
            Self::Func(f) => f.go_type(),
        })
    }

    /// The name of the Go type, as `%T` prints it: `map[string]interface {}`, or `<nil>`.
    ///
    /// ```
    /// use gotemplate::Value;
    /// assert_eq!(Value::from(vec![1i64]).type_name(), "[]interface {}");
    /// assert_eq!(Value::Nil.type_name(), "<nil>");
    /// ```
    pub fn type_name(&self) -> String {
        self.go_type().map_or_else(|| "<nil>".to_owned(), |t| t.to_string())
    }

    /// Go's truth: false for nil, `false`, zero and what is empty; a struct is always true.
    ///
    /// ```
    /// use gotemplate::Value;
    /// assert!(!Value::from("").truth());
    /// assert!(Value::from("false").truth());
    /// ```
    pub fn truth(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(b) => *b,
            Self::Int(i) => *i != 0,
            Self::Uint(u) => *u != 0,
            Self::Float(f) => *f != 0.0,
            Self::Number(n) => n.truth(),
            Self::String(s) => !s.is_empty(),
            Self::List(l) => !l.is_empty(),
            Self::Map(m) => !m.is_empty(),
            Self::Struct(_) | Self::Func(_) => true,
        }
    }

    /// The number, if this is an integer of any type that fits; an unsigned one above `i64::MAX` does not.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(i) => Some(*i),
            Self::Uint(u) => i64::try_from(*u).ok(),
            Self::Number(n) => n.as_i64(),
            _ => None,
        }
    }

    /// The bytes, if this is a string.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::String(s) => Some(s),
            _ => None,
        }
    }

    /// A Go `int64`, which is another type than `int`.
    pub fn int64(i: i64) -> Self {
        Self::Number(Number::Int64(i))
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Nil => Kind::Nil,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Uint(_) => Kind::Uint,
            Self::Float(_) => Kind::Float,
            Self::Number(n) => n.kind(),
            Self::String(_) => Kind::String,
            Self::List(_) => Kind::List,
            Self::Map(_) => Kind::Map,
            Self::Struct(_) => Kind::Struct,
            Self::Func(_) => Kind::Func,
        }
    }

    /// Whether the type of the value is `ty`, or `ty` is an interface.
    pub(crate) fn assignable_to(&self, ty: &Type) -> bool {
        match (self, ty) {
            (_, Type::Any | Type::Value)
            | (Self::Bool(_), Type::Bool)
            | (Self::Int(_), Type::Int)
            | (Self::Uint(_), Type::Uint)
            | (Self::Float(_), Type::Float64)
            | (Self::String(_), Type::String) => true,
            (Self::Number(n), _) => n.go_type() == *ty,
            (Self::List(l), _) => l.go_type() == ty,
            (Self::Map(m), _) => m.go_type() == ty,
            (Self::Struct(s), _) => s.go_type() == *ty,
            (Self::Func(f), _) => f.go_type() == *ty,
            _ => false,
        }
    }

    /// Go's zero value of a type.
    pub(crate) fn zero(ty: &Type) -> Self {
        match ty {
            Type::Bool => Self::Bool(false),
            Type::Int => Self::Int(0),
            Type::Uint => Self::Uint(0),
            Type::Float64 => Self::Float(0.0),
            Type::String => Self::String(Str::default()),
            Type::List(elem) => Self::List(List::of((**elem).clone(), Vec::new())),
            Type::Map(elem) => Self::Map(Map::of((**elem).clone(), Vec::<(Str, Self)>::new())),
            Type::Struct(name) => Self::Struct(Struct::new(name)),
            other => Number::zero(other).map_or(Self::Nil, Self::Number),
        }
    }

    /// The parts of a container, moved out of it if nobody else holds it.
    fn take_parts(self, into: &mut Vec<Self>) {
        match self {
            Self::List(l) => l.take_parts(into),
            Self::Map(m) => m.take_parts(into),
            Self::Struct(s) => s.take_parts(into),
            _ => {}
        }
    }
}

/// Drops values with a list of what is left instead of recursion: a template can nest values as deep as its step limit allows.
fn drop_flat(mut pending: Vec<Value>) {
    while let Some(value) = pending.pop() {
        value.take_parts(&mut pending);
    }
}
