//! `OpenID` Connect discovery, so that others can verify `ServiceAccount` tokens (Kubernetes documentation, "`ServiceAccount`
//! token issuer discovery").

use serde_json::{Value, json};

use super::ISSUER;
use crate::pki::TokenKey;

/// The provider's metadata.
pub(super) fn configuration(server_url: &str) -> Value {
    json!({
        "issuer": ISSUER,
        "jwks_uri": format!("{}/openid/v1/jwks", server_url.trim_end_matches('/')),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    })
}

/// The public keys.
pub(super) fn keys(key: &TokenKey) -> Value {
    json!({"keys": [key.jwk()]})
}
