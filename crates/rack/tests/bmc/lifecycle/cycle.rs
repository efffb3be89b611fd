//! Reboots and repaves of machines whose BMC does what it is told.

use std::time::Duration;

use anyhow::ensure;
use rack::bmc::{Config, Faults, Profile, Reach, ResetType};
use serde_json::json;

use super::{
    NO_IMAGE, Rig, ask, condition, image, powered, resets, status, wait, wait_for_condition, wait_for_sessions,
};

#[test]
fn a_raised_counter_reboots_that_machine_once() -> anyhow::Result<()> {
    let rig = Rig::new()?;
    let bmc = rig.plain()?;
    let mut site = rig.site(&[])?;
    site.register(&[powered(1, &bmc, 0, NO_IMAGE)])?;
    let idle = wait(&mut site, "m1", "shows its power", |status| status["power"] == "On")?;
    ensure!(condition(&idle, "BMCReachable").is_some_and(|text| text.starts_with("True/Reachable")), "{idle}");
    ensure!(resets(&bmc, 0).is_empty(), "nothing was asked for");

    ask(&site, "m1", &json!({ "rebootCounter": 1 }))?;
    let done = wait(&mut site, "m1", "is rebooted", |status| {
        status["operations"]["rebootCounter"] == 1 && condition(status, "PoweredOff").is_none()
    })?;
    ensure!(resets(&bmc, 0) == [ResetType::ForceOff, ResetType::On], "{:?}", bmc.resets());
    let steps = done["boot"]["steps"].as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = steps.iter().filter_map(|step| step["name"].as_str()).collect();
    ensure!(names.starts_with(&["Asked", "PoweringOff", "PowerOff", "PoweringOn", "PowerOn"]), "{names:?}");
    let journal = bmc.journal();
    ensure!(journal.most_at_once == 1 && bmc.sessions() == 1, "one at a time, one session: {journal:?}");
    let events = site.kubectl(&["get", "events", "-A", "-o", "json"], "")?;
    ensure!(events.contains("Rebooting"), "it is told: {events}");

    // Being looked at costs the API server nothing: the resourceVersion stays where it is.
    let version = |site: &rack::site::Site<'_>| {
        site.kubectl(&["get", "machine", "m1", "-o", "jsonpath={.metadata.resourceVersion}"], "")
    };
    let (before, looks) = (version(&site)?, "metalman_bmc_looks_total{outcome=\"answered\"}");
    let seen = site.metric(looks).unwrap_or(0.0);
    site.metric_reaches(looks, seen + 3.0)?;
    ensure!(version(&site)? == before, "an idle look writes nothing");
    ensure!(resets(&bmc, 0).len() == 2);

    // The end of the process ends its session.
    site.process().signal(nix::sys::signal::Signal::SIGTERM);
    let deadline = std::time::Instant::now() + rack::site::PATIENCE;
    while bmc.sessions() > 0 {
        ensure!(std::time::Instant::now() < deadline, "a session is left behind");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[test]
fn systems_behind_one_bmc_are_kept_apart() -> anyhow::Result<()> {
    let rig = Rig::new()?;
    let bmc = rig.bmc(Config { systems: 2, ..Config::new(Profile::plain()) })?;
    let mut site = rig.site(&[])?;
    site.register(&[powered(1, &bmc, 0, NO_IMAGE), powered(2, &bmc, 1, NO_IMAGE)])?;
    for name in ["m1", "m2"] {
        wait(&mut site, name, "shows its power", |status| status["power"] == "On")?;
    }
    wait_for_sessions(&mut site, &bmc, 1)?;
    ask(&site, "m2", &json!({ "rebootCounter": 1 }))?;
    wait(&mut site, "m2", "is rebooted", |status| status["operations"]["rebootCounter"] == 1)?;
    ensure!(resets(&bmc, 0).is_empty(), "the neighbour was left alone: {:?}", bmc.resets());
    ensure!(resets(&bmc, 1) == [ResetType::ForceOff, ResetType::On], "{:?}", bmc.resets());
    // Both at once: one after the other at their BMC.
    for name in ["m1", "m2"] {
        ask(&site, name, &json!({ "rebootCounter": 2 }))?;
    }
    for name in ["m1", "m2"] {
        wait(&mut site, name, "is rebooted", |status| status["operations"]["rebootCounter"] == 2)?;
    }
    let journal = bmc.journal();
    ensure!((journal.most_at_once, bmc.sessions()) == (1, 1), "{journal:?}");
    Ok(())
}

#[test]
fn a_silent_bmc_delays_nobody_else() -> anyhow::Result<()> {
    let rig = Rig::new()?;
    let silent = || {
        rig.bmc(Config {
            faults: Faults { reach: Reach::Silent, ..Faults::default() },
            ..Config::new(Profile::plain())
        })
    };
    let (dead, alive) = ([silent()?, silent()?, silent()?], rig.plain()?);
    let mut site = rig.site(&["--bmc-concurrency=4"])?;
    let mut machines = vec![powered(1, &alive, 0, NO_IMAGE)];
    for (n, bmc) in (2..).zip(&dead) {
        machines.push(powered(n, bmc, 0, NO_IMAGE));
        machines.push(powered(n + 3, bmc, 0, NO_IMAGE));
    }
    for machine in &mut machines {
        machine["spec"]["operations"] = json!({ "rebootCounter": 1 });
    }
    // Six Machines behind three BMCs that never answer leave one place of four.
    let begun = std::time::Instant::now();
    site.register(&machines)?;
    wait(&mut site, "m1", "is rebooted", |status| status["operations"]["rebootCounter"] == 1)?;
    let took = begun.elapsed();
    ensure!(took < Duration::from_secs(25), "it waited for the silent ones: {took:?}");
    let seen = status(&site, "m2").unwrap_or_default();
    ensure!(seen["operations"]["rebootCounter"].is_null(), "{seen}");
    wait_for_condition(&mut site, "m2", "BMCReachable", "False/TCPError")?;
    Ok(())
}

#[test]
fn an_installer_that_reports_ends_the_repave() -> anyhow::Result<()> {
    let rig = Rig::new()?;
    let bmc = rig.plain()?;
    let mut site = rig.site(&[])?;
    let mut machine = powered(1, &bmc, 0, &image(site.dir())?);
    machine["spec"]["operations"] = json!({ "rebootCounter": 1, "repaveCounter": 1 });
    site.register(&[machine])?;
    wait(&mut site, "m1", "is switched on", |status| status["operations"]["rebootCounter"] == 1)?;
    let mut curl = site.namespace().command("curl");
    curl.args(["--silent", "--show-error", "--fail", "--interface", "10.0.0.11", "http://10.0.0.1:8880/pxe/disable"]);
    let output = curl.output()?;
    ensure!(output.status.success(), "curl: {}", String::from_utf8_lossy(&output.stderr));
    let done = wait_for_condition(&mut site, "m1", "Repaved", "True/Succeeded")?;
    ensure!(done["operations"]["repaveCounter"] == 1, "{done}");
    // Used up by the boot, which the BMC shows once it has settled.
    wait(&mut site, "m1", "forgets its override", |status| status["redfish"]["bootOverride"].is_null())?;
    ensure!(resets(&bmc, 0) == [ResetType::ForceOff, ResetType::On], "{:?}", bmc.resets());
    ensure!(!bmc.boot_override(0).is_active(), "{:?}", bmc.boot_override(0));
    Ok(())
}

#[test]
fn an_installer_that_never_reports_is_tried_again_and_given_up() -> anyhow::Result<()> {
    let rig = Rig::new()?;
    let bmc = rig.plain()?;
    let mut site = rig.site(&[])?;
    let image = image(site.dir())?;
    let mut machine = powered(1, &bmc, 0, &image);
    // A minute is the least that the schema allows.
    machine["spec"]["operations"] =
        json!({ "rebootCounter": 1, "repaveCounter": 1, "repaveTimeoutSeconds": 60, "maxAttempts": 2 });
    site.register(&[machine])?;
    let pending = wait_for_condition(&mut site, "m1", "Repaved", "False/Pending: image=")?;
    ensure!(pending["operations"]["attempts"] == 1, "{pending}");
    let installing = wait(&mut site, "m1", "is switched on", |status| status["operations"]["rebootCounter"] == 1)?;
    ensure!(installing["phase"] == "Provisioning", "{installing}");
    ensure!(resets(&bmc, 0) == [ResetType::ForceOff, ResetType::On], "{:?}", bmc.resets());
    let names = installing["boot"]["steps"].to_string();
    ensure!(names.contains("BootOverride"), "from the network: {names}");
    // Two timeouts of a minute are longer than anything else may take.
    let mut waited = 0;
    let given_up = loop {
        waited += 1;
        match wait_for_condition(&mut site, "m1", "Repaved", "False/Exhausted") {
            Err(_) if waited < 3 => {}
            outcome => break outcome?,
        }
    };
    ensure!(given_up["phase"] == "Failed" && given_up["operations"]["attempts"] == 2, "{given_up}");
    ensure!(resets(&bmc, 0) == [ResetType::ForceOff, ResetType::On].repeat(2), "two cycles: {:?}", bmc.resets());
    let events = site.kubectl(&["get", "events", "-A", "-o", "json"], "")?;
    ensure!(events.contains("AttemptFailed") && events.contains("GivenUp"), "it is told: {events}");

    // A higher counter arms it again.
    ask(&site, "m1", &json!({ "rebootCounter": 2, "repaveCounter": 2 }))?;
    wait(&mut site, "m1", "is switched on again", |status| status["operations"]["rebootCounter"] == 2)?;
    let again = wait_for_condition(&mut site, "m1", "Repaved", "False/Pending")?;
    ensure!(again["operations"]["attempts"] == 1, "{again}");
    Ok(())
}
