//! Functions: CEL's standard ones and the commonest Kubernetes string functions natively, everything else through the
//! libraries of `kube-cel` ([`foreign`]).

use std::{borrow::Cow, sync::Arc};

use super::{
    convert::{double, int, string, uint},
    eval::{Error, Evaluator, Outcome},
    foreign, time,
    value::{Val, equal},
};
use crate::schema::{checks::compile_pattern, formats};

/// Functions served natively.
const NATIVE: &[&str] = &[
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "string",
    "int",
    "uint",
    "double",
    "bool",
    "bytes",
    "duration",
    "timestamp",
    "dyn",
    "type",
    "charAt",
    "indexOf",
    "lastIndexOf",
    "lowerAscii",
    "upperAscii",
    "replace",
    "split",
    "join",
    "substring",
    "trim",
    "hasValue",
    "value",
    "or",
    "orValue",
    "optional.of",
    "optional.none",
    "optional.ofNonZeroValue",
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfYear",
    "getDayOfWeek",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
    "optMap",
    "optFlatMap",
    "sortBy",
    "all",
    "exists",
    "existsOne",
    "exists_one",
    "transformList",
    "transformMap",
    "find",
];

/// Whether `name` before a dot is a name space of functions.
pub(super) fn is_namespace(name: &str) -> bool {
    matches!(
        name,
        "optional" | "math" | "sets" | "lists" | "strings" | "base64" | "format" | "ip" | "cidr" | "jsonpatch"
    )
}

/// Whether a function exists.
pub(super) fn is_known(name: &str) -> bool {
    NATIVE.contains(&name) || foreign::FUNCTIONS.contains(&name)
}

/// A type denoted by its name.
pub(super) fn type_named<'a>(name: &str) -> Option<Val<'a>> {
    ["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"]
        .into_iter()
        .find(|t| *t == name)
        .map(Val::Type)
}

/// Calls a function with evaluated arguments.
pub(super) fn call<'a>(
    e: &mut Evaluator<'a, '_>,
    name: &str,
    target: Option<&Val<'a>>,
    args: &[Val<'a>],
) -> Outcome<'a> {
    // Strings and lists are walked by what follows.
    let weight: usize = target.into_iter().chain(args).map(weight).sum();
    e.charge(weight / 16)?;
    if let Some(target) = target {
        if let Some(outcome) = method(e, name, target, args) {
            return outcome;
        }
        if let Some(outcome) = time::accessor(name, target, args) {
            return outcome;
        }
    } else if let Some(outcome) = global(name, args) {
        return outcome;
    }
    // `matches(s, p)`, `size(x)`, `contains(a, b)` are the same as the methods.
    if target.is_none()
        && let [first, rest @ ..] = args
        && matches!(name, "matches" | "startsWith" | "endsWith" | "contains")
        && let Some(outcome) = method(e, name, first, rest)
    {
        return outcome;
    }
    e.charge(price(name, target, args).saturating_add(weight / 4))?;
    foreign::call(name, target, args)
}

/// What a call of a library costs: conversion, and for some work beyond reading the arguments once.
fn price(name: &str, target: Option<&Val<'_>>, args: &[Val<'_>]) -> usize {
    let length = |v: Option<&Val<'_>>| v.and_then(Val::len).unwrap_or(0);
    match name {
        // Every element is compared with every other.
        "sets.contains" | "sets.intersects" | "sets.equivalent" => {
            64 + length(args.first()).saturating_mul(length(args.get(1))) / 2
        }
        "distinct" => 64 + length(target).saturating_mul(length(target)) / 2,
        // A pattern is compiled for every call.
        "find" | "findAll" => 2_000,
        _ => 64,
    }
}

fn weight(v: &Val<'_>) -> usize {
    match v {
        Val::Str(s) => s.len(),
        Val::Bytes(b) => b.len(),
        other => other.len().unwrap_or(0),
    }
}

