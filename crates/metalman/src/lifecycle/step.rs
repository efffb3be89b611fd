//! One look at one Machine: observe, decide, write, act, and again, until there is nothing to do now.
//!
//! Invariants:
//! - what is carried out was decided on the Machine as the API server has it, and announced in its status, before;
//! - right before an effect the term is valid and the Machine's system is the one that was observed;
//! - a decision that changes nothing costs no request to the API server.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use metalman_core::{
    api::{Machine, MachineStatus},
    lifecycle::{Bmc, Circumstances, Decision, NodeView, Policy, Severity, decide},
    selection::Selection,
};
use tokio::sync::Semaphore;
use tracing::{debug, info, warn};

use super::{
    access::Reach,
    bmcs::Bmcs,
    memory::Memory,
    metrics::{LifecycleMetrics, Stepped, word},
    nodes::Nodes,
};
use crate::{
    election::Term,
    events::{Kind, Recorder},
    explain::explain,
    jitter::jittered,
    status::{Outcome as Written, StatusError, StatusWriter},
};

/// Effects in one step; a Machine that needs more is looked at again.
const ROUNDS: usize = 8;
/// Before a status that was not written is tried again.
const PAUSE: Duration = Duration::from_secs(5);
/// Between two steps that each want the next at once.
const BREATH: Duration = Duration::from_millis(250);

/// What steps are made with, in one term.
pub(super) struct Shell {
    pub(super) term: Term,
    pub(super) selection: Selection,
    pub(super) policy: Policy,
    pub(super) nodes: Arc<Nodes>,
    pub(super) bmcs: Bmcs,
    pub(super) writer: StatusWriter,
    /// Writes under way: a fresh site of thousands must leave the API server room for others.
    pub(super) writes: Semaphore,
    pub(super) events: Recorder,
    pub(super) metrics: LifecycleMetrics,
    pub(super) client: kube::Client,
    /// The same by a client that asks once: evictions are refused with 429.
    pub(super) once: kube::Client,
}

/// A decision, and the Machine that it is about.
struct Decided {
    decision: Decision,
    machine: Arc<Machine>,
    written: bool,
}

impl Shell {
    /// Looks at a Machine; when to do so again, if nothing happens before.
    pub(super) async fn step(&self, name: &Arc<str>, cached: Arc<Machine>, memory: &mut Memory) -> Option<Instant> {
        let mut machine = memory.newer(cached.clone());
        let (mut looked, mut acted) = (false, false);
        for _ in 0..ROUNDS {
            let node = self.nodes.of(&machine);
            memory.aim(Reach::of(&machine));
            if !looked && memory.is_look_due(Instant::now()) {
                self.look(name, memory).await;
                looked = true;
            }
            let decision = self.decide(&machine, &memory.bmc, memory, node.as_ref());
            let decided = if is_settled(&machine, &decision) {
                Decided { decision, machine: machine.clone(), written: false }
            } else {
                let now = Instant::now();
                if let Some(resume) = memory.writes_resume(now) {
                    warn!(machine = %name, why = decision.why, "the status changes too often: waiting");
                    self.metrics.step(Stepped::Deferred);
                    return Some(resume);
                }
                match self.write(name, &machine, memory, node.as_ref()).await {
                    Ok(Some(decided)) => decided,
                    // Gone, or another site's: the watch tells.
                    Ok(None) => return None,
                    Err(error) => return self.not_written(name, &error),
                }
            };
            if decided.written {
                memory.wrote(&cached, decided.machine.clone(), Instant::now());
                acted = true;
            }
            self.tell(name, memory, &decided);
            machine = decided.machine;
            let Decision { effect, .. } = &decided.decision;
            if let Some(effect) = effect {
                let outcome = self.carry(name, effect, &machine, memory).await?;
                self.metrics.effect(effect, &outcome);
                memory.carried(effect.clone(), outcome, Timestamp::now());
                (acted, looked) = (true, false);
                continue;
            }
            let now = Instant::now();
            let next = memory.plan(&machine, &decided.decision, now);
            if memory.is_look_due(now) && !looked {
                continue;
            }
            self.metrics.step(if acted { Stepped::Acted } else { Stepped::Idle });
            return next.map(|next| next.max(now + BREATH));
        }
        self.metrics.step(Stepped::Acted);
        Some(Instant::now() + self.policy.look)
    }

