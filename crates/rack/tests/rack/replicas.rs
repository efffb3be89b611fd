//! Two replicas of a site, of which the leader is killed while it is busy with everything.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, ensure};
use nix::sys::signal::Signal;
use rack::{
    bmc::{ResetType, Timings},
    fleet::{behaviour::CloudInit, machine::Stage, running::Running},
    netns::Namespace,
    site::{self, Site},
};
use serde_json::json;

use crate::yard::{QUICK, Yard, has_image, rebooted, registration};

/// Short terms, and still room for a busy machine.
const ELECTION: [&str; 3] =
    ["--leader-elect-lease-duration=4s", "--leader-elect-renew-deadline=3s", "--leader-elect-retry-period=300ms"];
const MACHINES: u32 = 60;
/// These are installed anew, too.
const REPAVED: usize = 6;
const PATIENCE: Duration = Duration::from_secs(170);

fn replica<'n>(first: &Site<'n>, namespace: &'n Namespace, number: u8) -> anyhow::Result<Site<'n>> {
    let url = format!("--serve-url=http://10.64.0.{number}:8880");
    let flags = [&QUICK[..], &ELECTION, &["--site=berlin", "--layout-root=/", &url]].concat();
    first.join(namespace, &format!("replica-{number}"), &flags)
}

#[test]
fn the_second_replica_finishes_what_a_killed_leader_began() -> anyhow::Result<()> {
    let yard = Yard::new()?;
    let (server, left, right) = (yard.server(1)?, yard.server(3)?, yard.server(4)?);
    // It only has the API server: what is killed is one of the others.
    let first = Site::start(&server, &["--serve-url=http://10.64.0.1:8880", "--site=elsewhere"])?;
    let mut replicas = vec![replica(&first, &left, 3)?, replica(&first, &right, 4)?];
    let mut config = Yard::fleet(MACHINES, 0);
    config.network.servers = vec![Ipv4Addr::new(10, 64, 0, 3), Ipv4Addr::new(10, 64, 0, 4)];
    let slow = Duration::from_millis(1500);
    config.bmcs.timings = Timings { power_on: slow, power_off: slow, ..config.bmcs.timings };
    config.running = true;
    config.behaviour.cloud_init = CloudInit::Silent;
    let fleet = Running::start(&yard.machines, config, &first.kubeconfig(), false)?;
    fleet.reach("run", fleet.len(), PATIENCE, |shown| shown.stage == Stage::Running)?;
    fleet.register(&registration(first.dir(), Some("berlin"))?)?;
    let all: Vec<usize> = (0..fleet.len()).collect();
    fleet.wait("have their image", &all, PATIENCE, has_image)?;

    let (repaved, others) = all.split_at(REPAVED);
    fleet.ask(repaved, &json!({ "rebootCounter": 1, "repaveCounter": 1, "repaveTimeoutSeconds": 60 }))?;
    fleet.ask(others, &json!({ "rebootCounter": 1 }))?;
    // Some are off, some on their way back, some not begun: then it dies.
    fleet.reach("are off", fleet.len() / 3, PATIENCE, |shown| shown.stage != Stage::Running)?;
    let leader = replicas.iter().position(|replica| replica.metric("metalman_leader") == Some(1.0));
    let mut leader = replicas.swap_remove(leader.context("nobody leads")?);
    leader.process().signal(Signal::SIGKILL);
    leader.process().wait(site::PATIENCE)?;
    ensure!(fleet.statuses()?.iter().any(|status| !rebooted(status, 1)), "it was killed too late");

    fleet.wait("are rebooted", &all, PATIENCE, |status| rebooted(status, 1))?;
    fleet.wait("are repaved", repaved, PATIENCE, |status| status["operations"]["repaveCounter"] == 1)?;
    for index in others {
        let (bmc, _) = fleet.bmc(*index);
        let told: Vec<_> = bmc.resets().into_iter().map(|reset| reset.reset).collect();
        let on = told.iter().position(|reset| *reset == ResetType::On).unwrap_or(0);
        ensure!(
            on > 0 && told[..on].iter().all(|reset| *reset == ResetType::ForceOff),
            "{}: {told:?}",
            fleet.name(*index)
        );
        ensure!(
            told[on..].iter().all(|reset| *reset == ResetType::On),
            "{}: power is not cut again once it was to come back: {told:?}",
            fleet.name(*index)
        );
    }
    fleet.reach("run again", fleet.len(), PATIENCE, |shown| shown.stage == Stage::Running)
}
