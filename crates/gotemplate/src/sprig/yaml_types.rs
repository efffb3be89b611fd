//! What a plain YAML 1.1 scalar would be read as. Role: a text that looks like a boolean, a number, a date or null needs quotes.
//!
//! Invariant: the tests are those of yaml.v2, which reads fewer forms than YAML 1.1 defines but quotes base 60 numbers nevertheless.

/// Whether a plain text would be read as a boolean, null, number or date of YAML 1.1.
pub(super) fn looks_like_another_type(s: &[u8]) -> bool {
    const WORDS: [&str; 42] = [
        "", "~", "null", "Null", "NULL", "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", "n",
        "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", ".nan", ".NaN", ".NAN", ".inf", ".Inf",
        ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", "", "", "",
    ];
    let Ok(text) = std::str::from_utf8(s) else { return false };
    match text.bytes().next() {
        None => true,
        Some(b'.') => WORDS.contains(&text) || is_float(text),
        Some(b'+' | b'-' | b'0'..=b'9') => {
            let plain = text.replace('_', "");
            WORDS.contains(&text) || is_date(text) || is_integer(&plain) || is_float(&plain) || is_sexagesimal(text)
        }
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~') => WORDS.contains(&text),
        _ => false,
    }
}

fn is_integer(text: &str) -> bool {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (body, radix) = match lower.get(..2) {
        Some("0x") => (&lower[2..], 16),
        Some("0b") => (&lower[2..], 2),
        Some("0o") => (&lower[2..], 8),
        _ if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        _ => (&lower[..], 10),
    };
    if body.starts_with(['+', '-']) {
        return false;
    }
    let signed = negative || text.starts_with('+');
    u64::from_str_radix(body, radix).is_ok_and(|n| !signed || n <= (i64::MAX as u64) + u64::from(negative))
}

/// A decimal float with at most one point, and at least one digit.
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// YAML 1.1 reads 12:30 as a number in base 60.
fn is_sexagesimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let first = parts.next().unwrap_or("");
    if !(first.starts_with(|c: char| c.is_ascii_digit()) && digits(first)) {
        return false;
    }
    let rest: Vec<&str> = parts.collect();
    let sixty = |s: &str| matches!(s.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
    let Some((last, middle)) = rest.split_last() else { return false };
    let (whole, fraction) = last.split_once('.').unwrap_or((last, ""));
    middle.iter().all(|s| sixty(s)) && sixty(whole) && digits(fraction)
}

/// A date, or a date and a time, as yaml.v2 reads timestamps.
fn is_date(text: &str) -> bool {
    let number = |s: &str, low: u32, high: u32| {
        (1..=2).contains(&s.len())
            && s.bytes().all(|b| b.is_ascii_digit())
            && s.parse().is_ok_and(|n: u32| (low..=high).contains(&n))
    };
    let Some((year, rest)) = text.split_once('-') else { return false };
    if year.len() != 4 || !year.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let Some((month, rest)) = rest.split_once('-') else { return false };
    let (day, time) = rest.find(['T', 't', ' ']).map_or((rest, None), |i| (&rest[..i], Some(&rest[i..])));
    let year: u32 = year.parse().unwrap_or(0);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month.trim_start_matches('0') {
        "2" if leap => 29,
        "2" => 28,
        "4" | "6" | "9" | "11" => 30,
        _ => 31,
    };
    if !(number(month, 1, 12) && number(day, 1, days)) {
        return false;
    }
    let Some(time) = time else { return true };
    let clock = |s: &str| {
        let (whole, fraction) = s.split_once(['.', ',']).map_or((s, None), |(w, f)| (w, Some(f)));
        let parts: Vec<&str> = whole.split(':').collect();
        parts.len() == 3
            && number(parts[0], 0, 23)
            && number(parts[1], 0, 59)
            && number(parts[2], 0, 59)
            && fraction.is_none_or(|f| !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit()))
    };
    let (separator, time) = time.split_at(1);
    if separator == " " {
        return clock(time);
    }
    let zone = |z: &str| {
        let parts: Option<(&str, &str)> = z.split_once(':');
        parts.is_some_and(|(h, m)| h.len() == 2 && m.len() == 2 && number(h, 0, 24) && number(m, 0, 60))
    };
    match time.strip_suffix('Z') {
        Some(time) => clock(time),
        None => time.rfind(['+', '-']).is_some_and(|i| clock(&time[..i]) && zone(&time[i + 1..])),
    }
}
