//! Writes the `LeasesValid` condition of each Machine, as the inventory finds it. Only the leader writes.

use std::sync::Arc;

use jiff::Timestamp;
use metalman_core::api::{
    Machine, MachineStatus,
    conditions::{self, LEASES_VALID, Observation},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    election::{Leadership, Term, while_leading},
    inventory::SharedInventory,
    status::{PAUSE, StatusWriter},
};

/// Runs until stopped; works while this replica leads.
pub async fn run(
    inventory: Arc<SharedInventory>,
    writer: StatusWriter,
    leadership: watch::Receiver<Leadership>,
    stop: CancellationToken,
) {
    let work = |term| {
        let (inventory, writer) = (inventory.clone(), writer.clone());
        async move {
            inventory.synced().await;
            // Whoever led before may have written about what is no more.
            inventory.touch(inventory.names());
            write_in_term(&inventory, &writer, &term).await;
        }
    };
    while_leading(leadership, stop, work).await;
}

async fn write_in_term(inventory: &SharedInventory, writer: &StatusWriter, term: &Term) {
    loop {
        let names = inventory.affected().await;
        let stale: Vec<_> = {
            let index = inventory.read();
            let stale = |name: Arc<str>| {
                let machine = index.get(&name)?.machine().clone();
                let finding = index.leases_valid(&name);
                (!is_told(&machine, finding.as_ref())).then(|| (machine, change(finding)))
            };
            names.into_iter().filter_map(stale).collect()
        };
        let failed = writer.write_findings(term, LEASES_VALID, stale).await;
        if !failed.is_empty() {
            tokio::time::sleep(PAUSE).await;
            inventory.touch(failed.iter().map(|machine| machine.name().into()));
        }
    }
}

/// Whether the Machine, as cached, says what was found.
fn is_told(machine: &Machine, finding: Option<&Observation>) -> bool {
    let conditions = machine.status.as_ref().map_or(&[][..], |status| &status.conditions);
    conditions::tell(conditions, LEASES_VALID, finding, machine.metadata.generation)
}

fn change(finding: Option<Observation>) -> impl Fn(&Machine, &mut MachineStatus) + Send {
    move |machine, status| {
        let generation = machine.metadata.generation;
        conditions::put(&mut status.conditions, LEASES_VALID, finding.as_ref(), generation, Timestamp::now());
    }
}
