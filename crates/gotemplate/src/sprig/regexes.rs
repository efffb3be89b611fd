//! Regular expressions in Go's syntax. Role: Sprig's `regex*` functions on the `regex` crate, which like Go's RE2 matches in linear
//! time; [`super::regex_syntax`] translates the pattern and refuses what Go refuses, in its words.
//!
//! Invariants: a pattern's program is bounded in size. Known difference: in a text that is not UTF-8, `.` does not match the broken byte.

use regex::bytes::{Regex, RegexBuilder};

use crate::func::{Args, Func, FuncError, Funcs};
use crate::value::{Type, Value};

use super::{Answer, regex_syntax, strings_list, text};

/// Bytes of compiled program that a pattern may take: Go's own bound on repetition counts is of that order.
const PROGRAM_BYTES: usize = 4 << 20;

pub(super) fn add(set: Funcs) -> Funcs {
    let mut set = set
        .with(
            "regexMatch",
            Func::new(strings(2), |a| Ok(compile(a.bytes(0)).is_ok_and(|r| r.is_match(a.bytes(1))).into()))
                .returns(Type::Bool),
        )
        .with(
            "mustRegexMatch",
            Func::new(strings(2), |a| Ok(compile(a.bytes(0))?.is_match(a.bytes(1)).into())).returns(Type::Bool),
        )
        .with("regexQuoteMeta", text(quote_meta));
    let with_count = || vec![Type::String, Type::String, Type::Int];
    let list = || Type::list(Type::String);
    let families: [(&str, &str, Vec<Type>, Type, Body); 5] = [
        ("regexFind", "mustRegexFind", strings(2), Type::String, |r, a| {
            Ok(r.find(a.bytes(1)).map_or_else(|| "".into(), |m| m.as_bytes().into()))
        }),
        ("regexFindAll", "mustRegexFindAll", with_count(), list(), |r, a| {
            let most = limit(a.int(2));
            Ok(strings_list(r.find_iter(a.bytes(1)).take(most).map(|m| m.as_bytes().to_vec())))
        }),
        ("regexSplit", "mustRegexSplit", with_count(), list(), |r, a| {
            Ok(strings_list(split(r, a.bytes(1), limit(a.int(2)))))
        }),
        ("regexReplaceAll", "mustRegexReplaceAll", strings(3), Type::String, |r, a| {
            replace(r, a, |out, groups| expand(a.bytes(2), r, groups, out))
        }),
        ("regexReplaceAllLiteral", "mustRegexReplaceAllLiteral", strings(3), Type::String, |r, a| {
            replace(r, a, |out, _| out.extend_from_slice(a.bytes(2)))
        }),
    ];
    for (plain, must, params, result, body) in families {
        let lenient = Func::new(params.clone(), move |a| {
            // These are Go's MustCompile, whose panic names itself.
            let regex = compile(a.bytes(0))
                .map_err(|e| FuncError::from(format!("regexp: Compile({}): {e}", regex_syntax::quoted(a.bytes(0)))))?;
            body(&regex, a)
        });
        let strict = Func::new(params, move |a| body(&compile(a.bytes(0))?, a));
        set = set.with(plain, lenient.returns(result.clone())).with(must, strict.returns(result));
    }
    set
}

type Body = fn(&Regex, &Args<'_>) -> Answer;

fn strings(count: usize) -> Vec<Type> {
    vec![Type::String; count]
}

fn compile(pattern: &[u8]) -> Result<Regex, FuncError> {
    let translated = regex_syntax::translate(pattern)?;
    RegexBuilder::new(&translated)
        .size_limit(PROGRAM_BYTES)
        .build()
        .map_err(|_| format!("error parsing regexp: expression too large: {}", regex_syntax::quoted(pattern)).into())
}

/// A count of results, where negative means all.
fn limit(n: i64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Go's `Regexp.Split`: an empty match at the beginning splits nothing off.
fn split(regex: &Regex, s: &[u8], most: usize) -> Vec<Vec<u8>> {
    if most == 0 {
        return Vec::new();
    }
    if s.is_empty() && !regex.as_str().is_empty() {
        return vec![Vec::new()];
    }
    let mut out = Vec::new();
    let (mut start, mut end) = (0, 0);
    for found in regex.find_iter(s) {
        if out.len() + 1 >= most {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            out.push(s[start..end].to_vec());
        }
        start = found.end();
    }
    if end != s.len() {
        out.push(s[start..].to_vec());
    }
    out
}

fn replace(regex: &Regex, args: &Args<'_>, mut add: impl FnMut(&mut Vec<u8>, &regex::bytes::Captures<'_>)) -> Answer {
    let s = args.bytes(1);
    let mut out = Vec::new();
    let mut done = 0;
    for groups in regex.captures_iter(s) {
        let Some(found) = groups.get(0) else { continue };
        out.extend_from_slice(&s[done..found.start()]);
        add(&mut out, &groups);
        args.check_size(out.len())?;
        done = found.end();
    }
    out.extend_from_slice(&s[done..]);
    args.check_size(out.len())?;
    Ok(Value::string(out))
}

/// Go's `Regexp.Expand`: `$1`, `$name`, `${name}`, `$$`; a name is as long as it can be, an unknown one is empty.
fn expand(template: &[u8], regex: &Regex, groups: &regex::bytes::Captures<'_>, out: &mut Vec<u8>) {
    let mut rest = template;
    while let Some(i) = rest.iter().position(|b| *b == b'$') {
        out.extend_from_slice(&rest[..i]);
        rest = &rest[i + 1..];
        if let [b'$', after @ ..] = rest {
            out.push(b'$');
            rest = after;
            continue;
        }
        let braced = rest.first() == Some(&b'{');
        let from = usize::from(braced);
        let length = name_length(&rest[from..]);
        let closed = !braced || rest.get(from + length) == Some(&b'}');
        if length == 0 || !closed {
            out.push(b'$');
            continue;
        }
        let name = &rest[from..from + length];
        rest = &rest[from + length + from..];
        let name = String::from_utf8_lossy(name);
        let number = name.bytes().all(|b| b.is_ascii_digit()).then(|| name.parse::<usize>().unwrap_or(usize::MAX));
        let leading_zero = name.len() > 1 && name.starts_with('0');
        let group = match number {
            Some(n) if !leading_zero => groups.get(n),
            _ => regex.capture_names().zip(groups.iter()).filter(|(n, _)| *n == Some(&*name)).find_map(|(_, g)| g),
        };
        out.extend_from_slice(group.map_or(&[], |g| g.as_bytes()));
    }
    out.extend_from_slice(rest);
}

/// How many bytes of letters, digits and underscores there are.
fn name_length(s: &[u8]) -> usize {
    crate::runes::iter(s)
        .find(|(_, c, _)| !(*c == u32::from('_') || crate::runes::is_alphanumeric(*c)))
        .map_or(s.len(), |(at, ..)| at)
}

fn quote_meta(s: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(s.len());
    for b in s {
        if br"\.+*?()|[]{}^$".contains(b) {
            out.push(b'\\');
        }
        out.push(*b);
    }
    out
}