    fn decide(&self, machine: &Machine, bmc: &Bmc, memory: &Memory, node: Option<&NodeView>) -> Decision {
        let circumstances =
            Circumstances { now: Timestamp::now(), bmc, last: memory.last.as_ref(), node, policy: &self.policy };
        decide(machine, &circumstances)
    }

    async fn look(&self, name: &Arc<str>, memory: &mut Memory) {
        let Some(reach) = memory.reach.clone() else { return };
        let begun = Instant::now();
        let seen = self.bmcs.observe(name, &reach).await;
        let outcome = seen.as_ref().map_or_else(|unreachable| unreachable.reason, |_| "answered");
        self.metrics.look(outcome, begun.elapsed());
        memory.looked(match seen {
            Ok(system) => Bmc::Observed(system),
            Err(unreachable) => {
                debug!(machine = %name, bmc = %reach.endpoint(), why = unreachable.message, "the BMC cannot be asked");
                Bmc::Unreachable(unreachable)
            }
        });
    }

    /// Decides on the Machine as the API server has it, and writes that. None: it is not there, or not this site's.
    async fn write(
        &self,
        name: &Arc<str>,
        machine: &Arc<Machine>,
        memory: &Memory,
        node: Option<&NodeView>,
    ) -> Result<Option<Decided>, StatusError> {
        // Never closed.
        let _permit = self.writes.acquire().await;
        let mut last: Option<(Decision, Machine)> = None;
        let change = |fresh: &Machine, status: &mut MachineStatus| {
            last = None;
            if !self.selection.owns(fresh) {
                return;
            }
            // Somebody may have given it another BMC since it was observed.
            let bmc = match (&memory.reach, Reach::of(fresh)) {
                (_, None) => &Bmc::None,
                (Some(observed), Some(now)) if observed.is_same_system(&now) => &memory.bmc,
                _ => &Bmc::Unknown,
            };
            let decision = self.decide(fresh, bmc, memory, node);
            status.clone_from(&decision.status);
            last = Some((decision, fresh.clone()));
        };
        let outcome = self.writer.update(&self.term, name, machine.metadata.uid.as_deref(), change).await?;
        let Some((decision, fresh)) = last else { return Ok(None) };
        Ok(match outcome {
            Written::Written(machine) => Some(Decided { decision, machine: Arc::from(machine), written: true }),
            Written::Unchanged => Some(Decided { decision, machine: Arc::new(fresh), written: false }),
            Written::Gone => None,
        })
    }

    fn not_written(&self, name: &Arc<str>, error: &StatusError) -> Option<Instant> {
        self.metrics.step(Stepped::Failed);
        if matches!(error, StatusError::NotLeader { .. }) {
            return None;
        }
        warn!(machine = %name, error = explain(error), "the Machine's status was not written: trying again");
        Some(Instant::now() + jittered(PAUSE, 50))
    }

    fn tell(&self, name: &Arc<str>, memory: &mut Memory, decided: &Decided) {
        let Decision { effect, why, told, .. } = &decided.decision;
        let effect = effect.as_ref().map(word);
        if decided.written || effect.is_some() {
            for told in told {
                let kind = match told.severity {
                    Severity::Normal => Kind::Normal,
                    Severity::Warning => Kind::Warning,
                };
                self.events.record(&decided.machine, kind, told.reason, told.message.clone());
            }
        }
        if memory.why == *why {
            return;
        }
        let bmc = memory.reach.as_ref().map(Reach::endpoint);
        if decided.written || effect.is_some() {
            info!(machine = %name, bmc = bmc.as_deref(), effect, why, "decided");
        } else {
            debug!(machine = %name, bmc = bmc.as_deref(), why, "decided");
        }
        memory.why.clone_from(why);
    }
}

/// Whether the decision leaves everything as it is.
fn is_settled(machine: &Machine, decision: &Decision) -> bool {
    let nothing = MachineStatus::default();
    decision.effect.is_none() && *machine.status.as_ref().unwrap_or(&nothing) == decision.status
}

#[cfg(test)]
mod tests;
