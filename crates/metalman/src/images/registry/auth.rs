//! Authentication at a registry: basic, or bearer tokens from the service that the registry names (the token specification
//! of the distribution project).

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{
    Method, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use serde::Deserialize;

use super::{LARGEST_ERROR, RegistryClient, RegistryError, challenge::Challenge, lock};

/// How long a token without a time is good for (token specification).
const DEFAULT_LIFE: Duration = Duration::from_mins(1);
/// Tokens kept for a client: one for each repository and access.
const MOST_TOKENS: usize = 256;

/// Who asks. Debug tells no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A user with a password.
    Password {
        /// The user.
        username: String,
        /// The password.
        password: String,
    },
    /// A refresh token for the token service.
    Identity(String),
    /// A bearer token for the registry itself.
    Bearer(String),
}

impl Credentials {
    /// Takes the secret out of a text that a registry wrote.
    pub(super) fn redact(&self, text: String) -> String {
        let secret = match self {
            Self::Password { password, .. } => password,
            Self::Identity(token) | Self::Bearer(token) => token,
        };
        if secret.is_empty() { text } else { text.replace(secret.as_str(), "***") }
    }

    fn basic(&self) -> Option<HeaderValue> {
        let Self::Password { username, password } = self else { return None };
        sensitive(&format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}"))))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password { .. } => "Password(***)",
            Self::Identity(_) => "Identity(***)",
            Self::Bearer(_) => "Bearer(***)",
        })
    }
}

/// What was handed out, by scope.
#[derive(Default)]
pub(super) struct Tokens {
    /// The registry wants basic authentication.
    basic: bool,
    bearer: BTreeMap<String, (HeaderValue, Instant)>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.bearer.len())
    }
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl RegistryClient {
    /// What worked last for the scope.
    pub(super) fn known_authorization(&self, scope: &str) -> Option<HeaderValue> {
        let tokens = lock(&self.tokens);
        if tokens.basic {
            return self.credentials()?.basic();
        }
        tokens.bearer.get(scope).filter(|(_, until)| *until > Instant::now()).map(|(value, _)| value.clone())
    }

    /// Meets one of the challenges. `asked` is the URL that was refused, with `words`.
    pub(super) async fn authorize(
        &self,
        challenges: &[Challenge],
        asked: &Url,
        scope: &str,
        words: &str,
    ) -> Result<HeaderValue, RegistryError> {
        if let Some(Credentials::Bearer(token)) = self.credentials() {
            let value = sensitive(&format!("Bearer {token}")).ok_or_else(|| self.protocol("its token is no header"))?;
            self.remember(scope, &value, Duration::from_mins(5));
            return Ok(value);
        }
        if let Some(challenge) = challenges.iter().find(|c| c.scheme == "bearer") {
            return self.token(challenge, asked, scope).await;
        }
        let basic = challenges.iter().any(|c| c.scheme == "basic");
        match self.credentials().and_then(Credentials::basic).filter(|_| basic && self.may_tell(asked)) {
            Some(value) => {
                lock(&self.tokens).basic = true;
                Ok(value)
            }
            None => Err(self.unauthorized(words.to_owned())),
        }
    }

    async fn token(&self, challenge: &Challenge, asked: &Url, scope: &str) -> Result<HeaderValue, RegistryError> {
        let realm = challenge.get("realm").and_then(|text| Url::parse(text).ok());
        let realm =
            realm.filter(|realm| realm.scheme() == "https" || (realm.scheme() == "http" && asked.scheme() == "http"));
        let Some(mut realm) = realm else {
            return Err(self.protocol("it names no token service that can be used"));
        };
        let service = challenge.get("service");
        let request = match self.credentials().filter(|_| self.may_tell(&realm)) {
            Some(Credentials::Identity(token)) => {
                let mut form = Url::parse("x:").map_err(|_| self.protocol("no form"))?;
                form.query_pairs_mut()
                    .append_pair("grant_type", "refresh_token")
                    .append_pair("service", service.unwrap_or_default())
                    .append_pair("client_id", "metalman")
                    .append_pair("scope", scope)
                    .append_pair("refresh_token", token);
                let body = form.query().unwrap_or_default().to_owned();
                let form = HeaderValue::from_static("application/x-www-form-urlencoded");
                self.http.request(Method::POST, realm).header(CONTENT_TYPE, form).body(body)
            }
            other => {
                if let Some(service) = service {
                    realm.query_pairs_mut().append_pair("service", service);
                }
                realm.query_pairs_mut().append_pair("scope", scope);
                let request = self.http.request(Method::GET, realm);
                match other.and_then(Credentials::basic) {
                    Some(basic) => request.header(AUTHORIZATION, basic),
                    None => request,
                }
            }
        };
        let mut response = self.execute(request).await?;
        if !response.status().is_success() {
            let transient = response.status().is_server_error();
            let status = response.status().as_u16();
            let words = self.words(&mut response).await;
            return Err(if transient {
                RegistryError::Refused { host: self.host().to_owned(), status, words }
            } else {
                self.unauthorized(words)
            });
        }
        let body = self.body(&mut response, LARGEST_ERROR * 4).await?;
        let answer: Option<Answer> = serde_json::from_slice(&body).ok();
        let life = answer.as_ref().and_then(|a| a.expires_in).map_or(DEFAULT_LIFE, Duration::from_secs);
        let token = answer.and_then(|a| a.token.or(a.access_token)).filter(|token| !token.is_empty());
        let value = token.and_then(|token| sensitive(&format!("Bearer {token}")));
        let value = value.ok_or_else(|| self.protocol("its token service answers without a token"))?;
        self.remember(scope, &value, life);
        Ok(value)
    }

    fn remember(&self, scope: &str, value: &HeaderValue, life: Duration) {
        // A token that expires on its way is refused, and costs one more round trip; a little earlier costs none.
        let life = life.min(Duration::from_hours(24)).mul_f32(0.9);
        let now = Instant::now();
        let mut tokens = lock(&self.tokens);
        tokens.bearer.retain(|_, (_, until)| *until > now);
        if tokens.bearer.len() < MOST_TOKENS {
            tokens.bearer.insert(scope.to_owned(), (value.clone(), now + life));
        }
    }
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
