//! Single steps of the elector, one rule each.

use std::time::Duration;

use jiff::Timestamp;
use metalman::election::decide::{Action, Answer, Elector, Record, Stored, Tick};

use super::TIMINGS;

fn at(seconds: u64) -> Tick {
    Duration::from_secs(seconds)
}

fn wall(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).expect("a time")
}

fn held_by(holder: &str, version: &str, renewed: i64) -> Stored {
    Stored {
        resource_version: version.into(),
        record: Record {
            holder: (!holder.is_empty()).then(|| holder.to_owned()),
            duration_seconds: Some(15),
            acquire_time: Some(wall(0)),
            renew_time: Some(wall(renewed)),
            transitions: 4,
        },
    }
}

#[test]
fn creates_reads_and_renews_like_client_go() {
    let mut a = Elector::new("a", TIMINGS);
    assert_eq!(a.next(at(0), wall(0)), Action::Read);
    a.answer(at(0), at(0), Answer::Absent);
    let Action::Create(record) = a.next(at(0), wall(0)) else { panic!("no create") };
    assert_eq!((record.holder.as_deref(), record.duration_seconds, record.transitions), (Some("a"), Some(15), 0));
    assert_eq!((record.acquire_time, record.renew_time), (Some(wall(0)), Some(wall(0))));
    let stored = Stored { resource_version: "1".into(), record };
    a.answer(at(0), at(1), Answer::Written(stored.clone()));
    assert_eq!(a.term_end(), Some(at(10)), "counted from when it was sent");
    assert_eq!(a.next(at(1), wall(1)), Action::Wait(at(2)));
    let Action::Replace(renewal) = a.next(at(2), wall(2)) else { panic!("no renewal") };
    assert_eq!(renewal.resource_version, "1");
    assert_eq!(renewal.record, Record { renew_time: Some(wall(2)), ..stored.record }, "only the renew time changes");
    // The renewal fails until the deadline: the term is over then, and not one tick later.
    a.answer(at(2), at(5), Answer::Unknown);
    assert_eq!(a.next(at(5), wall(5)), Action::Read);
    assert!(a.leads(Duration::from_millis(9_999)) && !a.leads(at(10)));
}

#[test]
fn takes_over_only_after_watching_the_same_record_for_the_whole_duration() {
    let mut b = Elector::new("b", TIMINGS);
    let old = held_by("a", "7", -1_000_000);
    b.answer(at(100), at(100), Answer::Found(old.clone()));
    // Long expired by the holder's clock, which says nothing.
    assert_eq!(b.next(at(100), wall(0)), Action::Wait(at(102)));
    b.answer(at(110), at(110), Answer::Found(Stored { resource_version: "8".into(), ..old.clone() }));
    assert_eq!(b.next(at(114), wall(0)), Action::Wait(at(115)), "a touched annotation is no renewal");
    assert_eq!(b.next(at(115), wall(0)), Action::Read);
    b.answer(at(115), at(115), Answer::Found(Stored { resource_version: "8".into(), ..old }));
    let Action::Replace(claim) = b.next(at(115), wall(0)) else { panic!("no takeover") };
    assert_eq!((claim.resource_version.as_str(), claim.record.transitions), ("8", 5));
    assert_eq!(claim.record.acquire_time, Some(wall(0)));
    b.answer(at(115), at(115), Answer::Conflict);
    assert!(!b.leads(at(115)));
}

#[test]
fn a_released_lease_is_taken_at_once() {
    let mut b = Elector::new("b", TIMINGS);
    b.answer(at(0), at(0), Answer::Found(held_by("", "7", 0)));
    let Action::Replace(claim) = b.next(at(0), wall(3)) else { panic!("no takeover") };
    assert_eq!(claim.record.transitions, 5);
    b.answer(at(0), at(0), Answer::Written(Stored { resource_version: "8".into(), ..claim }));
    assert!(b.leads(at(1)));
    let release = b.release(wall(4)).expect("held");
    assert!(!b.leads(at(1)), "over before the release is written");
    assert_eq!((release.resource_version.as_str(), release.record.holder), ("8", None));
    assert_eq!(release.record.transitions, 5);
    assert_eq!(b.release(wall(5)), None);
}

#[test]
fn steps_down_when_it_sees_another_holder() {
    let mut a = Elector::new("a", TIMINGS);
    a.answer(at(0), at(0), Answer::Found(held_by("", "1", 0)));
    let Action::Replace(claim) = a.next(at(0), wall(0)) else { panic!("no takeover") };
    a.answer(at(0), at(0), Answer::Written(claim));
    a.answer(at(2), at(2), Answer::Conflict);
    assert!(a.leads(at(2)), "nobody can have taken it over yet");
    assert_eq!(a.next(at(2), wall(2)), Action::Read, "but it is looked at now");
    a.answer(at(2), at(2), Answer::Found(held_by("b", "3", 1)));
    assert!(!a.leads(at(2)));
}

#[test]
fn a_lease_deleted_under_its_holder_is_waited_for() {
    let mut b = Elector::new("b", TIMINGS);
    b.answer(at(0), at(0), Answer::Found(held_by("a", "7", 0)));
    b.answer(at(2), at(2), Answer::Absent);
    assert_eq!(b.next(at(2), wall(2)), Action::Wait(at(4)));
    b.answer(at(15), at(15), Answer::Absent);
    assert!(matches!(b.next(at(15), wall(15)), Action::Create(_)));
}

#[test]
fn a_longer_duration_of_the_holder_is_respected() {
    let mut b = Elector::new("b", TIMINGS);
    let mut stored = held_by("a", "7", 0);
    stored.record.duration_seconds = Some(60);
    b.answer(at(0), at(0), Answer::Found(stored.clone()));
    b.answer(at(30), at(30), Answer::Found(stored.clone()));
    assert!(matches!(b.next(at(30), wall(30)), Action::Wait(_)));
    b.answer(at(60), at(60), Answer::Found(stored));
    assert!(matches!(b.next(at(60), wall(60)), Action::Replace(_)));
}

#[test]
fn renewals_differ_even_when_the_wall_clock_repeats_itself() {
    let mut a = Elector::new("a", TIMINGS);
    a.answer(at(0), at(0), Answer::Found(held_by("", "1", 0)));
    let mut seen = Vec::new();
    for (second, clock) in [(0, 100), (2, 100), (4, 90), (6, 101), (8, -9_000)] {
        let Action::Replace(claim) = a.next(at(second), wall(clock)) else { panic!("no renewal at {second}") };
        assert!(!seen.contains(&claim.record.renew_time), "{seen:?}");
        seen.push(claim.record.renew_time);
        a.answer(at(second), at(second), Answer::Written(claim));
    }
}
