//! Pull secrets: Secrets of type `kubernetes.io/dockerconfigjson` (and its predecessor), in metalman's namespace.
//!
//! Invariants: a Secret is read by its name, in one namespace; what it holds goes to no log and no error.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, Client};
use serde::Deserialize;

use super::{reference::RegistryReference, registry::Credentials};
use crate::explain::explain;

const CONFIG_JSON: &str = ".dockerconfigjson";
const CONFIG: &str = ".dockercfg";
/// How long the API server may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretError {
    /// It is not there.
    #[error("pull secret {name}: there is no such Secret in namespace {namespace}")]
    Missing {
        /// Its name.
        name: String,
        /// Where it was looked for.
        namespace: String,
    },
    /// The API server did not give it.
    #[error("pull secret {name} cannot be read: {why}")]
    Unreadable {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// It is of another kind, or broken.
    #[error("pull secret {name}: {problem}")]
    Malformed {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
}

/// Reads pull secrets.
pub(super) struct PullSecrets {
    api: Api<Secret>,
    namespace: String,
    /// As read last: the API server may be away when the registry is not.
    last: Mutex<BTreeMap<String, BTreeMap<String, ByteString>>>,
}

impl PullSecrets {
    /// In that namespace.
    pub(super) fn new(client: Client, namespace: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), namespace: namespace.to_owned(), last: Mutex::default() }
    }

    /// The credentials for the image out of that Secret; none if it has nothing for the registry.
    pub(super) async fn credentials(
        &self,
        name: &str,
        reference: &RegistryReference,
    ) -> Result<Option<Credentials>, SecretError> {
        let unreadable = |why: String| SecretError::Unreadable { name: name.to_owned(), why };
        let data = match tokio::time::timeout(PATIENCE, self.api.get_opt(name)).await {
            Ok(Ok(Some(secret))) => {
                let data = secret.data.unwrap_or_default();
                self.lock().insert(name.to_owned(), data.clone());
                data
            }
            Ok(Ok(None)) => {
                self.lock().remove(name);
                return Err(SecretError::Missing { name: name.to_owned(), namespace: self.namespace.clone() });
            }
            Ok(Err(kube::Error::Api(status))) => {
                self.lock().remove(name);
                return Err(unreadable(explain(&kube::Error::Api(status))));
            }
            Ok(Err(error)) => self.lock().get(name).cloned().ok_or_else(|| unreadable(explain(&error)))?,
            Err(_) => self.lock().get(name).cloned().ok_or_else(|| unreadable("no answer in time".into()))?,
        };
        credentials(&data, reference).map_err(|problem| SecretError::Malformed { name: name.to_owned(), problem })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, BTreeMap<String, ByteString>>> {
        self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct ConfigJson {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the format's own names")]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

/// The credentials of a Secret's data for that image.
fn credentials(
    data: &BTreeMap<String, ByteString>,
    reference: &RegistryReference,
) -> Result<Option<Credentials>, &'static str> {
    let auths = if let Some(json) = data.get(CONFIG_JSON) {
        auths_of(&json.0).ok_or("its .dockerconfigjson cannot be read")?
    } else if let Some(json) = data.get(CONFIG) {
        serde_json::from_slice(&json.0).map_err(|_| "its .dockercfg cannot be read")?
    } else {
        return Err("it has no key .dockerconfigjson; make it with kubectl create secret docker-registry");
    };
    choose(&auths, reference)
}

/// The credentials for that image out of a `config.json`, as Docker and other container tools write it.
pub(crate) fn of_config_json(json: &[u8], reference: &RegistryReference) -> Result<Option<Credentials>, &'static str> {
    choose(&auths_of(json).ok_or("it cannot be read")?, reference)
}

fn auths_of(json: &[u8]) -> Option<BTreeMap<String, Auth>> {
    serde_json::from_slice::<ConfigJson>(json).ok().map(|config| config.auths)
}

fn choose(auths: &BTreeMap<String, Auth>, reference: &RegistryReference) -> Result<Option<Credentials>, &'static str> {
    let best = auths.iter().filter_map(|(key, auth)| Some((fit(key, reference)?, auth))).max_by_key(|(fit, _)| *fit);
    best.map(|(_, auth)| read(auth)).transpose()
}

/// How well a key of `auths` fits the image: the longer its path, the better; exact hosts before patterns.
fn fit(key: &str, reference: &RegistryReference) -> Option<(usize, bool)> {
    let key = key.trim();
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let (host, path) = key.split_once('/').unwrap_or((key, ""));
    // Docker's tools write the API's version after the host.
    let path = path.trim_end_matches('/');
    let path = if matches!(path, "v1" | "v2") { "" } else { path };
    let exact = host.eq_ignore_ascii_case(reference.domain()) || host.eq_ignore_ascii_case(reference.host());
    // Docker's own registry goes by several names.
    let default = reference.domain() != reference.host() && host.eq_ignore_ascii_case("index.docker.io");
    if !exact && !default && !matches_pattern(host, reference.domain()) {
        return None;
    }
    let repository = reference.repository();
    let below =
        path.is_empty() || repository.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    below.then_some((path.len(), exact || default))
}

/// Kubernetes' patterns: `*` for (part of) one label of the host.
fn matches_pattern(pattern: &str, domain: &str) -> bool {
    if !pattern.contains('*') {
        return false;
    }
    let split = |text: &str| {
        let (host, port) = text.split_once(':').unwrap_or((text, ""));
        (host.to_ascii_lowercase(), port.to_owned())
    };
    let ((pattern, pattern_port), (host, port)) = (split(pattern), split(domain));
    let (patterns, labels): (Vec<&str>, Vec<&str>) = (pattern.split('.').collect(), host.split('.').collect());
    pattern_port == port
        && patterns.len() == labels.len()
        && patterns.iter().zip(labels).all(|(pattern, label)| match pattern.split_once('*') {
            None => *pattern == label,
            Some((start, end)) => {
                label.len() >= start.len() + end.len() && label.starts_with(start) && label.ends_with(end)
            }
        })
}

fn read(auth: &Auth) -> Result<Credentials, &'static str> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(token) = given(&auth.registrytoken) {
        return Ok(Credentials::Bearer(token));
    }
    if let Some(token) = given(&auth.identitytoken) {
        return Ok(Credentials::Identity(token));
    }
    if let (Some(username), Some(password)) = (given(&auth.username), given(&auth.password)) {
        return Ok(Credentials::Password { username, password });
    }
    let Some(encoded) = given(&auth.auth) else { return Err("its entry for the registry has no credentials") };
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = decoded.as_deref().and_then(|text| text.trim_end_matches('\0').split_once(':'));
    let (username, password) = pair.ok_or("the auth of its entry is not base64 of user:password")?;
    Ok(Credentials::Password { username: username.to_owned(), password: password.to_owned() })
}

#[cfg(test)]
mod tests;
