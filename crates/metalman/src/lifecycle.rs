//! Carries out what [`metalman_core::lifecycle::decide`] says, for each Machine of this site, while this replica leads.
//!
//! A step: look at the BMC if that is wanted, decide on the freshest Machine while its status is written, carry out the one
//! effect, look again. What holds:
//!
//! - **Announced before done.** An effect follows the write of the status that tells of it, in a term that is still valid. Who
//!   takes over finds the intent there, looks at the BMC and goes on.
//! - **One step at a time for a Machine, and one for a BMC**; so never two changing requests to one BMC at once.
//! - **Nobody waits for a dead BMC** but the Machines behind it: steps are bounded in number, and who waits for a busy BMC
//!   takes no room.
//! - **Idle costs little**: a change wakes only the Machine that it is about, looks spread over their interval, and a decision
//!   that changes nothing asks the API server nothing.
//! - **Nothing is left behind**: the session at a BMC ends with the last Machine that uses it and with the term, and a boot
//!   override of metalman's with its Machine.

mod access;
mod bmcs;
mod effects;
mod memory;
mod metrics;
mod nodes;
mod passwords;
mod queue;
mod schedule;
mod step;

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use metalman_core::{lifecycle::Policy, selection::Selection};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub(crate) use self::nodes::NodeObject;
use self::{bmcs::Bmcs, passwords::Passwords, schedule::Scheduler, step::Shell};
pub use self::{
    metrics::{LifecycleMetrics, Pending},
    nodes::Nodes,
};
use crate::{
    election::{Leadership, while_leading},
    events::Recorder,
    inventory::SharedInventory,
    metrics::Metrics,
    redfish::{Clients, Patience},
    status::StatusWriter,
};

/// Writes of status under way at once.
const WRITES: usize = 16;

/// How long logging out of all BMCs may take at the end of a term: sessions that are left over run out by themselves.
const LOGOUT: Duration = Duration::from_secs(8);

/// Before it is told that Nodes are not known.
const NODES_PATIENCE: Duration = Duration::from_secs(15);

/// How the lives of Machines are seen to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleConfig {
    /// How patient decisions are.
    pub policy: Policy,
    /// How many Machines are looked at at once.
    pub at_once: usize,
}

/// What the lifecycle works with.
pub struct Lifecycle {
    /// How.
    pub config: LifecycleConfig,
    /// Whose Machines.
    pub selection: Selection,
    /// metalman's namespace, where the Secrets of BMCs are.
    pub namespace: String,
    /// The API server.
    pub client: kube::Client,
    /// The same by a client that asks once: where 429 is an answer.
    pub once: kube::Client,
    /// The Machines.
    pub inventory: Arc<SharedInventory>,
    /// The Nodes.
    pub nodes: Arc<Nodes>,
    /// Who writes status.
    pub writer: StatusWriter,
    /// Who tells.
    pub events: Recorder,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// Has the sessions at BMCs ended, whenever and however the work of a term ends.
struct Sessions {
    clients: Arc<Clients>,
    closing: mpsc::UnboundedSender<Arc<Clients>>,
}

impl Drop for Sessions {
    fn drop(&mut self) {
        // Fails only after everything has ended.
        let _ = self.closing.send(self.clients.clone());
    }
}

impl Lifecycle {
    /// Runs until stopped; works while this replica leads.
    pub async fn run(self, leadership: watch::Receiver<Leadership>, stop: CancellationToken) {
        let (closing, mut closed) = mpsc::unbounded_channel();
        let lifecycle = Arc::new(self);
        let work = move |term| {
            let clients = Arc::new(Clients::new(lifecycle.metrics.redfish.clone(), Patience::default()));
            let sessions = Sessions { clients: clients.clone(), closing: closing.clone() };
            let lifecycle = lifecycle.clone();
            async move {
                let _sessions = sessions;
                lifecycle.lead(term, clients).await;
            }
        };
        // Ends when the last term's work was dropped, as the senders live there.
        let closed = stream::poll_fn(move |context| closed.poll_recv(context));
        let logging_out = closed.for_each_concurrent(None, |clients: Arc<Clients>| async move {
            if tokio::time::timeout(LOGOUT, clients.close()).await.is_err() {
                warn!(sessions = clients.len(), "not all sessions at BMCs could be ended in time: they run out");
            }
        });
        futures::join!(while_leading(leadership, stop, work), logging_out);
    }

    async fn lead(&self, term: crate::election::Term, clients: Arc<Clients>) {
        self.inventory.synced().await;
        if tokio::time::timeout(NODES_PATIENCE, self.nodes.synced()).await.is_err() {
            warn!("the Nodes cannot be listed: until they are, nothing is decided about Machines");
            self.nodes.synced().await;
        }
        let shell = Shell {
            term,
            selection: self.selection.clone(),
            policy: self.config.policy.clone(),
            nodes: self.nodes.clone(),
            bmcs: Bmcs::new(clients, Passwords::new(self.client.clone(), &self.namespace)),
            writer: self.writer.clone(),
            writes: Semaphore::new(WRITES),
            events: self.events.clone(),
            metrics: self.metrics.lifecycle.clone(),
            client: self.client.clone(),
            once: self.once.clone(),
        };
        Scheduler::new(Arc::new(shell), self.inventory.clone(), self.config.at_once).run().await;
    }
}
