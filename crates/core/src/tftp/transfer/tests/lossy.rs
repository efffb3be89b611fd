//! Windows of any size over links that lose, and through places where few packets may wait: how long, and how much twice.

use std::time::Duration;

use super::{
    super::*,
    simulation::{CLEAN, Link, World, content},
};

const BAD: Link = Link {
    lost_percent: 2,
    doubled_percent: 3,
    delay: Duration::from_millis(1),
    late_percent: 5,
    jitter: Duration::from_millis(4),
    ..CLEAN
};

/// The windows and blocks of the test over a real link of that kind (`rack`), and the most blocks that may be repeated.
/// Each fault costs at most what was sent behind it, which is half of the file in the last row.
const WINDOWS: [(u64, u64, u64); 5] =
    [(2, 1468, 200), (16, 1468, 1500), (64, 512, 20_000), (4, 8192, 150), (65535, 1024, 80_000)];

/// Reads a file of 1 MB; the dice are such that seed 61 has the OACK repeated, so that it is no sample of the round trip.
fn read(link: Link, seed: u64, windowsize: u64, blksize: u64) -> (Duration, u32, u64) {
    let file = content(1_000_000, 3);
    let mut world = World::new(link, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let options = [("windowsize", windowsize), ("blksize", blksize)];
    let (arrived, transfer, _) = world.run(&file, Mode::Octet, &options);
    assert!(arrived == file, "{options:?}, seed {seed}: {} bytes arrived", arrived.len());
    (world.now, world.timeouts, transfer.blocks_repeated())
}

#[test]
fn no_fault_costs_a_timeout_of_a_second_each_time() {
    for (windowsize, blksize, most_repeated) in WINDOWS {
        for seed in 52..68 {
            let (took, timeouts, repeated) = read(BAD, seed, windowsize, blksize);
            assert!(
                took < Duration::from_secs(20),
                "{windowsize} x {blksize}, seed {seed}: {took:?}, {timeouts} timeouts"
            );
            assert!(timeouts < 50, "{windowsize} x {blksize}, seed {seed}: {timeouts} timeouts");
            assert!(repeated < most_repeated, "{windowsize} x {blksize}, seed {seed}: {repeated} repeated");
        }
    }
}

/// The end of each window is lost behind the blocks that found room: nothing tells of the gap but a window that begins again.
#[test]
fn a_window_wider_than_the_way_goes_on_where_it_was_cut() {
    let link = Link { delay: Duration::from_millis(1), service: Duration::from_micros(20), queue: 30, ..CLEAN };
    for (windowsize, blksize) in [(64, 512), (65535, 1024)] {
        let (took, timeouts, repeated) = read(link, 1, windowsize, blksize);
        // Each timeout brings what fits, about 30 blocks.
        assert!(took < Duration::from_secs(5), "{windowsize} x {blksize}: {took:?}, {timeouts} timeouts");
        assert!(repeated < 60_000, "{windowsize} x {blksize}: {repeated} repeated");
    }
}

/// Many windows lose their end, so that the receiver's timer speaks as often as the server's.
#[test]
fn the_receivers_own_timer_is_not_taken_for_the_round_trip() {
    for seed in 0..40 {
        let (took, timeouts, _) = read(Link { lost_percent: 11, ..BAD }, seed, 4, 8192);
        assert!(took < Duration::from_secs(15), "seed {seed}: {took:?}, {timeouts} timeouts");
    }
}
