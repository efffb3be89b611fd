//! Another DHCP server on the same segment: dnsmasq.

use metalman_core::dhcp::MessageType;
use rack::site::{PATIENCE, Site};

use crate::dhcp_peers::{Segment, Teller, dhclient, dnsmasq, lease, message, request, server_of};

const MAC: &str = "02:00:00:00:00:41";

#[test]
fn a_client_takes_either_and_the_other_server_stays_silent() -> anyhow::Result<()> {
    let segment = Segment::new()?;
    let (server, foreign) =
        (segment.host("server", Some("10.0.0.1/24"))?, segment.host("foreign", Some("10.0.0.2/24"))?);
    let mut site = Site::start(&server, &["--dhcp-interface=eth0"])?;
    site.register(&[lease("n1", MAC, "10.0.0.11/24")])?;
    site.metric_reaches("metalman_leader", 1.0)?;
    let dir = tempfile::tempdir()?;
    let leases = format!("--dhcp-leasefile={}", dir.path().join("leases").display());
    let _foreign =
        dnsmasq(&foreign, &["--dhcp-range=10.0.0.100,10.0.0.150,1h", "--no-ping", "--interface=eth0", &leases])?;

    let client = segment.client(MAC)?;
    let teller = Teller::client(&client)?;
    teller.say(&message(MessageType::Discover, MAC, 1), "255.255.255.255")?;
    let mut offers = teller.hear(1, 2, PATIENCE);
    offers.sort_by_key(|(offer, _)| server_of(offer));
    let named: Vec<_> = offers.iter().map(|(offer, from)| (server_of(offer), from.ip().to_string())).collect();
    assert_eq!(named, [("10.0.0.1".into(), "10.0.0.1".into()), ("10.0.0.2".into(), "10.0.0.2".into())]);

    for (xid, (offer, _)) in (2..).zip(&offers) {
        let chosen = server_of(offer);
        teller.say(&request(MAC, xid, &chosen, &offer.yiaddr.to_string()), "255.255.255.255")?;
        let acks = teller.hear(xid, 2, std::time::Duration::from_secs(2));
        let acks: Vec<_> = acks.iter().map(|(ack, _)| (ack.message_type(), server_of(ack), ack.yiaddr)).collect();
        assert_eq!(acks, [(Some(MessageType::Ack), chosen, offer.yiaddr)]);
    }
    site.metric_reaches("metalman_dhcp_ignored_total{reason=\"other_server\"}", 1.0)?;

    // dhclient wants the client's port for itself.
    drop(teller);
    let running = dhclient(&client, dir.path(), "", &[])?;
    let bound = running.wait_for("lease", PATIENCE, |line| line.starts_with("EVENT reason=BOUND"))?;
    let ours = bound.contains(" ip=10.0.0.11 server=10.0.0.1 ");
    let theirs = bound.contains(" ip=10.0.0.1") && bound.contains(" server=10.0.0.2 ");
    assert!(ours != theirs, "{bound}");
    assert!(!running.lines().iter().any(|line| line.contains("DHCPNAK")), "{}", running.tail());
    Ok(())
}
