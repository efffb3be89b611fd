use std::time::Duration;

use super::impair::{Fate, Fates, Impairment};

const BAD: Impairment = Impairment {
    delay: Duration::from_millis(5),
    lost: 100,
    doubled: 50,
    reordered: 200,
    late: Duration::from_millis(3),
    rate: None,
};

fn fates(impairment: Impairment, seed: u64, count: usize) -> Vec<Fate> {
    let mut fates = Fates::new(impairment, seed);
    (0..count).map(|_| fates.next()).collect()
}

#[test]
fn one_seed_has_one_fate() {
    assert_eq!(fates(BAD, 7, 500), fates(BAD, 7, 500));
    assert_ne!(fates(BAD, 7, 500), fates(BAD, 8, 500));
}

#[test]
fn frames_fare_as_often_as_asked() {
    let fates = fates(BAD, 1, 20_000);
    let share =
        |matches: &dyn Fn(&Fate) -> bool| fates.iter().filter(|fate| matches(fate)).count() * 1000 / fates.len();
    let lost = share(&|fate| fate.arrives.is_none());
    let doubled = share(&|fate| fate.copy.is_some());
    let reordered = share(&|fate| fate.reordered);
    assert!((90..110).contains(&lost), "{lost}");
    assert!((35..55).contains(&doubled), "{doubled}");
    assert!((165..195).contains(&reordered), "{reordered}");
    for fate in fates.iter().filter_map(|fate| fate.arrives) {
        assert!(fate >= BAD.delay && fate <= BAD.delay + BAD.late, "{fate:?}");
    }
}

#[test]
fn without_impairment_nothing_happens() {
    let untouched = Fate { arrives: Some(Duration::ZERO), copy: None, reordered: false };
    assert!(fates(Impairment::default(), 3, 100).iter().all(|fate| *fate == untouched));
}
