//! YAML out. Role: Helm's `toYaml`, with the bytes of sigs.k8s.io/yaml over yaml.v2.
//!
//! The way there is JSON: what has no JSON gives an empty text, struct fields become sorted keys, bytes base64. Invariants: block style;
//! keys in yaml.v2's order (numbers inside of keys count as numbers); lines fold after column 80; the last line break is cut off.

use std::cmp::Ordering;

use crate::func::{Args, Func, FuncError, Funcs};
use crate::gofmt::{MAX_DEPTH, format_float};
use crate::runes;
use crate::value::{Number, Type, Value};

use super::base64;
use super::yaml_scalar::Scalar;

pub(super) fn add(set: Funcs) -> Funcs {
    set.with(
        "toYaml",
        Func::new([Type::Any], |a| match Node::of(&a[0], a, &mut a.max_bytes(), 0) {
            Ok(node) => {
                let mut emitter = Emitter::default();
                emitter.node(&node, Context::Root);
                emitter.line();
                // Helm cuts the last line break off.
                emitter.out.pop();
                a.check_size(emitter.out.len())?;
                Ok(Value::string(emitter.out))
            }
            Err(Unfit::NoYaml) => Ok("".into()),
            Err(Unfit::Refused(error)) => Err(error),
        })
        .returns(Type::String),
    )
}

/// What is left of a value on its way through JSON.
enum Node {
    Plain(Vec<u8>),
    Text(Vec<u8>),
    Sequence(Vec<Node>),
    Mapping(Vec<(Vec<u8>, Node)>),
}

enum Unfit {
    NoYaml,
    Refused(FuncError),
}

impl Node {
    fn of(value: &Value, args: &Args<'_>, left: &mut usize, depth: usize) -> Result<Self, Unfit> {
        let too_large = || Unfit::Refused(FuncError::limit(args.max_bytes()));
        if depth > MAX_DEPTH {
            return Err(Unfit::Refused("the value is nested too deeply".into()));
        }
        *left = left.checked_sub(1).ok_or_else(too_large)?;
        Ok(match value {
            Value::Nil => Self::Plain(b"null".to_vec()),
            Value::Bool(b) => Self::Plain(b.to_string().into_bytes()),
            Value::Int(i) => Self::Plain(i.to_string().into_bytes()),
            Value::Uint(u) => Self::Plain(u.to_string().into_bytes()),
            Value::Float(f) => Self::float(*f)?,
            Value::Number(Number::Float32(f)) => Self::float(f.to_string().parse().unwrap_or_default())?,
            Value::Number(Number::Complex128(..)) | Value::Func(_) => return Err(Unfit::NoYaml),
            Value::Number(n) => {
                Self::Plain(n.as_i64().map_or_else(|| n.bits().to_string(), |i| i.to_string()).into_bytes())
            }
            Value::String(s) => {
                *left = left.checked_sub(s.len()).ok_or_else(too_large)?;
                Self::Text(text(s)?)
            }
            Value::List(l) => match l.to_byte_vec() {
                Some(bytes) => Self::Text(base64::encode(&bytes)),
                None => Self::Sequence(l.iter().map(|v| Self::of(v, args, left, depth + 1)).collect::<Result<_, _>>()?),
            },
            Value::Map(m) => Self::mapping(m.entries().iter().map(|(k, v)| (k, v)), args, left, depth)?,
            Value::Struct(s) => Self::mapping(s.fields(), args, left, depth)?,
        })
    }

