//! TLS to a BMC: the certificate is pinned, and nothing else about it is judged.
//!
//! BMCs come with certificates that no chain vouches for: self-signed with CA:TRUE, signed with SHA-1, X.509 v1 (older iLO and
//! IMM firmware), RSA-1024, expired since 2012. What counts is that the one of first contact comes back, and that who shows it
//! holds its key: the handshake's signature is always verified. `webpki` cannot do that here, as it reads neither X.509 v1 nor
//! verifies with RSA below 2048 bits.
//!
//! What cannot work is a BMC without forward secrecy or authenticated encryption, or older than TLS 1.2: [`explain`] says so.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs as provider},
    pki_types::{AlgorithmIdentifier, CertificateDer, ServerName, UnixTime, alg_id},
    version::{TLS12, TLS13},
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Fingerprint;

/// What the handshakes with one endpoint have in common.
#[derive(Debug, Default)]
pub(super) struct Witness {
    pin: Option<Fingerprint>,
    accepted: Mutex<Option<Fingerprint>>,
    spoiled: AtomicBool,
}

impl Witness {
    pub(super) fn new(pin: Option<Fingerprint>) -> Self {
        Self { pin, ..Self::default() }
    }

    /// The certificate that was shown, by someone who holds its key, and accepted.
    pub(super) fn accepted(&self) -> Option<Fingerprint> {
        *self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether another certificate came after the one that was accepted without a pin.
    pub(super) fn spoiled(&self) -> bool {
        self.spoiled.load(Relaxed)
    }

    fn check(&self, shown: Fingerprint) -> Result<(), Error> {
        match self.pin.or_else(|| self.accepted()) {
            Some(pinned) if pinned != shown => {
                self.spoiled.store(self.pin.is_none(), Relaxed);
                Err(Error::Other(OtherError(Arc::new(PinMismatch { pinned, shown }))))
            }
            _ => Ok(()),
        }
    }

    fn accept(&self, shown: Fingerprint) -> Result<(), Error> {
        // Again, as two handshakes may run at once.
        self.check(shown)?;
        *self.accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        Ok(())
    }
}

/// Another certificate than the pinned one.
#[derive(Debug, thiserror::Error)]
#[error("certificate {shown} instead of {pinned}")]
pub(super) struct PinMismatch {
    pub(super) pinned: Fingerprint,
    pub(super) shown: Fingerprint,
}

/// The key is too small for what TLS 1.3 demands; TLS 1.2 has signatures that it can make.
#[derive(Debug, thiserror::Error)]
#[error("a signature by RSA with {bits} bits that cannot be verified")]
pub(super) struct SmallKey {
    bits: usize,
}

/// How to greet a BMC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greeting {
    /// TLS 1.3 or 1.2.
    Usual,
    /// TLS 1.2 with PKCS#1 v1.5 signatures, the only ones that are verified here for RSA below 2048 bits.
    SmallKey,
}

/// The TLS side of a client.
pub(super) fn config(witness: Arc<Witness>, greeting: Greeting) -> Result<ClientConfig, Error> {
    let provider = CryptoProvider {
        // No post-quantum share: it makes the ClientHello longer than one segment, which old stacks do not survive.
        kx_groups: vec![provider::kx_group::X25519, provider::kx_group::SECP256R1, provider::kx_group::SECP384R1],
        ..provider::default_provider()
    };
    let versions: &[_] = match greeting {
        Greeting::Usual => &[&TLS13, &TLS12],
        Greeting::SmallKey => &[&TLS12],
    };
    let verifier = Verifier { witness, schemes: schemes(&provider, greeting), provider: provider.clone() };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // A resumed session shows no certificate.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn schemes(provider: &CryptoProvider, greeting: Greeting) -> Vec<SignatureScheme> {
    let mut schemes = provider.signature_verification_algorithms.supported_schemes();
    if greeting == Greeting::SmallKey {
        let first = [SignatureScheme::RSA_PKCS1_SHA256, SignatureScheme::RSA_PKCS1_SHA512];
        schemes = first.to_vec();
    }
    // RFC 5246 section 7.4.1.4.1: what a server may sign with that knows nothing newer.
    schemes.extend([SignatureScheme::RSA_PKCS1_SHA1, SignatureScheme::ECDSA_SHA1_Legacy]);
    schemes
}

#[derive(Debug)]
struct Verifier {
    witness: Arc<Witness>,
    schemes: Vec<SignatureScheme>,
    provider: CryptoProvider,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.witness.check(Fingerprint::of(end_entity))?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, cert, dss.scheme, dss.signature(), false)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, cert, dss.scheme, dss.signature(), true)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

