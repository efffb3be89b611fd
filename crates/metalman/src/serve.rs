//! `serve-pxe`: puts the parts together, in the order in which they depend on each other.
//!
//! Start: sockets (a taken port is told before anything else happens), then the embedded API server if there is one, then
//! the tasks. Stop: the tasks (the leader's work ends, then the Lease is released), then the embedded API server.

mod parts;
mod sockets;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::{
    parts::{Parts, Starter},
    sockets::Sockets,
};
use crate::{
    client::{self, Connection},
    config::{ClusterSource, Config},
    dhcp,
    health::{self, Readiness},
    http::{self, BootServer},
    images::{self, Images},
    metrics::Metrics,
    standalone::{self, Standalone},
    supervise::{Supervisor, stop_on_signals},
    tftp,
};

/// How long tasks may take to end: within what Kubernetes gives a pod, with room for the embedded API server.
const DRAIN: Duration = Duration::from_secs(15);

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
    let sockets = Sockets::bind(&config, &readiness).await?;
    let images = Images::open(images::Settings::of(&config)).with_context(|| {
        format!("the image cache {} cannot be used; choose another with --cache-dir", config.cache_dir.display())
    })?;
    let Some((connection, mut embedded)) = control_plane(&config, &stop).await? else { return Ok(()) };

    let mut tasks = Supervisor::new(stop.clone());
    let serve_url = config.serve_url.with_port(sockets.at.http.port());
    let starter = Starter {
        config: &config,
        metrics: metrics.clone(),
        readiness: readiness.clone(),
        tasks: &mut tasks,
        stop: stop.clone(),
    };
    let parts = starter.start(connection, images, &serve_url);
    sockets.at.announce(&config, &serve_url);
    spawn_servers(&config, sockets, parts, readiness, metrics, &mut tasks, &stop);

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

/// The cluster, or the embedded API server once it answers; none when stopped meanwhile.
async fn control_plane(
    config: &Config,
    stop: &CancellationToken,
) -> anyhow::Result<Option<(Connection, Option<Standalone>)>> {
    let ClusterSource::Standalone { dir, listen, names, advertise_host } = &config.cluster else {
        return Ok(Some((client::connect(&config.cluster).await?, None)));
    };
    let server = apiserver::server::Config {
        data_dir: dir.clone(),
        listen: *listen,
        names: names.clone(),
        advertise_url: standalone::advertise_url(*advertise_host, listen.port()),
    };
    tokio::select! {
        started = Standalone::start(server, &config.namespace) => {
            let started = started?;
            Ok(Some((started.connection.clone(), Some(started))))
        }
        () = stop.cancelled() => Ok(None),
    }
}

/// The servers, each a task.
fn spawn_servers(
    config: &Config,
    sockets: Sockets,
    parts: Parts,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    tasks: &mut Supervisor,
    stop: &CancellationToken,
) {
    let Parts { boot, leadership, events } = parts;
    let (measured, leads) = (boot.clone(), leadership.clone());
    let measure: health::Measure = Arc::new(move |metrics| {
        measured.inventory.measure(metrics);
        metrics.boot.measure(&measured.sessions);
        metrics.set_leader(leads.borrow().leads());
    });
    tasks.spawn("health", http::serve(sockets.health, health::router(readiness, metrics, measure), stop.clone()));
    let dhcp = dhcp::Server::new(sockets.dhcp, boot.clone(), events);
    tasks.spawn("dhcp", dhcp.run(leadership, stop.clone()));
    let files = tftp::opener(boot.clone());
    tasks.spawn("tftp", sockets.tftp.run(files, boot.metrics.tftp.clone(), stop.clone()));
    let server = BootServer::new(boot, config.trusted_proxies.clone());
    tasks.spawn("http", server.serve(sockets.http, stop.clone()));
}
