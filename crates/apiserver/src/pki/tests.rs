//! The key folder, certificates seen by other eyes (rustls, openssl), and the signers.

mod folder;
mod requests;
mod tls;

use jiff::Timestamp;

use super::Pki;
use crate::auth::UserInfo;

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn user(name: &str, groups: &[&str]) -> UserInfo {
    UserInfo { username: name.into(), groups: groups.iter().map(|g| (*g).to_owned()).collect(), ..UserInfo::default() }
}

fn der(pem: &str) -> Vec<u8> {
    use rustls_pki_types::{CertificateDer, pem::PemObject as _};
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
}

fn open(dir: &std::path::Path) -> Pki {
    Pki::open(dir, &["metal.example".into(), "192.0.2.7".into()], now()).unwrap()
}

/// `openssl` with these arguments; `None` when it is not installed.
fn openssl(arguments: &[&str]) -> Option<(bool, String)> {
    let Ok(out) = std::process::Command::new("openssl").args(arguments).output() else {
        assert!(std::env::var_os("CI").is_none(), "openssl is missing: install the package openssl");
        say_skipped();
        return None;
    };
    let text = [out.stdout, out.stderr].concat();
    Some((out.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

#[expect(clippy::print_stderr, reason = "a skipped check must be seen")]
fn say_skipped() {
    eprintln!("skipped: openssl is missing (package openssl)");
}
