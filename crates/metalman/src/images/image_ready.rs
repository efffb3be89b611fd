//! Writes the `ImageReady` condition and the image's digest of each Machine, as this replica has it. Only the leader writes.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use metalman_core::api::{
    ImageStatus, Machine, MachineStatus,
    conditions::{self, ConditionStatus, IMAGE_READY, Observation, reason},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{ImageState, Images};
use crate::{
    client::explain,
    election::{Leadership, Term},
    inventory::SharedInventory,
    status::{Outcome, StatusError, StatusWriter},
};

/// Writes under way at once.
const AT_ONCE: usize = 8;
/// Changes that come together are written together.
const GATHER: Duration = Duration::from_millis(100);
/// Pause after failed writes.
const PAUSE: Duration = Duration::from_secs(5);

/// Runs until stopped; works while this replica leads.
pub async fn run(
    images: Images,
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
            let ended = term.ended().clone();
            let (images, inventory, writer, of_term) =
                (images.clone(), inventory.clone(), writer.clone(), term.clone());
            let _ = term.spawn(async move { write_in_term(&images, &inventory, &writer, &of_term).await }).await;
            ended.cancelled().await;
        }
    };
    let _ = stop.run_until_cancelled(work).await;
}

async fn write_in_term(images: &Images, inventory: &SharedInventory, writer: &StatusWriter, term: &Term) {
    let (mut machines, mut pulls) = (inventory.changes(), images.changes());
    loop {
        // Marked before they are looked at: what comes meanwhile wakes again.
        machines.mark_unchanged();
        pulls.mark_unchanged();
        let all: Vec<Arc<Machine>> = inventory.read().machines().cloned().collect();
        let stale = all.into_iter().filter_map(|machine| {
            let wanted = observe(images, &machine);
            differs(&machine, wanted.as_ref()).then_some((machine, wanted))
        });
        let failed: BTreeSet<String> = stream::iter(stale.collect::<Vec<_>>())
            .map(|(machine, wanted)| async move {
                let error = write(writer, term, &machine, wanted).await.err()?;
                warn!(
                    machine = machine.name(),
                    error = chain(&error),
                    "condition ImageReady was not written: trying again"
                );
                Some(machine.name().to_owned())
            })
            .buffer_unordered(AT_ONCE)
            .filter_map(std::future::ready)
            .collect()
            .await;
        if failed.is_empty() {
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
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    condition: Observation,
    digest: Option<String>,
}

/// None for a Machine that does not boot from the network.
fn observe(images: &Images, machine: &Machine) -> Option<Wanted> {
    let pxe = machine.spec.pxe.as_ref()?;
    let condition = |status, reason, message| Observation { type_: IMAGE_READY, status, reason, message };
    Some(match images.of(machine) {
        ImageState::Ready(image) => {
            let message = match images.stale(machine) {
                None => image.digest.clone(),
                Some(why) => format!("{}; the reference could not be resolved again: {why}", image.digest),
            };
            let condition = condition(ConditionStatus::True, reason::PULLED, message);
            Wanted { condition, digest: Some(image.digest.clone()) }
        }
        ImageState::NotYet(None) => {
            let message = format!("pulling {}", pxe.image);
            Wanted { condition: condition(ConditionStatus::False, reason::PULLING, message), digest: None }
        }
        ImageState::NotYet(Some(why)) => {
            let condition = condition(ConditionStatus::False, reason::PULL_FAILED, why.as_ref().to_owned());
            Wanted { condition, digest: None }
        }
    })
}

/// Whether the Machine, as cached, says something else.
fn differs(machine: &Machine, wanted: Option<&Wanted>) -> bool {
    let status = machine.status.as_ref();
    let current = status.and_then(|status| conditions::find(&status.conditions, IMAGE_READY));
    let digest = status.and_then(|status| status.image.as_ref()).and_then(|image| image.digest.as_deref());
    match (current, wanted) {
        (None, None) => digest.is_some(),
        (Some(current), Some(wanted)) => {
            current.status != wanted.condition.status
                || current.reason != wanted.condition.reason
                || current.message != wanted.condition.message
                || current.observed_generation != machine.metadata.generation
                || digest != wanted.digest.as_deref()
        }
        _ => true,
    }
}

async fn write(
    writer: &StatusWriter,
    term: &Term,
    cached: &Machine,
    wanted: Option<Wanted>,
) -> Result<Outcome, StatusError> {
    let change = |machine: &Machine, status: &mut MachineStatus| {
        // Found about another generation: the watch brings this one, and it is looked at then.
        if machine.metadata.generation != cached.metadata.generation {
            return;
        }
        if let Some(wanted) = &wanted {
            let generation = machine.metadata.generation;
            conditions::set(&mut status.conditions, &wanted.condition, generation, Timestamp::now());
            status.image = wanted.digest.clone().map(|digest| ImageStatus { digest: Some(digest) });
        } else {
            conditions::remove(&mut status.conditions, IMAGE_READY);
            status.image = None;
        }
    };
    let outcome = writer.update(term, cached.name(), cached.metadata.uid.as_deref(), change).await?;
    if let (Outcome::Written(_), Some(wanted)) = (&outcome, &wanted) {
        info!(machine = cached.name(), reason = wanted.condition.reason, "condition ImageReady written");
    }
    Ok(outcome)
}

fn chain(error: &StatusError) -> String {
    match error {
        StatusError::Api { source, .. } => format!("{error}: {}", explain(source)),
        other => other.to_string(),
    }
}
