//! The command line: what can be asked of this binary.
//!
//! Parsing only. Values that need more than a type (durations, networks, URLs, files) stay text here and are checked by
//! [`crate::config::resolve`], so that every refusal names the flag, the value and the remedy in one voice.
//!
//! Invariant: every flag has an environment variable, `METALMAN_` and the flag's name in upper case with `_` for `-`.

#![allow(
    clippy::doc_markdown,
    rustdoc::bare_urls,
    rustdoc::broken_intra_doc_links,
    reason = "most doc comments here are help texts, printed as they stand"
)]

mod cluster;
mod image;
mod machine;
mod output;
mod serve;

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub use self::{
    cluster::ClusterArgs,
    image::{BuildArgs, ImageArchitecture, ImageCommand, ImageFormat, InspectArgs, LintArgs, PushArgs, RegistryArgs},
    machine::{
        ChoiceArgs, ListArgs, MachineCommand, OperationArgs, PowerArgs, RebootArgs, RegisterArgs, RepaveArgs,
        StatusArgs, TargetArgs, WaitFor, WatchArgs,
    },
    output::OutputFormat,
    serve::ServePxeArgs,
};

/// What `metalman help` ends with; the numbers are [`crate::exit`]'s.
const AFTER_HELP: &str = "\
Exit codes:
  0  done; a server: stopped as asked
  1  failed: the message says what was tried, on what, and what to do
  2  wrong usage or configuration: nothing was started, nothing was changed
  3  what was waited for did not happen in time; it goes on all the same

Every flag can be given as an environment variable: METALMAN_ and the flag's name in upper case, '-' as '_'.
Flags win over variables; an empty variable counts as unset.";

/// Bare-metal provisioning for Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "metalman", version, about, long_about = None, after_help = AFTER_HELP, propagate_version = true)]
pub struct Cli {
    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The flags about logs, which every command takes.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// Form of the log lines on standard error
    #[arg(long, global = true, env = "METALMAN_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// What to log: a level, or filters such as `info,metalman::election=debug` [default: RUST_LOG, else `info` for
    /// servers and `warn` for other commands]
    #[arg(long, global = true, env = "METALMAN_LOG_LEVEL", value_name = "FILTER")]
    pub log_level: Option<String>,
}

/// Form of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the controller of a site: boot servers and the Machines' lifecycle
    ServePxe(Box<ServePxeArgs>),
    /// Run the embedded Kubernetes-compatible API server alone
    Apiserver(ApiserverArgs),
    /// Register, list, watch, reboot and repave Machines
    #[command(subcommand)]
    Machine(MachineCommand),
    /// Build, check, show and upload netboot images
    #[command(subcommand)]
    Image(ImageCommand),
    /// Print what a cluster needs before metalman can run in it: namespace, CRD, RBAC, Deployment
    Manifests(ManifestsArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the version
    Version,
}

/// `metalman apiserver`.
#[derive(Debug, Args)]
pub struct ApiserverArgs {
    /// Folder for the state, the keys and the administrator's kubeconfig (DIR/kubeconfig); made if missing
    #[arg(long, env = "METALMAN_DATA", value_name = "DIR")]
    pub data: PathBuf,
    /// Where to listen; port 0 takes a free one
    #[arg(long, env = "METALMAN_LISTEN", value_name = "ADDR:PORT", default_value = "127.0.0.1:6443")]
    pub listen: String,
    /// A further DNS name or IP address for the serving certificate; may be repeated
    #[arg(long = "name", env = "METALMAN_NAME", value_name = "NAME", value_delimiter = ',')]
    pub names: Vec<String>,
    /// The URL that kubeconfigs and `cluster-info` carry [default: https:// and the listening address]
    #[arg(long, env = "METALMAN_ADVERTISE_URL", value_name = "URL")]
    pub advertise_url: Option<String>,
}

/// `metalman manifests`.
#[derive(Debug, Args)]
pub struct ManifestsArgs {
    /// Which part to print
    #[arg(long, env = "METALMAN_ONLY", value_enum, default_value_t = ManifestPart::All)]
    pub only: ManifestPart,
    /// Namespace that metalman runs in
    #[arg(long, env = "METALMAN_NAMESPACE", value_name = "NAME", default_value = crate::config::DEFAULT_NAMESPACE)]
    pub namespace: String,
    /// The site of the Deployment [default: the Deployment for Machines without a site label]
    #[arg(long, env = "METALMAN_SITE", value_name = "SITE")]
    pub site: Option<String>,
    /// The container image of the Deployment
    #[arg(long, env = "METALMAN_IMAGE", value_name = "IMAGE")]
    pub image: Option<String>,
}

/// A part of the manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ManifestPart {
    /// Everything, in the order to apply it.
    All,
    /// The Machine's CustomResourceDefinition.
    Crd,
    /// Namespaces, ServiceAccount, Roles and bindings.
    Rbac,
    /// The Deployment.
    Deployment,
}

impl Cli {
    /// Parses a command line. Called as `kubectl-metalman` (by argv\[0\]), it is `kubectl metalman` in every message.
    pub fn parse_from_args(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let args: Vec<OsString> = args.into_iter().collect();
        let mut command = command_for(args.first());
        let matches = command.try_get_matches_from_mut(args)?;
        Self::from_arg_matches(&matches).map_err(|e| e.format(&mut command))
    }
}

/// The command under the name it was called by: kubectl runs a plugin as `kubectl-metalman`.
pub fn command_for(argv0: Option<&OsString>) -> clap::Command {
    let called = argv0.and_then(|a| std::path::Path::new(a).file_stem()).and_then(|s| s.to_str()).unwrap_or_default();
    let command = ignore_empty_variables(Cli::command());
    if called == "kubectl-metalman" || called == "kubectl_metalman" {
        command.name("kubectl-metalman").bin_name("kubectl metalman")
    } else {
        command
    }
}

/// Takes away the environment variables that are set but empty: manifests and shells leave those behind, and nobody means
/// "the empty port" by them.
fn ignore_empty_variables(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| {
            let empty = arg.get_env().and_then(std::env::var_os).is_some_and(|v| v.is_empty());
            if empty { arg.env(clap::builder::Resettable::Reset) } else { arg }
        })
        .mut_subcommands(ignore_empty_variables)
}

#[cfg(test)]
mod tests;
