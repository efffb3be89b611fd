//! `rack serve`: simulated machines behind emulated BMCs, against a metalman that runs elsewhere.

use std::{
    io::Write as _,
    net::{Ipv4Addr, SocketAddrV4},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, ValueEnum};
use metalman_core::api::labels::DEFAULT_NAMESPACE;
use rack::{
    bmc::{BootSource, Credentials, Profile, Timings},
    fleet::{
        Behaviour, Bmcs, Config, Fleet, Link, Network, behaviour::CloudInit, machine::Stage, manifest::Registration,
        running::connect,
    },
};
use tokio::signal::unix::{SignalKind, signal};

use super::bmc::known_profile;

/// Between looks at machines that start.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Report {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// How many machines.
    #[arg(long, default_value_t = 10)]
    machines: u32,
    /// Names of machines begin with this.
    #[arg(long, default_value = "rack-")]
    prefix: String,
    /// Number of the first machine, which also decides its MAC: 02:6d:00 and the number in three octets.
    #[arg(long, default_value_t = 0)]
    number: u32,
    /// Address of metalman; all replicas', for a relay that forwards to each.
    #[arg(long = "server", default_values_t = [Ipv4Addr::LOCALHOST])]
    servers: Vec<Ipv4Addr>,
    /// Its HTTP port.
    #[arg(long, default_value_t = 8880)]
    http_port: u16,
    /// Its DHCP port.
    #[arg(long, default_value_t = 67)]
    dhcp_port: u16,
    /// Its TFTP port.
    #[arg(long, default_value_t = 69)]
    tftp_port: u16,
    /// The relay (giaddr) that the machines' DHCP passes: an address of this host whose port 67 is free.
    #[arg(long, default_value = "127.0.0.2", conflicts_with = "interface")]
    relay: Ipv4Addr,
    /// Broadcast DHCP on this interface instead.
    #[arg(long)]
    interface: Option<String>,
    /// Address of the first machine; the others follow it. All must be local to this host.
    #[arg(long, default_value = "127.64.0.1")]
    first: Ipv4Addr,
    /// Prefix length of the machines' network, for their leases.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u8).range(1..=32))]
    prefix_length: u8,
    /// Address and port of the first BMC; the others have the addresses that follow.
    #[arg(long, default_value = "127.80.0.1:8000")]
    bmc: SocketAddrV4,
    /// What the BMCs are like; several take turns; "all" is all of them.
    #[arg(long = "profile", default_values_t = ["plain".to_owned()], value_parser = profile)]
    profiles: Vec<String>,
    /// Systems behind each BMC.
    #[arg(long, default_value_t = 1)]
    systems: usize,
    /// BMCs speak TLS, with self-signed certificates.
    #[arg(long)]
    tls: bool,
    /// The BMCs' account.
    #[arg(long, default_value = "admin")]
    username: String,
    /// Its password.
    #[arg(long, default_value = "secret")]
    password: String,
    /// Milliseconds until power is on or off.
    #[arg(long, default_value_t = 2_000)]
    power_ms: u64,
    /// Milliseconds of POST.
    #[arg(long, default_value_t = 5_000)]
    post_ms: u64,
    /// Milliseconds until a BMC answers.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// BMCs that never answer: the last ones.
    #[arg(long, default_value_t = 0)]
    dead: usize,
    /// Of a thousand BMCs, so many are faulty.
    #[arg(long, default_value_t = 1000)]
    faulty: u16,
    /// Of a thousand requests to faulty BMCs, so many meet each kind of fault.
    #[arg(long, default_value_t = 0)]
    chaos: u16,
    /// Makes everything repeatable that is left to chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Milliseconds that an installer writes.
    #[arg(long, default_value_t = 10_000)]
    install_ms: u64,
    /// Milliseconds from firmware to userspace of the installed system.
    #[arg(long, default_value_t = 5_000)]
    start_ms: u64,
    /// Seconds between what the kubelet says of its Node; 0: only after a start.
    #[arg(long, default_value_t = 300)]
    heartbeat: u64,
    /// Of a thousand installers, so many hang.
    #[arg(long, default_value_t = 0)]
    hangs: u16,
    /// So many restart in the middle.
    #[arg(long, default_value_t = 0)]
    crashes: u16,
    /// So many never say that they are done.
    #[arg(long, default_value_t = 0)]
    never_reports: u16,
    /// So many say it twice.
    #[arg(long, default_value_t = 0)]
    reports_twice: u16,
    /// cloud-init reports nothing.
    #[arg(long)]
    silent: bool,
    /// The machines are installed and powered on from the beginning.
    #[arg(long)]
    running: bool,
    /// Register Nodes in this cluster.
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
    /// Create the Machines, with this image, and the Secret of their BMCs.
    #[arg(long, requires = "kubeconfig", value_name = "IMAGE")]
    register: Option<String>,
    /// The site of those Machines.
    #[arg(long)]
    site: Option<String>,
    /// metalman's namespace.
    #[arg(long, default_value = DEFAULT_NAMESPACE)]
    namespace: String,
    /// How to tell how they are.
    #[arg(long, value_enum, default_value_t = Report::Text)]
    report: Report,
}

