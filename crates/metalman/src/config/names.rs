//! Names that Kubernetes must be able to carry.

use super::ConfigError;

/// Checks a site's name: a label value and, behind `metalman-`, the name of a Lease: RFC 1123 subdomain, which is the narrower of both.
pub fn check_site(site: &str) -> Result<String, ConfigError> {
    if site.len() <= 63 && is_dns_subdomain(site) {
        return Ok(site.to_owned());
    }
    Err(ConfigError::new(
        "--site",
        site,
        "is not a name that a label and a Lease can carry",
        "use up to 63 lower case letters, digits, '-' and '.', with a letter or digit at both ends of each part",
    ))
}

fn is_dns_subdomain(name: &str) -> bool {
    let part_is_fine = |part: &str| {
        !part.is_empty()
            && part.len() <= 63
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(part_is_fine)
}

/// Checks a namespace's name.
pub fn check_namespace(name: &str) -> Result<String, ConfigError> {
    if name.len() <= 63 && is_dns_subdomain(name) && !name.contains('.') {
        return Ok(name.to_owned());
    }
    Err(ConfigError::new(
        "--namespace",
        name,
        "is not a namespace's name",
        "use up to 63 lower case letters, digits and '-', with a letter or digit at both ends",
    ))
}
