//! The Redfish client against every kind of BMC that the rack emulates: a whole cycle at one of two systems.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use metalman::redfish::{Client, Credentials, Endpoint, RedfishMetrics};
use metalman_core::lifecycle::bmc::{BootTarget, PowerAction, PowerState};
use rack::bmc::{Bmc, Config, Profile, ResetType};

async fn becomes(client: &Client, id: &str, power: &PowerState) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let shown = client.observe(Some(id)).await?.power;
        if shown.as_ref() == Some(power) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{id} shows {shown:?} and not {power}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn cycle(profile: Profile) -> anyhow::Result<()> {
    let bmc = Bmc::start(Config { tls: true, systems: 2, ..Config::new(profile) }).await?;
    let credentials = Credentials { username: "admin".into(), password: "secret".into() };
    let client = Client::new(Endpoint::new(&bmc.url(), Some(credentials), None)?, RedfishMetrics::default())?;
    let id = bmc.system_id(1);
    let system = client.observe(Some(&id)).await?;
    ensure!(system.power == Some(PowerState::Off), "{system:?}");
    ensure!(system.certificate == bmc.fingerprint(), "{system:?}");
    ensure!(!system.boot_override.is_some_and(|shown| shown.is_active()));

    client.set_boot_override(Some(&id), BootTarget::Pxe).await.context("set")?;
    ensure!(bmc.boot_override(1).is_active() && !bmc.boot_override(0).is_active(), "{:?}", bmc.boot_override(0));
    client.clear_boot_override(Some(&id)).await.context("clear")?;
    ensure!(!bmc.boot_override(1).is_active(), "{:?}", bmc.boot_override(1));

    client.power(Some(&id), PowerAction::On).await.context("on")?;
    becomes(&client, &id, &PowerState::On).await?;
    client.power(Some(&id), PowerAction::ForceOff).await.context("off")?;
    becomes(&client, &id, &PowerState::Off).await?;
    // Again is harmless, whatever the BMC thinks of it.
    client.power(Some(&id), PowerAction::ForceOff).await.context("off again")?;

    let resets = bmc.resets();
    ensure!(resets.iter().all(|reset| reset.system == 1), "the other system was touched: {resets:?}");
    ensure!(resets.iter().all(|reset| reset.reset != ResetType::ForceRestart), "{resets:?}");
    ensure!(bmc.journal().most_at_once == 1);
    ensure!(bmc.sessions_opened() == 1 && bmc.sessions() == 1, "{} sessions", bmc.sessions_opened());
    client.close().await;
    ensure!(bmc.sessions() == 0, "a session is left behind");
    Ok(())
}

#[tokio::test]
async fn every_kind_of_bmc_goes_through_a_cycle() -> anyhow::Result<()> {
    for profile in Profile::all() {
        let name = profile.name;
        cycle(profile).await.with_context(|| format!("profile {name}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn faults_that_the_client_gets_around() -> anyhow::Result<()> {
    let bmc = Bmc::start(Config::new(Profile::plain())).await?;
    let credentials = Credentials { username: "admin".into(), password: "secret".into() };
    let client = Client::new(Endpoint::new(&bmc.url(), Some(credentials), None)?, RedfishMetrics::default())?;
    client.observe(None).await?;
    bmc.log_everybody_out();
    client.power(None, PowerAction::On).await.context("with a session that is gone")?;
    ensure!(bmc.resets().len() == 1, "{:?}", bmc.resets());
    ensure!(bmc.sessions() == 1 && bmc.sessions_opened() == 2);
    Ok(())
}
