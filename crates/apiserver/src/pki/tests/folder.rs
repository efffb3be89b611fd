//! Files: made once, kept, renewed, refused when damaged.

use std::{fs, os::unix::fs::PermissionsExt as _};

use base64::Engine as _;
use jiff::{SignedDuration, ToSpan as _};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{der, now, open, openssl, user};
use crate::pki::{Pki, PkiError};

#[test]
fn keys_are_made_once_and_private() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let folder = dir.path().join("pki");
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let names = ["ca.crt", "ca.key", "sa.key", "server.crt", "server.key"];
    let before = names.map(read);
    for key in ["ca.key", "sa.key", "server.key"] {
        assert_eq!(fs::metadata(folder.join(key)).unwrap().permissions().mode() & 0o777, 0o600, "{key}");
    }
    let second = open(dir.path());
    assert_eq!(names.map(read), before);
    assert_eq!(first.ca_pem(), second.ca_pem());
    assert_eq!(first.token_key().id(), second.token_key().id());
}

#[test]
fn the_serving_certificate_follows_names_and_time() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let shown = first.shown.der();
    let (_, parsed) = X509Certificate::from_der(&shown).unwrap();
    let names = format!("{:?}", parsed.subject_alternative_name().unwrap().unwrap().value.general_names);
    for name in ["metal.example", "localhost", "kubernetes.default.svc.cluster.local"] {
        assert!(names.contains(&format!("DNSName({name:?})")), "{names}");
    }
    for address in [[192, 0, 2, 7], [127, 0, 0, 1], [10, 96, 0, 1]] {
        assert!(names.contains(&format!("IPAddress({address:?})")), "{names}");
    }
    let years = SignedDuration::from_hours(24 * 336);
    assert!(!first.renew_serving(now() + SignedDuration::from_hours(24 * 300)).unwrap());
    assert!(first.renew_serving(now() + years).unwrap(), "29 days are left");
    assert_ne!(first.shown.der(), shown);
    let renewed = first.shown.der();
    let other = Pki::open(dir.path(), &["other.example".into()], now() + years).unwrap();
    assert_ne!(other.shown.der(), renewed, "the names changed");
    assert_eq!(other.ca_pem(), first.ca_pem());
}

#[test]
fn names_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    for wrong in ["a b", "https://x", "x:6443", "bücher.example", "-"] {
        let error = Pki::open(dir.path(), &[wrong.to_owned()], now()).unwrap_err();
        assert!(matches!(&error, PkiError::Name { why } if why.contains(&format!("{wrong:?}"))), "{error:?}");
    }
    let names = ["*.metal.example", "2001:db8::1", "under_score", ""].map(str::to_owned);
    let pki = Pki::open(dir.path(), &names, now()).unwrap();
    let shown = pki.shown.der();
    Pki::open(dir.path(), &names, now()).unwrap();
    assert_eq!(pki.shown.der(), shown);
    assert!(!pki.renew_serving(now()).unwrap(), "the same names need no new certificate");
}

#[test]
fn derived_files_are_mended_and_roots_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let made = open(dir.path());
    let file = |name: &str| dir.path().join("pki").join(name);

    fs::write(file("server.crt"), "damaged").unwrap();
    open(dir.path());
    assert!(fs::read_to_string(file("server.crt")).unwrap().contains("BEGIN CERTIFICATE"));

    // A lost CA certificate is made anew for the same key, and what the key signed stays valid.
    let (client, _) = made.client_certificate(&user("a", &[]), 1, now());
    fs::remove_file(file("ca.crt")).unwrap();
    let again = open(dir.path());
    again.verify_client(&der(&client), now()).unwrap();

    let refused = |name: &str, content: &[u8]| {
        let good = fs::read(file(name)).unwrap();
        fs::write(file(name), content).unwrap();
        let error = Pki::open(dir.path(), &[], now()).unwrap_err();
        fs::write(file(name), good).unwrap();
        assert!(matches!(&error, PkiError::Bad { path, .. } if path.ends_with(name)), "{name}: {error:?}");
        error.to_string()
    };
    for name in ["ca.crt", "ca.key", "sa.key"] {
        refused(name, b"damaged");
        refused(name, b"");
        refused(name, &[0xff, 0xfe]);
    }
    let elsewhere = tempfile::tempdir().unwrap();
    open(elsewhere.path());
    let foreign = fs::read(elsewhere.path().join("pki/ca.crt")).unwrap();
    assert!(refused("ca.crt", &foreign).contains("does not belong to ca.key"));
    assert!(refused("ca.crt", client.as_bytes()).contains("CA:TRUE"));
    let expired = Pki::open(dir.path(), &[], now() + SignedDuration::from_hours(24 * 3660)).unwrap_err();
    assert!(expired.to_string().contains("expired"), "{expired}");
    fs::remove_file(file("ca.key")).unwrap();
    let error = Pki::open(dir.path(), &[], now()).unwrap_err().to_string();
    assert!(error.contains("ca.key") && error.contains("is missing"), "{error}");
}

