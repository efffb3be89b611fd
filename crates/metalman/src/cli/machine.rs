//! `metalman machine …`.

mod operate;

use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use metalman_core::api::Phase;

pub use self::operate::{ChoiceArgs, OperationArgs, PowerArgs, RebootArgs, RepaveArgs, TargetArgs, WaitFor, WatchArgs};
use super::{ClusterArgs, OutputFormat};

/// The commands on Machines.
#[derive(Debug, Subcommand)]
pub enum MachineCommand {
    /// List Machines with their phase and why
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Register a server: make its Machine
    Register(Box<RegisterArgs>),
    /// Show one Machine: what is wanted, what was seen, where its boot stands, and what to do next
    Status(StatusArgs),
    /// Follow Machines: one line for each change
    Watch(WatchArgs),
    /// Reboot Machines
    Reboot(RebootArgs),
    /// Install Machines anew, which wipes their disks
    Repave(RepaveArgs),
    /// Show the power of Machines and how their BMCs are
    Power(PowerArgs),
}

/// `metalman machine list`.
#[derive(Debug, Args)]
#[command(after_help = "\
STEP is the step that a boot under way got to last, and for how long nothing came after it.

Examples:
  kubectl metalman machine list --site rack-7,rack-8 -o wide
  kubectl metalman machine list --phase Failed -o name")]
pub struct ListArgs {
    /// Only Machines of this site; may be repeated [default: Machines of every site]
    #[arg(long = "site", env = "METALMAN_SITE", value_name = "SITE", value_delimiter = ',')]
    pub sites: Vec<String>,
    /// Only Machines in this phase; may be repeated
    #[arg(
        long = "phase",
        env = "METALMAN_PHASE",
        value_name = "PHASE",
        value_delimiter = ',',
        ignore_case = true,
        value_parser = PossibleValuesParser::new(Phase::ALL.map(Phase::as_str)).map(|word| phase(&word))
    )]
    pub phases: Vec<Phase>,
    /// Only Machines with these labels, in kubectl's syntax
    #[arg(short = 'l', long, env = "METALMAN_SELECTOR", value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// Form of the output
    #[arg(short, long, env = "METALMAN_OUTPUT", value_enum, default_value_t = OutputFormat::Table)]
    pub output: OutputFormat,
    /// Where to look.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// The phase of a word that is one in some case.
fn phase(word: &str) -> Phase {
    Phase::ALL.into_iter().find(|phase| phase.as_str().eq_ignore_ascii_case(word)).unwrap_or(Phase::Pending)
}

/// `metalman machine status`.
#[derive(Debug, Args)]
#[command(after_help = "\
The last part says what a person is to do next, if anything, with the command to copy.

Examples:
  kubectl metalman machine status n1
  kubectl metalman machine status n1 -o json | jq .status.boot")]
pub struct StatusArgs {
    /// The Machine's name
    pub name: String,
    /// Form of the output
    #[arg(short, long, env = "METALMAN_OUTPUT", value_enum, default_value_t = OutputFormat::Table)]
    pub output: OutputFormat,
    /// Where to look.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// `metalman machine register`. Several network cards: repeat `--mac` and `--ipv4` in the same order.
#[derive(Debug, Args)]
pub struct RegisterArgs {
    /// The Machine's name; also its host name unless --hostname is given
    pub name: String,
    /// MAC address of the network card, `:` or `-` between the bytes; repeat for further cards
    #[arg(long = "mac", env = "METALMAN_MAC", value_name = "MAC", required = true, value_delimiter = ',')]
    pub macs: Vec<String>,
    /// Its IPv4 address, with the prefix length (192.0.2.10/24) or with --subnet-mask
    #[arg(long = "ipv4", env = "METALMAN_IPV4", value_name = "ADDR[/PREFIX]", required = true, value_delimiter = ',')]
    pub addresses: Vec<String>,
    /// Subnet mask of addresses given without a prefix length
    #[arg(long, env = "METALMAN_SUBNET_MASK", value_name = "MASK")]
    pub subnet_mask: Option<String>,
    /// Default gateway (of the first card)
    #[arg(long, env = "METALMAN_GATEWAY", value_name = "ADDR")]
    pub gateway: Option<String>,
    /// DNS server; may be repeated
    #[arg(long = "dns", env = "METALMAN_DNS", value_name = "ADDR", value_delimiter = ',')]
    pub dns: Vec<String>,
    /// Host name (of the first card)
    #[arg(long, env = "METALMAN_HOSTNAME", value_name = "NAME")]
    pub hostname: Option<String>,
    /// The netboot image: an OCI reference by tag or digest, or oci:/path[:tag]
    #[arg(long, env = "METALMAN_IMAGE", value_name = "REFERENCE")]
    pub image: String,
    /// The site that owns the Machine
    #[arg(long, env = "METALMAN_SITE", value_name = "SITE")]
    pub site: Option<String>,
    /// Kubernetes version to install [default: the cluster's]
    #[arg(long, env = "METALMAN_KUBERNETES_VERSION", value_name = "VERSION")]
    pub kubernetes_version: Option<String>,
    /// URL of the BMC's Redfish service, such as https://192.0.2.110
    #[arg(long, env = "METALMAN_REDFISH_URL", value_name = "URL", requires_all = ["redfish_username", "redfish_password_secret"])]
    pub redfish_url: Option<String>,
    /// User name at the BMC
    #[arg(long, env = "METALMAN_REDFISH_USERNAME", value_name = "USER", requires = "redfish_url")]
    pub redfish_username: Option<String>,
    /// The Secret with the BMC's password, in its key `password`; default namespace: metalman's
    #[arg(long, env = "METALMAN_REDFISH_PASSWORD_SECRET", value_name = "[NAMESPACE/]NAME", requires = "redfish_url")]
    pub redfish_password_secret: Option<String>,
    /// A further label; may be repeated
    #[arg(short = 'L', long = "label", env = "METALMAN_LABEL", value_name = "KEY=VALUE", value_delimiter = ',')]
    pub labels: Vec<String>,
    /// Let the API server check everything and store nothing
    #[arg(long, env = "METALMAN_DRY_RUN")]
    pub dry_run: bool,
    /// Form of the output
    #[arg(short, long, env = "METALMAN_OUTPUT", value_enum, default_value_t = OutputFormat::Table)]
    pub output: OutputFormat,
    /// Where to register it.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}
