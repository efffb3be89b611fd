//! The Kubernetes client: one way in, whether the cluster is real or in this process.

use std::{path::PathBuf, time::Duration};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::config::ClusterSource;

/// A dead address is given up on soon: the watch and the election try again by themselves.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A kubeconfig file.
    #[error("cannot use kubeconfig {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: kube::config::KubeconfigError,
    },
    /// The kubeconfig as a whole: a context, a certificate.
    #[error("cannot use the kubeconfig")]
    Kubeconfig(#[source] kube::config::KubeconfigError),
    /// The pod's ServiceAccount.
    #[error("cannot use the pod's ServiceAccount")]
    InCluster(#[source] kube::config::InClusterError),
    /// TLS or proxy settings.
    #[error("cannot make a client for {url}")]
    Client {
        /// The API server.
        url: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

/// A client and what it was made from.
#[derive(Clone)]
pub struct Connection {
    /// The client.
    pub client: Client,
    /// The same, but one that takes 429 and 503 for answers where `client` tries again for minutes: to be refused by a
    /// `PodDisruptionBudget`, say.
    pub once: Client,
    /// The API server's URL, as this process uses it.
    pub url: String,
    /// Its CA certificates as PEM, if the client trusts particular ones.
    pub ca_pem: Option<String>,
    /// The namespace that the context or the pod names.
    pub default_namespace: String,
}

/// Connects to a cluster. In standalone mode the caller passes the embedded server's kubeconfig to [`from_kubeconfig`].
pub async fn connect(source: &ClusterSource) -> Result<Connection, ConnectError> {
    match source {
        ClusterSource::InCluster => connection(Config::incluster().map_err(ConnectError::InCluster)?),
        ClusterSource::Kubeconfig { files, context } => {
            let mut merged = Kubeconfig::default();
            for path in files {
                let refuse = |source| ConnectError::File { path: path.clone(), source };
                merged = merged.merge(Kubeconfig::read_from(path).map_err(refuse)?).map_err(refuse)?;
            }
            from_kubeconfig(merged, context.clone()).await
        }
        ClusterSource::Standalone { dir, .. } => {
            let path = dir.join("kubeconfig");
            let kubeconfig = Kubeconfig::read_from(&path).map_err(|source| ConnectError::File { path, source })?;
            from_kubeconfig(kubeconfig, None).await
        }
    }
}

/// Connects with a kubeconfig in memory.
pub async fn from_kubeconfig(kubeconfig: Kubeconfig, context: Option<String>) -> Result<Connection, ConnectError> {
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    connection(Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(ConnectError::Kubeconfig)?)
}

fn connection(mut config: Config) -> Result<Connection, ConnectError> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    let url = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    let certificates = config.root_cert.as_ref().map(|certificates| certificates.iter().map(|der| pem(der)).collect());
    // In a pod the CA is a file, which the client reads again as it changes.
    let ca_pem = certificates.or_else(|| std::fs::read_to_string(config.root_cert_file.as_ref()?).ok());
    let default_namespace = config.default_namespace.clone();
    let client = |config| {
        Client::try_from(config).map_err(|source| ConnectError::Client { url: url.clone(), source: Box::new(source) })
    };
    let retrying = config.clone();
    config.default_retry = false;
    let (client, once) = (client(retrying)?, client(config)?);
    Ok(Connection { client, once, url, ca_pem, default_namespace })
}

/// A certificate in PEM (RFC 7468).
fn pem(der: &[u8]) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests;
