//! Text: trimming, case, searching, quoting, indenting, splitting and joining. Role: Sprig's strings.

use crate::func::{Args, Func, FuncError, Funcs};
use crate::gofmt;
use crate::runes;
use crate::value::{Map, Type, Value};

use super::{Answer, base64, case, coerce, sha256, strings_list, text};

pub(super) fn add(set: Funcs) -> Funcs {
    let trim_all = || pair(|cut, s| trim_matches(s, |c| contains_rune(cut, c)).to_vec());
    set.with("trim", text(|s| trim_matches(s, |c| char::from_u32(c).is_some_and(char::is_whitespace)).to_vec()))
        .with("trimAll", trim_all())
        .with("trimall", trim_all())
        .with("trimPrefix", pair(|prefix, s| s.strip_prefix(prefix).unwrap_or(s).to_vec()))
        .with("trimSuffix", pair(|suffix, s| s.strip_suffix(suffix).unwrap_or(s).to_vec()))
        .with("upper", text(case::upper))
        .with("lower", text(case::lower))
        .with("title", text(case::title))
        .with("untitle", text(case::untitle))
        .with("nospace", text(without_spaces))
        .with("contains", test(|part, s| find(s, part).is_some()))
        .with("hasPrefix", test(|prefix, s| s.starts_with(prefix)))
        .with("hasSuffix", test(|suffix, s| s.ends_with(suffix)))
        .with(
            "replace",
            Func::new([Type::String, Type::String, Type::String], |a| {
                replace(a, a.bytes(0), a.bytes(1), a.bytes(2)).map(Value::string)
            })
            .returns(Type::String),
        )
        .with(
            "repeat",
            Func::new([Type::Int, Type::String], |a| repeat(a, a.int(0), a.bytes(1)).map(Value::string))
                .returns(Type::String),
        )
        .with("substr", Func::new([Type::Int, Type::Int, Type::String], substr).returns(Type::String))
        .with(
            "trunc",
            Func::new([Type::Int, Type::String], |a| Ok(trunc(a.int(0), a.bytes(1)).into())).returns(Type::String),
        )
        .with(
            "plural",
            Func::new([Type::String, Type::String, Type::Int], |a| Ok(a[usize::from(a.int(2) != 1)].clone()))
                .returns(Type::String),
        )
        .with(
            "quote",
            Func::variadic([], Type::Any, |a| {
                quoted(a, |out, v| {
                    out.extend_from_slice(gofmt::quote(&coerce::text(v, a)?).as_bytes());
                    Ok(())
                })
            })
            .returns(Type::String),
        )
        .with(
            "squote",
            Func::variadic([], Type::Any, |a| {
                quoted(a, |out, v| {
                    out.push(b'\'');
                    out.extend_from_slice(&coerce::plain(v, a)?);
                    out.push(b'\'');
                    Ok(())
                })
            })
            .returns(Type::String),
        )
        .with(
            "cat",
            Func::variadic([], Type::Any, |a| {
                quoted(a, |out, v| {
                    out.extend_from_slice(&coerce::plain(v, a)?);
                    Ok(())
                })
            })
            .returns(Type::String),
        )
        .with(
            "indent",
            Func::new([Type::Int, Type::String], |a| indent(a, Vec::new()).map(Value::string)).returns(Type::String),
        )
        .with(
            "nindent",
            Func::new([Type::Int, Type::String], |a| indent(a, vec![b'\n']).map(Value::string)).returns(Type::String),
        )
        .with("toString", Func::new([Type::Any], |a| coerce::text(&a[0], a).map(Value::string)).returns(Type::String))
        .with(
            "toStrings",
            Func::new([Type::Any], |a| Ok(strings_list(texts(&a[0], a)?))).returns(Type::list(Type::String)),
        )
        .with("join", Func::new([Type::String, Type::Any], join).returns(Type::String))
        .with(
            "sortAlpha",
            Func::new([Type::Any], |a| {
                let mut items = texts(&a[0], a)?;
                if !matches!(a[0], Value::List(_)) {
                    items = vec![coerce::text(&a[0], a)?];
                }
                items.sort();
                Ok(strings_list(items))
            })
            .returns(Type::list(Type::String)),
        )
        .with(
            "splitList",
            Func::new([Type::String, Type::String], |a| Ok(strings_list(split(a, -1)?)))
                .returns(Type::list(Type::String)),
        )
        .with(
            "split",
            Func::new([Type::String, Type::String], |a| Ok(numbered(split(a, -1)?))).returns(Type::map(Type::String)),
        )
        .with(
            "splitn",
            Func::new([Type::String, Type::Int, Type::String], |a| {
                Ok(numbered(split_at_most(a, a.bytes(0), a.bytes(2), a.int(1))?))
            })
            .returns(Type::map(Type::String)),
        )
        .with("b64enc", text(base64::encode))
        .with(
            "b64dec",
            text(|s| {
                base64::decode(s).unwrap_or_else(|at| format!("illegal base64 data at input byte {at}").into_bytes())
            }),
        )
        .with("sha256sum", text(sha256::hex_digest))
}

