//! The serving certificate: for which names, and when it is made anew.

use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::{CertificateDer, DnsName, pem::PemObject as _};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::{
    PkiError,
    authority::{Authority, Leaf},
    certificate::{AltName, Usages, key_usage, name},
    files::Folder,
    key::{CryptoError, Key, pem},
};

const LIFE: SignedDuration = SignedDuration::from_hours(24 * 365);
/// Renewed when less is left.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Names that clients reach an API server by from inside a cluster or on its own machine; 10.96.0.1 is the first address
/// of the default Service range, where the `kubernetes` Service lives.
const ALWAYS: [&str; 8] = [
    "localhost",
    "127.0.0.1",
    "::1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "10.96.0.1",
];

/// The names the certificate must carry, sorted and unique; the error names the one that is none.
pub(super) fn wanted_names(names: &[String]) -> Result<Vec<AltName>, String> {
    let mut all: Vec<AltName> =
        names.iter().map(String::as_str).filter(|n| !n.is_empty()).chain(ALWAYS).map(AltName::parse).collect();
    all.sort();
    all.dedup();
    let is_name = |name: &str| DnsName::try_from(name.strip_prefix("*.").unwrap_or(name)).is_ok();
    match all.iter().find(|name| matches!(name, AltName::Dns(dns) if !is_name(dns))) {
        Some(AltName::Dns(wrong)) => Err(format!("{wrong:?} is neither a DNS name nor an IP address")),
        _ => Ok(all),
    }
}

/// A serving key and certificate.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) key: Key,
    pub(super) der: Vec<u8>,
}

/// Loads `server.crt` and `server.key` when they still serve, otherwise makes them. The pair is derived from the CA and
/// worth nothing by itself, so a damaged one is replaced, not reported.
pub(super) fn open(
    folder: &Folder,
    authority: &Authority,
    wanted: &[AltName],
    now: Timestamp,
) -> Result<Serving, PkiError> {
    if let (Some(key), Some(certificate)) = (folder.read("server.key")?, folder.read("server.crt")?) {
        match load(&key, &certificate, authority, wanted, now) {
            Ok(serving) => return Ok(serving),
            Err(why) => tracing::info!(why, "the serving certificate is made anew"),
        }
    }
    let crypto = |e: CryptoError| folder.bad("server.key", e.to_string());
    let key = Key::generate().map_err(crypto)?;
    let subject = name("kube-apiserver", &[]);
    let leaf = Leaf {
        subject: &subject,
        spki: key.spki(),
        usages: Usages { key_usage: key_usage::DIGITAL_SIGNATURE, server: true, client: false },
        alt_names: wanted,
        life: LIFE,
    };
    let der = authority.issue(&leaf, now).map_err(crypto)?;
    folder.write("server.key", &key.to_pem(), 0o600)?;
    folder.write("server.crt", &pem("CERTIFICATE", &der), 0o644)?;
    Ok(Serving { key, der })
}

fn load(
    key: &str,
    certificate: &str,
    authority: &Authority,
    wanted: &[AltName],
    now: Timestamp,
) -> Result<Serving, &'static str> {
    let key = Key::from_pem(key)?;
    let der = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|_| "server.crt holds no certificate")?;
    let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| "server.crt is damaged")?;
    if parsed.public_key().raw != key.spki() {
        return Err("server.crt and server.key do not belong together");
    }
    let (_, ca) = X509Certificate::from_der(authority.der()).map_err(|_| "ca.crt is damaged")?;
    parsed.verify_signature(Some(ca.public_key())).map_err(|_| "server.crt is of another authority")?;
    if parsed.validity().not_after.timestamp() < (now + RENEW_BEFORE).as_second() {
        return Err("server.crt nears its end");
    }
    if alt_names(&parsed).as_deref() != Some(wanted) {
        return Err("the names changed");
    }
    Ok(Serving { key, der: der.to_vec() })
}

fn alt_names(certificate: &X509Certificate<'_>) -> Option<Vec<AltName>> {
    let extension = certificate.subject_alternative_name().ok()??;
    let mut names = extension.value.general_names.iter().map(from_general_name).collect::<Option<Vec<_>>>()?;
    names.sort();
    Some(names)
}

/// A general name of a kind that we issue.
pub(super) fn from_general_name(name: &GeneralName<'_>) -> Option<AltName> {
    Some(match name {
        GeneralName::DNSName(s) => AltName::Dns((*s).to_owned()),
        GeneralName::RFC822Name(s) => AltName::Email((*s).to_owned()),
        GeneralName::URI(s) => AltName::Uri((*s).to_owned()),
        GeneralName::IPAddress(bytes) => {
            if let Ok(v4) = <[u8; 4]>::try_from(*bytes) {
                AltName::Ip(v4.into())
            } else {
                AltName::Ip(<[u8; 16]>::try_from(*bytes).ok()?.into())
            }
        }
        _ => return None,
    })
}
