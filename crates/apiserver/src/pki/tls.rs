//! The TLS side: which certificate the server shows, and what it asks of clients.
//!
//! The handshake accepts any client certificate whose key the client proves to hold; whether it is one of ours is decided
//! per request ([`super::Pki::verify_client`]). That is how Kubernetes does it: a foreign or expired certificate gets a
//! 401 that says so, not a broken connection.

use std::sync::{Arc, RwLock};

use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime},
    server::{
        ClientHello, ResolvesServerCert, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
};

use super::serving::Serving;

/// Takes any client certificate, but only from who holds its key.
#[derive(Debug)]
struct Possession(WebPkiSupportedAlgorithms);

impl ClientCertVerifier for Possession {
    fn client_auth_mandatory(&self) -> bool {
        false
    }
    /// No hints: a client with a certificate of another CA shall send it, and learn from the 401 that it is wrong.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }
    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// The certificate shown now; replaced on renewal, without a restart.
#[derive(Debug)]
pub(super) struct Shown(RwLock<Arc<CertifiedKey>>);

impl Shown {
    pub(super) fn new(serving: &Serving) -> Result<Self, Error> {
        Ok(Self(RwLock::new(certified(serving)?)))
    }
    pub(super) fn replace(&self, serving: &Serving) -> Result<(), Error> {
        let fresh = certified(serving)?;
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = fresh;
        Ok(())
    }
    pub(super) fn der(&self) -> Vec<u8> {
        let shown = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        shown.cert.first().map(|c| c.to_vec()).unwrap_or_default()
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone())
    }
}

fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

fn certified(serving: &Serving) -> Result<Arc<CertifiedKey>, Error> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(serving.key.pkcs8()));
    let key = provider().key_provider.load_private_key(key.clone_key())?;
    Ok(Arc::new(CertifiedKey::new(vec![serving.der.clone().into()], key)))
}

/// The server's TLS configuration.
pub(super) fn server_config(shown: Arc<Shown>) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(provider());
    let possession = Possession(provider.signature_verification_algorithms);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(possession))
        .with_cert_resolver(shown);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Verifies chains of client certificates against our CA: signature, validity, `clientAuth`.
pub(super) fn chain_verifier(ca: &[u8]) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(ca.to_vec())).map_err(|e| e.to_string())?;
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(provider()))
        .build()
        .map_err(|e| e.to_string())
}
