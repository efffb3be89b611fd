//! Clients on a segment: ISC dhclient and busybox' udhcpc.

use nix::sys::signal::Signal;
use rack::site::{PATIENCE, Site};
use serde_json::json;

use crate::dhcp_peers::{Segment, capture, dhclient, lease, udhcpc};

const MAC: &str = "02:00:00:00:00:11";

fn site(host: &rack::netns::Namespace) -> anyhow::Result<Site<'_>> {
    let mut site = Site::start(host, &["--dhcp-interface=eth0"])?;
    let mut machine = lease("n1", MAC, "10.0.0.11/24");
    let options = json!({ "hostname": "n1", "domain": "rack.example", "mtu": 1400, "ntp": ["10.0.0.3"] });
    machine["spec"]["pxe"]["dhcpLeases"][0]
        .as_object_mut()
        .expect("an object")
        .extend(options.as_object().expect("an object").clone());
    site.register(&[machine])?;
    site.metric_reaches("metalman_leader", 1.0)?;
    Ok(site)
}

#[test]
fn dhclient_gets_all_that_the_lease_says_and_gives_it_back() -> anyhow::Result<()> {
    let segment = Segment::new()?;
    let (server, client) = (segment.host("server", Some("10.0.0.1/24"))?, segment.client(MAC)?);
    let mut site = site(&server)?;
    let dir = tempfile::tempdir()?;
    let running = dhclient(&client, dir.path(), "", &[])?;
    let bound = running.wait_for("lease", PATIENCE, |line| line.starts_with("EVENT reason=BOUND"))?;
    assert_eq!(
        bound,
        "EVENT reason=BOUND ip=10.0.0.11 server=10.0.0.1 router=10.0.0.1 dns=10.0.0.1 host=n1 domain=rack.example \
         ntp=10.0.0.3 mtu=1400 mask=255.255.255.0 lease=86400"
    );
    // It writes down what it was given only after that.
    running.wait_for("end of binding", PATIENCE, |line| line.starts_with("bound to 10.0.0.11"))?;
    drop(running);

    let remembered = std::fs::read_to_string(dir.path().join("dhclient.leases"))?;
    let _releasing = dhclient(&client, dir.path(), &remembered, &["-r"])?;
    site.metric_reaches("metalman_dhcp_incidents_total{incident=\"released\"}", 1.0)
}

#[test]
fn a_remembered_address_that_is_not_the_machines_is_refused_and_replaced() -> anyhow::Result<()> {
    let segment = Segment::new()?;
    let (server, client) = (segment.host("server", Some("10.0.0.1/24"))?, segment.client(MAC)?);
    let mut site = site(&server)?;
    for (wrong, right) in [("10.0.0.99", false), ("192.0.2.7", false), ("10.0.0.11", true)] {
        let dir = tempfile::tempdir()?;
        let remembered = format!(
            "lease {{ interface \"eth0\"; fixed-address {wrong}; option subnet-mask 255.255.255.0; option \
             dhcp-server-identifier 10.0.0.1; option dhcp-lease-time 86400; renew 4 2036/01/03 00:00:00; rebind 4 2036/01/03 \
             00:00:00; expire 4 2036/01/03 00:00:00; }}\n"
        );
        let running = dhclient(&client, dir.path(), &remembered, &[])?;
        let bound = running
            .wait_for("lease", PATIENCE, |line| line.contains("reason=BOUND") || line.contains("reason=REBOOT"))?;
        assert!(bound.contains(" ip=10.0.0.11 server=10.0.0.1 "), "{bound}");
        assert_eq!(bound.contains("reason=REBOOT"), right, "{bound}");
        let refused = running.lines().iter().any(|line| line.contains("DHCPNAK"));
        assert_eq!(refused, !right, "{}", running.tail());
    }
    site.metric_reaches("metalman_dhcp_sent_total{type=\"nak\"}", 2.0)
}

#[test]
fn udhcpc_gets_renews_and_releases_without_a_broadcast() -> anyhow::Result<()> {
    let segment = Segment::new()?;
    let (server, client) = (segment.host("server", Some("10.0.0.1/24"))?, segment.client(MAC)?);
    let mut site = site(&server)?;
    let dir = tempfile::tempdir()?;
    let wire = capture(&client)?;
    let running = udhcpc(&client, dir.path(), &["-R"])?;
    let bound = running.wait_for("lease", PATIENCE, |line| line.starts_with("EVENT reason=bound"))?;
    assert_eq!(
        bound,
        "EVENT reason=bound ip=10.0.0.11 server=10.0.0.1 router=10.0.0.1 dns=10.0.0.1 host=n1 domain=rack.example \
         ntp=10.0.0.3 mtu=1400 mask=255.255.255.0 lease=86400"
    );
    running.signal(Signal::SIGUSR1);
    running.wait_for("renewal", PATIENCE, |line| line.starts_with("EVENT reason=renew"))?;
    running.signal(Signal::SIGUSR2);
    site.metric_reaches("metalman_dhcp_incidents_total{incident=\"released\"}", 1.0)?;

    // Renewals go from address to address: the client was asked by ARP then, and not once before.
    let unicast = |line: &str| line.contains("10.0.0.11.68 > 10.0.0.1.67");
    wire.wait_for("unicast renewal", PATIENCE, unicast)?;
    let seen = wire.stop();
    let frame = seen.iter().position(|line| line.contains(&format!("> {MAC}")) && line.contains("ethertype IPv4"));
    let frame = frame.unwrap_or_else(|| panic!("no frame to {MAC}:\n{}", seen.join("\n")));
    let datagram = &seen[frame + 1];
    assert!(datagram.contains("10.0.0.1.67 > 10.0.0.11.68") && datagram.contains("udp sum ok"), "{datagram}");
    let before = &seen[..frame];
    assert!(!before.iter().any(|line| line.contains("who-has 10.0.0.11")), "{}", before.join("\n"));
    Ok(())
}

#[test]
fn a_client_that_wants_to_boot_waits_for_its_image() -> anyhow::Result<()> {
    let segment = Segment::new()?;
    let (server, client) = (segment.host("server", Some("10.0.0.1/24"))?, segment.client(MAC)?);
    let mut site = site(&server)?;
    let dir = tempfile::tempdir()?;
    let waiting = udhcpc(&client, dir.path(), &["-V", "PXEClient:Arch:00007:UNDI:003016"])?;
    site.metric_reaches("metalman_dhcp_ignored_total{reason=\"image_not_ready\"}", 2.0)?;
    assert!(!waiting.lines().iter().any(|line| line.contains("reason=bound")));
    drop(waiting);
    let plain = udhcpc(&client, dir.path(), &[])?;
    plain.wait_for("lease", PATIENCE, |line| line.starts_with("EVENT reason=bound ip=10.0.0.11"))?;
    Ok(())
}
