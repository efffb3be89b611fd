//! Empties one mailbox.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    Journal, Key, PACE, Unwritten,
    entry::{Filed, apply},
};
use crate::{
    explain::explain,
    status::{Outcome, StatusWriter},
};

/// How long what could not be written is tried again.
const KEPT: Duration = Duration::from_mins(10);
/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_secs(30);

/// Writes until the mailbox is empty after a pause, or cannot be emptied before the process stops.
pub(super) async fn run(
    journal: Arc<Journal>,
    key: Key,
    writer: StatusWriter,
    permits: Arc<Semaphore>,
    stop: CancellationToken,
) {
    let mut pause = PACE;
    while let Some(hurry) = journal.hurry(&key) {
        let Ok(permit) = permits.acquire().await else { return };
        let Some(batch) = journal.take(&key) else { return };
        let kept = write(&journal, &key, &writer, batch).await;
        drop(permit);
        if kept.is_empty() {
            pause = PACE;
        } else {
            if stop.is_cancelled() {
                return;
            }
            journal.put_back(&key, kept);
            pause = (pause * 2).min(LONGEST);
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = hurry.notified() => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Writes a batch and answers those who wait. Gives back what is to be tried again.
async fn write(journal: &Journal, key: &Key, writer: &StatusWriter, mut batch: Vec<Filed>) -> Vec<Filed> {
    let machine = key.name.as_str();
    let written = writer.witness(machine, key.uid.as_deref(), |machine, status| apply(machine, status, &batch)).await;
    let outcome = match written {
        Ok(Outcome::Written(_)) => {
            debug!(machine, entries = batch.len(), "boot journal written");
            Ok(())
        }
        Ok(Outcome::Unchanged) => Ok(()),
        Ok(Outcome::Gone) => Err(Unwritten::Gone),
        Err(error) => {
            warn!(machine, error = explain(&error), "the progress of a boot was not written: trying again");
            Err(Unwritten::Away)
        }
    };
    for filed in &mut batch {
        filed.answer(outcome);
    }
    if outcome != Err(Unwritten::Away) {
        return Vec::new();
    }
    let (now, all) = (Timestamp::now(), batch.len());
    batch.retain(|filed| filed.keeps(now, KEPT));
    (batch.len()..all).for_each(|_| journal.metrics.boot.unwritten("late"));
    batch
}
