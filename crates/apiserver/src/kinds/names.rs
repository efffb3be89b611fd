//! Rules for names, label keys and values, in Kubernetes' words (API concepts, "Object Names and IDs"). Each rule
//! answers `None` for a good text and the complaint otherwise, so that callers choose the field it stands at.

const ALNUM_MESSAGE: &str =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const QUALIFIED_EXAMPLES: &str = "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
     '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/// A name rule, as strategies hold it.
pub type Rule = fn(&str) -> Option<String>;

fn too_long(limit: usize) -> String {
    format!("must be no more than {limit} bytes")
}

fn lower_alnum(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

fn label_shape(s: &str) -> bool {
    let b = s.as_bytes();
    matches!((b.first(), b.last()), (Some(&f), Some(&l)) if lower_alnum(f) && lower_alnum(l))
        && b.iter().all(|&c| lower_alnum(c) || c == b'-')
}

/// RFC 1123 subdomain: most names.
pub fn dns1123_subdomain(s: &str) -> Option<String> {
    if s.len() > 253 {
        return Some(too_long(253));
    }
    if !s.is_empty() && s.split('.').all(label_shape) {
        return None;
    }
    Some(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
         start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
         '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            .into(),
    )
}

/// RFC 1123 label: namespaces, and service names in current Kubernetes.
pub fn dns1123_label(s: &str) -> Option<String> {
    if s.len() > 63 {
        return Some(too_long(63));
    }
    if label_shape(s) {
        return None;
    }
    Some(
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end \
         with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
         '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
            .into(),
    )
}

/// RFC 1035 label: services, and the names inside a `CustomResourceDefinition`.
pub fn dns1035_label(s: &str) -> Option<String> {
    if s.len() > 63 {
        return Some(too_long(63));
    }
    if label_shape(s) && s.as_bytes()[0].is_ascii_lowercase() {
        return None;
    }
    Some(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
         character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation \
         is '[a-z]([-a-z0-9]*[a-z0-9])?')"
            .into(),
    )
}

/// A name that stands alone in a URL path: RBAC objects, which carry colons.
pub fn path_segment(s: &str) -> Option<String> {
    if s == "." || s == ".." {
        return Some(format!("may not be '{s}'"));
    }
    ['/', '%'].into_iter().find(|c| s.contains(*c)).map(|c| format!("may not contain '{c}'"))
}

fn qualified_shape(s: &str) -> bool {
    let b = s.as_bytes();
    matches!((b.first(), b.last()), (Some(f), Some(l)) if f.is_ascii_alphanumeric() && l.is_ascii_alphanumeric())
        && b.iter().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(c))
}

/// `[prefix/]name`: label and annotation keys, finalizers, condition types, taint keys.
pub fn qualified_name(s: &str) -> Option<String> {
    let (prefix, name) = match s.split_once('/') {
        None => (None, s),
        Some((_, n)) if n.contains('/') => {
            return Some(format!(
                "a qualified name {ALNUM_MESSAGE} {QUALIFIED_EXAMPLES} with an optional DNS subdomain prefix and '/' \
                 (e.g. 'example.com/MyName')"
            ));
        }
        Some((p, n)) => (Some(p), n),
    };
    if let Some(p) = prefix {
        if p.is_empty() {
            return Some("prefix part must be non-empty".into());
        }
        if let Some(e) = dns1123_subdomain(p) {
            return Some(format!("prefix part {e}"));
        }
    }
    if name.is_empty() {
        return Some("name part must be non-empty".into());
    }
    if name.len() > 63 {
        return Some(format!("name part {}", too_long(63)));
    }
    (!qualified_shape(name)).then(|| format!("name part {ALNUM_MESSAGE} {QUALIFIED_EXAMPLES}"))
}

/// The value of a label.
pub fn label_value(s: &str) -> Option<String> {
    if s.len() > 63 {
        return Some(too_long(63));
    }
    if s.is_empty() || qualified_shape(s) {
        return None;
    }
    Some(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start \
         and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
         validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
            .into(),
    )
}

/// A key of a `ConfigMap` or Secret: a file name, when it is mounted.
pub fn config_key(s: &str) -> Option<String> {
    if s.len() > 253 {
        return Some(too_long(253));
    }
    if s.is_empty() || !s.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._".contains(&c)) {
        return Some(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
             'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
                .into(),
        );
    }
    match s {
        "." => Some("must not be '.'".into()),
        ".." => Some("must not be '..'".into()),
        _ if s.starts_with("..") => Some("must not start with '..'".into()),
        _ => None,
    }
}

/// A port name (IANA service name).
pub fn port_name(s: &str) -> Option<String> {
    if s.len() > 15 {
        return Some("must be no more than 15 characters".into());
    }
    if !s.bytes().all(|c| lower_alnum(c) || c == b'-') {
        return Some("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".into());
    }
    if !s.bytes().any(|c| c.is_ascii_lowercase()) {
        return Some("must contain at least one letter (a-z)".into());
    }
    if s.contains("--") {
        return Some("must not contain consecutive hyphens".into());
    }
    (s.starts_with('-') || s.ends_with('-')).then(|| "must not begin or end with a hyphen".into())
}

/// The name of an environment variable.
pub fn env_var_name(s: &str) -> Option<String> {
    // Since 1.30 anything printable but '=' may name a variable.
    if s.is_empty() || !s.bytes().all(|c| (b' '..=b'~').contains(&c) && c != b'=') {
        return Some(
            "a valid environment variable name must consist only of printable ASCII characters other than '=' (e.g. \
             'my-name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[ -<>-~]+')"
                .into(),
        );
    }
    None
}

#[cfg(test)]
mod tests;
