//! Numeric constants: Go's integer, floating-point, imaginary and character literals, exactly.

use super::literal::unquote_char;
use super::node::{Number, Span};
use super::token::Kind;
use crate::value::{Number as Typed, Value};

/// Evaluates a constant; the error is the text of Go's.
pub(super) fn parse(text: &[u8], span: Span, kind: Kind) -> Result<Number, String> {
    let mut n = Number { text: span, int: None, uint: None, float: None, complex: None, ideal: None };
    let shown = || crate::gofmt::quote(text);
    match kind {
        Kind::Char => {
            let c = unquote_char(&text[1..], b'\'').ok_or("invalid syntax")?;
            if &text[1 + c.width..] != b"'" {
                return Err(format!("malformed character constant: {}", String::from_utf8_lossy(text)));
            }
            n.int = Some(c.value.into());
            n.uint = Some(c.value.into());
            n.float = Some(c.value.into());
        }
        Kind::Complex => {
            let split = text
                .iter()
                .enumerate()
                .rposition(|(i, b)| matches!(b, b'+' | b'-') && i > 0 && !is_exponent_sign(text, i));
            let parts = split.and_then(|i| {
                let (re, im) = text.split_at(i);
                Some((parse_float(re)?, parse_float(im.strip_suffix(b"i")?)?))
            });
            n.complex = Some(parts.ok_or("syntax error scanning complex number")?);
            simplify(&mut n);
        }
        _ => {
            if let Some(imaginary) = text.strip_suffix(b"i").and_then(parse_float) {
                n.complex = Some((0.0, imaginary));
                simplify(&mut n);
            } else {
                real(text, &mut n).map_err(|what| format!("{what}: {}", shown()))?;
            }
        }
    }
    n.ideal = ideal(text, &n);
    Ok(n)
}

/// Whether the sign at `i` belongs to an exponent.
fn is_exponent_sign(text: &[u8], i: usize) -> bool {
    let part = text[..i].iter().rposition(|b| matches!(b, b'+' | b'-')).map_or(0, |p| p + 1);
    let hex = text[part..].starts_with(b"0x") || text[part..].starts_with(b"0X");
    match text[i - 1] {
        b'p' | b'P' => true,
        b'e' | b'E' => !hex,
        _ => false,
    }
}

fn real(text: &[u8], n: &mut Number) -> Result<(), &'static str> {
    n.uint = parse_uint(text);
    n.int = parse_int(text);
    if n.int == Some(0) {
        n.uint = Some(0);
    }
    #[expect(clippy::cast_precision_loss, reason = "as Go converts constants")]
    if let Some(i) = n.int {
        n.float = Some(i as f64);
    } else if let Some(u) = n.uint {
        n.float = Some(u as f64);
    } else if let Some(f) = parse_float(text) {
        if !text.iter().any(|b| b".eEpP".contains(b)) {
            return Err("integer overflow");
        }
        n.float = Some(f);
        n.int = whole_int(f);
        n.uint = whole_uint(f);
    } else {
        return Err("illegal number syntax");
    }
    Ok(())
}

/// A complex constant without an imaginary part is a real one as well.
fn simplify(n: &mut Number) {
    if let Some((re, 0.0)) = n.complex {
        n.float = Some(re);
        n.int = whole_int(re);
        n.uint = whole_uint(re);
    }
}

#[expect(clippy::cast_possible_truncation, clippy::float_cmp, reason = "checked exactly before")]
fn whole_int(f: f64) -> Option<i64> {
    (f.trunc() == f && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&f)).then_some(f as i64)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "checked exactly before"
)]
fn whole_uint(f: f64) -> Option<u64> {
    (f.trunc() == f && (0.0..18_446_744_073_709_551_616.0).contains(&f)).then_some(f as u64)
}

/// The value that the constant has by itself: how it is written decides between `int` and `float64`.
fn ideal(text: &[u8], n: &Number) -> Option<Value> {
    if let Some((re, im)) = n.complex {
        return Some(Value::Number(Typed::Complex128(re, im)));
    }
    let has = |set: &[u8]| text.iter().any(|b| set.contains(b));
    let hex_int = text.len() > 2 && (text.starts_with(b"0x") || text.starts_with(b"0X")) && !has(b"pP");
    if let Some(f) = n.float
        && !hex_int
        && !text.starts_with(b"'")
        && has(b".eEpP")
    {
        return Some(Value::Float(f));
    }
    n.int.map(Value::Int)
}

fn parse_int(text: &[u8]) -> Option<i64> {
    match text.split_first()? {
        (b'-', rest) => 0i64.checked_sub_unsigned(parse_uint(rest)?),
        (b'+', rest) => i64::try_from(parse_uint(rest)?).ok(),
        _ => i64::try_from(parse_uint(text)?).ok(),
    }
}

