//! Emulated BMCs: Redfish (DMTF DSP0266, DSP0268) over real HTTP or TLS, in the manner of one kind of BMC ([`Profile`]), with
//! faults on demand ([`Faults`]) or by chance ([`Chaos`]), in front of systems that whoever plays the hardware follows by
//! [`PowerEvent`]s.
//!
//! A BMC costs a listener, two tasks and some kilobytes; a thousand of them live in one process. What decides is pure
//! ([`system`], the service, the faults) and takes the time as an argument; [`Bmc`] holds it under one lock, and the sockets are
//! in `server`.
//!
//! Invariants: events of a BMC are sent in the order in which they happened; when the last [`Bmc`] is dropped, its port is
//! closed and its tasks end.

mod answer;
mod certificate;
mod faults;
mod journal;
mod path;
pub mod profile;
mod resources;
mod server;
mod service;
mod sessions;
pub mod system;
mod tasks;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use http::Method;
use metalman_core::lifecycle::bmc::{BootOverride, PowerState};
use rustls_pki_types::CertificateDer;
use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc, watch},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::{
    answer::Answer,
    certificate::Identity,
    faults::{Spell, Trouble},
    journal::Ticket,
    service::{Request, Service},
    system::System,
};
pub use self::{
    faults::{Chaos, Faults, Reach},
    journal::{Entry, Journal},
    profile::Profile,
    service::{Credentials, ResetRecord},
    system::{BootPlan, BootSource, Change, ResetType, Timings},
};

/// Something happened to the hardware behind a BMC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerEvent {
    /// [`Config::name`] of the BMC.
    pub bmc: Arc<str>,
    /// Which of its systems, from 0.
    pub system: usize,
    /// What.
    pub change: Change,
}

/// What a BMC is.
#[derive(Debug, Clone)]
pub struct Config {
    /// Names it in events and in its certificate.
    pub name: Arc<str>,
    /// Its kind.
    pub profile: Profile,
    /// Where it listens; port 0 takes any.
    pub listen: SocketAddr,
    /// Whether it speaks TLS, with a self-signed certificate.
    pub tls: bool,
    /// How many systems it manages.
    pub systems: usize,
    /// Its only account.
    pub credentials: Credentials,
    /// How long power takes.
    pub timings: Timings,
    /// What the systems boot from without an override, one after another.
    pub order: Vec<BootSource>,
    /// Faults from the beginning.
    pub faults: Faults,
    /// Faults by chance.
    pub chaos: Chaos,
    /// Who plays the hardware.
    pub events: Option<mpsc::UnboundedSender<PowerEvent>>,
    /// How many requests the journal keeps.
    pub journal: usize,
}

impl Config {
    /// One system, plain HTTP on any port of loopback, `admin` with password `secret`, quick power, boots from disk.
    pub fn new(profile: Profile) -> Self {
        Self {
            name: "bmc".into(),
            profile,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: false,
            systems: 1,
            credentials: Credentials { username: "admin".to_owned(), password: "secret".to_owned() },
            timings: Timings::default(),
            order: vec![BootSource::Disk],
            faults: Faults::default(),
            chaos: Chaos::default(),
            events: None,
            journal: 4096,
        }
    }
}

/// A running BMC. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Bmc {
    shared: Arc<Shared>,
    address: SocketAddr,
    _stop: Arc<DropGuard>,
}

/// What its tasks share.
#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    profile: Profile,
    started: Instant,
    inner: Mutex<Inner>,
    reach: watch::Sender<Reach>,
    /// Something happened that the timers do not know of.
    woken: Notify,
    events: Option<mpsc::UnboundedSender<PowerEvent>>,
    address: SocketAddr,
}

#[derive(Debug)]
struct Inner {
    service: Service,
    trouble: Trouble,
    journal: Journal,
    identity: Option<Identity>,
    /// Ends all connections there are.
    kick: CancellationToken,
}

