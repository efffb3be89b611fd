//! The string formats that a Kubernetes API server checks. An unknown format is no constraint (JSON Schema, and the
//! `CustomResourceDefinition` documentation, "Validation").

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine as _;

/// A checked `format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// RFC 3339 date and time.
    DateTime,
    /// RFC 3339 full-date.
    Date,
    /// Go's `time.ParseDuration`, or words like `3 days`.
    Duration,
    /// Dotted quad.
    Ipv4,
    /// RFC 4291 text.
    Ipv6,
    /// An address and a prefix length.
    Cidr,
    /// An IEEE 802 address as `net.ParseMAC` reads it.
    Mac,
    /// An absolute or rooted URI reference.
    Uri,
    /// RFC 1034 names.
    Hostname,
    /// RFC 5322 address.
    Email,
    /// Any UUID, or of version 3, 4, 5.
    Uuid(u8),
    /// RFC 4648 base64.
    Byte,
    /// 24-character hexadecimal identifier.
    ObjectId,
    /// `#rrggbb` and `#rgb`.
    HexColor,
    /// `rgb(r,g,b)`.
    RgbColor,
    /// Digits of a payment card, with the Luhn check.
    CreditCard,
    /// US social security number.
    Ssn,
    /// ISBN of 10 or 13 digits, or either.
    Isbn(u8),
}

impl Format {
    /// The format of a keyword's value. Names are compared as the API server does: without regard to dashes.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.replace('-', "").as_str() {
            "datetime" => Self::DateTime,
            "date" => Self::Date,
            "duration" => Self::Duration,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "cidr" => Self::Cidr,
            "mac" => Self::Mac,
            "uri" => Self::Uri,
            "hostname" => Self::Hostname,
            "email" => Self::Email,
            "uuid" => Self::Uuid(0),
            "uuid3" => Self::Uuid(3),
            "uuid4" => Self::Uuid(4),
            "uuid5" => Self::Uuid(5),
            "byte" => Self::Byte,
            "bsonobjectid" => Self::ObjectId,
            "hexcolor" => Self::HexColor,
            "rgbcolor" => Self::RgbColor,
            "creditcard" => Self::CreditCard,
            "ssn" => Self::Ssn,
            "isbn" => Self::Isbn(0),
            "isbn10" => Self::Isbn(10),
            "isbn13" => Self::Isbn(13),
            _ => return None,
        })
    }

    /// Whether `s` has the format.
    pub(super) fn accepts(self, s: &str) -> bool {
        match self {
            Self::DateTime => is_date_time(s),
            Self::Date => s.len() == 10 && s.parse::<jiff::civil::Date>().is_ok(),
            Self::Duration => go_duration(s).is_some() || words_duration(s),
            Self::Ipv4 => s.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => s.parse::<Ipv6Addr>().is_ok(),
            Self::Cidr => is_cidr(s),
            Self::Mac => is_mac(s),
            Self::Uri => is_uri(s),
            Self::Hostname => is_hostname(s),
            Self::Email => is_email(s),
            Self::Uuid(version) => is_uuid(s, version),
            Self::Byte => base64::engine::general_purpose::STANDARD.decode(s).is_ok(),
            Self::ObjectId => s.len() == 24 && s.bytes().all(|b| b.is_ascii_hexdigit()),
            Self::HexColor => {
                let digits = s.strip_prefix('#').unwrap_or(s);
                matches!(digits.len(), 3 | 6) && digits.bytes().all(|b| b.is_ascii_hexdigit())
            }
            Self::RgbColor => s.strip_prefix("rgb(").and_then(|r| r.strip_suffix(')')).is_some_and(|body| {
                let parts: Vec<_> = body.split(',').collect();
                parts.len() == 3 && parts.iter().all(|p| p.trim().parse::<u8>().is_ok())
            }),
            Self::CreditCard => is_credit_card(s),
            Self::Ssn => {
                let groups: Vec<_> = s.split(['-', ' ']).collect();
                groups.iter().map(|g| g.len()).eq([3, 2, 4])
                    && groups.iter().all(|g| g.bytes().all(|b| b.is_ascii_digit()))
            }
            Self::Isbn(10) => is_isbn10(s),
            Self::Isbn(13) => is_isbn13(s),
            Self::Isbn(_) => is_isbn10(s) || is_isbn13(s),
        }
    }
}

