//! The harness itself: a metalman in a namespace becomes ready and takes Machines.

use rack::{
    netns::Namespace,
    site::{Site, machine},
};

#[test]
fn a_site_starts_in_a_namespace_and_serves_machines() -> anyhow::Result<()> {
    let namespace = Namespace::new("server")?;
    namespace.ip("link add eth0 type dummy").or_else(|_| namespace.ip("link add eth0 type bridge"))?;
    namespace.address("eth0", "10.0.0.1/24")?;
    namespace.up("eth0")?;
    let mut site = Site::start(&namespace, &["--serve-url=http://10.0.0.1:8880"])?;
    site.register(&[
        machine("a", "02:00:00:00:00:01", "10.0.0.11/24", "10.0.0.1", "registry.example/netboot:1"),
        machine("b", "02:00:00:00:00:02", "10.0.0.12/24", "10.0.0.1", "registry.example/netboot:1"),
    ])?;
    assert_eq!(site.metric("metalman_inventory_macs"), Some(2.0));
    Ok(())
}
