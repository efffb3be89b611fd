//! Floating-point numbers: Go's `strconv.AppendFloat`, and the flags that `fmt` adds.
//!
//! The digits come from Rust's formatting, which like Go's gives the shortest that round-trip, or exactly rounded ones; how they are laid
//! out (exponents of two digits, when `%g` takes which form) is Go's.

use super::Printer;

/// No `f64` has more digits than this; what is asked for beyond is zeros. (Rust panics at precisions above 65535.)
const MAX_DIGITS: usize = 1100;

/// Significant decimal digits, without trailing zeros, and the place of the decimal point among them.
struct Decimal {
    digits: Vec<u8>,
    point: i32,
}

impl Decimal {
    /// Reads `d.ddde-7`, the form in which Rust prints exponents.
    fn parse(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        let point = if digits.is_empty() { 0 } else { exponent.parse::<i32>().unwrap_or(0) + 1 };
        Self { digits, point }
    }
}

/// Go's `strconv.FormatFloat` for the formats `b e E f g G x X`; no precision asks for the shortest that round-trips.
pub(crate) fn format_float(value: f64, single: bool, format: u8, precision: Option<usize>) -> Vec<u8> {
    let mut out = Vec::with_capacity(24);
    if value.is_nan() {
        return b"NaN".to_vec();
    }
    if value.is_infinite() {
        return if value > 0.0 { b"+Inf".to_vec() } else { b"-Inf".to_vec() };
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let abs = value.abs();
    match format {
        b'b' => binary(&mut out, abs, single),
        b'x' | b'X' => hexadecimal(&mut out, abs, single, format, precision),
        b'f' => {
            if let Some(p) = precision {
                out.extend_from_slice(format!("{abs:.*}", p.min(MAX_DIGITS)).as_bytes());
                out.resize(out.len() + p.saturating_sub(MAX_DIGITS), b'0');
            } else {
                let d = shortest(abs, single);
                let fraction = i32::try_from(d.digits.len()).unwrap_or(0) - d.point;
                fixed(&mut out, &d, usize::try_from(fraction).unwrap_or(0));
            }
        }
        b'e' | b'E' => {
            let d = precision.map_or_else(|| shortest(abs, single), |p| rounded(abs, p));
            let p = precision.unwrap_or(d.digits.len().saturating_sub(1));
            exponential(&mut out, &d, p, format);
        }
        _ => general(&mut out, abs, single, format, precision),
    }
    out
}

fn shortest(abs: f64, single: bool) -> Decimal {
    // The value of a float32 is widened without loss, so narrowing it again is exact.
    #[expect(clippy::cast_possible_truncation, reason = "it was a float32")]
    let text = if single { format!("{:e}", abs as f32) } else { format!("{abs:e}") };
    Decimal::parse(&text)
}

fn rounded(abs: f64, decimals: usize) -> Decimal {
    Decimal::parse(&format!("{abs:.*e}", decimals.min(MAX_DIGITS)))
}

/// `%g`: exponential for exponents below -4 or from the precision on, fixed otherwise.
fn general(out: &mut Vec<u8>, abs: f64, single: bool, format: u8, precision: Option<usize>) {
    let (d, mut p) = match precision {
        None => {
            let d = shortest(abs, single);
            let p = d.digits.len();
            (d, p)
        }
        Some(p) => (rounded(abs, p.max(1) - 1), p.max(1)),
    };
    let nd = d.digits.len();
    let nd_signed = i32::try_from(nd).unwrap_or(0);
    let mut threshold = p;
    if threshold > nd && nd_signed >= d.point {
        threshold = nd;
    }
    if precision.is_none() {
        threshold = 6;
    }
    let exponent = d.point - 1;
    if exponent < -4 || exponent >= i32::try_from(threshold).unwrap_or(i32::MAX) {
        p = p.min(nd);
        exponential(out, &d, p.saturating_sub(1), format - 2);
    } else {
        if i32::try_from(p).unwrap_or(i32::MAX) > d.point {
            p = nd;
        }
        let fraction = i32::try_from(p).unwrap_or(i32::MAX).saturating_sub(d.point);
        fixed(out, &d, usize::try_from(fraction).unwrap_or(0));
    }
}

fn fixed(out: &mut Vec<u8>, d: &Decimal, fraction: usize) {
    let digit = |at: i32| usize::try_from(at).ok().and_then(|i| d.digits.get(i)).copied().unwrap_or(b'0');
    if d.point > 0 {
        out.extend((0..d.point).map(digit));
    } else {
        out.push(b'0');
    }
    if fraction > 0 {
        out.push(b'.');
        out.extend((0..i32::try_from(fraction).unwrap_or(i32::MAX)).map(|i| digit(d.point + i)));
    }
}

fn exponential(out: &mut Vec<u8>, d: &Decimal, fraction: usize, letter: u8) {
    out.push(d.digits.first().copied().unwrap_or(b'0'));
    if fraction > 0 {
        out.push(b'.');
        let rest = d.digits.get(1..).unwrap_or_default();
        let rest = &rest[..rest.len().min(fraction)];
        out.extend_from_slice(rest);
        out.resize(out.len() + fraction - rest.len(), b'0');
    }
    out.push(letter);
    let exponent = if d.digits.is_empty() { 0 } else { d.point - 1 };
    out.push(if exponent < 0 { b'-' } else { b'+' });
    out.extend_from_slice(format!("{:02}", exponent.abs()).as_bytes());
}

/// The mantissa as an integer, the exponent of its last bit, and the mantissa's width.
fn parts(abs: f64, single: bool) -> (u64, i32, u32) {
    #[expect(clippy::cast_possible_truncation, reason = "it was a float32")]
    let (raw, width, bias) =
        if single { (u64::from((abs as f32).to_bits()), 23, 127) } else { (abs.to_bits(), 52, 1023) };
    let mut mantissa = raw & ((1 << width) - 1);
    let mut exponent = i32::try_from(raw >> width).unwrap_or(0);
    if exponent == 0 {
        exponent = 1;
    } else {
        mantissa |= 1 << width;
    }
    (mantissa, exponent - bias, width)
}

/// `4503599627370496p-52`
fn binary(out: &mut Vec<u8>, abs: f64, single: bool) {
    let (mantissa, exponent, width) = parts(abs, single);
    out.extend_from_slice(format!("{mantissa}p{:+}", exponent - width.cast_signed()).as_bytes());
}

/// `0x1.8p+01`
fn hexadecimal(out: &mut Vec<u8>, abs: f64, single: bool, format: u8, precision: Option<usize>) {
    let (mut mantissa, mut exponent, width) = parts(abs, single);
    if mantissa == 0 {
        exponent = 0;
    }
    // The leading one, if there is any, goes to bit 60: what follows are whole hexadecimal digits.
    mantissa <<= 60 - width;
    while mantissa != 0 && mantissa & (1 << 60) == 0 {
        mantissa <<= 1;
        exponent -= 1;
    }
    if let Some(p) = precision.filter(|p| *p < 15) {
        let shift = 4 * p;
        let extra = (mantissa << shift) & ((1 << 60) - 1);
        mantissa >>= 60 - shift;
        if extra | (mantissa & 1) > 1 << 59 {
            mantissa += 1;
        }
        mantissa <<= 60 - shift;
        if mantissa & (1 << 61) != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    out.extend_from_slice(&[b'0', format, b'0' + u8::from(mantissa >> 60 & 1 == 1)]);
    mantissa <<= 4;
    let digit = |m: u64| {
        let d = u8::try_from(m >> 60).unwrap_or(0);
        if d < 10 { b'0' + d } else { d - 10 + if format == b'x' { b'a' } else { b'A' } }
    };
    match precision {
        None if mantissa != 0 => {
            out.push(b'.');
            while mantissa != 0 {
                out.push(digit(mantissa));
                mantissa <<= 4;
            }
        }
        Some(p) if p > 0 => {
            out.push(b'.');
            for _ in 0..p {
                out.push(digit(mantissa));
                mantissa <<= 4;
            }
        }
        _ => {}
    }
    out.push(if format == b'x' { b'p' } else { b'P' });
    out.push(if exponent < 0 { b'-' } else { b'+' });
    out.extend_from_slice(format!("{:02}", exponent.abs()).as_bytes());
}

impl Printer<'_> {
    /// Formats a float; false if the verb is none for floats.
    pub(super) fn fmt_float(&mut self, value: f64, single: bool, verb: char) -> bool {
        let (format, default) = match verb {
            'v' | 'g' => (b'g', None),
            'b' => (b'b', None),
            'G' => (b'G', None),
            'x' => (b'x', None),
            'X' => (b'X', None),
            'f' | 'F' => (b'f', Some(6)),
            'e' => (b'e', Some(6)),
            'E' => (b'E', Some(6)),
            _ => return false,
        };
        let precision = self.flags.precision.or(default);
        if precision.unwrap_or(0) > self.limit.saturating_sub(self.out.len()) {
            self.overflow = true;
            return true;
        }
        let mut number = format_float(value, single, format, precision);
        if !matches!(number[0], b'-' | b'+') {
            number.insert(0, b'+');
        }
        let flags = self.flags;
        if flags.space && number[0] == b'+' && !flags.plus {
            number[0] = b' ';
        }
        if matches!(number[1], b'I' | b'N') {
            if number[1] == b'N' && !flags.space && !flags.plus {
                number.remove(0);
            }
            // What does not look like a number is not filled up with zeros.
            self.pad_spaces(&number);
            return true;
        }
        if flags.sharp && format != b'b' {
            keep_point(&mut number, format, precision);
        }
        if flags.plus || number[0] != b'+' {
            if let Some(width) = flags.width.filter(|w| flags.zero && !flags.minus && *w > number.len()) {
                self.byte(number[0]);
                self.padding(width - number.len());
                self.write(&number[1..]);
            } else {
                self.pad(&number);
            }
        } else {
            self.pad(&number[1..]);
        }
        true
    }
}

/// The sharp flag: always a decimal point, and the trailing zeros that `%g` drops.
fn keep_point(number: &mut Vec<u8>, format: u8, precision: Option<usize>) {
    let mut missing = match format {
        b'g' | b'G' | b'x' => precision.map_or(6, |p| i64::try_from(p).unwrap_or(i64::MAX)),
        _ => 0,
    };
    let hex = matches!(format, b'x' | b'X');
    let end = number.iter().position(|b| matches!(b, b'p' | b'P') || (!hex && matches!(b, b'e' | b'E')));
    let tail = end.map(|end| number.split_off(end)).unwrap_or_default();
    let mut point = false;
    let mut nonzero = false;
    for b in &number[1..] {
        if *b == b'.' {
            point = true;
            continue;
        }
        nonzero |= *b != b'0';
        missing -= i64::from(nonzero);
    }
    if !point {
        if number.len() == 2 && number[1] == b'0' {
            missing -= 1;
        }
        number.push(b'.');
    }
    number.resize(number.len() + usize::try_from(missing).unwrap_or(0), b'0');
    number.extend_from_slice(&tail);
}
