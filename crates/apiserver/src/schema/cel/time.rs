//! Timestamps and durations.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use kube_cel::cel::common::ast::operators as op;

use super::{
    eval::{Error, Outcome},
    value::Val,
};

fn out_of_range() -> Error {
    Error::other("timestamp overflow")
}

/// `+` and `-` where a timestamp or duration takes part.
pub(super) fn arithmetic<'a>(name: &str, a: &Val<'a>, b: &Val<'a>) -> Outcome<'a> {
    let shifted = |t: &Timestamp, nanos: i64| {
        t.checked_add(SignedDuration::from_nanos(nanos)).map(Val::Timestamp).map_err(|_| out_of_range())
    };
    let sum = |d: Option<i64>| d.map(Val::Duration).ok_or_else(|| Error::other("duration overflow"));
    match (name, a, b) {
        (op::ADD, Val::Duration(a), Val::Duration(b)) => sum(a.checked_add(*b)),
        (op::SUBSTRACT, Val::Duration(a), Val::Duration(b)) => sum(a.checked_sub(*b)),
        (op::ADD, Val::Timestamp(t), Val::Duration(d)) | (op::ADD, Val::Duration(d), Val::Timestamp(t)) => {
            shifted(t, *d)
        }
        (op::SUBSTRACT, Val::Timestamp(t), Val::Duration(d)) => shifted(t, d.checked_neg().ok_or_else(out_of_range)?),
        (op::SUBSTRACT, Val::Timestamp(a), Val::Timestamp(b)) => {
            sum(i64::try_from(a.as_nanosecond() - b.as_nanosecond()).ok())
        }
        _ => Err(Error::NoOverload),
    }
}

/// `getHours()` and its like; `None` when `name` is not one of them.
pub(super) fn accessor<'a>(name: &str, target: &Val<'a>, args: &[Val<'a>]) -> Option<Outcome<'a>> {
    match target {
        Val::Duration(d) if args.is_empty() => {
            let unit = match name {
                "getHours" => 3_600_000_000_000,
                "getMinutes" => 60_000_000_000,
                "getSeconds" => 1_000_000_000,
                "getMilliseconds" => return Some(Ok(Val::Int(d / 1_000_000 % 1_000))),
                _ => return None,
            };
            Some(Ok(Val::Int(d / unit)))
        }
        Val::Timestamp(t) if name.starts_with("get") => {
            let zone = match args {
                [] => TimeZone::UTC,
                [Val::Str(zone)] => match time_zone(zone) {
                    Some(zone) => zone,
                    None => return Some(Err(Error::other(format!("unknown time zone {zone}")))),
                },
                _ => return Some(Err(Error::NoOverload)),
            };
            let z = t.to_zoned(zone);
            let value = match name {
                "getFullYear" => z.year().into(),
                "getMonth" => i64::from(z.month()) - 1,
                "getDate" => z.day().into(),
                "getDayOfMonth" => i64::from(z.day()) - 1,
                "getDayOfYear" => i64::from(z.day_of_year()) - 1,
                "getDayOfWeek" => z.weekday().to_sunday_zero_offset().into(),
                "getHours" => z.hour().into(),
                "getMinutes" => z.minute().into(),
                "getSeconds" => z.second().into(),
                "getMilliseconds" => z.millisecond().into(),
                _ => return None,
            };
            Some(Ok(Val::Int(value)))
        }
        _ => None,
    }
}

/// An IANA name or a fixed offset (`-08:00`).
fn time_zone(name: &str) -> Option<TimeZone> {
    if let Some((hours, minutes)) = name.split_once(':')
        && let (Ok(h), Ok(m)) = (hours.parse::<i32>(), minutes.parse::<i32>())
    {
        let sign = if hours.starts_with('-') { -1 } else { 1 };
        let seconds = h.checked_mul(3600)?.checked_add(sign * m.checked_mul(60)?)?;
        return Some(TimeZone::fixed(jiff::tz::Offset::from_seconds(seconds).ok()?));
    }
    TimeZone::get(name).ok()
}

/// A duration as Go prints it: `1h30m0s`.
pub(super) fn duration_text(nanos: i64) -> String {
    let magnitude = nanos.unsigned_abs();
    let sign = if nanos < 0 { "-" } else { "" };
    if magnitude < 1_000_000_000 {
        let (unit, name) = match magnitude {
            0 => return "0s".into(),
            n if n < 1_000 => (1, "ns"),
            n if n < 1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return format!("{sign}{}{name}", decimal(magnitude, unit));
    }
    let seconds = decimal(magnitude % 60_000_000_000, 1_000_000_000);
    let minutes = magnitude / 60_000_000_000;
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, m) => format!("{sign}{m}m{seconds}s"),
        (h, m) => format!("{sign}{h}h{m}m{seconds}s"),
    }
}

fn decimal(value: u64, unit: u64) -> String {
    let width = unit.ilog10() as usize;
    let fraction = format!("{:0width$}", value % unit);
    let fraction = fraction.trim_end_matches('0');
    if width == 0 || fraction.is_empty() { (value / unit).to_string() } else { format!("{}.{fraction}", value / unit) }
}
