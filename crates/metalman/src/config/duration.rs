//! Durations in Go's form (`15s`, `1m30s`, `1.5h`), which Kubernetes components take on their command lines.

use std::{fmt::Write as _, time::Duration};

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// A number is missing before a unit.
    #[error("has no number before {0:?}")]
    NoNumber(String),
    /// A number without a unit: Go refuses it too, as nobody can know what was meant.
    #[error("has no unit after {0}")]
    NoUnit(String),
    /// A unit that Go does not know.
    #[error("has the unknown unit {0:?}")]
    UnknownUnit(String),
    /// Time does not run backwards.
    #[error("is negative")]
    Negative,
    /// More than 292 years: Go counts nanoseconds in an int64.
    #[error("is too long")]
    TooLong,
}

/// Parses what Go's `time.ParseDuration` accepts, negative durations excepted.
pub fn parse_go_duration(text: &str) -> Result<Duration, DurationError> {
    if text.starts_with('-') {
        return Err(DurationError::Negative);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(DurationError::Empty);
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(DurationError::NoNumber(rest.to_owned()));
        }
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let scale: u128 = match unit {
            "" => return Err(DurationError::NoUnit(number.to_owned())),
            "ns" => 1,
            // Go takes both the micro sign and the Greek letter.
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60 * 1_000_000_000,
            "h" => 3600 * 1_000_000_000,
            other => return Err(DurationError::UnknownUnit(other.to_owned())),
        };
        nanos = nanos.saturating_add(digits(whole)?.saturating_mul(scale));
        // Digits beyond what a nanosecond can show are dropped, as Go does; 18 keep the product far from overflow.
        let fraction = &fraction[..fraction.len().min(18)];
        let power = 10u128.pow(u32::try_from(fraction.len()).unwrap_or(0));
        nanos = nanos.saturating_add(digits(fraction)? * scale / power);
        if nanos > u128::from(i64::MAX.unsigned_abs()) {
            return Err(DurationError::TooLong);
        }
        rest = tail;
    }
    u64::try_from(nanos).map(Duration::from_nanos).map_err(|_| DurationError::TooLong)
}

fn digits(text: &str) -> Result<u128, DurationError> {
    if text.is_empty() { Ok(0) } else { text.parse().map_err(|_| DurationError::TooLong) }
}

/// Writes a duration the way Go prints it: `1m30s`, `1.5s`, `2h0m0s`.
pub fn format_go_duration(duration: Duration) -> String {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    if seconds == 0 {
        return match nanos {
            0 => "0s".to_owned(),
            n if n < 1_000 => format!("{n}ns"),
            n if n < 1_000_000 => format!("{}µs", decimal(u64::from(n / 1_000), n % 1_000, 3)),
            n => format!("{}ms", decimal(u64::from(n / 1_000_000), n % 1_000_000, 6)),
        };
    }
    let mut text = String::new();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    if hours > 0 {
        let _ = write!(text, "{hours}h");
    }
    if hours > 0 || minutes > 0 {
        let _ = write!(text, "{minutes}m");
    }
    text + &decimal(seconds % 60, nanos, 9) + "s"
}

fn decimal(whole: u64, fraction: u32, digits: usize) -> String {
    if fraction == 0 {
        return whole.to_string();
    }
    format!("{whole}.{}", format!("{fraction:0digits$}").trim_end_matches('0'))
}
