//! Two sites on one cluster, on one network.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::ensure;
use rack::{
    fleet::{manifest::Registration, running::Running},
    site::Site,
};
use serde_json::json;

use crate::yard::{QUICK, Yard, has_image, rebooted, registration};

const MACHINES: u32 = 15;
const PATIENCE: Duration = Duration::from_secs(100);

#[test]
fn neither_site_touches_the_others_machines() -> anyhow::Result<()> {
    let yard = Yard::new()?;
    let (berlin_server, paris_server) = (yard.server(1)?, yard.server(3)?);
    let flags = [&QUICK[..], &["--serve-url=http://10.64.0.1:8880", "--site=berlin"]].concat();
    let berlin_site = Site::start(&berlin_server, &flags)?;
    let mut config = Yard::fleet(MACHINES, 0);
    // Both fleets' DHCP reaches both sites: the relays of one building often do that.
    config.network.servers = vec![Ipv4Addr::new(10, 64, 0, 1), Ipv4Addr::new(10, 64, 0, 3)];
    let berlin = Running::start(&yard.machines, config.clone(), &berlin_site.kubeconfig(), false)?;
    let mut config = rack::fleet::Config { first: MACHINES, ..config };
    yard.machines.address("eth0", "10.64.0.5/16")?;
    config.network.link = rack::fleet::Link::Relay(Ipv4Addr::new(10, 64, 0, 5));
    config.network.first = Ipv4Addr::new(10, 64, 128, 100);
    config.bmcs.first.set_ip(Ipv4Addr::new(10, 65, 0, 100));
    let paris = Running::start(&yard.machines, config, &berlin_site.kubeconfig(), false)?;
    let registration = registration(berlin_site.dir(), Some("berlin"))?;
    berlin.register(&registration)?;
    paris.register(&Registration { site: Some("paris".to_owned()), ..registration })?;
    let all: Vec<usize> = (0..berlin.len()).collect();
    let operations = json!({ "rebootCounter": 1, "repaveCounter": 1 });

    // While Paris has no metalman, nobody acts for it.
    berlin.wait("have their image", &all, PATIENCE, has_image)?;
    paris.ask(&all, &operations)?;
    berlin.ask(&all, &operations)?;
    let done = |status: &serde_json::Value| rebooted(status, 1) && status["operations"]["repaveCounter"] == 1;
    berlin.wait("are repaved", &all, PATIENCE, done)?;
    let asked = paris.asked();
    ensure!(asked.requests == 0 && asked.connections == 0, "Berlin spoke to Paris' BMCs: {asked:?}");
    ensure!(paris.statuses()?.iter().all(serde_json::Value::is_null), "Berlin wrote to Paris' Machines");

    let resets = berlin.asked().resets;
    let flags = [&QUICK[..], &["--serve-url=http://10.64.0.3:8880", "--site=paris", "--layout-root=/"]].concat();
    let _paris_site = berlin_site.join(&paris_server, "paris", &flags)?;
    paris.wait("are repaved", &all, PATIENCE, done)?;
    ensure!(berlin.asked().resets == resets, "Paris powered Berlin's machines");
    ensure!((0..paris.len()).all(|index| paris.shown(index).counts.installed == 1), "{:?}", paris.summary());
    Ok(())
}