fn global<'a>(name: &str, args: &[Val<'a>]) -> Option<Outcome<'a>> {
    Some(match (name, args) {
        ("size", [v]) => size(v),
        ("dyn", [v]) => Ok(v.clone()),
        ("type", [v]) => Ok(Val::Type(v.type_name())),
        ("string", [v]) => return string(v),
        ("int", [v]) => int(v),
        ("uint", [v]) => uint(v),
        ("double", [v]) => double(v),
        ("bool", [v]) => match v {
            Val::Bool(_) => Ok(v.clone()),
            Val::Str(s) => match s.as_ref() {
                "1" | "t" | "true" | "TRUE" | "True" => Ok(Val::Bool(true)),
                "0" | "f" | "false" | "FALSE" | "False" => Ok(Val::Bool(false)),
                _ => Err(Error::other("type conversion error from 'string' to 'bool'")),
            },
            _ => Err(Error::NoOverload),
        },
        ("bytes", [v]) => match v {
            Val::Bytes(_) => Ok(v.clone()),
            Val::Str(s) => Ok(Val::Bytes(s.as_bytes().into())),
            _ => Err(Error::NoOverload),
        },
        ("duration", [v]) => match v {
            Val::Duration(_) => Ok(v.clone()),
            Val::Str(s) => formats::go_duration(s)
                .map(Val::Duration)
                .ok_or_else(|| Error::other("type conversion error from 'string' to 'google.protobuf.Duration'")),
            _ => Err(Error::NoOverload),
        },
        ("timestamp", [v]) => match v {
            Val::Timestamp(_) => Ok(v.clone()),
            Val::Str(s) if formats::Format::DateTime.accepts(s) => {
                s.parse().map(Val::Timestamp).map_err(|_| Error::other("timestamp overflow"))
            }
            Val::Str(_) => Err(Error::other("type conversion error from 'string' to 'google.protobuf.Timestamp'")),
            Val::Int(i) => {
                jiff::Timestamp::from_second(*i).map(Val::Timestamp).map_err(|_| Error::other("timestamp overflow"))
            }
            _ => Err(Error::NoOverload),
        },
        ("optional.none", []) => Ok(Val::Optional(None)),
        ("optional.of", [v]) => Ok(Val::Optional(Some(Arc::new(v.clone())))),
        ("optional.ofNonZeroValue", [v]) => Ok(Val::Optional((!is_zero(v)).then(|| Arc::new(v.clone())))),
        _ => return None,
    })
}

fn is_zero(v: &Val<'_>) -> bool {
    match v {
        Val::Null => true,
        Val::Bool(b) => !b,
        Val::Int(i) | Val::Duration(i) => *i == 0,
        Val::Uint(u) => *u == 0,
        Val::Double(f) => *f == 0.0,
        Val::Optional(o) => o.is_none(),
        other => weight(other) == 0 && !matches!(other, Val::Timestamp(_) | Val::Type(_) | Val::Foreign(_)),
    }
}

fn size<'a>(v: &Val<'a>) -> Outcome<'a> {
    let n = match v {
        Val::Str(s) => s.chars().count(),
        Val::Bytes(b) => b.len(),
        other => other.len().ok_or(Error::NoOverload)?,
    };
    i64::try_from(n).map(Val::Int).map_err(|_| Error::NoOverload)
}