fn profile(name: &str) -> Result<String, String> {
    if name == "all" { Ok(name.to_owned()) } else { known_profile(name) }
}

/// Runs machines until a signal ends it.
pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(args))
}

async fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    let (mut ask, mut end, mut interrupt) =
        (signal(SignalKind::user_defined1())?, signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let client = match &args.kubeconfig {
        Some(path) => Some(connect(path).await?),
        None => None,
    };
    let fleet = Fleet::start(config(args, client.clone())).await?;
    while args.running && (0..fleet.len()).any(|index| !is_up(fleet.shown(index).stage)) {
        tokio::time::sleep(LOOK).await;
    }
    if let (Some(client), Some(image)) = (&client, &args.register) {
        let (site, namespace) = (args.site.clone(), args.namespace.clone());
        fleet.register(client, &Registration { image: image.clone(), site, namespace }).await?;
    }
    writeln!(std::io::stdout(), "ready")?;
    loop {
        let last = tokio::select! {
            _ = ask.recv() => false,
            _ = end.recv() => true,
            _ = interrupt.recv() => true,
        };
        let summary = fleet.summary();
        let text = match args.report {
            Report::Json => serde_json::to_string(&summary)?,
            Report::Text => serde_json::to_string_pretty(&summary)?,
        };
        writeln!(std::io::stdout(), "{text}")?;
        if last {
            return Ok(());
        }
    }
}

/// Whether power is on, and firmware has found the installed system.
fn is_up(stage: Stage) -> bool {
    matches!(stage, Stage::Starting | Stage::Running)
}

fn config(args: &ServeArgs, nodes: Option<kube::Client>) -> Config {
    let power = Duration::from_millis(args.power_ms);
    let mut profiles: Vec<_> = args.profiles.iter().filter_map(|name| Profile::named(name)).collect();
    if args.profiles.iter().any(|name| name == "all") {
        profiles = Profile::all();
    }
    Config {
        machines: args.machines,
        prefix: args.prefix.clone(),
        first: args.number,
        network: Network {
            servers: args.servers.clone(),
            http_port: args.http_port,
            dhcp_port: args.dhcp_port,
            tftp_port: args.tftp_port,
            link: args.interface.clone().map_or(Link::Relay(args.relay), Link::Broadcast),
            first: args.first,
            subnet_mask: Ipv4Addr::from_bits(u32::MAX << (32 - u32::from(args.prefix_length))),
            gateway: args.relay,
        },
        bmcs: Bmcs {
            first: args.bmc,
            profiles,
            systems: args.systems.max(1),
            tls: args.tls,
            credentials: Credentials { username: args.username.clone(), password: args.password.clone() },
            timings: Timings {
                power_on: power,
                power_off: power,
                post: Duration::from_millis(args.post_ms),
                // The machine itself says when it has shut down.
                shutdown: None,
            },
            delay: Duration::from_millis(args.delay_ms),
            dead: args.dead,
            faulty: args.faulty,
            chaos: args.chaos,
            journal: 0,
        },
        order: vec![BootSource::Disk, BootSource::Pxe, BootSource::UefiHttp],
        behaviour: Behaviour {
            install_time: Duration::from_millis(args.install_ms),
            start_time: Duration::from_millis(args.start_ms),
            shutdown: power,
            heartbeat: (args.heartbeat > 0).then(|| Duration::from_secs(args.heartbeat)),
            cloud_init: if args.silent { CloudInit::Silent } else { CloudInit::Succeeds },
            hangs: args.hangs,
            crashes: args.crashes,
            never_reports: args.never_reports,
            reports_twice: args.reports_twice,
        },
        running: args.running,
        nodes,
        seed: args.seed,
    }
}
