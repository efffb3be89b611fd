//! `metalman machine …`.

use clap::{Args, Subcommand};

use super::{ClusterArgs, OutputFormat};

/// The commands on Machines.
#[derive(Debug, Subcommand)]
pub enum MachineCommand {
    /// List Machines with their phase and why
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Register a server: make its Machine
    Register(Box<RegisterArgs>),
    /// Show one Machine: phase, conditions, operations
    Status(StatusArgs),
}

/// `metalman machine list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only Machines of this site [default: Machines of every site]
    #[arg(long, env = "METALMAN_SITE", value_name = "SITE")]
    pub site: Option<String>,
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

/// `metalman machine status`.
#[derive(Debug, Args)]
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
