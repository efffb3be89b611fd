//! Relays between clients and metalman, which listens for relays only.

use std::net::Ipv4Addr;

use metalman_core::dhcp::{MessageType, code};
use rack::{
    netns::Namespace,
    process::Process,
    site::{PATIENCE, Site},
};

use crate::dhcp_peers::{Segment, Teller, dhclient, dnsmasq, isc_relay, lease, message, request, server_of, udhcpc};

const MAC: &str = "02:00:00:00:00:21";

/// A client behind a relay: 10.1.0.0/24, then 10.0.0.0/24 with the server.
struct Behind {
    client: Namespace,
    relay: Namespace,
    server: Namespace,
}

fn behind() -> anyhow::Result<Behind> {
    let (client, relay, server) = (Namespace::new("client")?, Namespace::new("relay")?, Namespace::new("server")?);
    client.veth("eth0", &relay, "eth0")?;
    client.mac("eth0", MAC)?;
    relay.address("eth0", "10.1.0.1/24")?;
    relay.veth("eth1", &server, "eth0")?;
    relay.address("eth1", "10.0.0.2/24")?;
    relay.forward()?;
    server.address("eth0", "10.0.0.1/24")?;
    server.default_route("10.0.0.2")?;
    Ok(Behind { client, relay, server })
}

fn relayed(client: &Namespace, server: &Namespace) -> anyhow::Result<()> {
    let mut site = Site::start(server, &["--serve-url=http://10.0.0.1:8880"])?;
    site.register(&[lease("n1", MAC, "10.1.0.11/24")])?;
    let dir = tempfile::tempdir()?;
    let first = dhclient(client, dir.path(), "", &[])?;
    let bound = first.wait_for("lease", PATIENCE, |line| line.starts_with("EVENT reason=BOUND"))?;
    assert!(bound.contains(" ip=10.1.0.11 server=10.0.0.1 router=10.1.0.1 "), "{bound}");
    drop(first);
    client.ip("address flush dev eth0")?;
    let second = udhcpc(client, dir.path(), &[])?;
    second.wait_for("lease", PATIENCE, |line| line.starts_with("EVENT reason=bound ip=10.1.0.11 server=10.0.0.1"))?;
    assert!(site.metric("metalman_dhcp_sent_total{type=\"ack\"}") >= Some(2.0));
    Ok(())
}

#[test]
fn the_isc_relay() -> anyhow::Result<()> {
    let Behind { client, relay, server } = behind()?;
    let _relay = isc_relay(&relay, "10.0.0.1")?;
    relayed(&client, &server)
}

#[test]
fn dnsmasq_as_a_relay() -> anyhow::Result<()> {
    let Behind { client, relay, server } = behind()?;
    let _relay = dnsmasq(&relay, &["--dhcp-relay=10.1.0.1,10.0.0.1"])?;
    relayed(&client, &server)
}

/// client 10.1.0.0/24, first relay, 10.2.0.0/24, second relay, 10.0.0.0/24 with the server.
fn two_in_a_row(first: impl FnOnce(&Namespace) -> anyhow::Result<Process>) -> anyhow::Result<()> {
    let (client, near, far) = (Namespace::new("client")?, Namespace::new("near")?, Namespace::new("far")?);
    let server = Namespace::new("server")?;
    client.veth("eth0", &near, "eth0")?;
    client.mac("eth0", MAC)?;
    near.address("eth0", "10.1.0.1/24")?;
    near.veth("eth1", &far, "eth0")?;
    near.address("eth1", "10.2.0.1/24")?;
    far.address("eth0", "10.2.0.2/24")?;
    far.veth("eth1", &server, "eth0")?;
    far.address("eth1", "10.0.0.2/24")?;
    server.address("eth0", "10.0.0.1/24")?;
    for relay in [&near, &far] {
        relay.forward()?;
    }
    near.default_route("10.2.0.2")?;
    far.ip("route add 10.1.0.0/24 via 10.2.0.1")?;
    server.default_route("10.0.0.2")?;
    let _near = first(&near)?;
    let _far = isc_relay(&far, "10.0.0.1")?;
    relayed(&client, &server)
}

#[test]
fn two_isc_relays_in_a_row() -> anyhow::Result<()> {
    two_in_a_row(|relay| isc_relay(relay, "10.2.0.2"))
}

#[test]
fn an_isc_relay_behind_dnsmasq() -> anyhow::Result<()> {
    two_in_a_row(|relay| dnsmasq(relay, &["--dhcp-relay=10.1.0.1,10.2.0.2"]))
}

#[test]
fn what_a_relay_adds_comes_back_and_what_no_relay_sent_is_not_answered() -> anyhow::Result<()> {
    let segment = Segment::new()?;
    let server = segment.host("server", Some("10.0.0.1/24"))?;
    let relay = segment.host("relay", Some("10.0.0.2/24"))?;
    let mut site = Site::start(&server, &["--serve-url=http://10.0.0.1:8880"])?;
    site.register(&[lease("n1", MAC, "10.0.0.11/24")])?;
    let teller = Teller::relay(&relay, "10.0.0.2")?;

    let mut discover = message(MessageType::Discover, MAC, 1);
    discover.giaddr = Ipv4Addr::new(10, 0, 0, 2);
    discover.hops = 2;
    let circuit = [1, 4, b'p', b'o', b'r', b't', 9, 0, 200, 1, 7];
    discover.options.push(code::RELAY_AGENT_INFORMATION, &circuit);
    let (offer, from) = teller.ask(&discover, "10.0.0.1")?;
    assert_eq!((offer.message_type(), from.to_string().as_str()), (Some(MessageType::Offer), "10.0.0.1:67"));
    assert_eq!(offer.options.get(code::RELAY_AGENT_INFORMATION), Some(&circuit[..]));
    assert_eq!(offer.options.iter().last().map(|(code, _)| code), Some(code::RELAY_AGENT_INFORMATION));
    assert_eq!((server_of(&offer), offer.giaddr), ("10.0.0.1".to_owned(), discover.giaddr));

    let mut stray = message(MessageType::Discover, MAC, 2);
    teller.ask_in_vain(&stray, "10.0.0.1")?;
    stray.xid = 3;
    Teller::client(&relay)?.ask_in_vain(&stray, "255.255.255.255")?;
    site.metric_reaches("metalman_dhcp_ignored_total{reason=\"no_giaddr\"}", 2.0)?;

    // A relay of another subnet: this lease is none of its clients'.
    let mut foreign = message(MessageType::Discover, MAC, 4);
    foreign.giaddr = Ipv4Addr::new(192, 0, 2, 1);
    teller.ask_in_vain(&foreign, "10.0.0.1")?;
    site.metric_reaches("metalman_dhcp_ignored_total{reason=\"foreign_subnet\"}", 1.0)?;

    let mut ack = request(MAC, 5, "10.0.0.1", "10.0.0.11");
    ack.giaddr = discover.giaddr;
    let (ack, _) = teller.ask(&ack, "10.0.0.1")?;
    assert_eq!((ack.message_type(), ack.yiaddr.to_string()), (Some(MessageType::Ack), "10.0.0.11".to_owned()));
    Ok(())
}
