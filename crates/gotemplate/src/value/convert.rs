//! Rust's types into values.

use super::{List, Map, Number, Str, Struct, Value};
use crate::func::Func;

macro_rules! from {
    ($($rust:ty => |$x:ident| $value:expr;)*) => {
        $(impl From<$rust> for Value {
            fn from($x: $rust) -> Self {
                $value
            }
        })*
    };
}

from! {
    bool => |b| Self::Bool(b);
    i32 => |i| Self::Int(i.into());
    i64 => |i| Self::Int(i);
    u8 => |u| Self::Number(Number::Uint8(u));
    u64 => |u| Self::Uint(u);
    f64 => |f| Self::Float(f);
    &str => |s| Self::String(s.into());
    String => |s| Self::String(s.into());
    &[u8] => |s| Self::String(s.into());
    Str => |s| Self::String(s);
    Number => |n| Self::Number(n);
    List => |l| Self::List(l);
    Map => |m| Self::Map(m);
    Struct => |s| Self::Struct(s);
    Func => |f| Self::Func(f);
}

impl<V: Into<Value>> From<Vec<V>> for Value {
    fn from(items: Vec<V>) -> Self {
        Self::List(items.into_iter().collect())
    }
}

impl<V: Into<Value>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Nil, Into::into)
    }
}
