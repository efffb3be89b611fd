//! One machine's task: takes what its BMC and its own tasks bring to the state machine, and does what that says.

use std::{
    future::Future,
    net::Ipv4Addr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::{
    dhcp::Clients,
    machine::{Action, Counts, Event, Machine, Outcome, Stage, Task},
    node::Kubelets,
    transfer,
};
use crate::bmc::{Bmc, Change};

type Outcomes = Result<Outcome, String>;
type UnderWay = Pin<Box<dyn Future<Output = Outcomes> + Send>>;

/// What all machines of a fleet share.
pub(super) struct World {
    pub(super) started: Instant,
    pub(super) dhcp: Clients,
    pub(super) tftp_port: u16,
    pub(super) kubelets: Option<Kubelets>,
    pub(super) board: Mutex<Vec<Shown>>,
}

/// What is shown of a machine.
#[derive(Debug, Clone)]
pub struct Shown {
    /// How far it is.
    pub stage: Stage,
    /// Since when, counted from the start of the fleet.
    pub since: Duration,
    /// What it has been through.
    pub counts: Counts,
    /// Whether a system is on its disk.
    pub installed: bool,
    /// The last thing that failed.
    pub failure: Option<String>,
}

/// Who a machine is.
pub(super) struct Identity {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) mac: [u8; 6],
    pub(super) address: Ipv4Addr,
    pub(super) bmc: Bmc,
    /// Which system of the BMC.
    pub(super) system: usize,
}

/// Plays a machine until its BMC is gone.
pub(super) async fn play(
    world: Arc<World>,
    who: Identity,
    mut machine: Machine,
    mut power: mpsc::UnboundedReceiver<Change>,
) {
    let who = Arc::new(who);
    let mut under_way: Option<UnderWay> = None;
    let mut failure = None;
    loop {
        let event = tokio::select! {
            // Power goes first: what it interrupts did not happen.
            biased;
            change = power.recv() => match change {
                Some(change) => event(change),
                None => return,
            },
            outcome = ended(&mut under_way) => {
                under_way = None;
                failure = outcome.as_ref().err().cloned().or(failure);
                Event::Finished(outcome)
            }
        };
        for action in machine.event(world.started.elapsed(), event) {
            match action {
                Action::Begin(task) => under_way = Some(Box::pin(carry_out(world.clone(), who.clone(), task))),
                Action::Stop => under_way = None,
                Action::Restart => who.bmc.rebooted(who.system),
                Action::PowerOff => who.bmc.halted(who.system),
            }
        }
        let shown = Shown {
            stage: machine.stage(),
            since: machine.since(),
            counts: machine.counts(),
            installed: machine.is_installed(),
            failure: failure.clone(),
        };
        world.board.lock().unwrap_or_else(PoisonError::into_inner)[who.index] = shown;
    }
}

fn event(change: Change) -> Event {
    match change {
        Change::On { .. } => Event::On,
        Change::Boot(plan) => Event::Boot(plan.sources),
        Change::ShutdownRequested => Event::ShutdownRequested,
        Change::Off => Event::Off,
    }
}

async fn ended(under_way: &mut Option<UnderWay>) -> Outcomes {
    match under_way {
        Some(task) => task.await,
        None => std::future::pending().await,
    }
}

async fn carry_out(world: Arc<World>, who: Arc<Identity>, task: Task) -> Outcomes {
    match task {
        Task::Wait(time) => tokio::time::sleep(time).await,
        Task::Dhcp(asker) => return world.dhcp.exchange(who.mac, asker).await.map(Outcome::Lease),
        Task::Fetch(fetch) => {
            return transfer::fetch(who.address, &fetch, world.tftp_port).await.map(Outcome::Content);
        }
        Task::Report { base, path, body } => transfer::report(who.address, &base, path, body.as_ref()).await?,
        Task::Join { start, first } => {
            if let Some(kubelets) = &world.kubelets {
                kubelets.report(&who.name, &who.address.to_string(), start, first).await?;
            }
        }
    }
    Ok(Outcome::Done)
}
