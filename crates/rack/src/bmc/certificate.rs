//! The certificate of a BMC: self-signed, as they are delivered.

use std::{fmt::Write as _, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate and what serves with it.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) server: Arc<ServerConfig>,
    pub(super) certificate: CertificateDer<'static>,
}

impl Identity {
    /// A new one, with a key of its own.
    pub(super) fn generate(name: &str, address: std::net::IpAddr) -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![address.to_string()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        // Firmware signs its own certificate as a CA does.
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key)?.der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)?;
        Ok(Self { server: Arc::new(server), certificate })
    }

    /// SHA-256 of the certificate, as `aa:bb:…`.
    pub(super) fn fingerprint(&self) -> String {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.certificate);
        let mut text = String::new();
        for (index, byte) in digest.as_ref().iter().enumerate() {
            let separator = if index == 0 { "" } else { ":" };
            let _ = write!(text, "{separator}{byte:02x}");
        }
        text
    }
}
