//! The embedded API server inside this process: a control plane for those who have no cluster.
//!
//! metalman talks to it over TLS with the administrator's kubeconfig, by the same client code as to any cluster. The Machine
//! API, metalman's namespaces and its RBAC are installed at each start, so that an upgrade brings its own schema.

use std::time::Duration;

use anyhow::Context;
use apiserver::server::{ApiServer, Config as ServerConfig};
use kube::{
    Client,
    api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams},
    config::Kubeconfig,
};
use metalman_core::manifests::{self, Manifest};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::{
    client::{Connection, from_kubeconfig},
    explain::explain,
};

/// How long the server may take to finish what it has under way.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a new kind may take until it can be used.
const ESTABLISH: Duration = Duration::from_secs(10);

/// A running embedded API server.
pub struct Standalone {
    /// Ends with an error when the server fails.
    task: JoinHandle<std::io::Result<()>>,
    stop: CancellationToken,
    /// The way in.
    pub connection: Connection,
}

/// Starts an embedded API server, says where it is, and returns it unserved.
pub async fn start(config: ServerConfig) -> anyhow::Result<ApiServer> {
    let (dir, listen) = (config.data_dir.clone(), config.listen);
    let server = ApiServer::start(config)
        .await
        .with_context(|| format!("the API server with its data in {} does not start on {listen}", dir.display()))?;
    info!(url = server.url(), address = %server.local_addr(), data = %dir.display(), "API server listens");
    Ok(server)
}

impl Standalone {
    /// Starts the server, serves, and installs what metalman needs.
    pub async fn start(config: ServerConfig, namespace: &str) -> anyhow::Result<Self> {
        let kubeconfig_path = config.data_dir.join("kubeconfig");
        let server = start(config).await?;
        let kubeconfig =
            Kubeconfig::from_yaml(&server.admin_kubeconfig()).context("the API server's own kubeconfig")?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(server.run(stop.clone()));
        let connection = from_kubeconfig(kubeconfig, None).await?;
        let standalone = Self { task, stop, connection };
        // From here on the server must be stopped, or its last writes would not be closed properly.
        if let Err(error) = install(&standalone.connection.client, namespace).await {
            standalone.stop().await;
            return Err(error);
        }
        info!(kubeconfig = %kubeconfig_path.display(), "control plane ready: use it with this kubeconfig");
        Ok(standalone)
    }

    /// Waits for the server to end by itself, which it should not.
    pub async fn failed(&mut self) -> anyhow::Error {
        match (&mut self.task).await {
            Ok(Err(error)) => anyhow::Error::new(error).context("the embedded API server failed"),
            Ok(Ok(())) => anyhow::anyhow!("the embedded API server ended unexpectedly"),
            Err(_) => anyhow::anyhow!("the embedded API server panicked"),
        }
    }

    /// Stops the server, the last thing to stop.
    pub async fn stop(self) {
        self.stop.cancel();
        match tokio::time::timeout(PATIENCE, self.task).await {
            Ok(Ok(Ok(()))) => debug!("API server stopped"),
            Ok(Ok(Err(error))) => tracing::error!(%error, "the API server failed while stopping"),
            Ok(Err(_)) => tracing::error!("the API server panicked while stopping"),
            Err(_) => tracing::warn!(patience = ?PATIENCE, "the API server does not stop and is dropped"),
        }
    }
}

/// Applies the Machine API, metalman's namespaces and its RBAC.
pub async fn install(client: &Client, namespace: &str) -> anyhow::Result<()> {
    let mut all = manifests::namespaces();
    all.push(manifests::crd());
    all.extend(manifests::rbac(namespace));
    for manifest in &all {
        apply(client, manifest).await?;
    }
    // Established is what makes the kind usable.
    let machines: Api<metalman_core::api::Machine> = Api::all(client.clone());
    let deadline = tokio::time::Instant::now() + ESTABLISH;
    loop {
        match machines.list(&kube::api::ListParams::default().limit(1)).await {
            Ok(_) => return Ok(()),
            Err(error) if tokio::time::Instant::now() > deadline => {
                anyhow::bail!("the Machine API is not served after {ESTABLISH:?}: {}", explain(&error));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn apply(client: &Client, manifest: &Manifest) -> anyhow::Result<()> {
    let object: DynamicObject = serde_json::from_value(manifest.object.clone()).context("a built-in manifest")?;
    let types = object.types.clone().unwrap_or_default();
    let name = object.metadata.name.clone().unwrap_or_default();
    let (group, version) = types.api_version.rsplit_once('/').unwrap_or(("", &types.api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &types.kind));
    let api: Api<DynamicObject> = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    // Forced: in standalone mode these objects are metalman's, whatever an earlier version left in them.
    let params = PatchParams::apply("metalman-install").force();
    match api.patch(&name, &params, &Patch::Apply(&object)).await {
        Ok(_) => Ok(()),
        Err(error) => anyhow::bail!("cannot install {} {name}: {}", types.kind, explain(&error)),
    }
}

/// The URL that clients of the embedded server are told, when it listens on every address.
pub fn advertise_url(host: Option<std::net::Ipv4Addr>, port: u16) -> Option<String> {
    // Port 0 becomes another one; the server then tells its own address.
    host.filter(|_| port != 0).map(|host| format!("https://{host}:{port}"))
}
