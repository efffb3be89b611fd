//! `serve-pxe`: puts the parts together, in the order in which they depend on each other.
//!
//! Start: sockets (a taken port is told before anything else happens), then the embedded API server if there is one, then
//! the tasks. Stop: the tasks (the leader's work ends, then the Lease is released), then the embedded API server.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use metalman_core::api::Machine;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    client::{self, Connection},
    config::{ClusterSource, Config, DhcpMode},
    election::{Election, Leadership, new_identity},
    facts::{ClusterFacts, FactFinder},
    health::{self, Readiness},
    http,
    inventory::SharedInventory,
    leases_valid,
    metrics::Metrics,
    standalone::{self, Standalone},
    status::StatusWriter,
    supervise::{Supervisor, stop_on_signals},
    watch::{Follower, Selection},
};

/// How long tasks may take to end: within what Kubernetes gives a pod, with room for the embedded API server.
const DRAIN: Duration = Duration::from_secs(15);

/// The check in `/readyz`: the inventory was filled once.
const SYNCED: &str = "machines-synced";
/// The check in `/readyz`: the HTTP boot server's socket.
const HTTP_BOUND: &str = "http-bound";

/// Runs until a signal, or until something fails that the process cannot live without.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    stop_on_signals(stop.clone()).context("signals cannot be listened to")?;
    serve(config, stop).await
}

/// The same, stopped by the token.
pub async fn serve(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::new());
    let readiness = Readiness::default();
    readiness.expect(SYNCED);
    readiness.expect(HTTP_BOUND);

    let http_listener = http::bind(config.bind.http(), "--http-port").await?;
    let health_listener = http::bind(config.bind.health(), "--health-port").await?;
    let (http_at, health_at) = (http_listener.local_addr()?, health_listener.local_addr()?);
    readiness.pass(HTTP_BOUND);

    let mut embedded = None;
    let connection = match &config.cluster {
        ClusterSource::Standalone { dir, listen, names, advertise_host } => {
            let server = apiserver::server::Config {
                data_dir: dir.clone(),
                listen: *listen,
                names: names.clone(),
                advertise_url: standalone::advertise_url(*advertise_host, listen.port()),
            };
            let started = tokio::select! {
                started = Standalone::start(server, &config.namespace) => started?,
                () = stop.cancelled() => return Ok(()),
            };
            let connection = started.connection.clone();
            embedded = Some(started);
            connection
        }
        source => client::connect(source).await?,
    };

    let mut tasks = Supervisor::new(stop.clone());
    let parts = Parts::start(&config, connection, &metrics, &readiness, &mut tasks, &stop);
    let inventory = parts.inventory.clone();
    let measure: health::Measure = Arc::new(move |metrics| {
        inventory.measure(metrics);
        metrics.set_leader(parts.leadership.borrow().leads());
    });
    tasks.spawn("health", http::serve(health_listener, health::router(readiness, metrics, measure), stop.clone()));
    tasks.spawn("http", http::serve(http_listener, http::router(), stop.clone()));
    announce(&config, http_at, health_at);

    let outcome = match &mut embedded {
        None => tasks.watch().await.map_err(anyhow::Error::from),
        Some(server) => tokio::select! {
            outcome = tasks.watch() => outcome.map_err(anyhow::Error::from),
            error = server.failed() => {
                // Its handle was consumed; there is nothing left to stop.
                embedded = None;
                Err(error)
            }
        },
    };
    tasks.drain(DRAIN).await;
    if let Some(server) = embedded {
        server.stop().await;
    }
    info!("stopped");
    outcome
}

/// What the servers of later stages will share.
struct Parts {
    inventory: Arc<SharedInventory>,
    leadership: watch::Receiver<Leadership>,
    /// Kept for whoever tells machines about the cluster.
    _facts: watch::Receiver<ClusterFacts>,
}

impl Parts {
    fn start(
        config: &Config,
        connection: Connection,
        metrics: &Arc<Metrics>,
        readiness: &Readiness,
        tasks: &mut Supervisor,
        stop: &CancellationToken,
    ) -> Self {
        let client = connection.client.clone();
        let inventory = Arc::new(SharedInventory::new(config.selection.clone()));

        let machines: kube::Api<Machine> = kube::Api::all(client.clone());
        let selection = Selection { labels: config.selection.label_selector(), ..Selection::default() };
        let follower = Follower::new(machines, selection, "machines", metrics.clone());
        let (taker, ready) = (inventory.clone(), readiness.clone());
        let take = move |change| {
            taker.take(change);
            ready.pass(SYNCED);
        };
        tasks.spawn_infallible("machine watch", follower.run(stop.clone(), take, |_| {}));

        let finder = FactFinder::new(connection, config.overrides.clone(), metrics.clone(), readiness.clone());
        let facts = finder.subscribe();
        tasks.spawn_infallible("cluster facts", finder.run(stop.clone()));

        let election = Election::new(client.clone(), &config.namespace, &config.election, new_identity());
        let leadership = election.subscribe();
        tasks.spawn_infallible("leader election", election.run(stop.clone()));

        let writer = StatusWriter::new(client, metrics.clone());
        let writing = leases_valid::run(inventory.clone(), writer, leadership.clone(), stop.clone());
        tasks.spawn_infallible("lease conditions", writing);
        Self { inventory, leadership, _facts: facts }
    }
}

/// Says what runs, and plainly what does not yet.
fn announce(config: &Config, http: std::net::SocketAddr, health: std::net::SocketAddr) {
    info!(
        site = config.site.as_deref().unwrap_or("none"),
        serve_url = config.serve_url.with_port(http.port()),
        http = %http,
        health = %health,
        version = env!("CARGO_PKG_VERSION"),
        "metalman serves"
    );
    let dhcp = match &config.dhcp {
        DhcpMode::Relay => "relay".to_owned(),
        DhcpMode::Interfaces(names) => names.join(","),
    };
    warn!(
        dhcp,
        dhcp_port = config.bind.dhcp_port,
        tftp_port = config.bind.tftp_port,
        "this release does not serve DHCP, TFTP or boot files yet: their flags are checked and nothing binds"
    );
}
