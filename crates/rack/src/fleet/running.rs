//! A fleet in a network namespace, for tests: a runtime of its own, whose threads live there.

use std::{
    path::Path,
    sync::mpsc::channel,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use kube::{
    Client,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{Config, Fleet, Shown, manifest::Registration};
use crate::netns::Namespace;

/// Between looks at machines.
const LOOK: Duration = Duration::from_millis(500);

/// A running fleet, for code that is not asynchronous. Derefs to the [`Fleet`].
pub struct Running<'n> {
    namespace: &'n Namespace,
    // Dropped first: what it holds needs the runtime.
    fleet: Option<Fleet>,
    runtime: Runtime,
    client: Client,
}

impl<'n> Running<'n> {
    /// Starts a fleet in that namespace, for the cluster of that kubeconfig. With `nodes` its machines register Nodes there.
    pub fn start(namespace: &'n Namespace, mut config: Config, kubeconfig: &Path, nodes: bool) -> anyhow::Result<Self> {
        let runtime =
            namespace.run(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build())?;
        let kubeconfig = kubeconfig.to_owned();
        let (fleet, client) = on(&runtime, async move {
            let client = connect(&kubeconfig).await?;
            config.nodes = nodes.then(|| client.clone());
            anyhow::Ok((Fleet::start(config).await?, client))
        })??;
        Ok(Self { namespace, fleet: Some(fleet), runtime, client })
    }

    /// Creates the Secret of the BMCs and the Machines.
    pub fn register(&self, registration: &Registration) -> anyhow::Result<()> {
        self.inside(self.fleet().register(&self.client, registration))
    }

    /// Raises counters of these machines.
    pub fn ask(&self, machines: &[usize], operations: &Value) -> anyhow::Result<()> {
        self.inside(self.fleet().ask(&self.client, machines, operations))
    }

    /// The status of every Machine of this fleet, in order; null for one that is not there.
    pub fn statuses(&self) -> anyhow::Result<Vec<Value>> {
        self.inside(self.fleet().statuses(&self.client))
    }

    /// Runs it on a thread that is the runtime's, and so in the namespace as far as sockets are concerned.
    fn inside<T: Send>(&self, work: impl Future<Output = anyhow::Result<T>> + Send) -> anyhow::Result<T> {
        self.namespace.run(|| self.runtime.block_on(work))
    }

    /// Waits until so many machines are as wanted; fails with what is to be seen then.
    pub fn reach(
        &self,
        what: &str,
        count: usize,
        patience: Duration,
        is_it: impl Fn(&Shown) -> bool,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let reached = (0..self.len()).filter(|index| is_it(&self.shown(*index))).count();
            if reached >= count {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{reached} instead of {count} machines {what} within {patience:?}: {:#?}", self.summary());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until the status of all these Machines is as wanted; fails with those that are not.
    pub fn wait(
        &self,
        what: &str,
        machines: &[usize],
        patience: Duration,
        is_it: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let statuses = self.statuses()?;
            let late: Vec<_> = machines.iter().filter(|index| !is_it(&statuses[**index])).collect();
            let Some(first) = late.first() else { return Ok(()) };
            if Instant::now() > deadline {
                bail!(
                    "{} of {} Machines {what} still not after {patience:?}, such as {}: {:#}\nand the fleet: {:#?}",
                    late.len(),
                    machines.len(),
                    self.name(**first),
                    statuses[**first],
                    self.summary()
                );
            }
            std::thread::sleep(LOOK);
        }
    }

    fn fleet(&self) -> &Fleet {
        self
    }
}

impl std::ops::Deref for Running<'_> {
    type Target = Fleet;

    fn deref(&self) -> &Fleet {
        self.fleet.as_ref().expect("it is taken only by drop")
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _inside = self.runtime.enter();
        drop(self.fleet.take());
    }
}

/// A client for the cluster of a kubeconfig file.
pub async fn connect(kubeconfig: &Path) -> anyhow::Result<Client> {
    let file = Kubeconfig::read_from(kubeconfig).with_context(|| format!("reading {}", kubeconfig.display()))?;
    let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// Runs it on the runtime's own threads.
fn on<T: Send + 'static>(runtime: &Runtime, work: impl Future<Output = T> + Send + 'static) -> anyhow::Result<T> {
    let (told, answer) = channel();
    runtime.spawn(async move {
        let _ = told.send(work.await);
    });
    answer.recv().context("the fleet's start panicked")
}