/// RFC 3339 `date-time`; the separator may be a lower-case `t`, as the API server's parser allows.
fn is_date_time(s: &str) -> bool {
    let b = s.as_bytes();
    b.len() >= 20
        && matches!(b[10], b'T' | b't')
        && b[4] == b'-'
        && b[13] == b':'
        && b[16] == b':'
        && !s.contains('[')
        && s.parse::<jiff::Timestamp>().is_ok()
}

/// A duration in Go's notation (`1h30m`, `1.5s`, `300ms`), in nanoseconds.
pub(super) fn go_duration(s: &str) -> Option<i64> {
    let (negative, mut rest) = match s.strip_prefix('-') {
        Some(r) => (true, r),
        None => (false, s.strip_prefix('+').unwrap_or(s)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let (unit, len) = [
            ("ns", 1_i128),
            ("us", 1_000),
            ("µs", 1_000),
            ("μs", 1_000),
            ("ms", 1_000_000),
            ("s", 1_000_000_000),
            ("m", 60_000_000_000),
            ("h", 3_600_000_000_000),
        ]
        .iter()
        .find(|(name, _)| tail.starts_with(name))
        .map(|(name, unit)| (*unit, name.len()))?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || whole.len() > 19 {
            return None;
        }
        if !whole.is_empty() {
            total += whole.parse::<i128>().ok()? * unit;
        }
        let fraction = &fraction[..fraction.len().min(18)];
        if !fraction.is_empty() {
            let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
            total += fraction.parse::<i128>().ok()? * unit / scale;
        }
        rest = &tail[len..];
        if total > i128::from(i64::MAX) {
            return None;
        }
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// The wordy durations that the API server's format library takes besides Go's: `3 days`, `2 hr`.
fn words_duration(s: &str) -> bool {
    let s = s.trim();
    let Some(end) = s.find(|c: char| !c.is_ascii_digit()) else { return false };
    let unit = s[end..].trim().to_ascii_lowercase();
    end > 0
        && matches!(
            unit.trim_end_matches('s'),
            "n" | "nano"
                | "nanosecond"
                | "u"
                | "micro"
                | "microsecond"
                | "milli"
                | "millisecond"
                | "sec"
                | "second"
                | "min"
                | "minute"
                | "hr"
                | "hour"
                | "d"
                | "day"
                | "w"
                | "wk"
                | "week"
        )
}

fn is_cidr(s: &str) -> bool {
    let Some((address, length)) = s.split_once('/') else { return false };
    let plain = !length.is_empty() && length.len() <= 3 && length.bytes().all(|b| b.is_ascii_digit());
    match (address.parse::<IpAddr>(), length.parse::<u8>()) {
        (Ok(IpAddr::V4(_)), Ok(n)) => plain && n <= 32,
        (Ok(IpAddr::V6(_)), Ok(n)) => plain && n <= 128,
        _ => false,
    }
}

/// 6, 8 or 20 octets: `00:00:5e:00:53:01`, with dashes, or in dotted groups of four digits.
fn is_mac(s: &str) -> bool {
    let hex = |g: &str, len: usize| g.len() == len && g.bytes().all(|b| b.is_ascii_hexdigit());
    for (separator, digits) in [(':', 2), ('-', 2), ('.', 4)] {
        if s.contains(separator) {
            let groups: Vec<_> = s.split(separator).collect();
            return matches!(groups.len() * digits / 2, 6 | 8 | 20) && groups.iter().all(|g| hex(g, digits));
        }
    }
    false
}

/// What Go's `url.ParseRequestURI` takes: a scheme and something after it, or an absolute path.
fn is_uri(s: &str) -> bool {
    if s.is_empty() || s.contains(|c: char| c.is_control() || c == ' ') {
        return false;
    }
    if s.starts_with('/') {
        return true;
    }
    let Some((scheme, rest)) = s.split_once(':') else { return false };
    let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    // A relative reference (`host:port/path`) has a colon too; what follows must be rooted or opaque, and a port digit only.
    scheme_ok && !rest.is_empty() && percent_encoding_ok(rest) && authority_ok(rest)
}

fn percent_encoding_ok(s: &str) -> bool {
    let mut rest = s;
    while let Some(at) = rest.find('%') {
        rest = &rest[at + 1..];
        if rest.len() < 2 || !rest.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit) {
            return false;
        }
    }
    true
}

fn authority_ok(rest: &str) -> bool {
    let Some(after) = rest.strip_prefix("//") else { return true };
    let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let port = match host.strip_prefix('[') {
        Some(v6) => match v6.split_once(']') {
            Some((_, tail)) => tail.strip_prefix(':').unwrap_or(tail),
            None => return false,
        },
        None => host.split_once(':').map_or("", |(_, p)| p),
    };
    port.bytes().all(|b| b.is_ascii_digit())
}

fn is_hostname(s: &str) -> bool {
    let name = s.strip_suffix('.').unwrap_or(s);
    !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        })
}

