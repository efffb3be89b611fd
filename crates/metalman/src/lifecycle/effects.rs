//! Carrying out what was decided, and taking back what a Machine leaves behind.

use std::sync::Arc;

use kube::Api;
use metalman_core::{
    api::Machine,
    lifecycle::{
        Effect, Outcome,
        bmc::{BootTarget, System, Unreachable},
    },
};
use tracing::{info, warn};

use super::{access::Reach, memory::Memory, metrics::Stepped, step::Shell};
use crate::{
    drain::{self, DrainError, Pass, Settings},
    explain::explain,
    redfish::{Client, RedfishError},
};

impl Shell {
    /// Carries out an effect. None: the term ended before, and nothing was done.
    pub(super) async fn carry(
        &self,
        name: &Arc<str>,
        effect: &Effect,
        machine: &Machine,
        memory: &mut Memory,
    ) -> Option<Outcome> {
        match effect {
            Effect::Power(_) | Effect::SetBootOverride(_) | Effect::ClearBootOverride => {
                self.carry_at_bmc(name, effect, machine, memory).await
            }
            Effect::Drain { node } => {
                self.on_node(drain::pass(&self.once, node, &Settings::default()), as_draining).await
            }
            Effect::Uncordon { node } => self.on_node(drain::uncordon(&self.client, node), |()| Outcome::Done).await,
        }
    }

    async fn on_node<T>(
        &self,
        work: impl Future<Output = Result<T, DrainError>>,
        done: impl FnOnce(T) -> Outcome,
    ) -> Option<Outcome> {
        if !self.term.is_valid() {
            return None;
        }
        Some(work.await.map_or_else(|error| Outcome::Lost { message: explain(&error) }, done))
    }

    async fn carry_at_bmc(
        &self,
        name: &Arc<str>,
        effect: &Effect,
        machine: &Machine,
        memory: &mut Memory,
    ) -> Option<Outcome> {
        // The certificate may have been pinned by the very write that announced this.
        let is_observed = |reach: &Reach| memory.reach.as_ref().is_some_and(|observed| observed.is_same_system(reach));
        let Some(reach) = Reach::of(machine).filter(is_observed) else {
            return Some(Outcome::Lost { message: "the Machine was given another BMC meanwhile".to_owned() });
        };
        memory.aim(Some(reach.clone()));
        let client = match self.bmcs.client(name, &reach).await {
            Ok(client) => client,
            Err(unreachable) => return Some(Outcome::Lost { message: unreachable.message }),
        };
        if !self.term.is_valid() {
            return None;
        }
        let outcome = match send(&client, reach.device.as_deref(), effect).await {
            Ok(()) => Outcome::Done,
            Err(error) => {
                let message = self.bmcs.failed(name, &reach, &error).message;
                warn!(machine = %name, bmc = %reach.endpoint(), why = message, "the BMC did not do what it was asked");
                if error.is_refusal() { Outcome::Refused { message } } else { Outcome::Lost { message } }
            }
        };
        Some(outcome)
    }

    /// Lets go of a Machine that is no longer this site's: deleted, or moved to another site.
    pub(super) async fn retire(&self, name: &Arc<str>, memory: Memory) {
        let Memory { machine, reach, .. } = memory;
        if let (Some(machine), Some(reach)) = (machine, reach)
            && let Some(target) = own_override(&machine)
            && self.is_deleted(&machine).await
        {
            self.take_back(name, &reach, target).await;
        }
        self.bmcs.release(name).await;
        self.nodes.forget(name);
        self.metrics.step(Stepped::Retired);
    }

    /// Whether that very Machine is gone for good. When in doubt it is not, and its BMC is another's to handle.
    async fn is_deleted(&self, machine: &Machine) -> bool {
        let machines: Api<Machine> = Api::all(self.client.clone());
        match machines.get_opt(machine.name()).await {
            Ok(found) => found.is_none_or(|found| found.metadata.uid != machine.metadata.uid),
            Err(error) => {
                warn!(
                    machine = machine.name(),
                    error = explain(&error),
                    "whether the Machine was deleted cannot be told: a boot override may be left behind"
                );
                false
            }
        }
    }

    /// Takes back metalman's boot override of a Machine that was deleted, if the BMC still shows it.
    async fn take_back(&self, name: &Arc<str>, reach: &Reach, target: BootTarget) {
        let taken = async {
            let system = self.bmcs.observe(name, reach).await?;
            if !shows(&system, target) {
                return Ok(());
            }
            let client = self.bmcs.client(name, reach).await?;
            if self.term.is_valid() {
                client.clear_boot_override(reach.device.as_deref()).await.map_err(|error| error.unreachable())?;
                info!(machine = %name, bmc = %reach.endpoint(), "the Machine is gone: its boot override was taken back");
            }
            Ok::<(), Unreachable>(())
        };
        if let Err(unreachable) = taken.await {
            let (bmc, why) = (reach.endpoint(), unreachable.message);
            warn!(machine = %name, %bmc, why, "the Machine is gone, and its boot override could not be taken back");
        }
    }
}

async fn send(client: &Client, device: Option<&str>, effect: &Effect) -> Result<(), RedfishError> {
    match effect {
        Effect::Power(action) => client.power(device, *action).await,
        Effect::SetBootOverride(target) => client.set_boot_override(device, *target).await.map(drop),
        Effect::ClearBootOverride => client.clear_boot_override(device).await,
        // No BMC's business.
        Effect::Drain { .. } | Effect::Uncordon { .. } => Ok(()),
    }
}

fn as_draining(pass: Pass) -> Outcome {
    if pass.left == 0 { Outcome::Done } else { Outcome::Draining { left: pass.left, why: pass.why } }
}

/// The override that metalman set, by the Machine's status.
fn own_override(machine: &Machine) -> Option<BootTarget> {
    let word = machine.status.as_ref()?.redfish.as_ref()?.boot_override.as_deref()?;
    [BootTarget::Pxe, BootTarget::UefiHttp].into_iter().find(|target| target.as_str() == word)
}

fn shows(system: &System, target: BootTarget) -> bool {
    system.boot_override.as_ref().is_some_and(|shown| shown.is_active() && shown.target == target.as_str())
}
