//! A rack of a thousand machines, with BMCs as bad as they come.

use std::time::{Duration, Instant};

use anyhow::ensure;
use rack::{
    bmc::ResetType,
    fleet::{behaviour::CloudInit, machine::Stage, running::Running},
    site::Site,
};
use serde_json::json;

use crate::yard::{QUICK, Yard, has_image, rebooted, registration};

const MACHINES: u32 = 1000;
const DEAD: usize = 10;
/// Of a thousand BMCs.
const FAULTY: u16 = 100;
/// These are installed anew, too: as many as two cores install in the time.
const REPAVED: usize = 40;
const PATIENCE: Duration = Duration::from_mins(3);

#[test]
fn every_healthy_machine_of_a_thousand_completes() -> anyhow::Result<()> {
    let yard = Yard::new()?;
    let server = yard.server(1)?;
    let flags = [&QUICK[..], &["--serve-url=http://10.64.0.1:8880"]].concat();
    let site = Site::start(&server, &flags)?;
    let mut config = Yard::fleet(MACHINES, 0);
    config.bmcs.dead = DEAD;
    config.bmcs.faulty = FAULTY;
    config.bmcs.chaos = 30;
    config.bmcs.journal = 0;
    config.running = true;
    config.behaviour.cloud_init = CloudInit::Silent;
    let fleet = Running::start(&yard.machines, config, &site.kubeconfig(), false)?;
    fleet.reach("run", fleet.len(), PATIENCE, |shown| shown.stage == Stage::Running)?;
    fleet.register(&registration(site.dir(), None)?)?;
    let all: Vec<usize> = (0..fleet.len()).collect();
    fleet.wait("have their image", &all, PATIENCE, has_image)?;

    let started = Instant::now();
    let healthy: Vec<usize> =
        all.iter().copied().filter(|bmc| !fleet.is_dead(*bmc) && !fleet.is_faulty(*bmc)).collect();
    ensure!((890..=900).contains(&healthy.len()), "{} are healthy", healthy.len());
    let repaved = &healthy[..REPAVED];
    fleet.ask(repaved, &json!({ "rebootCounter": 1, "repaveCounter": 1 }))?;
    let others: Vec<usize> = all.iter().copied().filter(|index| !repaved.contains(index)).collect();
    fleet.ask(&others, &json!({ "rebootCounter": 1 }))?;
    fleet.wait("are rebooted", &healthy, PATIENCE, |status| rebooted(status, 1))?;
    fleet.wait("are repaved", repaved, PATIENCE, |status| status["operations"]["repaveCounter"] == 1)?;
    let took = started.elapsed();

    for index in &healthy {
        let (bmc, _) = fleet.bmc(*index);
        let told: Vec<_> = bmc.resets().into_iter().map(|reset| reset.reset).collect();
        // On a busy machine a power command may be repeated; it is never cut again once it was to come back.
        let on = told.iter().position(|reset| *reset == ResetType::On).unwrap_or(0);
        ensure!(
            on > 0 && told[..on].iter().all(|reset| *reset == ResetType::ForceOff),
            "{}: {told:?}",
            fleet.name(*index)
        );
        ensure!(told[on..].iter().all(|reset| *reset == ResetType::On), "{}: {told:?}", fleet.name(*index));
    }
    let statuses = fleet.statuses()?;
    for index in all.iter().filter(|index| fleet.is_dead(**index)) {
        let status = &statuses[*index];
        ensure!(!rebooted(status, 1), "{} has no BMC that answers: {status:#}", fleet.name(*index));
        ensure!(
            status["operations"]["attempts"].as_i64().unwrap_or(0) <= 1,
            "a dead BMC burns no attempts: {status:#}"
        );
    }
    let asked = fleet.asked();
    ensure!(asked.most_changing_at_once == 1, "{asked:?}");
    ensure!(asked.faults > 0, "no fault was met: {asked:?}");
    tracing::info!(?took, ?asked, "a thousand machines");
    Ok(())
}
