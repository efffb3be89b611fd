//! How a one-shot command reaches its cluster.

use std::path::PathBuf;

use clap::Args;

/// The flags of every command that talks to a cluster.
#[derive(Debug, Clone, Args)]
pub struct ClusterArgs {
    /// The kubeconfig to use [default: KUBECONFIG, else ~/.kube/config, else the pod's ServiceAccount]
    #[arg(long, env = "METALMAN_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The context in that kubeconfig [default: its current one]
    #[arg(long, env = "METALMAN_CONTEXT", value_name = "NAME")]
    pub context: Option<String>,
}
