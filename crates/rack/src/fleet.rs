//! A fleet of simulated machines behind emulated BMCs ([`crate::bmc`]): they are switched on by Redfish, really speak DHCP, TFTP
//! and HTTP to metalman, install, report, and register Nodes.
//!
//! A machine is a pure state machine ([`machine`]) and one task that carries out what it says; thousands of them live in one
//! process. Each has an address of its own, which must be local to this host: in a namespace of its own,
//! `ip route add local 10.64.128.0/17 dev lo` makes it so for all of them; 127.0.0.0/8 is anywhere.
//!
//! Invariants: what a machine does depends on its seed, on what its BMC is told and on what the servers answer, and on nothing
//! else; when a [`Fleet`] is dropped, all its machines and BMCs end.

pub mod behaviour;
mod dhcp;
pub mod loader;
pub mod machine;
pub mod manifest;
mod node;
pub mod running;
mod shell;
pub mod summary;
mod transfer;

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{sync::mpsc, task::JoinSet};

pub use self::{behaviour::Behaviour, dhcp::Link, shell::Shown};
use self::{
    dhcp::Clients,
    machine::{Counts, Machine, Stage},
    node::Kubelets,
    shell::{Identity, World},
    summary::{Asked, Summary},
};
use crate::{
    bmc::{Bmc, BootSource, Chaos, Config as BmcConfig, Credentials, PowerEvent, Profile, Reach, ResetType, Timings},
    link::{PerMille, random},
    load,
};

/// How many failures a summary shows.
const FAILURES: usize = 10;
/// Requests that a BMC remembers at least, where a test looks at them.
pub const JOURNAL: usize = 4096;

/// A fleet to be.
#[derive(Clone)]
pub struct Config {
    /// How many machines.
    pub machines: u32,
    /// Names begin with this, and end with the number.
    pub prefix: String,
    /// Number of the first machine: it decides names and MACs, so that several fleets can share a network.
    pub first: u32,
    /// How they reach their servers.
    pub network: Network,
    /// Their BMCs.
    pub bmcs: Bmcs,
    /// What the machines boot from without an override.
    pub order: Vec<BootSource>,
    /// How they behave.
    pub behaviour: Behaviour,
    /// Whether a system is on their disks from the beginning, and power is on.
    pub running: bool,
    /// Where they register their Nodes.
    pub nodes: Option<kube::Client>,
    /// Makes everything repeatable that is left to chance.
    pub seed: u64,
}

/// Addresses.
#[derive(Debug, Clone)]
pub struct Network {
    /// metalman: the replicas that a relay forwards to. The first also gets the reports of systems that are on disks from the
    /// beginning.
    pub servers: Vec<Ipv4Addr>,
    /// Its HTTP port, for the systems that are on disks from the beginning.
    pub http_port: u16,
    /// Its DHCP port.
    pub dhcp_port: u16,
    /// Its TFTP port.
    pub tftp_port: u16,
    /// How DHCP gets there.
    pub link: Link,
    /// Address of the first machine; the others follow it.
    pub first: Ipv4Addr,
    /// For the Machines' leases.
    pub subnet_mask: Ipv4Addr,
    /// The same.
    pub gateway: Ipv4Addr,
}

/// BMCs.
#[derive(Debug, Clone)]
pub struct Bmcs {
    /// Address of the first one; the others follow it.
    pub first: SocketAddrV4,
    /// Their kinds, which take turns.
    pub profiles: Vec<Profile>,
    /// How many systems each manages.
    pub systems: usize,
    /// Whether they speak TLS.
    pub tls: bool,
    /// Their account.
    pub credentials: Credentials,
    /// How long power takes.
    pub timings: Timings,
    /// Every answer comes so late.
    pub delay: Duration,
    /// The last so many never answer.
    pub dead: usize,
    /// Of a thousand BMCs, so many are faulty.
    pub faulty: PerMille,
    /// Of a thousand requests to a faulty one, so many meet each kind of fault.
    pub chaos: PerMille,
    /// How many requests each remembers.
    pub journal: usize,
}