    fn mapping<'v>(
        members: impl Iterator<Item = (&'v crate::value::Str, &'v Value)>,
        args: &Args<'_>,
        left: &mut usize,
        depth: usize,
    ) -> Result<Self, Unfit> {
        let mut out = Vec::new();
        for (key, value) in members {
            *left = left.checked_sub(key.len()).ok_or_else(|| Unfit::Refused(FuncError::limit(args.max_bytes())))?;
            out.push((text(key)?, Self::of(value, args, left, depth + 1)?));
        }
        Ok(Self::Mapping(in_order(out)))
    }

    /// JSON writes an integral float without a point, and YAML then reads an integer where it fits 64 bits.
    fn float(f: f64) -> Result<Self, Unfit> {
        if !f.is_finite() {
            return Err(Unfit::NoYaml);
        }
        let json = String::from_utf8_lossy(&super::json::number(f, false)).into_owned();
        if json == "-0" {
            return Ok(Self::Plain(b"0".to_vec()));
        }
        let integral = json.parse::<i64>().is_ok() || json.parse::<u64>().is_ok();
        Ok(Self::Plain(if integral { json.into_bytes() } else { format_float(f, false, b'g', None) }))
    }
}

/// A text after JSON and YAML's own reader: what is not UTF-8 is U+FFFD, control characters have no YAML, and a NEL is a line break
/// that folds to a space.
fn text(s: &[u8]) -> Result<Vec<u8>, Unfit> {
    let mut out = Vec::with_capacity(s.len());
    let mut breaks = 0usize;
    for (_, rune, _) in runes::iter(s) {
        match rune {
            0x85 => {
                if breaks == 0 {
                    while matches!(out.last(), Some(b' ')) {
                        out.pop();
                    }
                }
                breaks += 1;
                continue;
            }
            0x7f..=0x9f | 0xfffe | 0xffff => return Err(Unfit::NoYaml),
            0x20 if breaks > 0 => continue,
            // The other control characters and line separators are escapes in JSON, which the reader does not see.
            _ => {}
        }
        fold(&mut out, &mut breaks);
        runes::encode(rune, &mut out);
    }
    fold(&mut out, &mut breaks);
    Ok(out)
}

fn fold(out: &mut Vec<u8>, breaks: &mut usize) {
    match std::mem::take(breaks) {
        0 => {}
        1 => out.push(b' '),
        n => out.extend(std::iter::repeat_n(b'\n', n - 1)),
    }
}

/// A merge sort: the order of keys is not transitive (`a10` < `a1b` < `a9` < `a10`), which the standard library's sort may panic on.
fn in_order(mut members: Vec<(Vec<u8>, Node)>) -> Vec<(Vec<u8>, Node)> {
    if members.len() < 2 {
        return members;
    }
    let right = in_order(members.split_off(members.len() / 2));
    let mut left = in_order(members).into_iter().peekable();
    let mut right = right.into_iter().peekable();
    let mut out = Vec::with_capacity(left.len() + right.len());
    while let (Some(l), Some(r)) = (left.peek(), right.peek()) {
        let first = if key_order(&r.0, &l.0).is_lt() { right.next() } else { left.next() };
        out.extend(first);
    }
    out.extend(left);
    out.extend(right);
    out
}

/// yaml.v2's order of keys: letters after everything else, runs of digits by their number.
#[expect(clippy::many_single_char_names, reason = "two keys and where they differ")]
fn key_order(a: &[u8], b: &[u8]) -> Ordering {
    let letters = |s: &[u8]| runes::iter(s).filter_map(|(_, c, _)| char::from_u32(c)).collect::<Vec<char>>();
    let (a, b) = (letters(a), letters(b));
    let Some(i) = a.iter().zip(&b).position(|(x, y)| x != y) else { return a.len().cmp(&b.len()) };
    let (x, y) = (a[i], b[i]);
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // A zero inside of a number that has begun before is one of its digits, not a leading zero.
    let inside = (x == '0' || y == '0') && a[..i].iter().rev().take_while(|c| c.is_numeric()).any(|c| *c != '0');
    let start = i64::from(inside);
    let run = |s: &[char]| {
        s[i..].iter().take_while(|c| c.is_numeric()).fold((start, 0usize), |(n, len), c| {
            (n.wrapping_mul(10).wrapping_add(i64::from(u32::from(*c)) - 48), len + 1)
        })
    };
    run(&a).cmp(&run(&b)).then(x.cmp(&y))
}

