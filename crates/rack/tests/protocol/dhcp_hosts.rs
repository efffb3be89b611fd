//! The host that metalman runs on: several networks, interfaces that come and go, several replicas.

use std::net::Ipv4Addr;

use metalman_core::dhcp::MessageType;
use rack::{
    netns::Namespace,
    site::{PATIENCE, Site},
};

use crate::dhcp_peers::{Segment, Teller, lease, message, request, server_of};

const ONE: &str = "02:00:00:00:00:31";
const TWO: &str = "02:00:00:00:00:32";

fn discover(mac: &str, xid: u32) -> metalman_core::dhcp::Message {
    message(MessageType::Discover, mac, xid)
}

#[test]
fn each_network_is_answered_from_its_own_address() -> anyhow::Result<()> {
    let (left, right, server) = (Segment::new()?, Segment::new()?, Namespace::new("server")?);
    left.plug(&server, "eth0")?;
    right.plug(&server, "eth1")?;
    // A bridge is an interface like any other.
    server.bridge("br1", &["eth1"])?;
    server.address("eth0", "10.0.0.1/24")?;
    server.address("eth0", "10.9.0.1/24")?;
    server.address("br1", "10.1.0.1/24")?;
    let flags = ["--dhcp-interface=eth0,br1", "--serve-url=http://10.0.0.1:8880"];
    let mut site = Site::start(&server, &flags)?;
    let third = "02:00:00:00:00:33";
    site.register(&[
        lease("one", ONE, "10.0.0.11/24"),
        lease("two", TWO, "10.1.0.11/24"),
        lease("three", third, "10.9.0.11/24"),
    ])?;
    site.metric_reaches("metalman_leader", 1.0)?;
    for (segment, mac, expected) in [(&left, ONE, "10.0.0.1"), (&right, TWO, "10.1.0.1"), (&left, third, "10.9.0.1")] {
        let host = segment.client(mac)?;
        let teller = Teller::client(&host)?;
        let (offer, from) = teller.ask(&discover(mac, 1), "255.255.255.255")?;
        assert_eq!((server_of(&offer).as_str(), from.to_string()), (expected, format!("{expected}:67")));
        let address = offer.yiaddr.to_string();
        let (ack, from) = teller.ask(&request(mac, 2, expected, &address), "255.255.255.255")?;
        assert_eq!((ack.message_type(), from.to_string()), (Some(MessageType::Ack), format!("{expected}:67")));
    }
    // Relays on both sides reach both addresses, whichever way they came in.
    let relay = right.host("relay", Some("10.1.0.2/24"))?;
    relay.default_route("10.1.0.1")?;
    let teller = Teller::relay(&relay, "10.1.0.2")?;
    for (xid, to) in [(3, "10.1.0.1"), (4, "10.0.0.1")] {
        let mut relayed = discover(TWO, xid);
        relayed.giaddr = Ipv4Addr::new(10, 1, 0, 2);
        let (offer, from) = teller.ask(&relayed, to)?;
        assert_eq!((server_of(&offer).as_str(), from.to_string()), (to, format!("{to}:67")));
    }
    Ok(())
}

#[test]
fn an_interface_may_come_and_go_while_others_are_served() -> anyhow::Result<()> {
    let (left, right, server) = (Segment::new()?, Segment::new()?, Namespace::new("server")?);
    left.plug(&server, "eth0")?;
    right.plug(&server, "eth1")?;
    server.address("eth0", "10.0.0.1/24")?;
    let mut site =
        Site::start(&server, &["--dhcp-interface=eth0", "--dhcp-interface=eth1", "--serve-url=http://10.0.0.1:8880"])?;
    site.register(&[lease("one", ONE, "10.0.0.11/24"), lease("two", TWO, "10.1.0.11/24")])?;
    site.metric_reaches("metalman_leader", 1.0)?;
    let (one, two) = (left.client(ONE)?, right.client(TWO)?);
    let (on_left, on_right) = (Teller::client(&one)?, Teller::client(&two)?);
    let missing = "the interface has no IPv4 address";
    site.process().wait_for("error", PATIENCE, |line| line.contains(missing) && line.contains("eth1"))?;
    on_right.ask_in_vain(&discover(TWO, 1), "255.255.255.255")?;
    on_left.ask(&discover(ONE, 2), "255.255.255.255")?;

    server.address("eth1", "10.1.0.1/24")?;
    site.metric_reaches("metalman_dhcp_interface_ready{interface=\"eth1\"}", 1.0)?;
    on_right.ask(&discover(TWO, 3), "255.255.255.255")?;

    server.ip("link del eth1")?;
    site.process().wait_for("error", PATIENCE, |line| line.contains("there is no such interface"))?;
    on_left.ask(&discover(ONE, 4), "255.255.255.255")?;

    right.plug(&server, "eth1")?;
    server.address("eth1", "10.1.0.1/24")?;
    site.metric_reaches("metalman_dhcp_interface_ready{interface=\"eth1\"}", 1.0)?;
    on_right.ask(&discover(TWO, 5), "255.255.255.255")?;
    on_left.ask(&discover(ONE, 6), "255.255.255.255")?;
    Ok(())
}

#[test]
fn on_an_interface_the_leader_answers_and_for_relays_every_replica() -> anyhow::Result<()> {
    let segment = Segment::new()?;
    let (first, second) = (segment.host("first", Some("10.0.0.1/24"))?, segment.host("second", Some("10.0.0.2/24"))?);
    let mut leader = Site::start(&first, &["--dhcp-interface=eth0"])?;
    leader.register(&[lease("one", ONE, "10.0.0.11/24")])?;
    leader.metric_reaches("metalman_leader", 1.0)?;
    let mut other = leader.join(&second, "second", &["--dhcp-interface=eth0"])?;
    other.metric_reaches("metalman_inventory_macs", 1.0)?;

    let client = segment.client(ONE)?;
    let teller = Teller::client(&client)?;
    teller.say(&discover(ONE, 1), "255.255.255.255")?;
    let replies = teller.hear(1, 2, std::time::Duration::from_secs(2));
    assert_eq!(replies.iter().map(|(reply, _)| server_of(reply)).collect::<Vec<_>>(), ["10.0.0.1"]);
    other.metric_reaches("metalman_dhcp_ignored_total{reason=\"not_leader\"}", 1.0)?;

    let relay = segment.host("relay", Some("10.0.0.3/24"))?;
    let teller = Teller::relay(&relay, "10.0.0.3")?;
    for (xid, server) in [(2, "10.0.0.1"), (3, "10.0.0.2")] {
        let mut relayed = discover(ONE, xid);
        relayed.giaddr = Ipv4Addr::new(10, 0, 0, 3);
        assert_eq!(server_of(&teller.ask(&relayed, server)?.0), server);
    }
    Ok(())
}
