//! Conditions that follow from what this replica knows about Machines, for many of them at once.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use metalman_core::api::{Machine, MachineStatus, conditions};
use tracing::{info, warn};

use super::{Outcome, StatusWriter};
use crate::{election::Term, explain::explain};

/// Writes under way at once: a fresh site of thousands is told in seconds, and the API server keeps room for others.
const AT_ONCE: usize = 8;

/// Pause after failed writes.
pub const PAUSE: Duration = Duration::from_secs(5);

impl StatusWriter {
    /// Writes what was found about Machines as they are cached: `condition`, and what belongs to it. Gives back the Machines
    /// that could not be written; the caller tries them again after a [`PAUSE`]. The closures are those of
    /// [`StatusWriter::update`], but never see another generation than the cached one: the watch brings that, and then it is
    /// looked at.
    pub async fn write_findings<Change>(
        &self,
        term: &Term,
        condition: &'static str,
        findings: Vec<(Arc<Machine>, Change)>,
    ) -> Vec<Arc<Machine>>
    where
        Change: FnMut(&Machine, &mut MachineStatus) + Send,
    {
        stream::iter(findings)
            .map(|(cached, mut change)| async move {
                let change = |machine: &Machine, status: &mut MachineStatus| {
                    if machine.metadata.generation == cached.metadata.generation {
                        change(machine, status);
                    }
                };
                match self.update(term, cached.name(), cached.metadata.uid.as_deref(), change).await {
                    Ok(Outcome::Written(machine)) => {
                        let status = machine.status.as_ref();
                        if let Some(told) = status.and_then(|status| conditions::find(&status.conditions, condition)) {
                            info!(machine = machine.name(), condition, reason = told.reason, "condition written");
                        }
                        None
                    }
                    Ok(Outcome::Unchanged | Outcome::Gone) => None,
                    Err(error) => {
                        let error = explain(&error);
                        warn!(machine = cached.name(), condition, error, "a condition was not written: trying again");
                        Some(cached)
                    }
                }
            })
            .buffer_unordered(AT_ONCE)
            .filter_map(std::future::ready)
            .collect()
            .await
    }
}
