//! Signatures by OpenSSL with the keys of certificates as old BMCs have them (`fixtures/README.md`).

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("fixtures/", $name)).as_slice()
    };
}

const MESSAGE: &[u8] = fixture!("message");

fn verifier(pin: Option<Fingerprint>, greeting: Greeting) -> Verifier {
    let provider = provider::default_provider();
    let witness = Arc::new(Witness::new(pin));
    Verifier { witness, schemes: schemes(&provider, greeting), provider }
}

fn verify(der: &[u8], scheme: SignatureScheme, signature: &[u8], tls13: bool) -> Result<(), Error> {
    let verifier = verifier(None, Greeting::Usual);
    verifier.verify(MESSAGE, &CertificateDer::from(der), scheme, signature, tls13).map(drop)
}

#[test]
fn signatures_of_old_certificates() {
    use SignatureScheme as S;
    let rsa1024 = fixture!("rsa1024.der");
    let v1 = fixture!("v1.der");
    let p384 = fixture!("p384.der");
    let works: [(&[u8], S, &[u8], bool); 9] = [
        (rsa1024, S::RSA_PKCS1_SHA1, fixture!("rsa1024.sha1.sig"), false),
        (rsa1024, S::RSA_PKCS1_SHA256, fixture!("rsa1024.sha256.sig"), false),
        (rsa1024, S::RSA_PKCS1_SHA512, fixture!("rsa1024.sha512.sig"), false),
        (v1, S::RSA_PKCS1_SHA1, fixture!("v1.sha1.sig"), false),
        (v1, S::RSA_PKCS1_SHA256, fixture!("v1.sha256.sig"), false),
        (v1, S::RSA_PSS_SHA256, fixture!("v1.pss.sig"), true),
        // In TLS 1.2 a scheme names only the hash.
        (p384, S::ECDSA_NISTP256_SHA256, fixture!("p384.sha256.sig"), false),
        (p384, S::ECDSA_NISTP384_SHA384, fixture!("p384.sha384.sig"), true),
        (fixture!("ed25519.der"), S::ED25519, fixture!("ed25519.sig"), true),
    ];
    for (certificate, scheme, signature, tls13) in works {
        assert_eq!(verify(certificate, scheme, signature, tls13), Ok(()), "{scheme:?}");
        let mut forged = signature.to_vec();
        forged[signature.len() / 2] ^= 1;
        let bad = Err(Error::InvalidCertificate(CertificateError::BadSignature));
        assert_eq!(verify(certificate, scheme, &forged, tls13), bad, "{scheme:?}");
    }
}

#[test]
fn what_tls_1_3_forbids_is_refused() {
    use SignatureScheme as S;
    let refused = |der, scheme, signature| verify(der, scheme, signature, true).unwrap_err();
    let unadvertised = Error::PeerMisbehaved(rustls::PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme);
    assert_eq!(refused(fixture!("v1.der"), S::RSA_PKCS1_SHA256, fixture!("v1.sha256.sig")), unadvertised);
    assert_eq!(refused(fixture!("v1.der"), S::RSA_PKCS1_SHA1, fixture!("v1.sha1.sig")), unadvertised);
    let bad = Error::InvalidCertificate(CertificateError::BadSignature);
    assert_eq!(refused(fixture!("p384.der"), S::ECDSA_NISTP256_SHA256, fixture!("p384.sha256.sig")), bad);
}

#[test]
fn a_small_key_that_signs_otherwise_asks_for_the_other_greeting() {
    let der = fixture!("rsa1024.der");
    for (scheme, tls13) in [(SignatureScheme::RSA_PSS_SHA256, true), (SignatureScheme::RSA_PKCS1_SHA384, false)] {
        let error = verify(der, scheme, fixture!("rsa1024.sha384.sig"), tls13).unwrap_err();
        let Error::Other(OtherError(inner)) = &error else { panic!("{error}") };
        assert_eq!(inner.downcast_ref::<SmallKey>().map(|small| small.bits), Some(1024));
    }
    let other = verifier(None, Greeting::SmallKey);
    assert!(!other.schemes.contains(&SignatureScheme::RSA_PSS_SHA256), "{:?}", other.schemes);
    assert!(!other.schemes.contains(&SignatureScheme::RSA_PKCS1_SHA384), "{:?}", other.schemes);
}

#[test]
fn first_contact_accepts_and_the_second_compares() {
    let (first, other) = (CertificateDer::from(fixture!("v1.der")), CertificateDer::from(fixture!("p384.der")));
    let name = ServerName::try_from("bmc").unwrap();
    let shows = |verifier: &Verifier, certificate: &CertificateDer<'_>| {
        verifier.verify_server_cert(certificate, &[], &name, &[], UnixTime::now()).map(drop)
    };
    let unpinned = verifier(None, Greeting::Usual);
    shows(&unpinned, &first).unwrap();
    // Shown is not proven yet.
    assert_eq!(unpinned.witness.accepted(), None);
    let signature = fixture!("v1.sha256.sig");
    unpinned.verify(MESSAGE, &first, SignatureScheme::RSA_PKCS1_SHA256, signature, false).unwrap();
    assert_eq!(unpinned.witness.accepted(), Some(Fingerprint::of(&first)));
    shows(&unpinned, &first).unwrap();
    assert!(!unpinned.witness.spoiled());
    let error = shows(&unpinned, &other).unwrap_err();
    let Error::Other(OtherError(inner)) = &error else { panic!("{error}") };
    let mismatch = inner.downcast_ref::<PinMismatch>().unwrap();
    assert_eq!((mismatch.pinned, mismatch.shown), (Fingerprint::of(&first), Fingerprint::of(&other)));
    assert!(unpinned.witness.spoiled());

    let pinned = verifier(Some(Fingerprint::of(&other)), Greeting::Usual);
    shows(&pinned, &first).unwrap_err();
    shows(&pinned, &other).unwrap();
    assert!(!pinned.witness.spoiled());
}

#[test]
fn a_certificate_that_cannot_be_read_is_explained() {
    for der in [&b""[..], b"\x30\x03\x02\x01\x01"] {
        let error = verify(der, SignatureScheme::ED25519, b"", true).unwrap_err();
        assert!(explain(&error).contains("give it a new certificate"), "{error}");
    }
}

#[test]
fn old_tls_is_explained() {
    let explained = |alert| explain(&Error::AlertReceived(alert));
    assert!(explained(AlertDescription::HandshakeFailure).contains("static RSA, DHE or CBC"));
    assert!(explained(AlertDescription::ProtocolVersion).contains("TLS 1.1"));
}
