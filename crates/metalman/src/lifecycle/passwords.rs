//! The passwords of BMCs, from Secrets.
//!
//! Invariants: a Secret is read by its name, in metalman's own namespace and nowhere else, so that who can write a Machine
//! cannot have metalman send another's secret to a host of their choice; a password goes to no log, error or Debug output.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};

use super::access::PasswordRef;
use crate::explain::explain;

/// How long the API server may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a password is good without asking again: long enough that Machines that name the same Secret make one request.
const FRESH: Duration = Duration::from_mins(1);

/// A password that cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Password(String);

impl Password {
    /// For whoever sends it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Why there is no password. The Display is for the Machine's status.
#[derive(Debug, thiserror::Error)]
pub(super) enum PasswordError {
    /// Another namespace's.
    #[error(
        "spec.pxe.redfish.passwordRef names Secret {namespace}/{name}, but metalman reads Secrets only in its own \
         namespace {own}: put it there, and name that"
    )]
    Foreign {
        /// The namespace named.
        namespace: String,
        /// The Secret.
        name: String,
        /// metalman's.
        own: String,
    },
    /// It is not there.
    #[error("spec.pxe.redfish.passwordRef: there is no Secret {name} in namespace {own}")]
    Missing {
        /// The Secret.
        name: String,
        /// metalman's namespace.
        own: String,
    },
    /// The key is not there, or what it holds is no password.
    #[error("spec.pxe.redfish.passwordRef: Secret {name} {problem} {key}")]
    Malformed {
        /// The Secret.
        name: String,
        /// The key.
        key: String,
        /// What is wrong, up to the key's name.
        problem: &'static str,
    },
    /// The API server did not give it.
    #[error("spec.pxe.redfish.passwordRef: Secret {name} cannot be read: {why}")]
    Unreadable {
        /// The Secret.
        name: String,
        /// Why.
        why: String,
    },
}

/// Reads passwords, and keeps them for a moment.
pub(super) struct Passwords {
    api: Api<Secret>,
    namespace: String,
    kept: Mutex<HashMap<PasswordRef, (Instant, Password)>>,
}

impl Passwords {
    /// Of that namespace.
    pub(super) fn new(client: Client, namespace: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), namespace: namespace.to_owned(), kept: Mutex::default() }
    }

    /// The password, as read within the minute before `now`.
    pub(super) async fn read(&self, reference: &PasswordRef, now: Instant) -> Result<Password, PasswordError> {
        let is_fresh = |read: &Instant| now.saturating_duration_since(*read) < FRESH;
        if let Some((read, password)) = self.lock().get(reference)
            && is_fresh(read)
        {
            return Ok(password.clone());
        }
        let outcome = self.fetch(reference).await;
        let mut kept = self.lock();
        match &outcome {
            Ok(password) => {
                kept.retain(|_, (read, _)| is_fresh(read));
                kept.insert(reference.clone(), (now, password.clone()));
            }
            Err(_) => {
                kept.remove(reference);
            }
        }
        outcome
    }

    /// Has it read again: the BMC refused it.
    pub(super) fn forget(&self, reference: &PasswordRef) {
        self.lock().remove(reference);
    }

    async fn fetch(&self, reference: &PasswordRef) -> Result<Password, PasswordError> {
        let (name, own) = (reference.name.clone(), self.namespace.clone());
        if reference.namespace != self.namespace {
            return Err(PasswordError::Foreign { namespace: reference.namespace.clone(), name, own });
        }
        let secret = match tokio::time::timeout(PATIENCE, self.api.get_opt(&reference.name)).await {
            Ok(Ok(Some(secret))) => secret,
            Ok(Ok(None)) => return Err(PasswordError::Missing { name, own }),
            Ok(Err(error)) => return Err(PasswordError::Unreadable { name, why: explain(&error) }),
            Err(_) => return Err(PasswordError::Unreadable { name, why: "no answer in time".to_owned() }),
        };
        let malformed = |problem| PasswordError::Malformed { name: name.clone(), key: reference.key.clone(), problem };
        let value = secret.data.unwrap_or_default().remove(&reference.key).ok_or_else(|| malformed("has no key"))?;
        let text = String::from_utf8(value.0).map_err(|_| malformed("holds no UTF-8 text under"))?;
        // Files that Secrets are made from end with a newline; no password does.
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(malformed("holds nothing under"));
        }
        Ok(Password(text.to_owned()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PasswordRef, (Instant, Password)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
