//! `index`, `slice` and `len`.

use super::call::prepare;
use super::val::Val;
use crate::func::FuncError;
use crate::value::{Map, Number, Type, Value};

pub(super) fn len(item: &Val<'_>) -> Result<i64, FuncError> {
    let n = match item.get() {
        None => return Err("reflect: call of reflect.Value.Type on zero Value".into()),
        Some(Value::Nil) => return Err("len of nil pointer".into()),
        Some(Value::String(s)) => s.len(),
        Some(Value::List(l)) => l.len(),
        Some(Value::Map(m)) => m.len(),
        Some(other) => return Err(format!("len of type {}", other.type_name()).into()),
    };
    Ok(i64::try_from(n).unwrap_or(i64::MAX))
}

pub(super) fn index<'a>(item: &Val<'a>, indexes: &[Val<'a>]) -> Result<Val<'a>, FuncError> {
    let mut item = item.clone().unwrapped();
    if item.is_absent() {
        return Err("index of untyped nil".into());
    }
    for index in indexes {
        item = element(&item, &index.clone().unwrapped())?;
    }
    Ok(item)
}

fn element<'a>(item: &Val<'a>, index: &Val<'a>) -> Result<Val<'a>, FuncError> {
    match item.as_value() {
        Value::Nil => Err("index of nil pointer".into()),
        Value::String(s) => {
            let i = place(index, s.len())?;
            let byte = s.get(i).ok_or("reflect: string index out of range")?;
            Ok(Val::owned(Number::Uint8(*byte)))
        }
        Value::List(list) => {
            let i = place(index, list.len())?;
            let any = list.elem().is_interface();
            let found = match item.get_ref() {
                Some(Value::List(list)) => list.get(i).map(|v| Val::element(v, any)),
                _ => list.get(i).map(|v| Val::owned_element(v.clone(), any)),
            };
            found.ok_or_else(|| "reflect: slice index out of range".into())
        }
        Value::Map(map) => {
            let Value::String(key) = prepare(index, &Type::String)? else { return Err("key is no string".into()) };
            let any = map.elem().is_interface();
            let found = match item.get_ref() {
                Some(Value::Map(m)) if m.fixed().is_some() => {
                    m.fixed().and_then(|entries| Map::find_fixed(entries, &key)).map(|v| Val::element(v, any))
                }
                _ => map.get(&key).map(|v| Val::owned_element(v, any)),
            };
            Ok(found.unwrap_or_else(|| Val::owned_element(Value::zero(map.elem()), any)))
        }
        other => Err(format!("can't index item of type {}", other.type_name()).into()),
    }
}

/// An index into something of length `len`. The length itself passes: what it means is for the caller to say.
fn place(index: &Val<'_>, len: usize) -> Result<usize, FuncError> {
    let out_of_range = |i: &dyn std::fmt::Display| format!("index out of range: {i}");
    // Go looks at the kind here without taking the value out of an interface first.
    if index.is_any() {
        return Err(format!("cannot index slice/array with type {}", Type::Any).into());
    }
    let i = match index.get() {
        None => return Err("cannot index slice/array with nil".into()),
        Some(Value::Uint(u) | Value::Number(Number::Uint64(u))) => u.cast_signed(),
        Some(other) => {
            other.as_i64().ok_or_else(|| format!("cannot index slice/array with type {}", other.type_name()))?
        }
    };
    match usize::try_from(i) {
        Ok(place) if place <= len => Ok(place),
        _ => Err(out_of_range(&i).into()),
    }
}

pub(super) fn slice<'a>(item: &Val<'a>, indexes: &[Val<'a>]) -> Result<Val<'a>, FuncError> {
    let item = item.clone().unwrapped();
    if item.is_absent() {
        return Err("slice of untyped nil".into());
    }
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()).into());
    }
    let (len, cap) = match item.as_value() {
        Value::String(_) if indexes.len() == 3 => return Err("cannot 3-index slice a string".into()),
        Value::String(s) => (s.len(), s.len()),
        Value::List(l) => (l.len(), l.cap()),
        other => return Err(format!("can't slice item of type {}", other.type_name()).into()),
    };
    let mut bounds = [0, len, cap];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = place(index, cap)?;
    }
    let [from, to, cap] = bounds;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}").into());
    }
    if to > cap {
        return Err(format!("invalid slice index: {to} > {cap}").into());
    }
    Ok(match item.as_value() {
        Value::String(s) => Val::owned(&s[from..to]),
        Value::List(l) => Val::owned(l.part(from, to, cap)),
        _ => Val::ABSENT,
    })
}
