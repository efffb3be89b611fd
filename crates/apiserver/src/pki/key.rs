//! ECDSA P-256 private keys: the only kind this cluster makes or uses itself. (Keys in CSRs may be of other kinds.)

use aws_lc_rs::{
    digest,
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};

/// The random source or the cryptography library failed; nothing the caller can repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cryptography library failed")]
pub struct CryptoError;

impl From<aws_lc_rs::error::Unspecified> for CryptoError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}

/// A P-256 key pair. Its `Debug` shows nothing of it.
pub(crate) struct Key {
    /// For certificates and TLS: signatures as ASN.1.
    asn1: EcdsaKeyPair,
    /// For JWTs: signatures as r‖s (RFC 7518, 3.4).
    fixed: EcdsaKeyPair,
    pkcs8: Vec<u8>,
    spki: Vec<u8>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(P-256)")
    }
}

impl Key {
    pub(crate) fn generate() -> Result<Self, CryptoError> {
        let made = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
        Self::from_pkcs8(made.to_pkcs8v1()?.as_ref())
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, CryptoError> {
        let asn1 = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der).map_err(|_| CryptoError)?;
        let fixed = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map_err(|_| CryptoError)?;
        let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(asn1.public_key())?.as_ref().to_vec();
        Ok(Self { asn1, fixed, pkcs8: der.to_vec(), spki })
    }

    /// From PEM, PKCS#8 or SEC1 (`openssl ecparam -genkey`). The error names the reason and nothing of the content.
    pub(crate) fn from_pem(pem: &str) -> Result<Self, &'static str> {
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| "it holds no private key in PEM")?;
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, der.secret_der())
            .map_err(|_| "it holds no ECDSA P-256 private key")?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| "its private key cannot be used")?;
        Self::from_pkcs8(pkcs8.as_ref()).map_err(|_| "its private key cannot be used")
    }

    pub(crate) fn to_pem(&self) -> String {
        pem("PRIVATE KEY", &self.pkcs8)
    }
    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }
    /// `SubjectPublicKeyInfo`, DER.
    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }
    /// The uncompressed point: 0x04, x, y.
    pub(crate) fn point(&self) -> &[u8] {
        self.asn1.public_key().as_ref()
    }
    pub(crate) fn sign_asn1(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Ok(self.asn1.sign(&SystemRandom::new(), message)?.as_ref().to_vec())
    }
    pub(crate) fn sign_fixed(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Ok(self.fixed.sign(&SystemRandom::new(), message)?.as_ref().to_vec())
    }
}

/// SHA-256.
pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, data).as_ref());
    out
}

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut out = [0; N];
    aws_lc_rs::rand::fill(&mut out)?;
    Ok(out)
}

/// PEM (RFC 7468) with lines of 64 characters.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = tail;
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}
