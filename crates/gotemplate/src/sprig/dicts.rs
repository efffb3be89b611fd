//! Maps that a template makes and changes. Role: Sprig's dictionaries.
//!
//! Invariants: only maps made by a template change, in place and for every holder; `keys` and `values` are in key order. Merging follows
//! mergo's rules as Sprig uses them: an empty value counts as absent, nested maps merge, lists do not.

use crate::func::{Args, Func, FuncError, Funcs};
use crate::gofmt::MAX_DEPTH;
use crate::value::{List, Map, Str, Type, Value};

use super::{Answer, coerce, strings_list};

pub(super) fn add(set: Funcs) -> Funcs {
    let map = || Type::map(Type::Any);
    set.with("dict", Func::variadic([], Type::Any, dict).returns(map()))
        .with(
            "get",
            Func::new([map(), Type::String], |a| Ok(map_of(&a[0]).get(a.bytes(1)).unwrap_or_else(|| "".into()))),
        )
        .with(
            "set",
            Func::new([map(), Type::String, Type::Any], |a| {
                let Value::Map(m) = &a[0] else { return Err("assignment to entry in nil map".into()) };
                m.set(a.bytes(1), a[2].clone()).map_err(|e| FuncError::from(e.to_string()))?;
                Ok(a[0].clone())
            })
            .returns(map()),
        )
        .with(
            "unset",
            Func::new([map(), Type::String], |a| {
                map_of(&a[0]).remove(a.bytes(1)).map_err(|e| FuncError::from(e.to_string()))?;
                Ok(a[0].clone())
            })
            .returns(map()),
        )
        .with(
            "hasKey",
            Func::new([map(), Type::String], |a| Ok(map_of(&a[0]).get(a.bytes(1)).is_some().into()))
                .returns(Type::Bool),
        )
        .with(
            "keys",
            Func::variadic([], map(), |a| {
                Ok(strings_list(a.iter().flat_map(|m| map_of(m).entries()).map(|(k, _)| k.to_vec())))
            })
            .returns(Type::list(Type::String)),
        )
        .with(
            "values",
            Func::new([map()], |a| Ok(list(map_of(&a[0]).entries().into_iter().map(|(_, v)| v))))
                .returns(Type::list(Type::Any)),
        )
        .with(
            "pluck",
            Func::variadic([Type::String], map(), |a| {
                Ok(list(a[1..].iter().filter_map(|m| map_of(m).get(a.bytes(0)))))
            })
            .returns(Type::list(Type::Any)),
        )
        .with("pick", Func::variadic([map()], Type::String, |a| Ok(filtered(a, true))).returns(map()))
        .with("omit", Func::variadic([map()], Type::String, |a| Ok(filtered(a, false))).returns(map()))
        .with("merge", Func::variadic([map()], map(), |a| merge_all(a, false)))
        .with("mustMerge", Func::variadic([map()], map(), |a| merge_all(a, false)))
        .with("mergeOverwrite", Func::variadic([map()], map(), |a| merge_all(a, true)))
        .with("mustMergeOverwrite", Func::variadic([map()], map(), |a| merge_all(a, true)))
        .with("dig", Func::variadic([], Type::Any, dig))
        .with("deepCopy", Func::new([Type::Any], deep_copy))
        .with("mustDeepCopy", Func::new([Type::Any], deep_copy))
}

fn list(items: impl Iterator<Item = Value>) -> Value {
    Value::List(List::of(Type::Any, items.collect()))
}

/// A nil map reads like an empty one.
fn map_of(value: &Value) -> Map {
    if let Value::Map(m) = value { m.clone() } else { Map::default() }
}

fn dict(args: &Args<'_>) -> Answer {
    let mut entries: Vec<(Str, Value)> = Vec::new();
    for pair in args.chunks(2) {
        let key = coerce::text(&pair[0], args)?;
        entries.push((key.into(), pair.get(1).cloned().unwrap_or_else(|| "".into())));
    }
    Ok(Value::Map(Map::shared(entries)))
}

fn filtered(args: &Args<'_>, keep: bool) -> Value {
    let named = |key: &Str| args[1..].iter().any(|k| k.as_bytes() == Some(key.as_bytes()));
    Value::Map(Map::shared(map_of(&args[0]).entries().into_iter().filter(|(k, _)| named(k) == keep)))
}