fn method<'a>(e: &mut Evaluator<'a, '_>, name: &str, target: &Val<'a>, args: &[Val<'a>]) -> Option<Outcome<'a>> {
    match target {
        Val::Optional(inner) => optional(name, inner.as_ref(), args),
        Val::Str(s) => text(e, name, s, args),
        Val::List(_) | Val::JsonList(..) => list(name, target, args),
        _ => (name == "size" && args.is_empty()).then(|| size(target)),
    }
}

fn optional<'a>(name: &str, inner: Option<&Arc<Val<'a>>>, args: &[Val<'a>]) -> Option<Outcome<'a>> {
    Some(match (name, args) {
        ("hasValue", []) => Ok(Val::Bool(inner.is_some())),
        ("value", []) => inner.map(|v| (**v).clone()).ok_or_else(|| Error::other("optional.none() dereference")),
        ("orValue", [other]) => Ok(inner.map_or_else(|| other.clone(), |v| (**v).clone())),
        ("or", [other]) => Ok(inner.map_or_else(|| other.clone(), |v| Val::Optional(Some(v.clone())))),
        _ => return None,
    })
}

fn list<'a>(name: &str, target: &Val<'a>, args: &[Val<'a>]) -> Option<Outcome<'a>> {
    let items = || target.items().unwrap_or_default();
    let position = |i: Option<usize>| Ok(Val::Int(i.and_then(|i| i64::try_from(i).ok()).unwrap_or(-1)));
    Some(match (name, args) {
        ("size", []) => size(target),
        ("indexOf", [v]) => position(items().iter().position(|x| equal(x, v))),
        ("lastIndexOf", [v]) => position(items().iter().rposition(|x| equal(x, v))),
        ("join", [] | [Val::Str(_)]) => {
            let separator = match args {
                [Val::Str(s)] => s.as_ref(),
                _ => "",
            };
            let parts: Option<Vec<_>> = items()
                .into_iter()
                .map(|v| match v {
                    Val::Str(s) => Some(s),
                    _ => None,
                })
                .collect();
            parts.map(|p| Val::text(p.join(separator))).ok_or(Error::NoOverload)
        }
        _ => return None,
    })
}

fn text<'a>(e: &mut Evaluator<'a, '_>, name: &str, s: &Cow<'a, str>, args: &[Val<'a>]) -> Option<Outcome<'a>> {
    Some(match (name, args) {
        ("size", []) => size(&Val::Str(s.clone())),
        ("contains", [Val::Str(part)]) => Ok(Val::Bool(s.contains(part.as_ref()))),
        ("startsWith", [Val::Str(part)]) => Ok(Val::Bool(s.starts_with(part.as_ref()))),
        ("endsWith", [Val::Str(part)]) => Ok(Val::Bool(s.ends_with(part.as_ref()))),
        ("matches", [Val::Str(pattern)]) => matches(e, s, pattern),
        ("find", [Val::Str(pattern)]) => match e.pattern(pattern) {
            Some(regex) => Ok(Val::text(regex.find(s).map_or("", |m| m.as_str()))),
            None => return None,
        },
        ("lowerAscii", []) => Ok(Val::text(s.to_ascii_lowercase())),
        ("upperAscii", []) => Ok(Val::text(s.to_ascii_uppercase())),
        ("trim", []) => Ok(Val::text(s.trim())),
        ("charAt", [Val::Int(i)]) => {
            let length = s.chars().count();
            match usize::try_from(*i) {
                Ok(i) if i == length => Ok(Val::text("")),
                Ok(i) if i < length => Ok(Val::text(s.chars().nth(i).map(String::from).unwrap_or_default())),
                _ => Err(Error::other(format!("index out of range: {i}"))),
            }
        }
        ("indexOf", [Val::Str(part)]) => Ok(char_index(s, s.find(part.as_ref()))),
        ("lastIndexOf", [Val::Str(part)]) => Ok(char_index(s, s.rfind(part.as_ref()))),
        ("replace", [Val::Str(from), Val::Str(to)]) => replaced(e, s, from, to, usize::MAX),
        ("replace", [Val::Str(from), Val::Str(to), Val::Int(n)]) => {
            replaced(e, s, from, to, usize::try_from(*n).unwrap_or(usize::MAX))
        }
        ("split", [Val::Str(separator)]) => split(e, s, separator, usize::MAX),
        ("split", [Val::Str(separator), Val::Int(n)]) => {
            split(e, s, separator, usize::try_from(*n).unwrap_or(usize::MAX))
        }
        ("substring", [Val::Int(start)]) => substring(s, *start, None),
        ("substring", [Val::Int(start), Val::Int(end)]) => substring(s, *start, Some(*end)),
        _ => return None,
    })
}

fn matches<'a>(e: &mut Evaluator<'a, '_>, s: &str, pattern: &str) -> Outcome<'a> {
    // A match costs what pattern and text are long, multiplied, in the worst case.
    e.charge(s.len().saturating_mul(pattern.len().div_ceil(4)) / 64)?;
    if let Some(regex) = e.pattern(pattern) {
        return Ok(Val::Bool(regex.is_match(s)));
    }
    e.charge(1_000 + pattern.len().saturating_mul(50))?;
    let regex = compile_pattern(pattern).map_err(|why| Error::other(format!("error parsing regexp: {why}")))?;
    Ok(Val::Bool(regex.is_match(s)))
}

fn char_index<'a>(s: &str, at: Option<usize>) -> Val<'a> {
    let index = at.map(|at| s[..at].chars().count()).and_then(|n| i64::try_from(n).ok());
    Val::Int(index.unwrap_or(-1))
}

fn replaced<'a>(e: &mut Evaluator<'a, '_>, s: &str, from: &str, to: &str, limit: usize) -> Outcome<'a> {
    // An expression could double a string in every step: the growth is paid for before it is made.
    let count = if from.is_empty() { s.len() + 1 } else { s.matches(from).count() }.min(limit);
    e.charge((s.len() + count.saturating_mul(to.len())) / 16)?;
    Ok(Val::text(s.replacen(from, to, limit)))
}

fn split<'a>(e: &mut Evaluator<'a, '_>, s: &str, separator: &str, limit: usize) -> Outcome<'a> {
    let parts: Vec<Val<'a>> = if separator.is_empty() {
        let mut parts: Vec<String> = s.chars().take(limit.saturating_sub(1)).map(String::from).collect();
        let rest: String = s.chars().skip(parts.len()).collect();
        if !rest.is_empty() && limit > 0 {
            parts.push(rest);
        }
        parts.into_iter().map(Val::text).collect()
    } else {
        s.splitn(limit, separator).map(Val::text).collect()
    };
    e.charge(parts.len())?;
    Ok(Val::List(Arc::new(parts)))
}

fn substring<'a>(s: &str, start: i64, end: Option<i64>) -> Outcome<'a> {
    let length = s.chars().count();
    let range = |i: i64| usize::try_from(i).ok().filter(|i| *i <= length);
    let bad = |i: i64| Error::other(format!("index out of range: {i}"));
    let from = range(start).ok_or_else(|| bad(start))?;
    let to = match end {
        None => length,
        Some(end) => range(end).ok_or_else(|| bad(end))?,
    };
    if from > to {
        return Err(Error::other(format!("invalid substring range. start: {from}, end: {to}")));
    }
    Ok(Val::text(s.chars().skip(from).take(to - from).collect::<String>()))
}