fn is_email(s: &str) -> bool {
    // `Name <local@domain>` is an address too (net/mail.ParseAddress).
    let address = match (s.rfind('<'), s.ends_with('>')) {
        (Some(at), true) => &s[at + 1..s.len() - 1],
        _ => s,
    };
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let atom = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii();
    let dot_atom = |part: &str| !part.is_empty() && part.split('.').all(|a| !a.is_empty() && a.chars().all(atom));
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    (dot_atom(local) || quoted) && (dot_atom(domain) || domain.starts_with('[') && domain.ends_with(']'))
}

fn is_uuid(s: &str, version: u8) -> bool {
    let hex: String = s.chars().filter(|c| *c != '-').collect();
    let shape = s.len() == 32 || s.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    shape
        && hex.len() == 32
        && hex.bytes().all(|b| b.is_ascii_hexdigit())
        && (version == 0 || hex.as_bytes()[12] == b'0' + version)
        && (version < 4 || matches!(hex.as_bytes()[16].to_ascii_lowercase(), b'8' | b'9' | b'a' | b'b'))
}

fn is_credit_card(s: &str) -> bool {
    let digits: Vec<u32> = s.chars().filter(|c| !matches!(c, ' ' | '-')).filter_map(|c| c.to_digit(10)).collect();
    let plain = s.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-'));
    let sum: u32 =
        digits.iter().rev().enumerate().map(|(i, d)| if i % 2 == 1 { d * 2 / 10 + d * 2 % 10 } else { *d }).sum();
    plain && (13..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

fn is_isbn10(s: &str) -> bool {
    let s: Vec<char> = s.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    if s.len() != 10 {
        return false;
    }
    let mut sum = 0;
    for (weight, c) in (1_u32..).zip(&s) {
        let digit = match (c.to_digit(10), c, weight) {
            (Some(d), _, _) => d,
            (None, 'X' | 'x', 10) => 10,
            _ => return false,
        };
        sum += weight * digit;
    }
    sum % 11 == 0
}

fn is_isbn13(s: &str) -> bool {
    let digits: Option<Vec<u32>> = s.chars().filter(|c| !matches!(c, ' ' | '-')).map(|c| c.to_digit(10)).collect();
    digits.is_some_and(|d| {
        d.len() == 13 && d.iter().enumerate().map(|(i, d)| if i % 2 == 1 { d * 3 } else { *d }).sum::<u32>() % 10 == 0
    })
}
