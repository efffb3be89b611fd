//! Strangers on the segment: floods and packets made to hurt. Known clients are served all the while.

use std::net::Ipv4Addr;

use anyhow::Context;
use metalman_core::{
    api::MacAddr,
    dhcp::{MessageType, code},
};
use rack::site::{PATIENCE, Site};

use crate::dhcp_peers::{Segment, Teller, dhclient, lease, message};

const MAC: &str = "02:00:00:00:00:51";
/// Unknown senders.
const STRANGERS: u32 = 30_000;
/// How much resident memory they may cost, in KiB: some buffers that grow once, and nothing for each of them.
const ALLOWED: u64 = 16 * 1024;

fn resident(process: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[test]
fn a_flood_of_strangers_costs_no_memory_and_nobody_else_the_service() -> anyhow::Result<()> {
    let segment = Segment::new()?;
    let (server, flooder) =
        (segment.host("server", Some("10.0.0.1/24"))?, segment.host("flooder", Some("10.0.0.66/24"))?);
    let mut site = Site::start(&server, &["--dhcp-interface=eth0"])?;
    site.register(&[lease("n1", MAC, "10.0.0.11/24")])?;
    site.metric_reaches("metalman_leader", 1.0)?;
    let (teller, client) = (Teller::client(&flooder)?, segment.client(MAC)?);
    let process = site.process().id();
    let lines = site.process().lines().len();
    let strange = |n: u32| {
        let [a, b, c, d] = n.to_be_bytes();
        message(MessageType::Discover, &MacAddr::new([2, 1, a, b, c, d]).to_string(), n)
    };
    for n in 0..1000 {
        teller.say(&strange(n), "255.255.255.255")?;
    }
    let before = resident(process)?;
    let dir = tempfile::tempdir()?;
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let flood = scope.spawn(|| (1000..STRANGERS).try_for_each(|n| teller.say(&strange(n), "255.255.255.255")));
        let running = dhclient(&client, dir.path(), "", &[])?;
        running.wait_for("lease", PATIENCE, |line| line.starts_with("EVENT reason=BOUND ip=10.0.0.11"))?;
        flood.join().expect("the flood does not panic")
    })?;
    let ignored = "metalman_dhcp_ignored_total{reason=\"unknown_client\"}";
    let dropped = site.metric("metalman_dhcp_receive_drops_total").unwrap_or_default();
    site.metric_reaches(ignored, f64::from(STRANGERS) - dropped)?;
    let after = resident(process)?;
    assert!(after < before + ALLOWED, "{before} KiB became {after} KiB");
    let said = site.process().lines().len() - lines;
    assert!(said < 50, "{said} lines about {STRANGERS} strangers:\n{}", site.process().tail());
    Ok(())
}

#[test]
fn broken_packets_are_counted_and_nothing_else() -> anyhow::Result<()> {
    let segment = Segment::new()?;
    let (server, host) = (segment.host("server", Some("10.0.0.1/24"))?, segment.host("host", Some("10.0.0.66/24"))?);
    let mut site = Site::start(&server, &["--dhcp-interface=eth0"])?;
    site.register(&[lease("n1", MAC, "10.0.0.11/24")])?;
    site.metric_reaches("metalman_leader", 1.0)?;
    let teller = Teller::client(&host)?;
    let good = message(MessageType::Discover, MAC, 1);
    let mut bytes = Vec::new();
    good.encode_into(&mut bytes, 1400);
    for length in [0, 1, 235, 239] {
        teller.say_bytes(&bytes[..length], "10.0.0.1")?;
    }
    let malformed = |reason: &str| format!("metalman_dhcp_malformed_total{{reason=\"{reason}\"}}");
    site.metric_reaches(&malformed("truncated"), 3.0)?;
    let mut long_address = bytes.clone();
    long_address[2] = 17;
    teller.say_bytes(&long_address, "10.0.0.1")?;
    site.metric_reaches(&malformed("hardware_length"), 1.0)?;
    let mut huge = bytes.clone();
    huge.resize(60_000, 0);
    teller.say_bytes(&huge, "10.0.0.1")?;
    site.metric_reaches(&malformed("oversized"), 1.0)?;

    // Options that lead past the end, or over one another: overload of all fields, each full of option 52 again.
    let mut looping = bytes[..240].to_vec();
    looping.extend_from_slice(&[52, 1, 3, 53, 1, 1, 200, 255, 1]);
    for chunk in looping[44..236].chunks_mut(3) {
        chunk.copy_from_slice(&[52, 1, 3]);
    }
    teller.say_bytes(&looping, "10.0.0.1")?;

    // A giaddr that lies: answered to nobody, as no reply may be aimed at strangers.
    for (xid, giaddr) in [(10, [255, 255, 255, 255]), (11, [224, 0, 0, 1]), (12, [127, 0, 0, 1]), (13, [192, 0, 2, 9])]
    {
        let mut spoofed = message(MessageType::Discover, MAC, xid);
        spoofed.giaddr = Ipv4Addr::from(giaddr);
        teller.ask_in_vain(&spoofed, "10.0.0.1")?;
    }
    // A reply that comes to a server, and one that somebody else's server would send.
    let mut reply = message(MessageType::Offer, MAC, 14);
    reply.op = 2;
    teller.ask_in_vain(&reply, "10.0.0.1")?;
    teller.ask_in_vain(&message(MessageType::Ack, MAC, 15), "10.0.0.1")?;

    let mut declined = message(MessageType::Decline, MAC, 16);
    declined.options.push(code::REQUESTED_ADDRESS, &[10, 0, 0, 11]);
    declined.options.push(code::SERVER_IDENTIFIER, &[10, 0, 0, 1]);
    for _ in 0..500 {
        teller.say(&declined, "255.255.255.255")?;
    }
    site.metric_reaches("metalman_dhcp_incidents_total{incident=\"declined\"}", 500.0)?;
    let told = site.process().lines().iter().filter(|line| line.contains("address declined")).count();
    assert!((1..=30).contains(&told), "{told} lines about 500 messages");
    let events = site.eventually("event", |site| {
        let all = site.kubectl(&["get", "events", "-n", "default", "-o", "json"], "").ok()?;
        all.contains("AddressDeclined").then_some(all)
    })?;
    assert!(events.contains("10.0.0.11"), "{events}");
    let (offer, _) = teller.ask(&good, "255.255.255.255")?;
    assert_eq!(offer.message_type(), Some(MessageType::Offer));
    Ok(())
}