fn pair(f: fn(&[u8], &[u8]) -> Vec<u8>) -> Func {
    Func::new([Type::String, Type::String], move |a| Ok(Value::string(f(a.bytes(0), a.bytes(1))))).returns(Type::String)
}

fn test(f: fn(&[u8], &[u8]) -> bool) -> Func {
    Func::new([Type::String, Type::String], move |a| Ok(f(a.bytes(0), a.bytes(1)).into())).returns(Type::Bool)
}

fn contains_rune(set: &[u8], rune: u32) -> bool {
    runes::iter(set).any(|(_, c, _)| c == rune)
}

fn trim_matches(s: &[u8], cut: impl Fn(u32) -> bool) -> &[u8] {
    let kept = || runes::iter(s).filter(|(_, c, _)| !cut(*c));
    match (kept().next(), kept().last()) {
        (Some((start, ..)), Some((last, _, width))) => &s[start..last + width],
        _ => &[],
    }
}

fn without_spaces(s: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(s.len());
    for (_, rune, _) in runes::iter(s) {
        if !char::from_u32(rune).is_some_and(char::is_whitespace) {
            runes::encode(rune, &mut out);
        }
    }
    out
}

/// The offset of the first occurrence.
fn find(s: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    let first = part[0];
    let mut from = 0;
    while let Some(i) = s.get(from..).and_then(|rest| rest.iter().position(|b| *b == first)) {
        if s[from + i..].starts_with(part) {
            return Some(from + i);
        }
        from += i + 1;
    }
    None
}

/// An empty `old` matches before every character and at the end.
fn replace(args: &Args<'_>, old: &[u8], new: &[u8], s: &[u8]) -> Result<Vec<u8>, FuncError> {
    let mut out = Vec::new();
    let mut add = |bytes: &[u8]| {
        args.check_size(out.len() + bytes.len())?;
        out.extend_from_slice(bytes);
        Ok::<(), FuncError>(())
    };
    if old.is_empty() {
        for (start, _, width) in runes::iter(s) {
            add(new)?;
            add(&s[start..start + width])?;
        }
        add(new)?;
        return Ok(out);
    }
    let mut rest = s;
    while let Some(i) = find(rest, old) {
        add(&rest[..i])?;
        add(new)?;
        rest = &rest[i + old.len()..];
    }
    add(rest)?;
    Ok(out)
}

fn repeat(args: &Args<'_>, count: i64, s: &[u8]) -> Result<Vec<u8>, FuncError> {
    let count = usize::try_from(count).map_err(|_| FuncError::from("strings: negative Repeat count"))?;
    args.check_size(count.saturating_mul(s.len()))?;
    Ok(s.repeat(count))
}

fn substr(args: &Args<'_>) -> Answer {
    let (start, end, s) = (args.int(0), args.int(1), args.bytes(2));
    let len = i64::try_from(s.len()).unwrap_or(i64::MAX);
    let (start, end) = match (start, end) {
        (start, _) if start < 0 => {
            if end < 0 {
                return Err(format!("runtime error: slice bounds out of range [:{end}]").into());
            }
            if end > len {
                return Err(format!("runtime error: slice bounds out of range [:{end}] with length {len}").into());
            }
            (0, end)
        }
        (start, end) if end < 0 || end > len => (start, len),
        both => both,
    };
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(from), Ok(to)) if from <= to => Ok(s[from..to].into()),
        _ => Err(format!("runtime error: slice bounds out of range [{start}:{end}]").into()),
    }
}

