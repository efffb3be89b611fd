//! The BMCs that Machines name: who uses which connection, as whom, and since when one refuses.
//!
//! Invariants: a connection is shared by the systems behind it, and closed (its session deleted) when no Machine uses it any
//! more; credentials that a BMC refused are not tried again soon, unless they changed: BMCs lock accounts; a password is
//! read when a connection is made and after a refusal, not while it works.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use metalman_core::{
    api::conditions::reason,
    lifecycle::bmc::{System, Unreachable},
};

use super::{
    access::{Access, Reach},
    passwords::Passwords,
};
use crate::redfish::{Client, Clients, Credentials, Endpoint, RedfishError};

/// How long refused credentials are not tried again: BMCs commonly lock who fails three to five times within a minute.
const REFUSED: Duration = Duration::from_mins(1);

/// The BMCs.
pub(super) struct Bmcs {
    clients: Arc<Clients>,
    passwords: Passwords,
    uses: Mutex<Uses>,
}

/// Who uses what.
#[derive(Default)]
struct Uses {
    by_machine: HashMap<Arc<str>, Use>,
    by_endpoint: HashMap<Endpoint, usize>,
    refused: HashMap<Arc<Access>, Refusal>,
}

struct Use {
    access: Arc<Access>,
    endpoint: Endpoint,
}

/// What a BMC said to which credentials.
struct Refusal {
    at: Instant,
    credentials: Option<Credentials>,
    said: Unreachable,
}

impl Uses {
    /// Notes whom the Machine uses; says whether nobody uses its former endpoint any more.
    fn point(&mut self, machine: &Arc<str>, now: Option<Use>) -> bool {
        if let (Some(before), Some(now)) = (self.by_machine.get(machine), &now)
            && before.endpoint == now.endpoint
        {
            return false;
        }
        if let Some(now) = &now {
            *self.by_endpoint.entry(now.endpoint.clone()).or_default() += 1;
        }
        let before = match now {
            Some(now) => self.by_machine.insert(machine.clone(), now),
            None => self.by_machine.remove(machine),
        };
        let Some(before) = before else { return false };
        let Some(left) = self.by_endpoint.get_mut(&before.endpoint) else { return false };
        *left -= 1;
        if *left > 0 {
            return false;
        }
        self.by_endpoint.remove(&before.endpoint);
        self.refused.remove(&before.access);
        true
    }

    /// What the BMC said to these credentials not long ago, if it refused them.
    fn refusal(&self, access: &Arc<Access>, credentials: Option<&Credentials>) -> Option<Unreachable> {
        let refusal = self.refused.get(access)?;
        let stands = refusal.at.elapsed() < REFUSED && refusal.credentials.as_ref() == credentials;
        stands.then(|| refusal.said.clone())
    }
}

impl Bmcs {
    /// By these clients, with these passwords.
    pub(super) fn new(clients: Arc<Clients>, passwords: Passwords) -> Self {
        Self { clients, passwords, uses: Mutex::default() }
    }

    /// What the Machine's system shows.
    pub(super) async fn observe(&self, machine: &Arc<str>, reach: &Reach) -> Result<System, Unreachable> {
        let client = self.client(machine, reach).await?;
        match client.observe(reach.device.as_deref()).await {
            Ok(system) => {
                self.lock().refused.remove(&reach.access);
                Ok(system)
            }
            Err(error) => Err(self.failed(machine, reach, &error)),
        }
    }

    /// The connection to the Machine's BMC.
    pub(super) async fn client(&self, machine: &Arc<str>, reach: &Reach) -> Result<Arc<Client>, Unreachable> {
        let endpoint = self.endpoint(machine, reach).await?;
        let now = Use { access: reach.access.clone(), endpoint: endpoint.clone() };
        let unused = self.lock().point(machine, Some(now));
        // Before the old one is let go: a certificate that is pinned now keeps the connection on which it was seen.
        let client = self.clients.client(&endpoint).map_err(|error| error.unreachable());
        if unused {
            self.close_unused().await;
        }
        client
    }

    async fn endpoint(&self, machine: &Arc<str>, reach: &Reach) -> Result<Endpoint, Unreachable> {
        let access = &reach.access;
        {
            let uses = self.lock();
            let current = uses.by_machine.get(machine).filter(|current| current.access == *access);
            if let Some(current) = current
                && !uses.refused.contains_key(access)
            {
                return Ok(current.endpoint.clone());
            }
        }
        let credentials = self.credentials(access).await?;
        if let Some(said) = self.lock().refusal(access, credentials.as_ref()) {
            self.read_again(access);
            return Err(said);
        }
        let pin = access.pin.as_deref().map(str::parse).transpose();
        let pin = pin.map_err(|error| Unreachable {
            reason: reason::TLS_PIN_MISMATCH,
            message: format!("the certificate pinned for {}: {error}", access.url),
        })?;
        Endpoint::new(&access.url, credentials, pin).map_err(|error| error.unreachable())
    }

    async fn credentials(&self, access: &Access) -> Result<Option<Credentials>, Unreachable> {
        let (Some(username), Some(reference)) = (&access.username, &access.password) else { return Ok(None) };
        let read = self.passwords.read(reference, Instant::now()).await;
        let password = read.map_err(|error| Unreachable { reason: reason::CREDENTIALS, message: error.to_string() })?;
        Ok(Some(Credentials { username: username.clone(), password: password.expose().to_owned() }))
    }

    /// What an error means to the Machine. Refused credentials are remembered, and read again before they are next tried.
    pub(super) fn failed(&self, machine: &Arc<str>, reach: &Reach, error: &RedfishError) -> Unreachable {
        let said = error.unreachable();
        if said.reason == reason::CREDENTIALS {
            self.read_again(&reach.access);
            let mut uses = self.lock();
            let credentials = uses.by_machine.get(machine).and_then(|used| used.endpoint.credentials().cloned());
            let refusal = Refusal { at: Instant::now(), credentials, said: said.clone() };
            uses.refused.insert(reach.access.clone(), refusal);
        }
        said
    }

    fn read_again(&self, access: &Access) {
        if let Some(reference) = &access.password {
            self.passwords.forget(reference);
        }
    }

    /// The Machine uses no BMC any more.
    pub(super) async fn release(&self, machine: &Arc<str>) {
        let unused = self.lock().point(machine, None);
        if unused {
            self.close_unused().await;
        }
    }

    async fn close_unused(&self) {
        self.clients.retain(|endpoint| self.lock().by_endpoint.contains_key(endpoint)).await;
    }

    fn lock(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