#[derive(Clone, Copy, PartialEq)]
enum Context {
    Root,
    /// After `- `.
    Sequence,
    /// After `key:`.
    Mapping,
}

/// Writes nodes in block style, keeping track of the column.
#[derive(Default)]
pub(super) struct Emitter {
    pub(super) out: Vec<u8>,
    pub(super) column: usize,
    /// The last thing written was a space or an indicator that counts as one.
    pub(super) whitespace: bool,
    /// Only indentation and `-` or `?` so far on this line.
    pub(super) indention: bool,
    /// The columns of the open collections, outermost first; none at the root.
    indents: Vec<usize>,
}

impl Emitter {
    fn node(&mut self, node: &Node, context: Context) {
        match node {
            Node::Plain(text) => self.scalar(&Scalar::plain(text)),
            Node::Text(text) => self.scalar(&Scalar::of(text)),
            Node::Sequence(items) if items.is_empty() => self.indicator(b"[]", true),
            Node::Mapping(members) if members.is_empty() => self.indicator(b"{}", true),
            Node::Sequence(items) => {
                self.begin(context == Context::Mapping && !self.indention);
                for item in items {
                    self.line();
                    self.bullet(b'-');
                    self.node(item, Context::Sequence);
                }
                self.indents.pop();
            }
            Node::Mapping(members) => {
                self.begin(false);
                for (key, value) in members {
                    self.line();
                    let key = Scalar::of(key);
                    if key.is_simple_key() {
                        self.scalar(&key.into_key());
                        self.indicator(b":", false);
                    } else {
                        self.bullet(b'?');
                        self.scalar(&key);
                        self.line();
                        self.bullet(b':');
                    }
                    self.node(value, Context::Mapping);
                }
                self.indents.pop();
            }
        }
    }

    /// Opens a collection: at column 0 first, then two columns further, unless it is a sequence below a key.
    fn begin(&mut self, indentless: bool) {
        let indent = self.indents.last().map_or(0, |i| if indentless { *i } else { i + 2 });
        self.indents.push(indent);
    }

    fn scalar(&mut self, scalar: &Scalar<'_>) {
        // A scalar's continuation lines stand two columns right of its collection.
        self.indents.push(self.indents.last().map_or(0, |i| *i) + 2);
        scalar.write(self);
        self.indents.pop();
    }

    /// `-`, `?` or `:` at the beginning of an item, which a collection may follow on the same line.
    fn bullet(&mut self, b: u8) {
        let indention = self.indention;
        self.indicator(&[b], true);
        self.indention = indention;
    }

    /// Writes an indicator, after a space where one is wanted and missing.
    pub(super) fn indicator(&mut self, text: &[u8], space_before: bool) {
        if space_before && !self.whitespace && !self.out.is_empty() {
            self.put(b" ");
        }
        self.put(text);
        self.whitespace = false;
        self.indention = false;
    }

    /// One character.
    pub(super) fn put(&mut self, character: &[u8]) {
        self.out.extend_from_slice(character);
        self.column += runes::count(character);
    }

    pub(super) fn line_break(&mut self) {
        self.out.push(b'\n');
        self.column = 0;
    }

    /// Goes to the indentation of the current collection, on a new line unless already there.
    pub(super) fn line(&mut self) {
        let indent = self.indents.last().copied().unwrap_or(0);
        if !self.out.is_empty()
            && (!self.indention || self.column > indent || (self.column == indent && !self.whitespace))
        {
            self.line_break();
        }
        while self.column < indent {
            self.put(b" ");
        }
        self.whitespace = true;
        self.indention = true;
    }

    /// Whether the line is long enough to be folded.
    pub(super) fn is_full(&self) -> bool {
        self.column > 80
    }
}
