//! The listener: TLS, HTTP/1.1 and HTTP/2, limits, graceful shutdown; and the embedding interface.
//!
//! Start is ordered so that a refusal leaves everything as it was: the address is bound first, then the data folder is
//! locked, and only then is anything made.

mod bootstrap;
mod connection;
mod listen;
pub mod progress;
mod watchdog;

use std::{io::Write, net::SocketAddr, path::Path, path::PathBuf, sync::Arc};

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    auth::{Auth, UserInfo},
    controllers::Tasks,
    kinds::Registry,
    pki::Pki,
    rest::{Api, Caller},
    store::Store,
};

/// How to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Data folder: `store.redb`, `pki/`, and the admin's `kubeconfig` (0600).
    pub data_dir: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Further DNS names and IP addresses for the serving certificate.
    pub names: Vec<String>,
    /// URL that kubeconfigs and `cluster-info` carry; default: `https://` and the listener's address (127.0.0.1 for 0.0.0.0).
    pub advertise_url: Option<String>,
}

/// A running API server, in this process. Dropping it stops its controllers and watches.
pub struct ApiServer {
    api: Api,
    listener: TcpListener,
    address: SocketAddr,
    url: String,
    kubeconfig: String,
    tls: Arc<rustls::ServerConfig>,
    tasks: Tasks,
    stop: CancellationToken,
    _guard: DropGuard,
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error(transparent)]
    Store(#[from] crate::store::OpenError),
    /// The keys.
    #[error(transparent)]
    Pki(#[from] crate::pki::PkiError),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The kubeconfig could not be written.
    #[error("{path} cannot be written")]
    Kubeconfig {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An object that every cluster has could not be made.
    #[error("{object} cannot be made")]
    Bootstrap {
        /// The object.
        object: String,
        /// Why.
        #[source]
        source: Box<crate::error::ApiError>,
    },
}

impl ApiServer {
    /// Binds, opens the store and the keys, makes the objects every cluster has (namespaces, built-in roles, `cluster-info`,
    /// `kube-dns`), starts the controllers, writes `DIR/kubeconfig`.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let bind = |source| StartError::Bind { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let url = config.advertise_url.clone().unwrap_or_else(|| default_url(address));
        let now = jiff::Timestamp::now();

        let dir = config.data_dir.clone();
        let names = serving_names(&config, address, &url);
        let (store, pki) = blocking(move || {
            let store = Store::open(&dir)?;
            let pki = Pki::open(&dir, &names, now)?;
            Ok::<_, StartError>((store, Arc::new(pki)))
        })
        .await?;

        let registry = Arc::new(Registry::new());
        let auth = Arc::new(Auth::new(store.clone(), Arc::clone(&pki)));
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        let api = Api::new(store.clone(), Arc::clone(&registry), auth, url.clone(), stop.clone());
        bootstrap::make_objects(&api, &url, pki.ca_pem(), address.port()).await?;

        let tasks = watchdog::start(&store, &registry, &pki, &stop);

        let admin = UserInfo {
            username: "kubernetes-admin".to_owned(),
            groups: vec!["system:masters".to_owned()],
            ..UserInfo::default()
        };
        let (dir, server, keys) = (config.data_dir.clone(), url.clone(), Arc::clone(&pki));
        let kubeconfig = blocking(move || {
            let text = keys.kubeconfig(&server, &admin, now);
            let path = dir.join("kubeconfig");
            write_private(&path, &text)
                .map_err(|source| StartError::Kubeconfig { path: path.display().to_string(), source })?;
            Ok::<_, StartError>(text)
        })
        .await?;
        let tls = pki.server_tls();
        api.set_ready();
        tracing::info!(url, "API server ready");
        Ok(Self { api, listener, address, url, kubeconfig, tls, tasks, stop, _guard: guard })
    }

    /// The bound address.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
    /// The URL that clients use.
    pub fn url(&self) -> &str {
        &self.url
    }
    /// The administrator's kubeconfig (group `system:masters`).
    pub fn admin_kubeconfig(&self) -> String {
        self.kubeconfig.clone()
    }
    /// The HTTP interface without TLS, for embedding behind another listener; every request then is the given user's.
    pub fn router(&self, user: UserInfo) -> axum::Router {
        self.api.router(Caller::Fixed(user))
    }
    /// Serves until cancelled, then ends watches, finishes running requests and closes the store. A controller that ends
    /// before that ends the server too: the error names it.
    pub async fn run(self, stop: CancellationToken) -> Result<(), std::io::Error> {
        let Self { api, listener, tls, mut tasks, stop: inner, .. } = self;
        let router = api.router(Caller::Presented);
        let ended = tokio::select! {
            connections = listen::serve(listener, tls, router, &stop, &inner) => {
                connections.finish().await;
                Ok(())
            }
            // Controllers run as long as the server: one that ends early is a fault that must be seen.
            Some(ended) = tasks.next_ended() => {
                tracing::error!(task = ended.name, panicked = ended.panicked, "the API server cannot go on");
                Err(std::io::Error::other(ended))
            }
        };
        inner.cancel();
        while tasks.next_ended().await.is_some() {}
        drop(api);
        tracing::info!("API server stopped");
        ended
    }
}

/// Work that waits for the disk, off the threads that serve.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(e) => std::panic::resume_unwind(e.into_panic()),
    }
}

fn default_url(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(a) if a.ip().is_unspecified() => format!("https://127.0.0.1:{}", a.port()),
        SocketAddr::V6(a) if a.ip().is_unspecified() => format!("https://[::1]:{}", a.port()),
        a => format!("https://{a}"),
    }
}

fn serving_names(config: &Config, address: SocketAddr, url: &str) -> Vec<String> {
    let mut names = config.names.clone();
    if !address.ip().is_unspecified() {
        names.push(address.ip().to_string());
    }
    if let Some(host) = url.parse::<http::Uri>().ok().and_then(|u| u.host().map(str::to_owned)) {
        names.push(host.trim_matches(['[', ']']).to_owned());
    }
    names
}

/// Writes a secret file so that readers see the old content or the new one, never a part, and nobody else ever sees any.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let temporary = path.with_extension("tmp");
    match std::fs::remove_file(&temporary) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests;
