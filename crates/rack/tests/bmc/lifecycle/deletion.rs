//! Machines that are deleted, or given to another site, in the middle of an operation.

use std::time::Duration;

use anyhow::ensure;
use rack::bmc::{Bmc, Config, Profile, ResetType, Timings};
use serde_json::json;

use super::{NO_IMAGE, Rig, ask, image, powered, resets, wait, wait_for_condition, wait_for_sessions};

/// A BMC that takes its time.
fn slow(rig: &Rig) -> anyhow::Result<Bmc> {
    let takes = Duration::from_secs(3);
    let timings = Timings { power_on: takes, power_off: takes, ..Timings::default() };
    rig.bmc(Config { timings, ..Config::new(Profile::plain()) })
}

#[test]
fn a_machine_deleted_in_a_cycle_leaves_no_session() -> anyhow::Result<()> {
    let rig = Rig::new()?;
    let bmc = slow(&rig)?;
    let mut site = rig.site(&[])?;
    site.register(&[powered(1, &bmc, 0, NO_IMAGE)])?;
    wait(&mut site, "m1", "shows its power", |status| status["power"] == "On")?;
    ask(&site, "m1", &json!({ "rebootCounter": 1 }))?;
    wait_for_condition(&mut site, "m1", "PoweredOff", "False/PoweringOff")?;
    site.kubectl(&["delete", "machine", "m1"], "")?;
    wait_for_sessions(&mut site, &bmc, 0)?;
    let told = resets(&bmc, 0);
    site.metric_reaches("metalman_lifecycle_steps_total{outcome=\"retired\"}", 1.0)?;
    ensure!(bmc.sessions() == 0 && resets(&bmc, 0) == told, "nothing more is done: {:?}", bmc.resets());
    Ok(())
}

/// A repave up to where the override is set and the power comes back.
fn overridden(rig: &Rig) -> anyhow::Result<(Bmc, rack::site::Site<'_>)> {
    let bmc = slow(rig)?;
    let mut site = rig.site(&[])?;
    let image = image(site.dir())?;
    let mut machine = powered(1, &bmc, 0, &image);
    machine["spec"]["operations"] = json!({ "rebootCounter": 1, "repaveCounter": 1 });
    site.register(&[machine])?;
    wait_for_condition(&mut site, "m1", "PoweredOff", "True/PoweringOn")?;
    ensure!(bmc.boot_override(0).is_active(), "it boots from the network: {:?}", bmc.boot_override(0));
    Ok((bmc, site))
}

#[test]
fn a_deleted_machine_leaves_no_override_of_metalmans() -> anyhow::Result<()> {
    let rig = Rig::new()?;
    let (bmc, mut site) = overridden(&rig)?;
    site.kubectl(&["delete", "machine", "m1"], "")?;
    wait_for_sessions(&mut site, &bmc, 0)?;
    ensure!(!bmc.boot_override(0).is_active(), "left behind: {:?}", bmc.boot_override(0));
    Ok(())
}

#[test]
fn a_machine_that_moves_to_another_site_is_left_to_it() -> anyhow::Result<()> {
    let rig = Rig::new()?;
    let (bmc, mut site) = overridden(&rig)?;
    site.kubectl(&["label", "machine", "m1", "unbounded-cloud.io/site=other"], "")?;
    wait_for_sessions(&mut site, &bmc, 0)?;
    let changes = bmc.journal().entries.iter().filter(|entry| entry.method == "PATCH").count();
    ensure!(changes == 1, "the override was set, and not touched again: {:?}", bmc.journal().entries);
    ensure!(resets(&bmc, 0) == [ResetType::ForceOff, ResetType::On], "{:?}", bmc.resets());
    Ok(())
}
