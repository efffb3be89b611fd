//! Real clients over a link that loses, delays, duplicates and reorders.

use super::*;

const BAD: Impairment = Impairment {
    delay: Duration::from_millis(1),
    lost: 20,
    doubled: 30,
    reordered: 50,
    late: Duration::from_millis(4),
    rate: None,
};

#[test]
fn real_clients_get_the_exact_bytes_over_a_bad_link() -> anyhow::Result<()> {
    let (wire, file) = (Wire::bad(BAD, 4)?, content(150_000));
    let (site, _layout) = wire.site(&[("small", b"x"), ("file", &file)])?;
    all_clients_fetch(&wire, "file", &file)?;
    let [there, back] = wire.link.as_ref().context("a link")?.counters();
    for counters in [there, back] {
        assert!(counters.lost.load(std::sync::atomic::Ordering::Relaxed) > 0, "{counters:?}");
        assert!(counters.doubled.load(std::sync::atomic::Ordering::Relaxed) > 0, "{counters:?}");
        assert!(counters.reordered.load(std::sync::atomic::Ordering::Relaxed) > 0, "{counters:?}");
    }
    assert!(site.metric("metalman_tftp_blocks_repeated_total").is_some_and(|blocks| blocks > 0.0));
    Ok(())
}

/// Blocks that all windows of the test below may repeat: twice what the simulation of `core::tftp` comes to.
const MOST_REPEATED: f64 = 150_000.0;

#[test]
fn windows_of_any_size_survive_a_bad_link() -> anyhow::Result<()> {
    let (wire, file) = (Wire::bad(BAD, 7)?, content(1_000_000));
    let (site, _layout) = wire.site(&[("small", b"x"), ("file", &file)])?;
    let mut took = Vec::new();
    for (windowsize, blksize) in [(2, 1468), (16, 1468), (64, 512), (4, 8192), (65535, 1024)] {
        let options = [("windowsize", windowsize), ("blksize", blksize), ("tsize", 0)];
        let began = Instant::now();
        let got = wire.read(SERVER, FIRST_CLIENT, "file", &options)?;
        took.push((windowsize, began.elapsed()));
        assert!(digest(&got) == digest(&file), "{options:?}: {} bytes", got.len());
    }
    // The server counts a transfer when it ends, which for the last one may be a moment from now; what came before it is
    // counted. A window of the whole file is sent again from each of some 80 faults on.
    let repeated = site.metric("metalman_tftp_blocks_repeated_total").context("the counter")?;
    assert!(repeated > 0.0 && repeated < MOST_REPEATED, "{repeated} blocks repeated in {took:?}");
    Ok(())
}
