use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::Queue;

/// Machines `a1`, `a2`, … are behind BMC `a`; `none…` have none.
fn endpoint(name: &Arc<str>) -> Option<Arc<str>> {
    (!name.starts_with("none")).then(|| name.chars().next().map(String::from).unwrap_or_default().into())
}

fn begin(queue: &mut Queue, now: Instant) -> Vec<String> {
    std::iter::from_fn(|| queue.start(now, endpoint)).map(|start| start.name.to_string()).collect()
}

fn wake(queue: &mut Queue, names: &[&str], at: Instant) {
    for name in names {
        queue.wake(&Arc::from(*name), at);
    }
}

#[test]
fn runs_what_is_due_in_the_order_of_time() {
    let (mut queue, now) = (Queue::new(10), Instant::now());
    wake(&mut queue, &["b1"], now + Duration::from_secs(2));
    wake(&mut queue, &["a1"], now + Duration::from_secs(1));
    wake(&mut queue, &["c1"], now + Duration::from_secs(9));
    assert_eq!(queue.next(), Some(now + Duration::from_secs(1)));
    assert!(begin(&mut queue, now).is_empty());
    assert_eq!(begin(&mut queue, now + Duration::from_secs(3)), ["a1", "b1"]);
    // Sooner counts, later does not.
    wake(&mut queue, &["c1"], now + Duration::from_secs(20));
    wake(&mut queue, &["c1"], now + Duration::from_secs(4));
    let start = queue.start(now + Duration::from_secs(5), endpoint).expect("due");
    assert_eq!((&*start.name, start.lag), ("c1", Duration::from_secs(1)));
}

#[test]
fn a_busy_bmc_delays_its_own_machines_only() {
    let (mut queue, now) = (Queue::new(3), Instant::now());
    wake(&mut queue, &["a1", "a2", "a3", "a4", "a5", "b1", "none"], now);
    assert_eq!(begin(&mut queue, now), ["a1", "b1", "none"], "a2 to a5 hold no room");
    queue.finished(&"b1".into(), None);
    wake(&mut queue, &["c1"], now);
    assert_eq!(begin(&mut queue, now), ["c1"]);
    queue.finished(&"a1".into(), None);
    assert_eq!(begin(&mut queue, now), ["a2"], "one after the other");
    queue.finished(&"none".into(), None);
    assert!(begin(&mut queue, now).is_empty());
    queue.finished(&"a2".into(), None);
    assert_eq!(begin(&mut queue, now), ["a3"]);
}

#[test]
fn woken_while_it_runs_it_runs_again() {
    let (mut queue, now) = (Queue::new(3), Instant::now());
    let name: Arc<str> = "a1".into();
    queue.wake(&name, now);
    assert_eq!(begin(&mut queue, now), ["a1"]);
    queue.wake(&name, now);
    assert!(begin(&mut queue, now).is_empty(), "not beside itself");
    queue.finished(&name, Some(now + Duration::from_mins(5)));
    assert_eq!(begin(&mut queue, now), ["a1"]);
    queue.finished(&name, None);
    assert_eq!((queue.len(), queue.next()), (0, None), "forgotten");
}

#[derive(Debug, Clone)]
enum Op {
    Wake(usize, u64),
    Pass(u64),
    Finish(usize, Option<u64>),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        (0..12usize, 0..50u64).prop_map(|(machine, delay)| Op::Wake(machine, delay)),
        (1..30u64).prop_map(Op::Pass),
        (0..8usize, proptest::option::of(0..50u64)).prop_map(|(index, next)| Op::Finish(index, next)),
    ];
    proptest::collection::vec(op, 1..120)
}

proptest! {
    /// Whatever happens: one step for a Machine and for a BMC, no more than allowed, and everybody who was woken runs.
    #[test]
    fn nobody_is_forgotten_and_no_bmc_is_asked_twice_at_once(ops in ops()) {
        let names: Vec<Arc<str>> =
            ["a1", "a2", "a3", "a4", "b1", "b2", "c1", "d1", "none1", "none2", "e1", "f1"].map(Arc::from).into();
        let (mut queue, begun) = (Queue::new(4), Instant::now());
        let mut now = begun;
        let mut running: Vec<Arc<str>> = Vec::new();
        let mut owed: BTreeMap<Arc<str>, Instant> = BTreeMap::new();
        let take = |queue: &mut Queue, running: &mut Vec<Arc<str>>, owed: &mut BTreeMap<_, _>, now| {
            while let Some(start) = queue.start(now, endpoint) {
                assert!(!running.contains(&start.name), "{} beside itself", start.name);
                owed.remove(&start.name);
                running.push(start.name);
            }
            assert!(running.len() <= 4);
            let busy: Vec<_> = running.iter().filter_map(endpoint).collect();
            assert_eq!(busy.iter().collect::<BTreeSet<_>>().len(), busy.len(), "two at one BMC: {running:?}");
        };
        for op in ops {
            match op {
                Op::Wake(machine, delay) => {
                    let at = now + Duration::from_secs(delay);
                    queue.wake(&names[machine], at);
                    let due = owed.entry(names[machine].clone()).or_insert(at);
                    *due = at.min(*due);
                }
                Op::Pass(seconds) => now += Duration::from_secs(seconds),
                Op::Finish(index, next) if !running.is_empty() => {
                    let name = running.remove(index % running.len());
                    let next = next.map(|delay| now + Duration::from_secs(delay));
                    queue.finished(&name, next);
                    if let Some(at) = next {
                        let due = owed.entry(name).or_insert(at);
                        *due = at.min(*due);
                    }
                }
                Op::Finish(..) => {}
            }
            take(&mut queue, &mut running, &mut owed, now);
        }
        now += Duration::from_secs(100);
        for _ in 0..200 {
            take(&mut queue, &mut running, &mut owed, now);
            let Some(name) = running.pop() else { break };
            queue.finished(&name, None);
        }
        prop_assert!(owed.is_empty(), "never run: {owed:?}");
        prop_assert_eq!(queue.len(), 0);
    }
}