/// A running fleet.
pub struct Fleet {
    config: Config,
    bmcs: Vec<Bmc>,
    world: Arc<World>,
    tasks: JoinSet<()>,
}

impl Fleet {
    /// Starts it. Needs a tokio runtime, whose threads are in the network namespace that the machines are to live in.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        ensure!(config.bmcs.systems > 0 && !config.bmcs.profiles.is_empty(), "a fleet without systems or BMC profiles");
        raise_descriptors();
        let network = &config.network;
        let server = *network.servers.first().context("a fleet without a metalman")?;
        let servers = network.servers.iter().map(|server| SocketAddrV4::new(*server, network.dhcp_port)).collect();
        let world = Arc::new(World {
            started: Instant::now(),
            dhcp: Clients::start(&network.link, servers, config.seed ^ (u64::from(config.first) << 20))?,
            tftp_port: network.tftp_port,
            kubelets: config.nodes.clone().map(Kubelets::new),
            board: Mutex::default(),
        });
        let (events, happened) = mpsc::unbounded_channel();
        let mut fleet = Self { config, bmcs: Vec::new(), world, tasks: JoinSet::new() };
        fleet.start_bmcs(&events).await?;
        drop(events);
        fleet.start_machines(happened, server);
        Ok(fleet)
    }

    async fn start_bmcs(&mut self, events: &mpsc::UnboundedSender<PowerEvent>) -> anyhow::Result<()> {
        let bmcs = &self.config.bmcs;
        let count = self.len().div_ceil(bmcs.systems);
        for index in 0..count {
            let ip = u32::from(*bmcs.first.ip()).wrapping_add(u32::try_from(index)?);
            let mut config = BmcConfig {
                // The router of events below reads the number again.
                name: index.to_string().into(),
                listen: SocketAddr::from((Ipv4Addr::from(ip), bmcs.first.port())),
                tls: bmcs.tls,
                systems: bmcs.systems.min(self.len() - index * bmcs.systems),
                credentials: bmcs.credentials.clone(),
                timings: bmcs.timings,
                order: self.config.order.clone(),
                events: Some(events.clone()),
                journal: bmcs.journal,
                ..BmcConfig::new(bmcs.profiles[index % bmcs.profiles.len()].clone())
            };
            config.faults.delay = bmcs.delay;
            if self.is_dead(index) {
                config.faults.reach = Reach::Silent;
            } else if self.is_faulty(index) {
                config.chaos = Chaos::uniform(seed(self.config.seed, index), bmcs.chaos);
            }
            let at = config.listen;
            self.bmcs.push(Bmc::start(config).await.with_context(|| format!("the BMC at {at}"))?);
        }
        Ok(())
    }

    fn start_machines(&mut self, mut happened: mpsc::UnboundedReceiver<PowerEvent>, server: Ipv4Addr) {
        let base = format!("http://{server}:{}", self.config.network.http_port);
        let (mut inboxes, mut board) = (Vec::new(), Vec::new());
        for index in 0..self.len() {
            let (inbox, power) = mpsc::unbounded_channel();
            inboxes.push(inbox);
            let disk = self.config.running.then(|| base.clone());
            board.push(Shown {
                stage: Stage::Off,
                since: Duration::ZERO,
                counts: Counts::default(),
                installed: disk.is_some(),
                failure: None,
            });
            let machine = Machine::new(self.config.behaviour, seed(!self.config.seed, index), disk);
            let (bmc, system) = self.bmc(index);
            let who = Identity {
                index,
                name: self.name(index),
                mac: self.mac(index),
                address: self.address(index),
                bmc: bmc.clone(),
                system,
            };
            self.tasks.spawn(shell::play(self.world.clone(), who, machine, power));
        }
        *self.world.board.lock().unwrap_or_else(PoisonError::into_inner) = board;
        let systems = self.config.bmcs.systems;
        self.tasks.spawn(async move {
            while let Some(event) = happened.recv().await {
                let index = event.bmc.parse::<usize>().map(|bmc| bmc * systems + event.system);
                if let Some(inbox) = index.ok().and_then(|index| inboxes.get(index)) {
                    let _ = inbox.send(event.change);
                }
            }
        });
        if self.config.running {
            (0..self.len()).for_each(|index| self.press_power(index));
        }
    }

    /// How many machines there are.
    pub fn len(&self) -> usize {
        self.config.machines as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.config.machines == 0
    }

    /// The name of a machine, and of its Machine and Node.
    pub fn name(&self, index: usize) -> String {
        format!("{}{}", self.config.prefix, self.number(index))
    }

    /// Its MAC address.
    pub fn mac(&self, index: usize) -> [u8; 6] {
        load::Fleet::mac(self.number(index))
    }

    /// Its address.
    pub fn address(&self, index: usize) -> Ipv4Addr {
        let first = u32::from(self.config.network.first);
        Ipv4Addr::from(first.wrapping_add(self.number(index) - self.config.first))
    }

    fn number(&self, index: usize) -> u32 {
        // There are no more than a u32 counts.
        self.config.first.wrapping_add(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Its BMC, and which of its systems it is.
    pub fn bmc(&self, index: usize) -> (&Bmc, usize) {
        let systems = self.config.bmcs.systems;
        (&self.bmcs[index / systems], index % systems)
    }

    /// Whether that BMC never answers.
    pub fn is_dead(&self, bmc: usize) -> bool {
        let count = self.len().div_ceil(self.config.bmcs.systems);
        bmc >= count.saturating_sub(self.config.bmcs.dead)
    }

    /// Whether that BMC is one of the faulty ones, which are spread evenly.
    pub fn is_faulty(&self, bmc: usize) -> bool {
        let share = usize::from(self.config.bmcs.faulty);
        (bmc + 1) * share / 1000 > bmc * share / 1000
    }

    /// Somebody switches a machine on at the machine itself.
    pub fn press_power(&self, index: usize) {
        let (bmc, system) = self.bmc(index);
        bmc.reset(system, ResetType::On);
    }

    /// What a machine shows.
    pub fn shown(&self, index: usize) -> Shown {
        self.world.board.lock().unwrap_or_else(PoisonError::into_inner)[index].clone()
    }

    /// All of it, in numbers.
    pub fn summary(&self) -> Summary {
        let mut summary =
            Summary { machines: self.len(), seconds: self.world.started.elapsed().as_secs_f64(), ..Summary::default() };
        for (index, shown) in self.world.board.lock().unwrap_or_else(PoisonError::into_inner).iter().enumerate() {
            *summary.stages.entry(shown.stage).or_default() += 1;
            summary.counts.add(&shown.counts);
            if let (Some(failure), true) = (&shown.failure, summary.failures.len() < FAILURES) {
                summary.failures.push(format!("{}: {failure}", self.name(index)));
            }
        }
        summary.bmcs = self.asked();
        summary
    }

    /// What the BMCs were asked.
    pub fn asked(&self) -> Asked {
        let mut asked = Asked::default();
        for bmc in &self.bmcs {
            let journal = bmc.journal();
            asked.requests += journal.requests;
            asked.changing += journal.changing;
            asked.connections += journal.connections;
            asked.most_at_once = asked.most_at_once.max(journal.most_at_once);
            asked.most_changing_at_once = asked.most_changing_at_once.max(journal.most_changing_at_once);
            asked.resets += bmc.resets().len() as u64;
            asked.sessions += bmc.sessions() as u64;
            asked.sessions_opened += bmc.sessions_opened();
            asked.faults += u64::from(bmc.faults_drawn());
        }
        asked
    }
}

/// A seed of its own for each.
fn seed(seed: u64, index: usize) -> u64 {
    random(&mut seed.wrapping_add((index as u64).wrapping_mul(0x2545_f491_4f6c_dd1d)))
}

/// A BMC has a listener, and its clients have connections: takes the descriptors that the system allows.
fn raise_descriptors() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(soft, hard)| if soft < hard { setrlimit(Resource::RLIMIT_NOFILE, hard, hard) } else { Ok(()) });
    if let Err(error) = raised {
        tracing::debug!(%error, "the limit on open files stays as it is");
    }
}
