//! Ages as `kubectl get` shows them: two significant units at most, coarser the older (`90s`, `5m10s`, `3h`, `2d4h`).

use jiff::Timestamp;

/// The age of something that happened at `then`.
pub fn since(then: Timestamp, now: Timestamp) -> String {
    human(now.as_second() - then.as_second())
}

/// The age of an RFC 3339 time; `<unknown>` when it is absent, `<invalid>` when it is not a time.
pub fn since_text(then: &str, now: Timestamp) -> String {
    if then.is_empty() {
        return "<unknown>".into();
    }
    then.parse::<Timestamp>().map_or_else(|_| "<invalid>".into(), |t| since(t, now))
}

/// A span of seconds for people.
pub fn human(seconds: i64) -> String {
    // Clocks of different machines disagree by a second or two.
    if seconds < -1 {
        return "<invalid>".into();
    }
    let seconds = seconds.max(0);
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, "d", hours % 24, "h"),
        () if years < 2 => format!("{days}d"),
        () if years < 8 => two(years, "y", days % 365, "d"),
        () => format!("{years}y"),
    }
}

fn two(big: i64, big_unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 { format!("{big}{big_unit}") } else { format!("{big}{big_unit}{small}{small_unit}") }
}

#[cfg(test)]
mod tests;
