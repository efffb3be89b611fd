//! Authentication by client certificate: CN is the user, each O a group.

use jiff::Timestamp;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::UserInfo;
use crate::pki::{Pki, csr, sha256};

/// Key of `extra` that names the credential, so that audits can tell two of one user apart.
pub(super) const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";

/// Whom a certificate names, if it is ours and valid now.
pub(crate) fn user(pki: &Pki, der: &[u8], now: Timestamp) -> Result<UserInfo, String> {
    pki.verify_client(der, now)?;
    named(der).map_err(|why| format!("x509: {why}"))
}

/// Whom a certificate names, without verifying it.
pub(crate) fn named(der: &[u8]) -> Result<UserInfo, &'static str> {
    let (_, parsed) = X509Certificate::from_der(der).map_err(|_| "the certificate is damaged")?;
    let (username, groups) = csr::names(parsed.subject())?;
    if username.is_empty() {
        return Err("the certificate names no user (no common name)");
    }
    let hash = sha256(der).iter().fold(String::from("X509SHA256="), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    });
    Ok(UserInfo { username, groups, extra: [(CREDENTIAL_ID.to_owned(), vec![hash])].into(), ..UserInfo::default() })
}