#[test]
fn client_certificates_carry_user_and_groups_and_end() {
    let dir = tempfile::tempdir().unwrap();
    let pki = open(dir.path());
    let (certificate, key) = pki.client_certificate(&user("jane", &["ops", "metal:admins"]), 30, now());
    let certificate = der(&certificate);
    let named = crate::auth::certificate::user(&pki, &certificate, now()).unwrap();
    assert_eq!((named.username.as_str(), named.groups), ("jane", vec!["ops".to_owned(), "metal:admins".to_owned()]));
    assert!(key.contains("BEGIN PRIVATE KEY"));
    pki.verify_client(&certificate, now() + SignedDuration::from_hours(29 * 24)).unwrap();
    pki.verify_client(&certificate, now() + SignedDuration::from_hours(31 * 24)).unwrap_err();
    pki.verify_client(&certificate, now() - 1.hours()).unwrap_err();
    // Serving certificates are of our CA, too, but not for clients.
    pki.verify_client(&pki.shown.der(), now()).unwrap_err();
    pki.verify_client(&der(pki.ca_pem()), now()).unwrap_err();
    let other = tempfile::tempdir().unwrap();
    open(other.path()).verify_client(&certificate, now()).unwrap_err();
    // The CA's end is the end of everything it signed.
    let (long, _) = pki.client_certificate(&user("jane", &[]), 36_500, now());
    let long = der(&long);
    let (_, long) = X509Certificate::from_der(&long).unwrap();
    let ca = der(pki.ca_pem());
    let (_, ca) = X509Certificate::from_der(&ca).unwrap();
    assert_eq!(long.validity().not_after, ca.validity().not_after);
}

#[test]
fn openssl_agrees() {
    let dir = tempfile::tempdir().unwrap();
    let pki = open(dir.path());
    let (certificate, _) = pki.client_certificate(&user("jane", &["a", "b"]), 3650, now());
    let path = |name: &str| dir.path().join("pki").join(name).display().to_string();
    fs::write(path("jane.crt"), certificate).unwrap();
    let at = now().as_second().to_string();
    let verify = |purpose, name: &str| {
        openssl(&[
            "verify",
            "-x509_strict",
            "-attime",
            &at,
            "-CAfile",
            &path("ca.crt"),
            "-purpose",
            purpose,
            &path(name),
        ])
    };
    let Some((ok, output)) = verify("sslclient", "jane.crt") else { return };
    assert!(ok, "{output}");
    let (ok, output) = verify("sslserver", "server.crt").unwrap();
    assert!(ok, "{output}");
    let (ok, _) = verify("sslserver", "jane.crt").unwrap();
    assert!(!ok);
    let (_, text) = openssl(&["x509", "-noout", "-text", "-in", &path("jane.crt")]).unwrap();
    assert!(text.contains("CA:FALSE") && text.contains("TLS Web Client Authentication"), "{text}");
    assert!(text.contains("O = a, O = b, CN = jane"), "{text}");
}

#[test]
fn kubeconfig_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let pki = open(dir.path());
    let text = pki.kubeconfig("https://127.0.0.1:6443", &user("kubernetes-admin", &["system:masters"]), now());
    let config: kube::config::Kubeconfig = kube::config::Kubeconfig::from_yaml(&text).unwrap();
    assert_eq!(config.current_context.as_deref(), Some("kubernetes-admin@kubernetes"));
    let cluster = config.clusters[0].cluster.clone().unwrap();
    assert_eq!(cluster.server.as_deref(), Some("https://127.0.0.1:6443"));
    let ca = base64::engine::general_purpose::STANDARD.decode(cluster.certificate_authority_data.unwrap()).unwrap();
    assert_eq!(ca, pki.ca_pem().as_bytes());
}
