//! The JWTs of `ServiceAccounts` (RFC 7519, signed as RFC 7515 compact serialisation). Pure: time, id and key are arguments.
//!
//! The algorithm is pinned to ES256 and the key to ours, so that nothing in a token chooses how it is verified
//! (RFC 8725, 3.1).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::pki::{CryptoError, TokenKey};

/// Longer ones are refused unread. A token for many audiences with everything bound is around 2 KiB.
const MAX_LENGTH: usize = 16 * 1024;
/// Clocks of who made and who reads a token may differ by that much, in seconds.
pub(super) const LEEWAY: i64 = 60;

/// What a token of ours says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    #[serde(deserialize_with = "one_or_many")]
    pub(super) aud: Vec<String>,
    pub(super) exp: i64,
    pub(super) iat: i64,
    pub(super) iss: String,
    pub(super) jti: String,
    #[serde(rename = "kubernetes.io")]
    pub(super) kubernetes: Bound,
    pub(super) nbf: i64,
    pub(super) sub: String,
}

/// The private claim: what the token is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub(super) struct Bound {
    pub(super) namespace: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) node: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) pod: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) secret: Option<Reference>,
    pub(super) serviceaccount: Reference,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) warnafter: Option<i64>,
}

/// An object by name and UID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub(super) struct Reference {
    pub(super) name: String,
    #[serde(default)]
    pub(super) uid: String,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

/// `aud` may be one string or a list (RFC 7519, 4.1.3).
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Audience::deserialize(deserializer)? {
        Audience::One(one) => vec![one],
        Audience::Many(many) => many,
    })
}

/// Why a token is refused. Nothing of the token is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    #[error("the token is too long")]
    TooLong,
    #[error("the token is not a JWT of ours")]
    Malformed,
    #[error("the token is signed with another algorithm than ES256")]
    Algorithm,
    #[error("the token is signed with a key that is not ours")]
    UnknownKey,
    #[error("the token's signature is wrong")]
    Signature,
    #[error("the token is of another issuer")]
    Issuer,
    #[error("the token is for another audience")]
    Audience,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYet,
}

/// Signs claims.
pub(super) fn sign(key: &TokenKey, claims: &Claims) -> Result<String, CryptoError> {
    let encode = |json: Result<Vec<u8>, serde_json::Error>| json.map(|j| URL_SAFE_NO_PAD.encode(j));
    let header = Header { alg: "ES256".to_owned(), kid: key.id().to_owned() };
    let header = encode(serde_json::to_vec(&header)).map_err(|_| CryptoError)?;
    let payload = encode(serde_json::to_vec(claims)).map_err(|_| CryptoError)?;
    let message = format!("{header}.{payload}");
    let signature = key.sign(message.as_bytes())?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The claims of a token, if it is signed by us, for one of these audiences, and valid now.
pub(super) fn verify(
    key: &TokenKey,
    token: &str,
    issuer: &str,
    audiences: &[&str],
    now: Timestamp,
) -> Result<Claims, TokenError> {
    let claims = open(key, token)?;
    if claims.iss != issuer {
        return Err(TokenError::Issuer);
    }
    if !claims.aud.iter().any(|a| audiences.contains(&a.as_str())) {
        return Err(TokenError::Audience);
    }
    let now = now.as_second();
    if claims.exp.saturating_add(LEEWAY) <= now {
        return Err(TokenError::Expired);
    }
    if claims.nbf.saturating_sub(LEEWAY) > now || claims.iat.saturating_sub(LEEWAY) > now {
        return Err(TokenError::NotYet);
    }
    Ok(claims)
}

/// The claims of a token that we signed.
fn open(key: &TokenKey, token: &str) -> Result<Claims, TokenError> {
    if token.len() > MAX_LENGTH {
        return Err(TokenError::TooLong);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| TokenError::Malformed)?;
    if header.alg != "ES256" {
        return Err(TokenError::Algorithm);
    }
    if header.kid != key.id() {
        return Err(TokenError::UnknownKey);
    }
    if !key.verify(message.as_bytes(), &decode(signature)?) {
        return Err(TokenError::Signature);
    }
    serde_json::from_slice(&decode(payload)?).map_err(|_| TokenError::Malformed)
}
