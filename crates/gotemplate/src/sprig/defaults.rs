//! Defaults, conditions and types. Role: `default`, `empty`, `coalesce`, `required`, `ternary`, `fail`, `kindOf` and their kin.

use crate::func::{Func, FuncError, Funcs};
use crate::value::{Type, Value};

use super::coerce::{is_empty, kind_name};
use super::compare::Comparer;

pub(super) fn add(set: Funcs) -> Funcs {
    set.with(
        "default",
        Func::variadic([Type::Any], Type::Any, |a| {
            Ok(if a.len() < 2 || is_empty(&a[1]) { a[0].clone() } else { a[1].clone() })
        }),
    )
    .with("empty", Func::new([Type::Any], |a| Ok(is_empty(&a[0]).into())).returns(Type::Bool))
    .with(
        "coalesce",
        Func::variadic([], Type::Any, |a| Ok(a.iter().find(|v| !is_empty(v)).cloned().unwrap_or_default())),
    )
    .with("all", Func::variadic([], Type::Any, |a| Ok(a.iter().all(|v| !is_empty(v)).into())).returns(Type::Bool))
    .with("any", Func::variadic([], Type::Any, |a| Ok(a.iter().any(|v| !is_empty(v)).into())).returns(Type::Bool))
    .with("ternary", Func::new([Type::Any, Type::Any, Type::Bool], |a| Ok(a[usize::from(!a[2].truth())].clone())))
    .with("fail", Func::new([Type::String], |a| Err(message(a.bytes(0)))).returns(Type::String))
    .with(
        "required",
        Func::new([Type::String, Type::Any], |a| match &a[1] {
            Value::Nil => Err(message(a.bytes(0))),
            Value::String(s) if s.is_empty() => Err(message(a.bytes(0))),
            value => Ok(value.clone()),
        }),
    )
    .with("kindOf", Func::new([Type::Any], |a| Ok(kind_name(&a[0]).into())).returns(Type::String))
    .with(
        "kindIs",
        Func::new([Type::String, Type::Any], |a| Ok((kind_name(&a[1]).as_bytes() == a.bytes(0)).into()))
            .returns(Type::Bool),
    )
    .with("typeOf", Func::new([Type::Any], |a| Ok(a[0].type_name().into())).returns(Type::String))
    .with(
        "typeIs",
        Func::new([Type::String, Type::Any], |a| Ok((a[1].type_name().as_bytes() == a.bytes(0)).into()))
            .returns(Type::Bool),
    )
    .with(
        "deepEqual",
        Func::new([Type::Any, Type::Any], |a| Ok(Comparer::new().equal(&a[0], &a[1])?.into())).returns(Type::Bool),
    )
}

fn message(text: &[u8]) -> FuncError {
    String::from_utf8_lossy(text).into_owned().into()
}
