use std::{collections::BTreeSet, time::Duration};

use super::jittered;

#[test]
fn pauses_differ_within_their_bounds() {
    let pause = Duration::from_secs(10);
    for (percent, least) in [(0, Duration::ZERO), (50, pause / 2), (90, pause * 9 / 10)] {
        let seen: BTreeSet<Duration> = (0..200).map(|_| jittered(pause, percent)).collect();
        assert!(seen.iter().all(|seen| (least..=pause).contains(seen)), "{percent} %: {seen:?}");
        assert!(seen.len() > 10, "{percent} %: {seen:?}");
    }
    assert_eq!(jittered(pause, 100), pause);
    assert_eq!(jittered(pause, 300), pause);
    assert_eq!(jittered(Duration::ZERO, 50), Duration::ZERO);
}
