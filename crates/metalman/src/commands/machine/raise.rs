//! Asking for an operation: its counter is raised.
//!
//! Invariant: a counter is raised from what was read, guarded by its resourceVersion, so that it always exceeds what anybody
//! asked for before and what was done. Of two who ask at once, neither is lost.

use std::time::Duration;

use anyhow::Context;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use metalman_core::api::{API_VERSION, Machine, spec::Counters};
use serde_json::{Value, json};

use super::FIELD_MANAGER;
use crate::jitter::jittered;

/// Tries before a conflict is told. While a Machine boots, its status is written every few seconds.
const TRIES: u32 = 20;

/// First and longest pause after a conflict.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Reboot,
    Repave,
}

impl Operation {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Reboot => "reboot",
            Self::Repave => "repave",
        }
    }

    /// The counter of this operation.
    pub(super) const fn of(self, counters: Counters) -> i64 {
        match self {
            Self::Reboot => counters.reboot,
            Self::Repave => counters.repave,
        }
    }
}

/// Raises the counters of a Machine that was read just now. The Machine as it is then.
pub(super) async fn raise(
    api: &Api<Machine>,
    read: &Machine,
    operation: Operation,
    dry_run: bool,
) -> anyhow::Result<Machine> {
    let name = read.name();
    let params = PatchParams { dry_run, field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    let mut machine = read.clone();
    let mut pause = PAUSES.0;
    for _ in 0..TRIES {
        check(&machine, operation)?;
        match api.patch(name, &params, &Patch::Merge(patch(&machine, operation))).await {
            Err(kube::Error::Api(status)) if status.code == 409 => {
                tokio::time::sleep(jittered(pause, 50)).await;
                pause = (pause * 2).min(PAUSES.1);
                machine = api.get(name).await.with_context(|| format!("cannot read machine {name} again"))?;
                if machine.metadata.uid != read.metadata.uid {
                    anyhow::bail!("machine {name} was deleted and made again meanwhile; nothing was asked of it");
                }
            }
            outcome => {
                return outcome.with_context(|| format!("cannot ask for a {} of machine {name}", operation.as_str()));
            }
        }
    }
    anyhow::bail!(
        "machine {name} is changed by others all the time: no {} was asked for; try again",
        operation.as_str()
    )
}

/// What would never be carried out is not asked for.
fn check(machine: &Machine, operation: Operation) -> anyhow::Result<()> {
    let (name, word) = (machine.name(), operation.as_str());
    if machine.spec.pxe.is_none() && machine.provider().is_none() {
        anyhow::bail!("machine {name} has no spec.pxe, so metalman leaves it alone: no {word} was asked for");
    }
    if machine.metadata.deletion_timestamp.is_some() {
        anyhow::bail!("machine {name} is being deleted: no {word} was asked for");
    }
    let (done, next) = (machine.done_counters(), machine.next_counters());
    if operation.of(next) <= operation.of(done) {
        anyhow::bail!("machine {name} cannot count a further {word}: its counter is at its end");
    }
    Ok(())
}

/// The change: a repave is asked for together with the reboot that begins it.
pub(super) fn patch(machine: &Machine, operation: Operation) -> Value {
    let next = machine.next_counters();
    let mut operations = json!({ "rebootCounter": next.reboot });
    if operation == Operation::Repave {
        operations["repaveCounter"] = json!(next.repave);
    }
    json!({
        "apiVersion": API_VERSION,
        "kind": "Machine",
        "metadata": { "resourceVersion": machine.metadata.resource_version },
        "spec": { "operations": operations },
    })
}