impl Bmc {
    /// Starts one at the address of its configuration. Needs a tokio runtime.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(config.listen).await;
        Self::serve(listener.with_context(|| format!("listening at {}", config.listen))?, config)
    }

    /// Starts one on a listener, which may be of another network namespace.
    pub fn serve(listener: TcpListener, config: Config) -> anyhow::Result<Self> {
        let address = listener.local_addr()?;
        let identity = config.tls.then(|| Identity::generate(&config.name, address.ip())).transpose()?;
        let systems = (0..config.systems)
            .map(|_| System::new(config.profile.boot, config.timings, config.order.clone()))
            .collect();
        let service = Service::new(config.profile.clone(), uuid::Uuid::new_v4(), config.credentials, systems);
        let reach = config.faults.reach;
        let inner = Inner {
            service,
            trouble: Trouble::new(config.faults, config.chaos),
            journal: Journal::new(config.journal),
            identity,
            kick: CancellationToken::new(),
        };
        let shared = Arc::new(Shared {
            name: config.name,
            profile: config.profile,
            started: Instant::now(),
            inner: Mutex::new(inner),
            reach: watch::Sender::new(reach),
            woken: Notify::new(),
            events: config.events,
            address,
        });
        let stop = CancellationToken::new();
        let accepting = stop.clone().run_until_cancelled_owned(server::accept(shared.clone(), listener, address));
        let (kept, ended) = (shared.clone(), stop.clone());
        tokio::spawn(async move {
            accepting.await;
            kept.lock().kick.cancel();
        });
        tokio::spawn(server::keep_time(shared.clone(), ended));
        Ok(Self { shared, address, _stop: Arc::new(stop.drop_guard()) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://…` or `https://…`, without a path.
    pub fn url(&self) -> String {
        let scheme = if self.shared.lock().identity.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The certificate that it shows now.
    pub fn certificate(&self) -> Option<CertificateDer<'static>> {
        self.shared.lock().identity.as_ref().map(|identity| identity.certificate.clone())
    }

    /// Its SHA-256, as `aa:bb:…`.
    pub fn fingerprint(&self) -> Option<String> {
        self.shared.lock().identity.as_ref().map(Identity::fingerprint)
    }

    /// The id of a system, as in its path.
    pub fn system_id(&self, system: usize) -> String {
        self.shared.profile.system_name(system)
    }

    /// The power of a system as it is, whatever the BMC shows.
    pub fn power(&self, system: usize) -> PowerState {
        self.shared.act(|service, now| {
            let changes = service.advance(now);
            (service.systems[system].actual(), changes)
        })
    }

    /// The boot override of a system as it is.
    pub fn boot_override(&self, system: usize) -> BootOverride {
        self.shared.lock().service.systems[system].boot_override().clone()
    }

    /// A person sets the boot override.
    pub fn set_boot_override(&self, system: usize, boot: BootOverride) {
        let now = self.shared.now();
        self.shared.lock().service.systems[system].set_override(boot, now);
    }

    /// A person at the rack, or firmware, resets a system. What is not possible does nothing.
    pub fn reset(&self, system: usize, reset: ResetType) {
        self.act_on(system, |system, now| system.reset(reset, now).0);
    }

    /// The operating system of a system switched it off.
    pub fn halted(&self, system: usize) {
        self.act_on(system, System::halted);
    }

    /// The operating system of a system restarted it.
    pub fn rebooted(&self, system: usize) {
        self.act_on(system, System::rebooted);
    }

    /// Mains failed and came back.
    pub fn mains_lost(&self) {
        let systems = self.shared.lock().service.systems.len();
        for system in 0..systems {
            self.act_on(system, System::mains_lost);
        }
    }

    /// Ends all sessions.
    pub fn log_everybody_out(&self) {
        self.shared.lock().service.sessions.clear();
    }

    /// Shows another certificate from now on, and ends all connections. Does nothing without TLS.
    pub fn rotate_certificate(&self) -> anyhow::Result<()> {
        self.shared.rotate(&mut self.shared.lock())
    }

    /// How many sessions are open.
    pub fn sessions(&self) -> usize {
        self.shared.act(|service, now| {
            let changes = service.advance(now);
            (service.sessions.count(), changes)
        })
    }

    /// How many sessions were ever opened.
    pub fn sessions_opened(&self) -> u64 {
        self.shared.lock().service.sessions.made()
    }

    /// Changes what goes wrong.
    pub fn faults(&self, change: impl FnOnce(&mut Faults)) {
        let mut inner = self.shared.lock();
        change(&mut inner.trouble.set);
        let reach = inner.trouble.set.reach;
        if self.shared.reach.send_replace(reach) != reach && reach != Reach::Silent {
            inner.kick();
        }
    }

    /// How many faults the dice brought.
    pub fn faults_drawn(&self) -> u32 {
        self.shared.lock().trouble.drawn()
    }

    /// What it was asked.
    pub fn journal(&self) -> Journal {
        self.shared.lock().journal.clone()
    }

    /// Every reset that a client asked for, carried out or not.
    pub fn resets(&self) -> Vec<ResetRecord> {
        self.shared.lock().service.resets.clone()
    }

    fn act_on(&self, system: usize, act: impl FnOnce(&mut System, Duration) -> Vec<Change>) {
        self.shared.act(|service, now| {
            let changes = act(&mut service.systems[system], now);
            ((), changes.into_iter().map(|change| (system, change)).collect())
        });
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Does something to the service and tells what happened, in order.
    fn act<T>(&self, act: impl FnOnce(&mut Service, Duration) -> (T, Vec<(usize, Change)>)) -> T {
        let mut inner = self.lock();
        let (result, changes) = act(&mut inner.service, self.now());
        self.announce(changes);
        drop(inner);
        self.woken.notify_one();
        result
    }

    /// The lock is held meanwhile, which keeps events in order.
    fn announce(&self, changes: Vec<(usize, Change)>) {
        let Some(events) = &self.events else { return };
        for (system, change) in changes {
            // Nobody listens any more: the hardware is gone, and the BMC does not mind.
            let _ = events.send(PowerEvent { bmc: self.name.clone(), system, change });
        }
    }

    /// Lets time pass; when there is something to do next.
    fn advance(&self) -> Option<Duration> {
        let mut inner = self.lock();
        let changes = inner.service.advance(self.now());
        self.announce(changes);
        inner.service.due()
    }

    /// What a new connection needs: how it is ended, and with what it begins.
    fn welcome(&self) -> (CancellationToken, Option<Arc<rustls::ServerConfig>>) {
        let mut inner = self.lock();
        inner.journal.connections += 1;
        (inner.kick.clone(), inner.identity.as_ref().map(|identity| identity.server.clone()))
    }

    fn received(&self, method: &Method, path: &str) -> (Ticket, Spell) {
        let mut inner = self.lock();
        let ticket = inner.journal.begin(self.now(), method.clone(), path.to_owned());
        (ticket, inner.trouble.next())
    }

    fn answer(&self, request: &Request, mut spell: Spell) -> Answer {
        let mut inner = self.lock();
        if spell.log_out {
            inner.service.sessions.clear();
        }
        if spell.rotate && self.rotate(&mut inner).is_err() {
            tracing::warn!(bmc = %self.name, "no new certificate");
        }
        if let Some(answer) = server::instead(&spell) {
            return answer;
        }
        let outcome = inner.service.handle(request, &mut spell, self.now());
        inner.trouble.settle(&spell);
        self.announce(outcome.changes);
        drop(inner);
        self.woken.notify_one();
        outcome.answer
    }

    fn rotate(&self, inner: &mut Inner) -> anyhow::Result<()> {
        if inner.identity.is_some() {
            inner.identity = Some(Identity::generate(&self.name, self.address.ip())?);
            inner.kick();
        }
        Ok(())
    }
}

impl Inner {
    /// Ends all connections.
    fn kick(&mut self) {
        std::mem::take(&mut self.kick).cancel();
    }
}
