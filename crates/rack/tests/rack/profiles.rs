//! Machines behind BMCs of every kind, from an empty disk to a Ready Node.

use std::time::Duration;

use anyhow::ensure;
use rack::{
    bmc::Profile,
    fleet::{behaviour::CloudInit, machine::Stage, running::Running},
    site::Site,
};
use serde_json::json;

use crate::yard::{QUICK, Yard, condition, has_image, rebooted, registration};

const MACHINES: u32 = 20;
const PATIENCE: Duration = Duration::from_secs(100);

#[test]
fn empty_machines_behind_bmcs_of_every_kind_become_ready() -> anyhow::Result<()> {
    let yard = Yard::new()?;
    let server = yard.server(1)?;
    let site = Site::start(&server, &[&QUICK[..], &["--serve-url=http://10.64.0.1:8880"]].concat())?;
    let mut config = Yard::fleet(MACHINES, 0);
    config.bmcs.profiles = Profile::all();
    config.bmcs.tls = true;
    config.behaviour.reports_twice = 300;
    config.behaviour.cloud_init = CloudInit::Succeeds;
    // Times in Kubernetes are whole seconds: a heartbeat in the second of the installation says nothing yet.
    config.behaviour.heartbeat = Some(Duration::from_secs(2));
    let fleet = Running::start(&yard.machines, config, &site.kubeconfig(), true)?;
    fleet.register(&registration(site.dir(), None)?)?;
    let all: Vec<usize> = (0..fleet.len()).collect();
    fleet.wait("have their image", &all, PATIENCE, has_image)?;

    fleet.ask(&all, &json!({ "rebootCounter": 1, "repaveCounter": 1 }))?;
    fleet.wait("are Ready", &all, PATIENCE, |status| status["phase"] == "Ready" && rebooted(status, 1))?;
    for (index, status) in fleet.statuses()?.iter().enumerate() {
        let (name, (bmc, system)) = (fleet.name(index), fleet.bmc(index));
        ensure!(status["operations"]["repaveCounter"] == 1, "{name}: {status:#}");
        for (type_, wanted) in [("Repaved", "True/Succeeded"), ("CloudInitDone", "True/Succeeded")] {
            ensure!(condition(status, type_).is_some_and(|text| text.starts_with(wanted)), "{name}: {status:#}");
        }
        let shown = fleet.shown(index);
        ensure!((shown.stage, shown.counts.installed) == (Stage::Running, 1), "{name}: {shown:?}");
        let left = bmc.boot_override(system);
        ensure!(!left.is_active(), "{name}: an override is left behind: {left:?}");
        let journal = bmc.journal();
        ensure!(journal.most_at_once == 1, "{name}: {} requests at once", journal.most_at_once);
    }
    ensure!(site.kubectl(&["get", "nodes", "-o", "name"], "")?.lines().count() == fleet.len());
    Ok(())
}
