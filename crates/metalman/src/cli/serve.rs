//! `metalman serve-pxe`: one flag a line of the documented table.

use std::path::PathBuf;

use clap::{ArgAction, Args, builder::BoolishValueParser};

/// The flags of `serve-pxe`, as given.
#[derive(Debug, Clone, Default, Args)]
pub struct ServePxeArgs {
    /// Serve only Machines whose label `unbounded-cloud.io/site` has this value [default: only Machines without that
    /// label]
    #[arg(long, env = "METALMAN_SITE", value_name = "SITE", help_heading = "What to serve")]
    pub site: Option<String>,

    /// Address that the servers listen on [default: 0.0.0.0, all of them]
    #[arg(long, env = "METALMAN_BIND_ADDRESS", value_name = "ADDR", help_heading = "Network")]
    pub bind_address: Option<String>,
    /// TCP port of the HTTP boot server; 0 takes a free one [default: 8880]
    #[arg(long, env = "METALMAN_HTTP_PORT", value_name = "PORT", help_heading = "Network")]
    pub http_port: Option<String>,
    /// TCP port of /healthz, /readyz and /metrics; 0 takes a free one [default: 8081]
    #[arg(long, env = "METALMAN_HEALTH_PORT", value_name = "PORT", help_heading = "Network")]
    pub health_port: Option<String>,
    /// UDP port of the DHCP server; 0 takes a free one, for tests [default: 67]
    #[arg(long, env = "METALMAN_DHCP_PORT", value_name = "PORT", help_heading = "Network")]
    pub dhcp_port: Option<String>,
    /// UDP port of the TFTP server [default: 69]
    #[arg(long, env = "METALMAN_TFTP_PORT", value_name = "PORT", help_heading = "Network")]
    pub tftp_port: Option<String>,
    /// Answer DHCP broadcasts on this network interface; may be repeated [default: none, only DHCP relays are answered]
    #[arg(
        long = "dhcp-interface",
        env = "METALMAN_DHCP_INTERFACE",
        value_name = "NIC",
        value_delimiter = ',',
        help_heading = "Network"
    )]
    pub dhcp_interfaces: Vec<String>,
    /// Answer DHCP broadcasts on the interface that holds the serve address; excludes --dhcp-interface [default: off]
    #[arg(
        long,
        env = "METALMAN_DHCP_AUTO_INTERFACE",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        action = ArgAction::Set,
        value_parser = BoolishValueParser::new(),
        help_heading = "Network"
    )]
    pub dhcp_auto_interface: Option<bool>,
    /// What machines are told to boot from [default: http://ADDRESS:HTTP-PORT, from the bind address, else the DHCP
    /// interface, else the interface of the default route; never 0.0.0.0]
    #[arg(long, env = "METALMAN_SERVE_URL", value_name = "URL", help_heading = "Network")]
    pub serve_url: Option<String>,
    /// Believe X-Forwarded-For from this network; may be repeated [default: from nobody]
    #[arg(
        long = "trusted-proxy",
        env = "METALMAN_TRUSTED_PROXY",
        value_name = "CIDR",
        value_delimiter = ',',
        help_heading = "Network"
    )]
    pub trusted_proxies: Vec<String>,

    /// Folder for what was pulled from registries [default: /var/cache/metalman as root, else metalman in the XDG cache
    /// folder]
    #[arg(long, env = "METALMAN_CACHE_DIR", value_name = "DIR", help_heading = "Files")]
    pub cache_dir: Option<PathBuf>,
    /// Size that the folder of pulled images is kept under, by removing images that no Machine names, such as 20GiB. Also
    /// the most that one image may unpack to [default: 20GiB]
    #[arg(long, env = "METALMAN_CACHE_MAX_SIZE", value_name = "SIZE", help_heading = "Files")]
    pub cache_max_size: Option<String>,
    /// How long an image that no Machine names is kept, such as 72h [default: 168h]
    #[arg(long, env = "METALMAN_CACHE_MAX_AGE", value_name = "DURATION", help_heading = "Files")]
    pub cache_max_age: Option<String>,
    /// PEM file of CA certificates that registries may have theirs from, besides the system's
    #[arg(long, env = "METALMAN_REGISTRY_CA_BUNDLE", value_name = "FILE", help_heading = "Files")]
    pub registry_ca_bundle: Option<PathBuf>,
    /// Registry that may be spoken to without TLS, and is told pull secrets without it; may be repeated [default: plain HTTP
    /// is tried, without pull secrets, at loopback and private addresses where TLS does not answer]
    #[arg(
        long = "insecure-registry",
        env = "METALMAN_INSECURE_REGISTRY",
        value_name = "HOST[:PORT]",
        value_delimiter = ',',
        help_heading = "Files"
    )]
    pub insecure_registries: Vec<String>,
    /// Folder below which oci:/path netboot images may lie [default: anywhere with --standalone, nowhere otherwise]
    #[arg(long, env = "METALMAN_LAYOUT_ROOT", value_name = "DIR", help_heading = "Files")]
    pub layout_root: Option<PathBuf>,
    /// PEM file of CA certificates: require TPM endorsement key certificates that chain to one of them [default: none
    /// required]
    #[arg(long, env = "METALMAN_EK_CA_BUNDLE", value_name = "FILE", help_heading = "Files")]
    pub ek_ca_bundle: Option<PathBuf>,

    /// The kubeconfig to use [default: KUBECONFIG, else the pod's ServiceAccount, else ~/.kube/config]
    #[arg(long, env = "METALMAN_KUBECONFIG", value_name = "FILE", help_heading = "Cluster")]
    pub kubeconfig: Option<PathBuf>,
    /// Namespace of metalman's Lease and Secrets [default: unbounded-kube]
    #[arg(long, env = "METALMAN_NAMESPACE", value_name = "NAME", help_heading = "Cluster")]
    pub namespace: Option<String>,
    /// Run the embedded API server in this process, its state in DIR, the administrator's kubeconfig in DIR/kubeconfig
    /// [default: off; excludes --kubeconfig]
    #[arg(long, env = "METALMAN_STANDALONE", value_name = "DIR", help_heading = "Cluster")]
    pub standalone: Option<PathBuf>,
    /// Where the embedded API server listens; needs --standalone [default: the bind address, port 6443]
    #[arg(long, env = "METALMAN_STANDALONE_LISTEN", value_name = "ADDR:PORT", help_heading = "Cluster")]
    pub standalone_listen: Option<String>,
    /// API server URL that machines are told; metalman itself keeps using its own [default: from the cluster-info
    /// ConfigMap, else the URL that metalman uses]
    #[arg(long, env = "METALMAN_APISERVER_URL", value_name = "URL", help_heading = "Cluster")]
    pub apiserver_url: Option<String>,
    /// Kubernetes version for Machines that name none [default: from /version]
    #[arg(long, env = "METALMAN_KUBERNETES_VERSION", value_name = "VERSION", help_heading = "Cluster")]
    pub kubernetes_version: Option<String>,
    /// Address of the cluster's DNS that machines are told [default: from the kube-dns Service, else 10.96.0.10]
    #[arg(long, env = "METALMAN_CLUSTER_DNS", value_name = "ADDR", help_heading = "Cluster")]
    pub cluster_dns: Option<String>,

    /// Drain the Node of a Machine before its power is cut, and let it take pods again afterwards [default: off]
    #[arg(
        long,
        env = "METALMAN_DRAIN",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        action = ArgAction::Set,
        value_parser = BoolishValueParser::new(),
        help_heading = "Power"
    )]
    pub drain: Option<bool>,
    /// How long draining a Node may take before its Machine's power is cut all the same [default: 10m]
    #[arg(long, env = "METALMAN_DRAIN_TIMEOUT", value_name = "DURATION", help_heading = "Power")]
    pub drain_timeout: Option<String>,
    /// How long a BMC gets to show the power state that it was asked for before the attempt has failed [default: 5m]
    #[arg(long, env = "METALMAN_POWER_TIMEOUT", value_name = "DURATION", help_heading = "Power")]
    pub power_timeout: Option<String>,
    /// How long to wait before a power command that shows no effect is sent again [default: 30s]
    #[arg(long, env = "METALMAN_POWER_RETRY_PERIOD", value_name = "DURATION", help_heading = "Power")]
    pub power_retry_period: Option<String>,
    /// How long a power state must be unchanged to count as settled [default: 5s]
    #[arg(long, env = "METALMAN_POWER_SETTLE_TIME", value_name = "DURATION", help_heading = "Power")]
    pub power_settle_time: Option<String>,
    /// How often a BMC on which something is under way is looked at [default: 2s]
    #[arg(long, env = "METALMAN_BMC_POLL_PERIOD", value_name = "DURATION", help_heading = "Power")]
    pub bmc_poll_period: Option<String>,
    /// How often a BMC on which nothing is under way is looked at [default: 5m]
    #[arg(long, env = "METALMAN_BMC_IDLE_POLL_PERIOD", value_name = "DURATION", help_heading = "Power")]
    pub bmc_idle_poll_period: Option<String>,
    /// How many Machines are looked at at once; a BMC gets one request at a time anyway [default: 256]
    #[arg(long, env = "METALMAN_BMC_CONCURRENCY", value_name = "NUMBER", help_heading = "Power")]
    pub bmc_concurrency: Option<String>,

    /// How long a leader that went silent keeps the lease, such as 15s or 1m30s [default: 15s]
    #[arg(
        long,
        env = "METALMAN_LEADER_ELECT_LEASE_DURATION",
        value_name = "DURATION",
        help_heading = "Leader election"
    )]
    pub leader_elect_lease_duration: Option<String>,
    /// How long the leader tries to renew before it steps down; shorter than the lease duration [default: 10s]
    #[arg(
        long,
        env = "METALMAN_LEADER_ELECT_RENEW_DEADLINE",
        value_name = "DURATION",
        help_heading = "Leader election"
    )]
    pub leader_elect_renew_deadline: Option<String>,
    /// How long to wait between tries; shorter than the renew deadline [default: 2s]
    #[arg(long, env = "METALMAN_LEADER_ELECT_RETRY_PERIOD", value_name = "DURATION", help_heading = "Leader election")]
    pub leader_elect_retry_period: Option<String>,
}
