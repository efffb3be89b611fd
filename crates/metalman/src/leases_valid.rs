//! Writes the `LeasesValid` condition of each Machine, as the inventory finds it. Only the leader writes.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use metalman_core::api::{
    Machine, MachineStatus,
    conditions::{self, LEASES_VALID, Observation},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    election::{Leadership, Term},
    inventory::SharedInventory,
    status::{Outcome, StatusError, StatusWriter},
};

/// Writes under way at once: a fresh site of thousands is told in seconds, and the API server keeps room for others.
const AT_ONCE: usize = 8;

/// Pause after failed writes.
const PAUSE: Duration = Duration::from_secs(5);

/// Runs until stopped; works while this replica leads.
pub async fn run(
    inventory: Arc<SharedInventory>,
    writer: StatusWriter,
    mut leadership: watch::Receiver<Leadership>,
    stop: CancellationToken,
) {
    let work = async {
        inventory.synced().await;
        loop {
            let Ok(term) = leadership.wait_for(Leadership::leads).await.map(|l| l.term.clone()) else { return };
            let Some(term) = term else { continue };
            // Whoever led before may have written about what is no more.
            inventory.touch(inventory.names());
            let ended = term.ended().clone();
            let (inventory, writer) = (inventory.clone(), writer.clone());
            let of_term = term.clone();
            // In the term's own set, so that the Lease is released only after the last write.
            let _ = term.spawn(async move { write_in_term(&inventory, &writer, &of_term).await }).await;
            ended.cancelled().await;
        }
    };
    let _ = stop.run_until_cancelled(work).await;
}

async fn write_in_term(inventory: &SharedInventory, writer: &StatusWriter, term: &Term) {
    loop {
        let names = inventory.affected().await;
        let stale: Vec<(Arc<str>, Arc<Machine>, Option<Observation>)> = {
            let index = inventory.read();
            let wanted = |name: Arc<str>| {
                let machine = index.get(&name)?.machine().clone();
                let finding = index.leases_valid(&name);
                differs(&machine, finding.as_ref()).then_some((name, machine, finding))
            };
            names.into_iter().filter_map(wanted).collect()
        };
        let failed: BTreeSet<Arc<str>> = stream::iter(stale)
            .map(|(name, machine, finding)| async move {
                match write(writer, term, &machine, finding).await {
                    Ok(_) => None,
                    Err(error) => {
                        warn!(machine = %name, error = %chain(&error), "condition LeasesValid was not written: trying again");
                        Some(name)
                    }
                }
            })
            .buffer_unordered(AT_ONCE)
            .filter_map(std::future::ready)
            .collect()
            .await;
        if !failed.is_empty() {
            tokio::time::sleep(PAUSE).await;
            inventory.touch(failed);
        }
    }
}

/// Whether the Machine, as cached, says something else than was found.
fn differs(machine: &Machine, finding: Option<&Observation>) -> bool {
    let status = machine.status.as_ref();
    let current = status.and_then(|status| conditions::find(&status.conditions, LEASES_VALID));
    match (current, finding) {
        (None, None) => false,
        (Some(current), Some(finding)) => {
            current.status != finding.status
                || current.reason != finding.reason
                || current.message != finding.message
                || current.observed_generation != machine.metadata.generation
        }
        _ => true,
    }
}

async fn write(
    writer: &StatusWriter,
    term: &Term,
    cached: &Machine,
    finding: Option<Observation>,
) -> Result<Outcome, StatusError> {
    let change = |machine: &Machine, status: &mut MachineStatus| {
        // Found about another generation: the watch brings this one, and it is judged then.
        if machine.metadata.generation != cached.metadata.generation {
            return;
        }
        match &finding {
            Some(finding) => {
                conditions::set(&mut status.conditions, finding, machine.metadata.generation, Timestamp::now());
            }
            None => {
                conditions::remove(&mut status.conditions, LEASES_VALID);
            }
        }
    };
    let outcome = writer.update(term, cached.name(), cached.metadata.uid.as_deref(), change).await?;
    if let (Outcome::Written(_), Some(finding)) = (&outcome, &finding) {
        info!(machine = cached.name(), reason = finding.reason, "condition LeasesValid written");
    }
    Ok(outcome)
}

fn chain(error: &StatusError) -> String {
    match error {
        StatusError::Api { source, .. } => format!("{error}: {}", crate::client::explain(source)),
        other => other.to_string(),
    }
}
