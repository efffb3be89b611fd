//! HTTP dates (RFC 9110 section 5.6.7): written in one form, read in all three.

use jiff::{Timestamp, civil::DateTime, fmt::strtime, tz::TimeZone};

/// In seconds.
const FIFTY_YEARS: i64 = 50 * 31_556_952;

/// The one form to write.
pub(super) fn format(seconds: i64) -> Option<String> {
    let at = Timestamp::from_second(seconds).ok()?;
    Some(at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

/// Reads a date, in seconds since 1970. `now` decides the century of two-digit years.
pub(super) fn parse(text: &str, now: i64) -> Option<i64> {
    let text = text.trim();
    let seconds = |at: DateTime| at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp().as_second());
    let read = |form: &str| strtime::parse(form, text).ok().and_then(|read| read.to_datetime().ok());
    if let Some(at) = read("%a, %d %b %Y %H:%M:%S GMT").or_else(|| read("%a %b %e %H:%M:%S %Y")) {
        return seconds(at);
    }
    // RFC 850: the weekday in full and two digits of the year; more than 50 years ahead means the century before.
    let at = read("%A, %d-%b-%y %H:%M:%S GMT")?;
    let found = seconds(at)?;
    if found > now.saturating_add(FIFTY_YEARS) {
        return seconds(at.checked_sub(jiff::Span::new().years(100)).ok()?);
    }
    Some(found)
}

#[cfg(test)]
mod tests;
