//! Integer arithmetic, ranges of integers, rounding. Role: Sprig's numbers; all integers are `int64`, wrapping as in Go.

use std::fmt::Write as _;

use crate::func::{Args, Func, FuncError, Funcs};
use crate::value::{List, Type, Value};

use super::{Answer, coerce};

pub(super) fn add(set: Funcs) -> Funcs {
    set.with("add", Func::variadic([], Type::Any, |a| fold(a, 0, i64::wrapping_add)).returns(Type::Int64))
        .with(
            "add1",
            Func::new([Type::Any], |a| Ok(Value::int64(coerce::int(&a[0]).wrapping_add(1)))).returns(Type::Int64),
        )
        .with(
            "sub",
            Func::new([Type::Any, Type::Any], |a| {
                Ok(Value::int64(coerce::int(&a[0]).wrapping_sub(coerce::int(&a[1]))))
            })
            .returns(Type::Int64),
        )
        .with("mul", Func::variadic([Type::Any], Type::Any, |a| fold(a, 1, i64::wrapping_mul)).returns(Type::Int64))
        .with("div", Func::new([Type::Any, Type::Any], |a| divide(a, i64::wrapping_div)).returns(Type::Int64))
        .with("mod", Func::new([Type::Any, Type::Any], |a| divide(a, i64::wrapping_rem)).returns(Type::Int64))
        .with("max", largest())
        .with("biggest", largest())
        .with(
            "min",
            Func::variadic([Type::Any], Type::Any, |a| fold(a, i64::MAX, std::cmp::Ord::min)).returns(Type::Int64),
        )
        .with(
            "maxf",
            Func::variadic([Type::Any], Type::Any, |a| Ok(float_fold(a, f64::NEG_INFINITY, f64::max)))
                .returns(Type::Float64),
        )
        .with(
            "minf",
            Func::variadic([Type::Any], Type::Any, |a| Ok(float_fold(a, f64::INFINITY, f64::min)))
                .returns(Type::Float64),
        )
        .with("ceil", rounding(f64::ceil))
        .with("floor", rounding(f64::floor))
        .with(
            "round",
            Func::variadic([Type::Any, Type::Int], Type::Float64, |a| Ok(round(a).into())).returns(Type::Float64),
        )
        .with("int", Func::new([Type::Any], |a| Ok(Value::Int(coerce::int(&a[0])))).returns(Type::Int))
        .with("int64", Func::new([Type::Any], |a| Ok(Value::int64(coerce::int(&a[0])))).returns(Type::Int64))
        .with("float64", Func::new([Type::Any], |a| Ok(Value::Float(coerce::float(&a[0])))).returns(Type::Float64))
        .with("atoi", Func::new([Type::String], |a| Ok(Value::Int(atoi(a.bytes(0))))).returns(Type::Int))
        .with(
            "until",
            Func::new([Type::Int], |a| until(a, 0, a.int(0), if a.int(0) < 0 { -1 } else { 1 }))
                .returns(Type::list(Type::Int)),
        )
        .with(
            "untilStep",
            Func::new([Type::Int, Type::Int, Type::Int], |a| until(a, a.int(0), a.int(1), a.int(2)))
                .returns(Type::list(Type::Int)),
        )
        .with("seq", Func::variadic([], Type::Int, seq).returns(Type::String))
}

fn largest() -> Func {
    Func::variadic([Type::Any], Type::Any, |a| fold(a, i64::MIN, std::cmp::Ord::max)).returns(Type::Int64)
}

#[expect(clippy::unnecessary_wraps, reason = "the body of a function")]
fn fold(args: &Args<'_>, start: i64, op: fn(i64, i64) -> i64) -> Answer {
    Ok(Value::int64(args.iter().fold(start, |total, v| op(total, coerce::int(v)))))
}

/// Go's `math.Max` and `math.Min`: NaN wins, unlike in Rust.
fn float_fold(args: &Args<'_>, start: f64, op: fn(f64, f64) -> f64) -> Value {
    let numbers = || args.iter().map(coerce::float);
    Value::Float(if numbers().any(f64::is_nan) { f64::NAN } else { numbers().fold(start, op) })
}

fn divide(args: &Args<'_>, op: fn(i64, i64) -> i64) -> Answer {
    match coerce::int(&args[1]) {
        0 => Err("runtime error: integer divide by zero".into()),
        divisor => Ok(Value::int64(op(coerce::int(&args[0]), divisor))),
    }
}

fn rounding(op: fn(f64) -> f64) -> Func {
    Func::new([Type::Any], move |a| Ok(Value::Float(op(coerce::float(&a[0]))))).returns(Type::Float64)
}

/// Rounds up where the fraction reaches `roundOn`, one half unless given; negative numbers therefore round down.
fn round(args: &Args<'_>) -> f64 {
    let round_on = args.get(2).map_or(0.5, coerce::float);
    let pow = 10f64.powf(coerce::from_integer(args.int(1)));
    let digit = pow * coerce::float(&args[0]);
    let rounded = if digit.fract() >= round_on { digit.ceil() } else { digit.floor() };
    rounded / pow
}

/// `strconv.Atoi` with its error dropped: what is no number is 0, what is too large is the largest integer.
fn atoi(s: &[u8]) -> i64 {
    let (negative, digits) = match s {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, s),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    let sign = if negative { -1 } else { 1 };
    digits.iter().fold(0i64, |n, b| n.saturating_mul(10).saturating_add(sign * i64::from(b - b'0')))
}

/// The integers from `start` towards `stop`; none if the step leads away from it.
#[expect(clippy::similar_names, reason = "Sprig's names")]
fn steps(args: &Args<'_>, start: i64, stop: i64, step: i64) -> Result<Vec<i64>, FuncError> {
    let towards = if stop < start { step < 0 } else { step > 0 };
    if !towards {
        return Ok(Vec::new());
    }
    let count = stop.abs_diff(start).div_ceil(step.unsigned_abs());
    args.check_size(usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(size_of::<Value>()))?;
    let mut out = Vec::new();
    let mut next = Some(start);
    while let Some(i) = next.filter(|i| if step > 0 { *i < stop } else { *i > stop }) {
        out.push(i);
        next = i.checked_add(step);
    }
    Ok(out)
}

#[expect(clippy::similar_names, reason = "Sprig's names")]
fn until(args: &Args<'_>, start: i64, stop: i64, step: i64) -> Answer {
    let items = steps(args, start, stop, step)?.into_iter().map(Value::Int).collect();
    Ok(Value::List(List::of(Type::Int, items)))
}

/// Like the shell's `seq`: both ends included, separated by spaces.
fn seq(args: &Args<'_>) -> Answer {
    let at = |i: usize| args.int(i);
    let numbers = match args.len() {
        1 => {
            let step = if at(0) < 1 { -1 } else { 1 };
            steps(args, 1, at(0).saturating_add(step), step)?
        }
        2 => {
            let step = if at(1) < at(0) { -1 } else { 1 };
            steps(args, at(0), at(1).saturating_add(step), step)?
        }
        3 if at(2) < at(0) && at(1) > 0 => Vec::new(),
        3 => steps(args, at(0), at(2).saturating_add(if at(2) < at(0) { -1 } else { 1 }), at(1))?,
        _ => Vec::new(),
    };
    let mut out = String::new();
    for (i, n) in numbers.iter().enumerate() {
        let _ = write!(out, "{}{n}", if i == 0 { "" } else { " " });
    }
    Ok(out.into())
}
