//! The clients of all BMCs: one for each endpoint and credentials, however many Machines are behind it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Client, Endpoint, Patience, RedfishError, RedfishMetrics};

/// One request at a time passes here.
pub(super) type Gate = Arc<tokio::sync::Mutex<()>>;

/// All clients. Machines behind one endpoint share its client, and with it the session; clients of one host with different
/// credentials or pins share the turn.
#[derive(Debug, Default)]
pub struct Clients {
    metrics: RedfishMetrics,
    patience: Patience,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    clients: HashMap<Endpoint, Arc<Client>>,
    gates: HashMap<String, Gate>,
}

impl Clients {
    /// None yet.
    pub fn new(metrics: RedfishMetrics, patience: Patience) -> Self {
        Self { metrics, patience, kept: Mutex::default() }
    }

    /// The client for that endpoint: the one that is there, or a new one.
    ///
    /// A client that met its BMC without a pin becomes the client of the certificate that it saw, so that pinning it in the
    /// Machine's status costs no second session. A pin that is taken away gets a client that accepts anew.
    pub fn client(&self, endpoint: &Endpoint) -> Result<Arc<Client>, RedfishError> {
        let mut kept = self.lock();
        if let Some(client) = kept.clients.get(endpoint).filter(|client| !client.is_spoiled()) {
            return Ok(client.clone());
        }
        if let Some(pin) = endpoint.pin() {
            let unpinned = endpoint.with_pin(None);
            let met = kept.clients.get(&unpinned).filter(|client| client.certificate() == Some(pin)).cloned();
            if let Some(client) = met {
                kept.clients.remove(&unpinned);
                kept.clients.insert(endpoint.clone(), client.clone());
                return Ok(client);
            }
        }
        let origin = endpoint.root().origin().ascii_serialization();
        let gate = kept.gates.entry(origin).or_default().clone();
        let client = Client::with(endpoint.clone(), self.metrics.clone(), self.patience, gate)?;
        let client = Arc::new(client);
        kept.clients.insert(endpoint.clone(), client.clone());
        Ok(client)
    }

    /// Lets go of the clients that no Machine has any more, and deletes their sessions.
    pub async fn retain(&self, wanted: impl Fn(&Endpoint) -> bool) {
        let mut gone = Vec::new();
        {
            let mut kept = self.lock();
            kept.clients.retain(|endpoint, client| {
                let keep = wanted(endpoint);
                if !keep {
                    gone.push(client.clone());
                }
                keep
            });
            kept.gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
        futures::future::join_all(gone.iter().map(|client| client.close())).await;
    }

    /// Deletes all sessions and lets go of all clients.
    pub async fn close(&self) {
        self.retain(|_| false).await;
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().clients.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
