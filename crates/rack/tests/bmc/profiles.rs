//! For every kind of BMC: an override that metalman's client set decides the next boot, and only that; what the client sees of
//! it before and after. And a thousand BMCs in one process.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use metalman::redfish::{Client, Credentials, Endpoint, RedfishMetrics};
use metalman_core::lifecycle::bmc::{BootOverride, BootTarget, PowerAction};
use rack::bmc::{Bmc, BootSource, Change, Config, PowerEvent, Profile};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinSet,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(30);

fn client(bmc: &Bmc) -> anyhow::Result<Client> {
    let credentials = Credentials { username: "admin".into(), password: "secret".into() };
    Ok(Client::new(Endpoint::new(&bmc.url(), Some(credentials), None)?, RedfishMetrics::default())?)
}

/// What the next boot tries first.
async fn boots(events: &mut UnboundedReceiver<PowerEvent>) -> anyhow::Result<BootSource> {
    loop {
        let event = timeout(PATIENCE, events.recv()).await.context("no boot")?.context("no more events")?;
        if let Change::Boot(plan) = event.change {
            return plan.sources.into_iter().next().context("a boot from nothing");
        }
    }
}

async fn shown(client: &Client) -> anyhow::Result<BootOverride> {
    client.observe(None).await?.boot_override.context("no override is shown")
}

async fn one_boot_from_the_network(profile: Profile) -> anyhow::Result<()> {
    let (sender, mut events) = unbounded_channel();
    let bmc = Bmc::start(Config { events: Some(sender), ..Config::new(profile) }).await?;
    let client = client(&bmc)?;
    client.set_boot_override(None, BootTarget::Pxe).await.context("set")?;
    let pending = shown(&client).await?;
    ensure!(pending.is_active() && pending.target == "Pxe", "pending is not seen: {pending:?}");
    client.power(None, PowerAction::On).await.context("on")?;
    ensure!(boots(&mut events).await? == BootSource::Pxe, "the override was not used");
    let used = shown(&client).await?;
    ensure!(!used.is_active(), "used, and still shown: {used:?}");
    bmc.rebooted(0);
    ensure!(boots(&mut events).await? == BootSource::Disk, "the override was used twice");
    client.close().await;
    ensure!(bmc.sessions() == 0, "{} sessions are left", bmc.sessions());
    Ok(())
}

#[tokio::test]
async fn an_override_is_for_one_boot_at_every_kind_of_bmc() -> anyhow::Result<()> {
    let mut failed = Vec::new();
    for profile in Profile::all() {
        let name = profile.name;
        if let Err(error) = one_boot_from_the_network(profile).await {
            failed.push(format!("{name}: {error:#}"));
        }
    }
    ensure!(failed.is_empty(), "{failed:#?}");
    Ok(())
}

#[tokio::test]
async fn uefi_http_is_refused_where_it_is_not_offered() -> anyhow::Result<()> {
    for profile in Profile::all() {
        let (name, offered) = (profile.name, profile.boot.targets.contains(&"UefiHttp"));
        let bmc = Bmc::start(Config::new(profile)).await?;
        let client = client(&bmc)?;
        let outcome = client.set_boot_override(None, BootTarget::UefiHttp).await;
        ensure!(outcome.is_ok() == offered, "{name}: {outcome:?}");
        client.close().await;
        ensure!(bmc.sessions() == 0);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_bmcs_are_cheap() -> anyhow::Result<()> {
    let before = resident()?;
    let started = Instant::now();
    let mut bmcs = Vec::new();
    for profile in Profile::all().into_iter().cycle().take(1000) {
        bmcs.push(Bmc::start(Config { tls: true, ..Config::new(profile) }).await?);
    }
    let (took, grown) = (started.elapsed(), resident()?.saturating_sub(before));
    report(&format!("1000 BMCs with TLS: {} ms to start, {} KiB", took.as_millis(), grown / 1024));
    ensure!(grown < 64 << 20, "{} KiB for a thousand BMCs that nobody has asked anything", grown / 1024);
    let mut asked = JoinSet::new();
    for bmc in bmcs {
        asked.spawn(async move {
            let client = client(&bmc)?;
            client.observe(None).await?;
            client.close().await;
            ensure!(bmc.sessions() == 0);
            Ok(())
        });
    }
    while let Some(done) = asked.join_next().await {
        if let Err(error) = done? {
            bail!(error);
        }
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a measured figure")]
fn report(figure: &str) {
    eprintln!("{figure}");
}

/// Bytes of memory that this process occupies.
fn resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024)
}