impl Verifier {
    fn verify(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        scheme: SignatureScheme,
        signature: &[u8],
        tls13: bool,
    ) -> Result<HandshakeSignatureValid, Error> {
        // RFC 8446 section 4.2.3: not for the handshake.
        if !self.schemes.contains(&scheme) || tls13 && is_pkcs1_or_sha1(scheme) {
            return Err(rustls::PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        let key = Key::of(cert)?;
        if !self.is_valid(&key, message, scheme, signature, tls13)? {
            return Err(Error::InvalidCertificate(CertificateError::BadSignature));
        }
        self.witness.accept(Fingerprint::of(cert))?;
        Ok(HandshakeSignatureValid::assertion())
    }

    fn is_valid(
        &self,
        key: &Key,
        message: &[u8],
        scheme: SignatureScheme,
        signature: &[u8],
        tls13: bool,
    ) -> Result<bool, Error> {
        if let Some(algorithm) = legacy(key, scheme)? {
            return Ok(UnparsedPublicKey::new(algorithm, &key.bits).verify(message, signature).is_ok());
        }
        let mapping = self.provider.signature_verification_algorithms.mapping;
        let algorithms = mapping.iter().find(|(known, _)| *known == scheme).map_or(&[][..], |(_, all)| *all);
        // In TLS 1.3 a scheme names the curve too; in TLS 1.2 only the hash.
        let count = if tls13 { 1 } else { algorithms.len() };
        let mut usable = algorithms.iter().take(count).filter(|algorithm| algorithm.public_key_alg_id() == key.kind);
        Ok(usable.any(|algorithm| algorithm.verify_signature(&key.bits, message, signature).is_ok()))
    }
}

fn is_pkcs1_or_sha1(scheme: SignatureScheme) -> bool {
    matches!(
        scheme,
        SignatureScheme::RSA_PKCS1_SHA1
            | SignatureScheme::RSA_PKCS1_SHA256
            | SignatureScheme::RSA_PKCS1_SHA384
            | SignatureScheme::RSA_PKCS1_SHA512
            | SignatureScheme::ECDSA_SHA1_Legacy
    )
}

/// The algorithms that the provider does not map: SHA-1, and RSA below 2048 bits.
fn legacy(key: &Key, scheme: SignatureScheme) -> Result<Option<&'static dyn VerificationAlgorithm>, Error> {
    let small = key.rsa.is_some_and(|bits| bits < 2048);
    Ok(Some(match (key.rsa, scheme) {
        (Some(_), SignatureScheme::RSA_PKCS1_SHA1) => &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        (Some(_), SignatureScheme::RSA_PKCS1_SHA256) if small => {
            &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
        }
        (Some(_), SignatureScheme::RSA_PKCS1_SHA512) if small => {
            &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY
        }
        (Some(bits), _) if small => return Err(Error::Other(OtherError(Arc::new(SmallKey { bits })))),
        (None, SignatureScheme::ECDSA_SHA1_Legacy) if key.kind == alg_id::ECDSA_P256 => {
            &signature::ECDSA_P256_SHA1_ASN1
        }
        _ => return Ok(None),
    }))
}

/// A certificate's public key.
struct Key {
    kind: AlgorithmIdentifier,
    bits: Vec<u8>,
    /// Bits of an RSA modulus.
    rsa: Option<usize>,
}

impl Key {
    fn of(cert: &CertificateDer<'_>) -> Result<Self, Error> {
        let bad = || Error::InvalidCertificate(CertificateError::BadEncoding);
        let (_, cert) = X509Certificate::from_der(cert).map_err(|_| bad())?;
        let info = cert.public_key();
        let curve = info.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok()).map(|oid| oid.to_id_string());
        let kind = match (info.algorithm.algorithm.to_id_string().as_str(), curve.as_deref()) {
            ("1.2.840.113549.1.1.1", _) => alg_id::RSA_ENCRYPTION,
            ("1.2.840.10045.2.1", Some("1.2.840.10045.3.1.7")) => alg_id::ECDSA_P256,
            ("1.2.840.10045.2.1", Some("1.3.132.0.34")) => alg_id::ECDSA_P384,
            ("1.2.840.10045.2.1", Some("1.3.132.0.35")) => alg_id::ECDSA_P521,
            ("1.3.101.112", _) => alg_id::ED25519,
            _ => return Err(bad()),
        };
        let rsa = match info.parsed() {
            Ok(x509_parser::public_key::PublicKey::RSA(rsa)) => Some(rsa.key_size()),
            _ if kind == alg_id::RSA_ENCRYPTION => return Err(bad()),
            _ => None,
        };
        Ok(Self { kind, bits: info.subject_public_key.data.to_vec(), rsa })
    }
}

/// What is wrong, and what to do.
pub(super) fn explain(error: &Error) -> String {
    use AlertDescription::{HandshakeFailure, InsufficientSecurity, ProtocolVersion};
    match error {
        Error::AlertReceived(HandshakeFailure | InsufficientSecurity) => format!(
            "it shares no cipher suite with metalman, which wants ECDHE with AES-GCM or ChaCha20-Poly1305 ({error}); this BMC \
             only offers older ones (static RSA, DHE or CBC): update its firmware, or allow such suites in its settings"
        ),
        Error::AlertReceived(ProtocolVersion) | Error::PeerIncompatible(_) => format!(
            "it does not speak TLS 1.2 or 1.3 as metalman does ({error}); this BMC only offers an older version (TLS 1.1, \
             1.0 or SSL): update its firmware, or enable TLS 1.2 in its settings"
        ),
        Error::InvalidMessage(_) => format!(
            "what answers there does not speak TLS ({error}): check the port in spec.pxe.redfish.url, and whether http is meant"
        ),
        Error::InvalidCertificate(CertificateError::BadEncoding) => {
            "its certificate cannot be read, or its key is of a kind that is not supported (RSA from 1024 bits, P-256, P-384, \
             P-521 and Ed25519 are): give it a new certificate"
                .to_owned()
        }
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            "it does not prove that it holds the key of its certificate: something between metalman and it may pose as it"
                .to_owned()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
