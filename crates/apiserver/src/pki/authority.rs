//! The cluster's certificate authority: its key, its certificate, and what it issues.

use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{
    PkiError,
    certificate::{AltName, Template, Usages, build, key_usage, name},
    files::Folder,
    key::{CryptoError, Key, pem, random},
};

/// Ten years, as cluster CAs commonly have.
const CA_LIFE: SignedDuration = SignedDuration::from_hours(24 * 3652);
/// Certificates begin a little in the past, for clients whose clock is slow.
pub(super) const BACKDATE: SignedDuration = SignedDuration::from_mins(5);

/// CA key and certificate.
#[derive(Debug)]
pub(super) struct Authority {
    key: Key,
    der: Vec<u8>,
    pem: String,
    /// Subject, DER: the issuer of what it signs.
    subject: Vec<u8>,
    not_after: Timestamp,
}

/// What a leaf certifies.
#[derive(Debug)]
pub(super) struct Leaf<'a> {
    /// `Name`, DER.
    pub(super) subject: &'a [u8],
    /// `SubjectPublicKeyInfo`, DER.
    pub(super) spki: &'a [u8],
    pub(super) usages: Usages,
    pub(super) alt_names: &'a [AltName],
    pub(super) life: SignedDuration,
}

impl Authority {
    /// Loads `ca.crt` and `ca.key`, or makes them.
    pub(super) fn open(folder: &Folder, now: Timestamp) -> Result<Self, PkiError> {
        let key = match folder.read("ca.key")? {
            Some(text) => Some(Key::from_pem(&text).map_err(|why| folder.bad("ca.key", why))?),
            None => None,
        };
        match (key, folder.read("ca.crt")?) {
            (Some(key), Some(text)) => Self::load(key, &text, now).map_err(|why| folder.bad("ca.crt", why)),
            (None, Some(_)) => Err(folder.bad("ca.key", "it is missing, while ca.crt is there")),
            // The key is written first: a crash between the two, or a lost certificate, is mended by certifying the
            // same key anew, which keeps everything that it signed valid.
            (key, None) => {
                let fresh = key.is_none();
                let key = match key {
                    Some(key) => key,
                    None => Key::generate().map_err(|e| folder.bad("ca.key", e.to_string()))?,
                };
                if fresh {
                    folder.write("ca.key", &key.to_pem(), 0o600)?;
                }
                let made = Self::make(key, now).map_err(|e| folder.bad("ca.crt", e.to_string()))?;
                folder.write("ca.crt", &made.pem, 0o644)?;
                Ok(made)
            }
        }
    }

    fn make(key: Key, now: Timestamp) -> Result<Self, CryptoError> {
        let subject = name("kubernetes", &[]);
        let not_after = now + CA_LIFE;
        let template = Template {
            subject: &subject,
            spki: key.spki(),
            not_before: now - BACKDATE,
            not_after,
            serial: random()?,
            usages: Usages {
                key_usage: key_usage::DIGITAL_SIGNATURE | key_usage::CERT_SIGN | key_usage::CRL_SIGN,
                ..Usages::default()
            },
            is_ca: true,
            alt_names: &[AltName::Dns("kubernetes".into())],
        };
        let der = build(&template, &subject, &key)?;
        Ok(Self { pem: pem("CERTIFICATE", &der), der, subject, not_after, key })
    }

    fn load(key: Key, text: &str, now: Timestamp) -> Result<Self, String> {
        let der = CertificateDer::from_pem_slice(text.as_bytes()).map_err(|_| "it holds no certificate in PEM")?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| "its certificate is damaged")?;
        if !parsed.is_ca() {
            return Err("its certificate is not that of an authority (CA:TRUE is missing)".into());
        }
        if parsed.public_key().raw != key.spki() {
            return Err("it does not belong to ca.key".into());
        }
        let not_after = Timestamp::from_second(parsed.validity().not_after.timestamp())
            .map_err(|_| "its end of validity cannot be represented")?;
        if not_after <= now {
            return Err(format!("it expired at {not_after}"));
        }
        let subject = parsed.subject().as_raw().to_vec();
        Ok(Self { pem: pem("CERTIFICATE", &der), subject, not_after, key, der: der.to_vec() })
    }

    pub(super) fn pem(&self) -> &str {
        &self.pem
    }
    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    /// Issues a leaf, which never outlives the authority.
    pub(super) fn issue(&self, leaf: &Leaf<'_>, now: Timestamp) -> Result<Vec<u8>, CryptoError> {
        let not_after = now.saturating_add(leaf.life).map_or(self.not_after, |end| end.min(self.not_after));
        let template = Template {
            subject: leaf.subject,
            spki: leaf.spki,
            not_before: now - BACKDATE,
            not_after,
            serial: random()?,
            usages: leaf.usages,
            is_ca: false,
            alt_names: leaf.alt_names,
        };
        build(&template, &self.subject, &self.key)
    }
}
