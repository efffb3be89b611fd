use super::*;

fn fates(chaos: Chaos, count: usize) -> Vec<Spell> {
    let mut trouble = Trouble::new(Faults::default(), chaos);
    (0..count).map(|_| trouble.next()).collect()
}

#[test]
fn a_seed_brings_the_same_faults_every_time() {
    let chaos = Chaos::uniform(7, 100);
    assert_eq!(fates(chaos, 1000), fates(chaos, 1000));
    assert_ne!(fates(chaos, 1000), fates(Chaos::uniform(8, 100), 1000));
}

#[test]
fn rates_are_kept_and_independent() {
    let chaos = Chaos { seed: 3, busy: 200, ..Chaos::default() };
    let busy: Vec<_> = fates(chaos, 5000).iter().map(|spell| spell.status == Some(503)).collect();
    let share = busy.iter().filter(|busy| **busy).count();
    assert!((900..1100).contains(&share), "{share} of 5000 at 200 ‰");
    let more = Chaos { slow: 500, delay: Duration::from_secs(1), ..chaos };
    let again: Vec<_> = fates(more, 5000).iter().map(|spell| spell.status == Some(503)).collect();
    assert_eq!(busy, again, "another fault's rate changes nothing");
}

#[test]
fn errors_come_in_bursts() {
    let statuses: Vec<_> = fates(Chaos { seed: 1, errors: 20, burst: 4, ..Chaos::default() }, 2000)
        .iter()
        .map(|spell| spell.status.is_some())
        .collect();
    let runs: Vec<_> = statuses.split(|failed| !failed).map(<[_]>::len).filter(|length| *length > 0).collect();
    assert!(!runs.is_empty() && runs.iter().all(|length| *length >= 4), "{runs:?}");
}

#[test]
fn chaos_ends_where_it_is_limited() {
    let mut trouble = Trouble::new(Faults::default(), Chaos { most: 5, ..Chaos::uniform(1, 500) });
    for _ in 0..1000 {
        trouble.next();
    }
    let drawn = trouble.drawn();
    assert!((5..12).contains(&drawn), "{drawn}: the last request may bring several");
    assert_eq!(trouble.next(), Spell::default());
}

#[test]
fn set_faults_are_used_up_by_what_they_befall() {
    let mut trouble =
        Trouble::new(Faults { ignored_resets: 1, errors: Some((2, 500)), ..Faults::default() }, Chaos::default());
    assert_eq!(trouble.next().status, Some(500));
    assert_eq!(trouble.next().status, Some(500));
    // A request that resets nothing leaves the fault for one that does.
    let spell = trouble.next();
    assert_eq!(spell.status, None);
    trouble.settle(&spell);
    let mut spell = trouble.next();
    assert!(spell.ignores_reset());
    trouble.settle(&spell);
    assert!(!trouble.next().ignores_reset());
}