/// Go's `ParseUint` with base 0.
fn parse_uint(text: &[u8]) -> Option<u64> {
    let (radix, digits) = match text {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', b'o' | b'O', rest @ ..] => (8, rest),
        [b'0', b'b' | b'B', rest @ ..] => (2, rest),
        [b'0', rest @ ..] if !rest.is_empty() => (8, rest),
        _ => (10, text),
    };
    if !digits.iter().any(|b| *b != b'_') || !underscores_ok(text) {
        return None;
    }
    digits.iter().filter(|b| **b != b'_').try_fold(0u64, |n, b| {
        n.checked_mul(radix)?.checked_add(char::from(*b).to_digit(u32::try_from(radix).ok()?)?.into())
    })
}

/// Underscores separate digits, or the base's prefix from digits.
fn underscores_ok(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let (hex, prefix) = match text {
        [b'0', b'x' | b'X', ..] => (true, 2),
        [b'0', b'b' | b'B' | b'o' | b'O', ..] => (false, 2),
        _ => (false, 0),
    };
    let mut saw = if prefix > 0 { b'0' } else { b'^' };
    for b in &text[prefix..] {
        if b.is_ascii_digit() || (hex && b.is_ascii_hexdigit()) {
            saw = b'0';
        } else if *b == b'_' {
            if saw != b'0' {
                return false;
            }
            saw = b'_';
        } else {
            if saw == b'_' {
                return false;
            }
            saw = b'!';
        }
    }
    saw != b'_'
}

/// Go's `ParseFloat`; nothing for what is out of range.
fn parse_float(text: &[u8]) -> Option<f64> {
    if text.contains(&b'_') && !underscores_ok(text) {
        return None;
    }
    let plain: Vec<u8> = text.iter().copied().filter(|b| *b != b'_').collect();
    let (negative, rest) = match plain.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, &plain[..]),
    };
    let abs = if let [b'0', b'x' | b'X', hex @ ..] = rest {
        hex_float(hex)?
    } else {
        // Go knows decimal digits only here; Rust would also read `inf`.
        if !rest.iter().all(|b| b.is_ascii_digit() || b".eE+-".contains(b)) {
            return None;
        }
        std::str::from_utf8(rest).ok()?.parse::<f64>().ok()?
    };
    if abs.is_infinite() {
        return None;
    }
    Some(if negative { -abs } else { abs })
}

/// The value of `1.8p3`, the digits hexadecimal and the exponent binary, rounded once to the nearest, ties to even.
fn hex_float(text: &[u8]) -> Option<f64> {
    let p = text.iter().position(|b| matches!(b, b'p' | b'P'))?;
    let exponent = std::str::from_utf8(&text[p + 1..]).ok()?;
    let digits_only = exponent.trim_start_matches(['+', '-']);
    if digits_only.is_empty() || !digits_only.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Beyond these bounds everything is infinite or zero.
    let bound = if exponent.starts_with('-') { -100_000 } else { 100_000 };
    let mut exponent: i64 = exponent.parse().unwrap_or(bound).clamp(-100_000, 100_000);
    let (mut mantissa, mut sticky, mut point, mut any) = (0u64, false, false, false);
    for b in &text[..p] {
        if *b == b'.' {
            if std::mem::replace(&mut point, true) {
                return None;
            }
            continue;
        }
        let digit = char::from(*b).to_digit(16)?;
        any = true;
        if mantissa >> 59 == 0 {
            mantissa = mantissa << 4 | u64::from(digit);
            exponent -= if point { 4 } else { 0 };
        } else {
            sticky |= digit != 0;
            exponent += if point { 0 } else { 4 };
        }
    }
    if !any {
        return None;
    }
    if mantissa == 0 {
        return Some(0.0);
    }
    let shift = i64::from(mantissa.leading_zeros());
    mantissa <<= shift;
    exponent -= shift;
    // The value is mantissa × 2^exponent with the mantissa's top bit set; a normal number keeps 53 bits, a subnormal fewer.
    let top = exponent + 63;
    let keep = if top >= -1022 { 53 } else { 53 - (-1022 - top) };
    if keep < 0 {
        return Some(0.0);
    }
    let drop = u32::try_from(64 - keep).ok()?;
    let (mut kept, half, lost) = if drop == 64 {
        (0, mantissa >> 63 == 1, mantissa << 1 != 0)
    } else {
        (mantissa >> drop, mantissa >> (drop - 1) & 1 == 1, mantissa << (65 - drop) != 0)
    };
    kept += u64::from(half && (lost || sticky || kept & 1 == 1));
    #[expect(clippy::cast_precision_loss, reason = "at most 54 bits, of which the last is zero")]
    let value = kept as f64;
    // Two exact steps: a power of two that is itself a number, however small or large the result is.
    let exponent = i32::try_from(exponent + i64::from(drop)).ok()?;
    let first = exponent.clamp(-1000, 1000);
    Some(value * 2f64.powi(first) * 2f64.powi((exponent - first).clamp(-1000, 1000)))
}
