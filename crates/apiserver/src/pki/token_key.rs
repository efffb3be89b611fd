//! The key that signs `ServiceAccount` tokens (ES256: RFC 7518, 3.4), and its public form.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    PkiError,
    files::Folder,
    key::{CryptoError, Key, sha256},
};

/// Signs and verifies tokens.
#[derive(Debug)]
pub(crate) struct TokenKey {
    key: Key,
    id: String,
}

impl TokenKey {
    /// Loads `sa.key`, or makes it.
    pub(super) fn open(folder: &Folder) -> Result<Self, PkiError> {
        if let Some(text) = folder.read("sa.key")? {
            let key = Key::from_pem(&text).map_err(|why| folder.bad("sa.key", why))?;
            return Ok(Self::new(key));
        }
        let key = Key::generate().map_err(|e| folder.bad("sa.key", e.to_string()))?;
        folder.write("sa.key", &key.to_pem(), 0o600)?;
        Ok(Self::new(key))
    }

    pub(crate) fn new(key: Key) -> Self {
        let id = URL_SAFE_NO_PAD.encode(sha256(key.spki()));
        Self { key, id }
    }

    /// `kid`: the hash of the public key, so that it names the key wherever the key goes.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
    /// r‖s over the message.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.key.sign_fixed(message)
    }
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.key.point()).verify(message, signature).is_ok()
    }
    /// The public key as a JWK (RFC 7517).
    pub(crate) fn jwk(&self) -> Value {
        let (x, y) = self.key.point()[1..].split_at(32);
        json!({
            "use": "sig", "kty": "EC", "kid": self.id, "crv": "P-256", "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
    }
}
