//! Conversions between scalar types: `string(x)`, `int(x)`, `uint(x)`, `double(x)`.

use super::{
    eval::{Error, Outcome},
    time,
    value::Val,
};

pub(super) fn string<'a>(v: &Val<'a>) -> Option<Outcome<'a>> {
    Some(match v {
        Val::Str(_) => Ok(v.clone()),
        Val::Int(i) => Ok(Val::text(i.to_string())),
        Val::Uint(u) => Ok(Val::text(u.to_string())),
        Val::Bool(b) => Ok(Val::text(b.to_string())),
        Val::Double(f) => Ok(Val::text(f.to_string())),
        Val::Bytes(b) => std::str::from_utf8(b)
            .map(Val::text)
            .map_err(|_| Error::other("invalid UTF-8 in bytes, cannot convert to string")),
        Val::Timestamp(t) => Ok(Val::text(t.to_string())),
        Val::Duration(d) => Ok(Val::text(time::duration_text(*d))),
        // Addresses and the like know how they are written.
        Val::Foreign(_) => return None,
        _ => Err(Error::NoOverload),
    })
}

pub(super) fn int<'a>(v: &Val<'a>) -> Outcome<'a> {
    let range = || Error::other("integer overflow");
    match v {
        Val::Int(_) => Ok(v.clone()),
        Val::Uint(u) => i64::try_from(*u).map(Val::Int).map_err(|_| range()),
        #[allow(clippy::cast_possible_truncation)] // checked against the range
        Val::Double(f) if f.abs() < 9_223_372_036_854_775_807.0 => Ok(Val::Int(f.trunc() as i64)),
        Val::Double(_) => Err(range()),
        Val::Str(s) => {
            s.parse().map(Val::Int).map_err(|_| Error::other("type conversion error from 'string' to 'int'"))
        }
        Val::Timestamp(t) => Ok(Val::Int(t.as_second())),
        Val::Duration(d) => Ok(Val::Int(*d)),
        _ => Err(Error::NoOverload),
    }
}

pub(super) fn uint<'a>(v: &Val<'a>) -> Outcome<'a> {
    let range = || Error::other("unsigned integer overflow");
    match v {
        Val::Uint(_) => Ok(v.clone()),
        Val::Int(i) => u64::try_from(*i).map(Val::Uint).map_err(|_| range()),
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked against the range
        Val::Double(f) if *f >= 0.0 && *f < 18_446_744_073_709_551_615.0 => Ok(Val::Uint(f.trunc() as u64)),
        Val::Double(_) => Err(range()),
        Val::Str(s) => {
            s.parse().map(Val::Uint).map_err(|_| Error::other("type conversion error from 'string' to 'uint'"))
        }
        _ => Err(Error::NoOverload),
    }
}

#[allow(clippy::cast_precision_loss)] // what the conversion is
pub(super) fn double<'a>(v: &Val<'a>) -> Outcome<'a> {
    match v {
        Val::Double(_) => Ok(v.clone()),
        Val::Int(i) => Ok(Val::Double(*i as f64)),
        Val::Uint(u) => Ok(Val::Double(*u as f64)),
        Val::Str(s) => {
            s.parse().map(Val::Double).map_err(|_| Error::other("type conversion error from 'string' to 'double'"))
        }
        _ => Err(Error::NoOverload),
    }
}
