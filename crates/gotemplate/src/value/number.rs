//! Numbers of Go's less common types. Role: `Value::Number`; the types matter in `%T`, in messages and when functions are called.

use super::{Kind, Type};

/// A number whose Go type is none of `int`, `uint` and `float64`.
///
/// ```
/// use gotemplate::{Number, Value};
/// assert_eq!(Value::Number(Number::Int64(1)).type_name(), "int64");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// `int8`
    Int8(i8),
    /// `int16`
    Int16(i16),
    /// `int32`, also called `rune`
    Int32(i32),
    /// `int64`
    Int64(i64),
    /// `uint8`, also called `byte`: what `index` gives of a string
    Uint8(u8),
    /// `uint16`
    Uint16(u16),
    /// `uint32`
    Uint32(u32),
    /// `uint64`
    Uint64(u64),
    /// `float32`
    Float32(f32),
    /// `complex128`, real and imaginary part: what the literal `1+2i` gives
    Complex128(f64, f64),
}

impl Number {
    pub(crate) fn go_type(self) -> Type {
        match self {
            Self::Int8(_) => Type::Int8,
            Self::Int16(_) => Type::Int16,
            Self::Int32(_) => Type::Int32,
            Self::Int64(_) => Type::Int64,
            Self::Uint8(_) => Type::Uint8,
            Self::Uint16(_) => Type::Uint16,
            Self::Uint32(_) => Type::Uint32,
            Self::Uint64(_) => Type::Uint64,
            Self::Float32(_) => Type::Float32,
            Self::Complex128(..) => Type::Complex128,
        }
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Int8(_) | Self::Int16(_) | Self::Int32(_) | Self::Int64(_) => Kind::Int,
            Self::Uint8(_) | Self::Uint16(_) | Self::Uint32(_) | Self::Uint64(_) => Kind::Uint,
            Self::Float32(_) => Kind::Float,
            Self::Complex128(..) => Kind::Complex,
        }
    }

    /// The value as bits of 64: sign-extended, if it is a signed integer; zero, if it is none.
    pub(crate) fn bits(self) -> u64 {
        match self {
            Self::Int8(i) => i64::from(i).cast_unsigned(),
            Self::Int16(i) => i64::from(i).cast_unsigned(),
            Self::Int32(i) => i64::from(i).cast_unsigned(),
            Self::Int64(i) => i.cast_unsigned(),
            Self::Uint8(u) => u.into(),
            Self::Uint16(u) => u.into(),
            Self::Uint32(u) => u.into(),
            Self::Uint64(u) => u,
            Self::Float32(_) | Self::Complex128(..) => 0,
        }
    }

    pub(crate) fn truth(self) -> bool {
        match self {
            Self::Float32(f) => f != 0.0,
            Self::Complex128(re, im) => re != 0.0 || im != 0.0,
            other => other.bits() != 0,
        }
    }

    pub(crate) fn as_i64(self) -> Option<i64> {
        match self.kind() {
            Kind::Int => Some(self.bits().cast_signed()),
            Kind::Uint => i64::try_from(self.bits()).ok(),
            _ => None,
        }
    }

    pub(crate) fn zero(ty: &Type) -> Option<Self> {
        Some(match ty {
            Type::Int8 => Self::Int8(0),
            Type::Int16 => Self::Int16(0),
            Type::Int32 => Self::Int32(0),
            Type::Int64 => Self::Int64(0),
            Type::Uint8 => Self::Uint8(0),
            Type::Uint16 => Self::Uint16(0),
            Type::Uint32 => Self::Uint32(0),
            Type::Uint64 => Self::Uint64(0),
            Type::Float32 => Self::Float32(0.0),
            Type::Complex128 => Self::Complex128(0.0, 0.0),
            _ => return None,
        })
    }
}