/// Merges into the first map where the template made it; data is copied first, as it cannot change.
fn merge_all(args: &Args<'_>, overwrite: bool) -> Answer {
    let mut target = map_of(&args[0]);
    for source in &args[1..] {
        target = merge(target, &map_of(source), overwrite, MAX_DEPTH)?;
    }
    Ok(Value::Map(target))
}

fn merge(target: Map, source: &Map, overwrite: bool, depth: usize) -> Result<Map, FuncError> {
    let too_deep = || FuncError::from("the maps are nested too deeply to merge");
    let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
    let target = if target.fixed().is_some() { Map::shared(target.entries()) } else { target };
    let put = |key: Str, value: Value| target.set(key, value).map_err(|e| FuncError::from(e.to_string()));
    for (key, theirs) in source.entries() {
        let mut ours = target.get(&key);
        if matches!(theirs, Value::Nil) {
            if overwrite {
                put(key, theirs)?;
            }
            continue;
        }
        if let (Some(Value::Map(into)), Value::Map(from)) = (&ours, &theirs) {
            let merged = Value::Map(merge(into.clone(), from, overwrite, depth)?);
            if into.fixed().is_some() {
                put(key.clone(), merged.clone())?;
            }
            ours = Some(merged);
        }
        let absent = ours.as_ref().is_none_or(coerce::is_empty);
        // A map never replaces what is there, even when told to overwrite; a list does.
        if absent || (overwrite && !matches!(theirs, Value::Map(_))) {
            put(key, theirs)?;
        }
    }
    Ok(target)
}

/// `dig KEY… DEFAULT MAP`: the value at the end of the keys, or the default where one is missing.
fn dig(args: &Args<'_>) -> Answer {
    let [keys @ .., default, last] = &args[..] else { return Err("dig needs at least three arguments".into()) };
    if keys.is_empty() {
        return Err("dig needs at least three arguments".into());
    }
    let mut current = as_map(last)?;
    for key in keys {
        if key.as_bytes().is_none() {
            return Err(conversion(key, "string"));
        }
    }
    for (i, key) in keys.iter().enumerate() {
        let Some(next) = current.get(key.as_bytes().unwrap_or_default()) else { return Ok(default.clone()) };
        if i + 1 == keys.len() {
            return Ok(next);
        }
        current = as_map(&next)?;
    }
    Ok(default.clone())
}

fn as_map(value: &Value) -> Result<Map, FuncError> {
    match value {
        Value::Map(m) if *m.elem() == Type::Any => Ok(m.clone()),
        other => Err(conversion(other, "map[string]interface {}")),
    }
}

/// What Go says when an interface does not hold the wanted type.
fn conversion(value: &Value, wanted: &str) -> FuncError {
    let held = if matches!(value, Value::Nil) { "nil".to_owned() } else { value.type_name() };
    format!("interface conversion: interface {{}} is {held}, not {wanted}").into()
}

fn deep_copy(args: &Args<'_>) -> Answer {
    let mut left = args.max_bytes();
    copy(&args[0], MAX_DEPTH, &mut left).ok_or_else(|| FuncError::limit(args.max_bytes()))
}

/// A copy that shares no map with its original; `None` once it grew too large, since shared parts multiply.
fn copy(value: &Value, depth: usize, left: &mut usize) -> Option<Value> {
    *left = left.checked_sub(size_of::<Value>())?;
    let depth = depth.checked_sub(1)?;
    Some(match value {
        Value::List(l) => {
            let items = l.iter().map(|v| copy(v, depth, left)).collect::<Option<_>>()?;
            Value::List(List::of(l.elem().clone(), items))
        }
        Value::Map(m) => {
            let copied = m.entries().into_iter().map(|(k, v)| Some((k, copy(&v, depth, left)?)));
            let entries = copied.collect::<Option<Vec<_>>>()?;
            Value::Map(if *m.elem() == Type::Any { Map::shared(entries) } else { Map::of(m.elem().clone(), entries) })
        }
        other => other.clone(),
    })
}
