//! `eq`, `ne`, `lt`, `le`, `gt` and `ge`.

use std::cmp::Ordering;

use super::val::Val;
use crate::func::FuncError;
use crate::gofmt::{sprint, sprintf};
use crate::value::{Kind, Number, Value};

const BAD_TYPE: &str = "invalid type for comparison";

/// What can be ordered or tested for equality without further ado.
#[derive(Clone, Copy, PartialEq)]
enum Basic<'v> {
    Bool(bool),
    Complex(f64, f64),
    Int(i64),
    Float(f64),
    String(&'v [u8]),
    Uint(u64),
}

impl Basic<'_> {
    /// An integer of either sign as one that holds both.
    fn integer(self) -> Option<i128> {
        match self {
            Self::Int(i) => Some(i.into()),
            Self::Uint(u) => Some(u.into()),
            _ => None,
        }
    }
}

fn basic<'v>(value: &'v Val<'_>) -> Option<Basic<'v>> {
    Some(match value.get()? {
        Value::Bool(b) => Basic::Bool(*b),
        Value::Int(i) => Basic::Int(*i),
        Value::Uint(u) => Basic::Uint(*u),
        Value::Float(f) => Basic::Float(*f),
        Value::String(s) => Basic::String(s),
        Value::Number(n) => match (*n, n.kind()) {
            (Number::Float32(f), _) => Basic::Float(f.into()),
            (Number::Complex128(re, im), _) => Basic::Complex(re, im),
            (n, Kind::Int) => Basic::Int(n.bits().cast_signed()),
            (n, _) => Basic::Uint(n.bits()),
        },
        _ => return None,
    })
}

/// Whether the first is equal to any of the others.
pub(super) fn eq(first: &Val<'_>, others: &[Val<'_>]) -> Result<bool, FuncError> {
    if others.is_empty() {
        return Err("missing argument for comparison".into());
    }
    for other in others {
        if equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(a: &Val<'_>, b: &Val<'_>) -> Result<bool, FuncError> {
    match (basic(a), basic(b)) {
        (Some(x), Some(y)) => match (x.integer(), y.integer()) {
            (Some(x), Some(y)) => Ok(x == y),
            _ if std::mem::discriminant(&x) == std::mem::discriminant(&y) => Ok(x == y),
            _ => Err(incompatible(a, b)),
        },
        (None, None) => equal_compounds(a, b),
        // One is basic, and the other is nothing or a compound.
        _ if a.some().is_none() || b.some().is_none() => Ok(false),
        _ => Err(incompatible(a, b)),
    }
}

fn equal_compounds(a: &Val<'_>, b: &Val<'_>) -> Result<bool, FuncError> {
    let (Some(x), Some(y)) = (a.some(), b.some()) else {
        return Ok(a.some().is_none() && b.some().is_none());
    };
    if x.kind() != y.kind() {
        return Err(format!(
            "non-comparable types {}: {}, {}: {}",
            formatted(x),
            x.type_name(),
            y.type_name(),
            String::from_utf8_lossy(&sprint(std::slice::from_ref(y)))
        )
        .into());
    }
    if !comparable(y) {
        return Err(format!("non-comparable type {}: {}", formatted(y), y.type_name()).into());
    }
    Ok(x == y)
}

/// Whether Go's `==` is defined for the type: not for slices, maps and functions, nor for structs that have one as a field.
fn comparable(value: &Value) -> bool {
    match value {
        Value::List(_) | Value::Map(_) | Value::Func(_) => false,
        Value::Struct(s) => s.raw_fields().iter().all(|f| f.any || comparable(&f.value)),
        _ => true,
    }
}

fn formatted(value: &Value) -> String {
    String::from_utf8_lossy(&sprintf(b"%s", std::slice::from_ref(value))).into_owned()
}

fn incompatible(a: &Val<'_>, b: &Val<'_>) -> FuncError {
    format!("incompatible types for comparison: {} and {}", a.dynamic_type(), b.dynamic_type()).into()
}

pub(super) fn lt(a: &Val<'_>, b: &Val<'_>) -> Result<bool, FuncError> {
    let (Some(x), Some(y)) = (basic(a), basic(b)) else { return Err(BAD_TYPE.into()) };
    if let (Some(x), Some(y)) = (x.integer(), y.integer()) {
        return Ok(x < y);
    }
    match (x, y) {
        (Basic::Float(x), Basic::Float(y)) => Ok(x.partial_cmp(&y) == Some(Ordering::Less)),
        (Basic::String(x), Basic::String(y)) => Ok(x < y),
        (Basic::Bool(_), Basic::Bool(_)) | (Basic::Complex(..), Basic::Complex(..)) => Err(BAD_TYPE.into()),
        _ => Err(incompatible(a, b)),
    }
}

pub(super) fn le(a: &Val<'_>, b: &Val<'_>) -> Result<bool, FuncError> {
    Ok(lt(a, b)? || equal(a, b)?)
}
