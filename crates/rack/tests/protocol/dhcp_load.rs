//! perfdhcp, which plays many clients behind a relay, as a judge of correctness. Speed is `script/bench`'s.

use std::fmt::Write as _;

use anyhow::{Context, ensure};
use metalman_core::api::MacAddr;
use rack::{netns::Namespace, site::Site};

use crate::dhcp_peers::{lease, output, peer};

const MACHINES: u8 = 100;

fn mac(n: u8) -> String {
    MacAddr::new([2, 0, 0, 0, 6, n]).to_string()
}

/// The number behind the words, in the block of the report about that exchange.
fn reported(report: &str, exchange: &str, words: &str) -> anyhow::Result<u32> {
    let block = report.split("***Statistics for: ").find(|block| block.starts_with(exchange));
    let line = block.and_then(|block| block.lines().find_map(|line| line.strip_prefix(words)));
    let number = line.with_context(|| format!("no {words:?} of {exchange} in\n{report}"))?;
    Ok(number.trim_start_matches(':').trim().parse()?)
}

#[test]
fn perfdhcp_finds_every_exchange_complete() -> anyhow::Result<()> {
    let (server, relay) = (Namespace::new("server")?, Namespace::new("relay")?);
    server.veth("eth0", &relay, "eth0")?;
    server.address("eth0", "10.0.0.1/24")?;
    relay.address("eth0", "10.0.0.2/24")?;
    let mut site = Site::start(&server, &["--serve-url=http://10.0.0.1:8880"])?;
    let machines = (0..MACHINES).map(|n| lease(&format!("n{n}"), &mac(n), &format!("10.0.0.{}/24", 100 + n)));
    site.register(&machines.collect::<Vec<_>>())?;
    let dir = tempfile::tempdir()?;
    let list = dir.path().join("macs");
    let text = (0..MACHINES).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "{}", mac(n));
        text
    });
    std::fs::write(&list, text)?;

    // At most 400 exchanges, 200 a second; each counts as lost only after ten seconds, for this judges no speed.
    let mut command = relay.command(peer("perfdhcp", "kea-admin")?);
    command.args(["-4", "-l", "10.0.0.2", "-M"]).arg(&list);
    command.args(["-r", "200", "-n", "400", "-d", "10", "-W", "2000000", "10.0.0.1"]);
    let (fine, report) = output(command)?;
    ensure!(fine, "perfdhcp is not content:\n{report}");
    for (exchange, kind) in [("DISCOVER-OFFER", "offer"), ("REQUEST-ACK", "ack")] {
        let (sent, received) =
            (reported(&report, exchange, "sent packets")?, reported(&report, exchange, "received packets")?);
        assert!(sent >= 390 && sent == received, "{report}");
        site.metric_reaches(&format!("metalman_dhcp_sent_total{{type=\"{kind}\"}}"), received.into())?;
    }
    Ok(())
}
