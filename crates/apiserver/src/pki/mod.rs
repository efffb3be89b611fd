//! Keys and certificates: the cluster CA, the serving certificate, client certificates, the `ServiceAccount` signing key,
//! and the signer of `CertificateSigningRequests`. Files live in `DIR/pki`, private keys with mode 0600.
//!
//! Invariants:
//! - the CA's key and the `ServiceAccount` key are made once; damaged or mismatched, they are reported and never replaced;
//! - what is derived from them (the serving certificate) is renewed without asking;
//! - every file is written whole or not at all.

mod authority;
mod certificate;
pub mod csr;
mod der;
mod files;
mod key;
mod kubeconfig;
mod serving;
mod signer;
#[cfg(test)]
mod tests;
mod tls;
mod token_key;

use std::{path::Path, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use rustls::{
    pki_types::{CertificateDer, UnixTime},
    server::danger::ClientCertVerifier,
};

pub use certificate::{AltName, Usages};
pub use key::CryptoError;
pub(crate) use key::{random, sha256};
pub use signer::{Verdict, assess};
pub(crate) use token_key::TokenKey;

use crate::auth::UserInfo;
use authority::{Authority, Leaf};
use certificate::{key_usage, name};
use files::Folder;
use key::{Key, pem};

/// Why the keys could not be loaded or made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file could not be read or written.
    #[error("{path} cannot be used")]
    Io {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A name that the serving certificate shall carry is no name.
    #[error("the serving certificate cannot be made: {why}")]
    Name {
        /// Which, and what is wrong.
        why: String,
    },
    /// A file does not hold what it should.
    #[error("{path} is not usable: {why}; restore it, or move the folder away to begin anew (all credentials change)")]
    Bad {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
}

/// The keys of one cluster.
#[derive(Debug)]
pub struct Pki {
    folder: Folder,
    authority: Authority,
    names: Vec<AltName>,
    shown: Arc<tls::Shown>,
    server_tls: Arc<rustls::ServerConfig>,
    chain: Arc<dyn ClientCertVerifier>,
    token_key: TokenKey,
}

impl Pki {
    /// Loads, or makes on first use. Renews the serving certificate when `names` (DNS names and IP addresses) changed or it
    /// nears its end.
    pub fn open(dir: &Path, names: &[String], now: Timestamp) -> Result<Self, PkiError> {
        let folder = Folder::open(&dir.join("pki"))?;
        let authority = Authority::open(&folder, now)?;
        let token_key = TokenKey::open(&folder)?;
        let names = serving::wanted_names(names).map_err(|why| PkiError::Name { why })?;
        let serving = serving::open(&folder, &authority, &names, now)?;
        let shown = tls::Shown::new(&serving).map_err(|e| folder.bad("server.crt", e.to_string()))?;
        let shown = Arc::new(shown);
        let server_tls = tls::server_config(shown.clone()).map_err(|e| folder.bad("server.crt", e.to_string()))?;
        let chain = tls::chain_verifier(authority.der()).map_err(|why| folder.bad("ca.crt", why))?;
        Ok(Self { folder, authority, names, shown, server_tls, chain, token_key })
    }

    /// The CA certificate, PEM.
    pub fn ca_pem(&self) -> &str {
        self.authority.pem()
    }

    /// TLS configuration of the server: our certificate; client certificates are optional, and proven to be held by the
    /// client but not yet trusted: [`Self::verify_client`] decides that.
    pub fn server_tls(&self) -> Arc<rustls::ServerConfig> {
        self.server_tls.clone()
    }

    /// Renews the serving certificate if it nears its end; running listeners show the new one from then on. To be called
    /// daily by a server that runs for long. Returns whether it changed.
    pub fn renew_serving(&self, now: Timestamp) -> Result<bool, PkiError> {
        let serving = serving::open(&self.folder, &self.authority, &self.names, now)?;
        if serving.der == self.shown.der() {
            return Ok(false);
        }
        self.shown.replace(&serving).map_err(|e| self.folder.bad("server.crt", e.to_string()))?;
        Ok(true)
    }

    /// Whether a client's certificate (DER) is of our CA, valid now, and for client authentication; the error says why not.
    pub fn verify_client(&self, certificate: &[u8], now: Timestamp) -> Result<(), String> {
        let seconds = u64::try_from(now.as_second()).map_err(|_| "the clock is before 1970")?;
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        // Our CA issues leaves directly, so no intermediates are needed.
        self.chain
            .verify_client_cert(&CertificateDer::from(certificate), &[], now)
            .map(|_| ())
            .map_err(|e| format!("x509: {e}"))
    }

    /// A client certificate and key (PEM) for a user.
    pub fn client_certificate(&self, user: &UserInfo, days: u32, now: Timestamp) -> (String, String) {
        self.make_client(user, days, now).expect("the system provides randomness")
    }

    fn make_client(&self, user: &UserInfo, days: u32, now: Timestamp) -> Result<(String, String), CryptoError> {
        let key = Key::generate()?;
        let leaf = Leaf {
            subject: &name(&user.username, &user.groups),
            spki: key.spki(),
            usages: Usages { key_usage: key_usage::DIGITAL_SIGNATURE, client: true, server: false },
            alt_names: &[],
            life: SignedDuration::from_hours(24 * i64::from(days)),
        };
        let der = self.authority.issue(&leaf, now)?;
        Ok((pem("CERTIFICATE", &der), key.to_pem()))
    }

    /// A kubeconfig (YAML) for a user of ours, with embedded certificate (valid for a year).
    pub fn kubeconfig(&self, server_url: &str, user: &UserInfo, now: Timestamp) -> String {
        let (certificate, key) = self.client_certificate(user, 365, now);
        kubeconfig::render(server_url, self.ca_pem(), &user.username, &certificate, &key)
    }

    /// Issues what [`assess`] granted: the certificate, PEM.
    pub fn issue(&self, grant: &signer::Grant, now: Timestamp) -> Result<String, CryptoError> {
        let leaf = Leaf {
            subject: &grant.request.subject,
            spki: &grant.request.spki,
            usages: grant.usages,
            alt_names: &grant.request.alt_names,
            life: grant.life,
        };
        Ok(pem("CERTIFICATE", &self.authority.issue(&leaf, now)?))
    }

    /// The key of `ServiceAccount` tokens.
    pub(crate) fn token_key(&self) -> &TokenKey {
        &self.token_key
    }
}
