//! `rack bmc`: emulated BMCs, for scripts and people.

use std::{
    io::Write as _,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use rack::bmc::{Bmc, BootSource, Chaos, Config, Credentials, Profile, Timings};
use tokio::sync::mpsc;

#[derive(Debug, Args)]
pub(crate) struct BmcArgs {
    /// What the BMCs are like; several take turns.
    #[arg(long = "profile", default_values_t = ["plain".to_owned()], value_parser = known_profile)]
    profiles: Vec<String>,
    /// Where the first one listens.
    #[arg(long, default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// How many BMCs.
    #[arg(long, default_value_t = 1)]
    count: u16,
    /// Each BMC after the first has the next address instead of the next port.
    #[arg(long)]
    addresses: bool,
    /// Speak TLS, with self-signed certificates.
    #[arg(long)]
    tls: bool,
    /// Systems behind each BMC.
    #[arg(long, default_value_t = 1)]
    systems: usize,
    /// The account's name.
    #[arg(long, default_value = "admin")]
    username: String,
    /// The account's password.
    #[arg(long, default_value = "secret")]
    password: String,
    /// Milliseconds until power is on or off.
    #[arg(long, default_value_t = 2_000)]
    power_ms: u64,
    /// Milliseconds of POST.
    #[arg(long, default_value_t = 5_000)]
    post_ms: u64,
    /// Makes chaos repeatable.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Of a thousand requests, so many meet each kind of fault.
    #[arg(long, default_value_t = 0)]
    chaos: u16,
}

pub(super) fn known_profile(name: &str) -> Result<String, String> {
    let known: Vec<_> = Profile::all().iter().map(|profile| profile.name).collect();
    if known.contains(&name) { Ok(name.to_owned()) } else { Err(format!("profiles are {}", known.join(", "))) }
}

/// Runs BMCs for ever. Prints one line for each with its URL, then "ready", then what happens to the systems' power.
pub(crate) fn run(args: &BmcArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(args))
}

async fn serve(args: &BmcArgs) -> anyhow::Result<()> {
    let (events, mut happened) = mpsc::unbounded_channel();
    let mut out = std::io::stdout();
    let mut running = Vec::new();
    for (index, profile) in (0..args.count).zip(args.profiles.iter().cycle()) {
        let profile = Profile::named(profile).context("a profile of that name")?;
        let power = Duration::from_millis(args.power_ms);
        let bmc = Bmc::start(Config {
            name: format!("bmc{index}").into(),
            listen: place(args.listen, index, args.addresses)?,
            tls: args.tls,
            systems: args.systems,
            credentials: Credentials { username: args.username.clone(), password: args.password.clone() },
            timings: Timings {
                power_on: power,
                power_off: power,
                post: Duration::from_millis(args.post_ms),
                shutdown: Some(power),
            },
            order: vec![BootSource::Disk, BootSource::Pxe],
            chaos: Chaos::uniform(args.seed.wrapping_add(u64::from(index)), args.chaos),
            events: Some(events.clone()),
            ..Config::new(profile.clone())
        })
        .await?;
        writeln!(out, "bmc{index} {} {}", profile.name, bmc.url())?;
        running.push(bmc);
    }
    writeln!(out, "ready")?;
    while let Some(event) = happened.recv().await {
        writeln!(out, "{} system {}: {:?}", event.bmc, event.system, event.change)?;
    }
    Ok(())
}

/// The next port, or the next address with the same port.
fn place(first: SocketAddr, index: u16, addresses: bool) -> anyhow::Result<SocketAddr> {
    if !addresses {
        let port = first.port().checked_add(index).context("so many ports above that one")?;
        return Ok(SocketAddr::new(first.ip(), if first.port() == 0 { 0 } else { port }));
    }
    let ip = match first.ip() {
        IpAddr::V4(ip) => IpAddr::V4((u32::from(ip) + u32::from(index)).into()),
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) + u128::from(index)).into()),
    };
    Ok(SocketAddr::new(ip, first.port()))
}
