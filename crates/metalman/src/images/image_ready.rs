//! Writes the `ImageReady` condition and the image's digest of each Machine, as this replica has it. Only the leader writes.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use metalman_core::api::{
    ImageStatus, Machine, MachineStatus,
    conditions::{self, ConditionStatus, IMAGE_READY, Observation, reason},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{ImageState, Images};
use crate::{
    election::{Leadership, Term, while_leading},
    inventory::SharedInventory,
    status::{PAUSE, StatusWriter},
};

/// Changes that come together are written together.
const GATHER: Duration = Duration::from_millis(100);

/// Runs until stopped; works while this replica leads.
pub async fn run(
    images: Images,
    inventory: Arc<SharedInventory>,
    writer: StatusWriter,
    leadership: watch::Receiver<Leadership>,
    stop: CancellationToken,
) {
    let work = |term| {
        let (images, inventory, writer) = (images.clone(), inventory.clone(), writer.clone());
        async move {
            inventory.synced().await;
            write_in_term(&images, &inventory, &writer, &term).await;
        }
    };
    while_leading(leadership, stop, work).await;
}

async fn write_in_term(images: &Images, inventory: &SharedInventory, writer: &StatusWriter, term: &Term) {
    let (mut machines, mut pulls) = (inventory.changes(), images.changes());
    loop {
        // Marked before they are looked at: what comes meanwhile wakes again.
        machines.mark_unchanged();
        pulls.mark_unchanged();
        let all: Vec<Arc<Machine>> = inventory.read().machines().cloned().collect();
        let stale = |machine: Arc<Machine>| {
            let finding = find(images, &machine);
            (!is_told(&machine, &finding)).then(|| (machine, change(finding)))
        };
        let stale = all.into_iter().filter_map(stale).collect();
        if writer.write_findings(term, IMAGE_READY, stale).await.is_empty() {
            let woken = tokio::select! {
                woken = machines.changed() => woken,
                woken = pulls.changed() => woken,
            };
            if woken.is_err() {
                return;
            }
            tokio::time::sleep(GATHER).await;
        } else {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// What a Machine is to say about its image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Finding {
    condition: Option<Observation>,
    digest: Option<String>,
}

/// Nothing for a Machine that does not boot from the network.
fn find(images: &Images, machine: &Machine) -> Finding {
    let Some(pxe) = &machine.spec.pxe else { return Finding::default() };
    let (status, reason, message, digest) = match images.of(machine) {
        ImageState::Ready(image) => {
            let message = match images.stale(machine) {
                None => image.digest.clone(),
                Some(why) => format!("{}; the reference could not be resolved again: {why}", image.digest),
            };
            (ConditionStatus::True, reason::PULLED, message, Some(image.digest.clone()))
        }
        ImageState::NotYet(None) => (ConditionStatus::False, reason::PULLING, format!("pulling {}", pxe.image), None),
        ImageState::NotYet(Some(why)) => (ConditionStatus::False, reason::PULL_FAILED, why.as_ref().to_owned(), None),
    };
    Finding { condition: Some(Observation::new(IMAGE_READY, status, reason, message)), digest }
}

/// Whether the Machine, as cached, says what was found.
fn is_told(machine: &Machine, finding: &Finding) -> bool {
    let status = machine.status.as_ref();
    let conditions = status.map_or(&[][..], |status| &status.conditions);
    let digest = status.and_then(|status| status.image.as_ref()).and_then(|image| image.digest.as_deref());
    conditions::tell(conditions, IMAGE_READY, finding.condition.as_ref(), machine.metadata.generation)
        && digest == finding.digest.as_deref()
}

fn change(finding: Finding) -> impl Fn(&Machine, &mut MachineStatus) + Send {
    move |machine, status| {
        let (generation, condition) = (machine.metadata.generation, finding.condition.as_ref());
        conditions::put(&mut status.conditions, IMAGE_READY, condition, generation, Timestamp::now());
        status.image = finding.digest.clone().map(|digest| ImageStatus { digest: Some(digest) });
    }
}
