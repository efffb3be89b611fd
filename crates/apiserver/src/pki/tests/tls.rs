//! Handshakes, with a client that is not ours.

use std::sync::Arc;

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConnection,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};

use super::{der, open, user};
use crate::pki::Pki;

/// Handshakes in memory and returns what the server sees of the client's certificate.
fn handshake(
    pki: &Pki,
    client: Option<(String, String)>,
    name: &'static str,
) -> Result<Option<Vec<u8>>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(der(pki.ca_pem()))).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![der(&certificate).into()], key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from(name).unwrap())?;
    let mut server = ServerConnection::new(pki.server_tls())?;
    for _ in 0..10 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut wire = wire.as_slice();
        while !wire.is_empty() {
            server.read_tls(&mut wire).unwrap();
            server.process_new_packets()?;
        }
        let mut back = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut back).unwrap();
        }
        let mut back = back.as_slice();
        while !back.is_empty() {
            client.read_tls(&mut back).unwrap();
            client.process_new_packets()?;
        }
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    assert_eq!(client.alpn_protocol(), Some(&b"h2"[..]));
    Ok(server.peer_certificates().map(|chain| chain[0].to_vec()))
}

/// A handshake reads the real clock, so these keys are of today.
fn today(dir: &std::path::Path) -> Pki {
    Pki::open(dir, &["metal.example".into()], jiff::Timestamp::now()).unwrap()
}

#[test]
fn clients_with_and_without_certificates_connect() {
    let dir = tempfile::tempdir().unwrap();
    let pki = today(dir.path());
    assert_eq!(handshake(&pki, None, "metal.example").unwrap(), None);
    handshake(&pki, None, "evil.example").unwrap_err();
    let ours = pki.client_certificate(&user("jane", &[]), 1, jiff::Timestamp::now());
    let seen = handshake(&pki, Some(ours), "localhost").unwrap().unwrap();
    pki.verify_client(&seen, jiff::Timestamp::now()).unwrap();
}

#[test]
fn a_foreign_certificate_connects_and_is_refused_afterwards() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pki = today(dir.path());
    let foreign = today(other.path()).client_certificate(&user("jane", &["system:masters"]), 1, jiff::Timestamp::now());
    let seen = handshake(&pki, Some(foreign), "localhost").unwrap().expect("the client sent it");
    pki.verify_client(&seen, jiff::Timestamp::now()).unwrap_err();
}

/// Shows one certificate and signs with the key of another.
#[derive(Debug)]
struct Thief(Arc<rustls::sign::CertifiedKey>);
impl rustls::client::ResolvesClientCert for Thief {
    fn resolve(
        &self,
        _hints: &[&[u8]],
        _schemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(self.0.clone())
    }
    fn has_certs(&self) -> bool {
        true
    }
}

#[test]
fn the_key_of_a_certificate_must_be_held() {
    let dir = tempfile::tempdir().unwrap();
    let pki = today(dir.path());
    let (certificate, _) = pki.client_certificate(&user("admin", &["system:masters"]), 1, jiff::Timestamp::now());
    let (_, stolen) = open(tempfile::tempdir().unwrap().path()).client_certificate(&user("x", &[]), 1, super::now());
    // rustls' client compares key and certificate itself; a handshake signature of another key must fail at the server.
    let provider = aws_lc_rs::default_provider();
    let key = PrivateKeyDer::from_pem_slice(stolen.as_bytes()).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let certified = rustls::sign::CertifiedKey::new(vec![der(&certificate).into()], key);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(der(pki.ca_pem()))).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(Thief(Arc::new(certified))));
    let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let mut server = ServerConnection::new(pki.server_tls()).unwrap();
    let mut refused = false;
    for _ in 0..10 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        refused |= server.process_new_packets().is_err();
        let mut back = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut back).unwrap();
        }
        client.read_tls(&mut back.as_slice()).unwrap();
        let _ = client.process_new_packets();
    }
    assert!(refused);
}
