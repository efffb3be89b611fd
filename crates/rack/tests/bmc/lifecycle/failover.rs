//! The leader is killed at each step of a cycle, and the other replica finishes it.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use nix::sys::signal::Signal;
use rack::{
    bmc::{Bmc, Config, Faults, Profile, ResetType, Timings},
    site::Site,
};
use serde_json::{Value, json};

use super::{QUICK, Rig, ask, condition, image, powered, resets, secret, status, wait};

/// Short terms, and still room for a busy machine.
const ELECTION: [&str; 3] =
    ["--leader-elect-lease-duration=4s", "--leader-elect-renew-deadline=3s", "--leader-elect-retry-period=300ms"];

/// A replica with ports of its own; the first takes none of the site's Machines, and only has the API server.
fn replica<'n>(site: &Site<'n>, number: u16) -> anyhow::Result<Site<'n>> {
    let ports: Vec<String> = [("http", 8880), ("health", 8081), ("dhcp", 67), ("tftp", 69)]
        .iter()
        .map(|(server, port)| format!("--{server}-port={}", port + 100 * number))
        .collect();
    let ports: Vec<&str> = ports.iter().map(String::as_str).collect();
    let flags = [&QUICK[..], &ELECTION, &["--layout-root=/"], &ports].concat();
    site.join(site.namespace(), &format!("replica-{number}"), &flags)
}

/// Kills the leader in that moment of a repave, and expects the other to finish it without cutting power again once it was
/// to come back. The BMC answers so late.
fn killed_when(what: &str, delay: Duration, is_it: impl Fn(&Bmc, &Value) -> bool) -> anyhow::Result<()> {
    let rig = Rig::new()?;
    let takes = Duration::from_millis(1500);
    let timings = Timings { power_on: takes, power_off: takes, ..Timings::default() };
    let faults = Faults { delay, ..Faults::default() };
    let bmc = rig.bmc(Config { timings, faults, ..Config::new(Profile::plain()) })?;
    let mut site = Site::start(&rig.namespace, &["--serve-url=http://10.0.0.1:8880", "--site=elsewhere"])?;
    site.apply(&[secret("secret")])?;
    let mut replicas = vec![replica(&site, 1)?, replica(&site, 2)?];
    let image = image(site.dir())?;
    site.kubectl(&["create", "--validate=false", "-f", "-"], &powered(1, &bmc, 0, &image).to_string())?;
    wait(&mut site, "m1", "is ready to be repaved", |status| {
        status["power"] == "On" && condition(status, "ImageReady").is_some_and(|text| text.starts_with("True"))
    })?;
    ask(&site, "m1", &json!({ "rebootCounter": 1, "repaveCounter": 1 }))?;
    site.eventually(what, |site| is_it(&bmc, &status(site, "m1")?).then_some(()))
        .with_context(|| format!("{:?}", status(&site, "m1")))?;
    let leader = replicas.iter().position(|replica| replica.metric("metalman_leader") == Some(1.0));
    let mut leader = replicas.swap_remove(leader.context("nobody leads")?);
    leader.process().signal(Signal::SIGKILL);
    leader.process().wait(rack::site::PATIENCE)?;

    wait(&mut site, "m1", "is switched on, and its installer awaited", |status| {
        status["operations"]["rebootCounter"] == 1 && condition(status, "PoweredOff").is_none()
    })?;
    let told = resets(&bmc, 0);
    let on = told.iter().position(|reset| *reset == ResetType::On).context("never switched on")?;
    let (offs, ons) = told.split_at(on);
    ensure!(!offs.is_empty() && offs.iter().all(|reset| *reset == ResetType::ForceOff), "{told:?}");
    ensure!(ons.iter().all(|reset| *reset == ResetType::On), "power is not cut again: {told:?}");
    let last = status(&site, "m1").unwrap_or_default();
    ensure!(last["operations"]["attempts"] == 1, "a killed leader costs no attempt: {last}");
    ensure!(condition(&last, "Repaved").is_some_and(|text| text.contains("Pending")), "{last}");
    let steps = last["boot"]["steps"].to_string();
    ensure!(steps.contains("BootOverride"), "from the network all the same: {steps}");
    Ok(())
}

const AT_ONCE: Duration = Duration::ZERO;

fn powered_off(status: &Value) -> String {
    condition(status, "PoweredOff").unwrap_or_default()
}

#[test]
fn before_power_is_cut() -> anyhow::Result<()> {
    killed_when("the intent to cut power", AT_ONCE, |_, status| powered_off(status).starts_with("False/PoweringOff"))
}

#[test]
fn while_power_goes_off() -> anyhow::Result<()> {
    killed_when("ForceOff", AT_ONCE, |bmc, _| resets(bmc, 0).contains(&ResetType::ForceOff))
}

#[test]
fn while_power_is_off() -> anyhow::Result<()> {
    // Long enough to be seen: the override is set and read back meanwhile.
    killed_when("power off", Duration::from_millis(300), |_, status| powered_off(status).starts_with("True/ForceOff"))
}

#[test]
fn when_the_override_is_set() -> anyhow::Result<()> {
    killed_when("the override", AT_ONCE, |bmc, _| bmc.boot_override(0).is_active())
}

#[test]
fn before_power_comes_back() -> anyhow::Result<()> {
    killed_when("the intent to switch on", AT_ONCE, |_, status| powered_off(status).starts_with("True/PoweringOn"))
}

#[test]
fn while_power_comes_back() -> anyhow::Result<()> {
    killed_when("On", AT_ONCE, |bmc, _| resets(bmc, 0).contains(&ResetType::On))
}
