//! The Go types that values and parameters have.
//!
//! Role: names for `%T` and for error messages, element types of lists and maps, parameter types of functions. Invariant: `Display` is
//! exactly what Go's `reflect.Type.String` gives.

use std::fmt;
use std::sync::Arc;

/// A Go type, as far as a template can see one.
///
/// ```
/// use gotemplate::Type;
/// assert_eq!(Type::list(Type::Any).to_string(), "[]interface {}");
/// assert_eq!(Type::map(Type::String).to_string(), "map[string]string");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Type {
    /// `interface {}`: any value, nil included.
    Any,
    /// As a parameter: any value, like [`Type::Any`], the way Go's own functions take it (`reflect.Value`).
    Value,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `int8`
    Int8,
    /// `int16`
    Int16,
    /// `int32`
    Int32,
    /// `int64`
    Int64,
    /// `uint`
    Uint,
    /// `uint8`
    Uint8,
    /// `uint16`
    Uint16,
    /// `uint32`
    Uint32,
    /// `uint64`
    Uint64,
    /// `float32`
    Float32,
    /// `float64`
    Float64,
    /// `complex128`
    Complex128,
    /// `string`
    String,
    /// `error`, which occurs only as a function's second result.
    Error,
    /// A slice of the element type.
    List(Arc<Type>),
    /// A map from string to the element type.
    Map(Arc<Type>),
    /// A struct, by its qualified name (`main.Machine`).
    Struct(Arc<str>),
    /// A function, by its signature (`func(string) int`).
    Func(Arc<str>),
}

impl Type {
    /// The slice of an element type.
    pub fn list(elem: Self) -> Self {
        Self::List(Arc::new(elem))
    }

    /// The map from string to an element type.
    pub fn map(elem: Self) -> Self {
        Self::Map(Arc::new(elem))
    }

    /// Whether Go's untyped nil can be assigned to this type.
    pub(crate) fn can_be_nil(&self) -> bool {
        matches!(self, Self::Any | Self::Value | Self::Error | Self::List(_) | Self::Map(_) | Self::Func(_))
    }

    pub(crate) fn is_interface(&self) -> bool {
        matches!(self, Self::Any | Self::Value)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "interface {}",
            Self::Value => "reflect.Value",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint => "uint",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Complex128 => "complex128",
            Self::String => "string",
            Self::Error => "error",
            Self::List(elem) => return write!(f, "[]{elem}"),
            Self::Map(elem) => return write!(f, "map[string]{elem}"),
            Self::Struct(name) | Self::Func(name) => name,
        })
    }
}
