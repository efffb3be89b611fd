//! The networks that machines boot on.

use std::{process::Command, time::Duration};

use rack::{netns::Namespace, process::Process};

/// The interface of the machine's card, in the namespace of its rack.
pub(crate) const TAP: &str = "tap0";

/// metalman on the machines' own segment: `metalman eth0 ── switch ── tap0 machine`.
pub(crate) struct OneSegment {
    pub(crate) metalman: Namespace,
    pub(crate) rack: Namespace,
}

impl OneSegment {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let (metalman, rack) = (Namespace::new("metalman")?, Namespace::new("rack")?);
        metalman.veth("eth0", &rack, "port0")?;
        metalman.address("eth0", "10.77.0.1/24")?;
        switch(&rack, "port0")?;
        Ok(Self { metalman, rack })
    }
}

/// A router with a DHCP relay between metalman and the machines: `metalman eth0 ── north router south ── switch ── tap0 machine`.
pub(crate) struct Routed {
    pub(crate) metalman: Namespace,
    pub(crate) rack: Namespace,
    /// Kept up for as long as the network is.
    _relay: Process,
    _router: Namespace,
}

impl Routed {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let (metalman, router, rack) =
            (Namespace::new("metalman")?, Namespace::new("router")?, Namespace::new("rack")?);
        metalman.veth("eth0", &router, "north")?;
        router.veth("south", &rack, "port0")?;
        metalman.address("eth0", "10.78.0.1/24")?;
        router.address("north", "10.78.0.2/24")?;
        router.address("south", "10.79.0.1/24")?;
        metalman.default_route("10.78.0.2")?;
        router.forward()?;
        switch(&rack, "port0")?;
        let relay = relay(&router)?;
        Ok(Self { metalman, rack, _relay: relay, _router: router })
    }
}

/// ISC's relay (Debian package isc-dhcp-relay), in the foreground.
fn relay(router: &Namespace) -> anyhow::Result<Process> {
    let mut command: Command = router.command("dhcrelay");
    command.args(["-4", "-d", "--no-pid", "-iu", "north", "-id", "south", "10.78.0.1"]);
    let relay = Process::start("dhcrelay", command)?;
    relay.wait_for("sockets (Debian package isc-dhcp-relay)", Duration::from_secs(30), |line| {
        // The last of what it opens.
        line.contains("Sending on") && line.contains("Socket/fallback")
    })?;
    Ok(relay)
}

/// A switch that joins the machine's card to the cable that leaves the rack.
fn switch(rack: &Namespace, uplink: &str) -> anyhow::Result<()> {
    rack.tap(TAP)?;
    rack.bridge("br0", &[uplink, TAP])?;
    Ok(())
}
