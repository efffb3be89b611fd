//! Many machines at once.

use std::thread;

use super::*;

#[test]
fn hundreds_of_transfers_at_once_do_not_mix() -> anyhow::Result<()> {
    const CLIENTS: usize = 500;
    let wire = Wire::clean()?;
    let files: Vec<(String, Vec<u8>)> = (0..5).map(|i| (format!("file{i}"), content(40_000 + i * 1001))).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    let (mut site, _layout) = wire.site(&files)?;
    let wire = &wire;
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (name, expected) = files[number % files.len()];
                let options = [("blksize", 300 + number as u64), ("windowsize", 1 + number as u64 % 7)];
                let host = FIRST_CLIENT + u8::try_from(number % 12).unwrap_or(0);
                scope.spawn(move || -> anyhow::Result<()> {
                    let got = wire.read(SERVER, host, name, &options)?;
                    ensure!(digest(&got) == digest(expected), "{name} {options:?}: {} bytes", got.len());
                    Ok(())
                })
            })
            .collect();
        clients.into_iter().try_for_each(|client| client.join().expect("no panic"))
    })?;
    site.metric_reaches("metalman_tftp_transfers_total{outcome=\"completed\"}", 500.0)?;
    assert_eq!(site.metric("metalman_tftp_refused_total{reason=\"peer_busy\"}"), None);
    Ok(())
}