/// The first `n` bytes, or with a negative `n` the last; a text no longer than that as it is.
fn trunc(n: i64, s: &[u8]) -> &[u8] {
    let count = usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX);
    if count >= s.len() {
        s
    } else if n < 0 {
        &s[s.len() - count..]
    } else {
        &s[..count]
    }
}

/// What is not nil, separated by spaces.
fn quoted(args: &Args<'_>, mut add: impl FnMut(&mut Vec<u8>, &Value) -> Result<(), FuncError>) -> Answer {
    let mut out = Vec::new();
    for (i, value) in args.iter().filter(|v| !matches!(v, Value::Nil)).enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        add(&mut out, value)?;
        args.check_size(out.len())?;
    }
    Ok(Value::string(out))
}

fn indent(args: &Args<'_>, mut out: Vec<u8>) -> Result<Vec<u8>, FuncError> {
    let s = args.bytes(1);
    let breaks = s.split(|b| *b == b'\n').count() - 1;
    let width = usize::try_from(args.int(0)).map_err(|_| FuncError::from("strings: negative Repeat count"))?;
    args.check_size(width.saturating_mul(breaks + 1).saturating_add(s.len()))?;
    let pad = vec![b' '; width];
    out.extend_from_slice(&pad);
    for b in s {
        out.push(*b);
        if *b == b'\n' {
            out.extend_from_slice(&pad);
        }
    }
    Ok(out)
}

/// The texts of a list's elements without nil ones; of a single value its own text.
fn texts(value: &Value, args: &Args<'_>) -> Result<Vec<Vec<u8>>, FuncError> {
    let items = match value {
        Value::Nil => &[][..],
        Value::List(list) => list,
        single => std::slice::from_ref(single),
    };
    let mut left = args.max_bytes();
    let mut out = Vec::new();
    for item in items.iter().filter(|v| !matches!(v, Value::Nil)) {
        let text = coerce::text(item, args)?;
        left = left.checked_sub(text.len()).ok_or_else(|| FuncError::limit(args.max_bytes()))?;
        out.push(text);
    }
    Ok(out)
}

fn join(args: &Args<'_>) -> Answer {
    let items = texts(&args[1], args)?;
    let size =
        items.iter().map(Vec::len).sum::<usize>().saturating_add(items.len().saturating_mul(args.bytes(0).len()));
    args.check_size(size)?;
    Ok(Value::string(items.join(args.bytes(0))))
}

fn split(args: &Args<'_>, count: i64) -> Result<Vec<Vec<u8>>, FuncError> {
    split_at_most(args, args.bytes(0), args.bytes(1), count)
}

/// Go's `strings.SplitN`: no parts for 0, all for a negative count; an empty separator splits into characters.
fn split_at_most(args: &Args<'_>, separator: &[u8], s: &[u8], count: i64) -> Result<Vec<Vec<u8>>, FuncError> {
    args.check_size(s.len().saturating_mul(if separator.is_empty() { 8 } else { 1 }))?;
    let most = if count < 0 { usize::MAX } else { usize::try_from(count).unwrap_or(usize::MAX) };
    if most == 0 {
        return Ok(Vec::new());
    }
    let mut out = Vec::new();
    let mut rest = s;
    while out.len() + 1 < most {
        let (end, next) = if separator.is_empty() {
            let Some((_, _, width)) = runes::iter(rest).next() else { break };
            if width == rest.len() {
                break;
            }
            (width, width)
        } else {
            let Some(i) = find(rest, separator) else { break };
            (i, i + separator.len())
        };
        out.push(rest[..end].to_vec());
        rest = &rest[next..];
    }
    if !(separator.is_empty() && rest.is_empty()) {
        out.push(rest.to_vec());
    }
    Ok(out)
}

/// A map of `_0`, `_1`, …
fn numbered(parts: Vec<Vec<u8>>) -> Value {
    let entries = parts.into_iter().enumerate().map(|(i, part)| (format!("_{i}"), Value::string(part)));
    Value::Map(Map::of(Type::String, entries))
}
