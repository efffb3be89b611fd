use super::*;
use crate::bmc::profile::Profile;

const SECOND: Duration = Duration::from_secs(1);

fn system(change: impl FnOnce(&mut BootRules)) -> System {
    let mut rules = Profile::plain().boot;
    change(&mut rules);
    let timings = Timings { power_on: SECOND, power_off: 2 * SECOND, post: 10 * SECOND, shutdown: Some(5 * SECOND) };
    System::new(rules, timings, vec![BootSource::Disk, BootSource::Pxe])
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn once(target: &str) -> BootOverride {
    BootOverride { enabled: "Once".to_owned(), target: target.to_owned(), mode: Some("UEFI".to_owned()) }
}

fn plan(sources: &[BootSource], overridden: bool) -> BootPlan {
    BootPlan { sources: sources.to_vec(), overridden }
}

fn from_disk() -> BootPlan {
    plan(&[BootSource::Disk, BootSource::Pxe], false)
}

fn from_network() -> BootPlan {
    plan(&[BootSource::Pxe, BootSource::Disk], true)
}

#[track_caller]
fn accepted(system: &mut System, reset: ResetType, now: Duration) -> Vec<Change> {
    let (changes, outcome) = system.reset(reset, now);
    assert_eq!(outcome, Ok(()), "{reset} at {now:?} of {system:?}");
    changes
}

/// One that has booted at 11 s.
fn running(change: impl FnOnce(&mut BootRules)) -> System {
    let mut system = system(change);
    accepted(&mut system, ResetType::On, at(0));
    assert_eq!(system.advance(at(11)), [Change::On { plan: from_disk(), warm: false }, Change::Boot(from_disk())]);
    system
}

#[test]
fn power_takes_its_time() {
    let mut system = system(|_| {});
    assert_eq!(accepted(&mut system, ResetType::On, at(0)), []);
    assert_eq!(system.actual(), PowerState::PoweringOn);
    assert_eq!(system.due(), Some(at(1)));
    assert_eq!(system.advance(Duration::from_millis(999)), []);
    assert_eq!(system.advance(at(1)), [Change::On { plan: from_disk(), warm: false }]);
    assert!(system.in_post());
    assert_eq!(system.advance(at(11)), [Change::Boot(from_disk())]);
    assert!(!system.in_post());
    accepted(&mut system, ResetType::ForceOff, at(20));
    assert_eq!(system.actual(), PowerState::PoweringOff);
    assert_eq!(system.advance(at(22)), [Change::Off]);
    assert_eq!((system.actual(), system.due()), (PowerState::Off, None));
}

#[test]
fn what_is_so_already_is_told_from_what_makes_no_sense() {
    let mut system = system(|_| {});
    assert_eq!(system.reset(ResetType::ForceOff, at(0)).1, Err(NoReset::Already));
    assert_eq!(system.reset(ResetType::ForceRestart, at(0)).1, Err(NoReset::NotNow));
    accepted(&mut system, ResetType::On, at(0));
    assert_eq!(system.reset(ResetType::On, at(0)).1, Err(NoReset::Already));
    system.advance(at(20));
    assert_eq!(system.reset(ResetType::On, at(20)).1, Err(NoReset::Already));
    accepted(&mut system, ResetType::ForceOff, at(20));
    assert_eq!(system.reset(ResetType::ForceOff, at(21)).1, Err(NoReset::Already));
    assert_eq!(system.reset(ResetType::On, at(21)).1, Err(NoReset::NotNow));
}

#[test]
fn a_graceful_shutdown_waits_for_the_operating_system() {
    let mut obedient = running(|_| {});
    assert_eq!(accepted(&mut obedient, ResetType::GracefulShutdown, at(20)), [Change::ShutdownRequested]);
    assert_eq!(obedient.actual(), PowerState::On);
    assert_eq!(obedient.advance(at(25)), [Change::Off]);

    let mut restarted = running(|_| {});
    accepted(&mut restarted, ResetType::GracefulRestart, at(20));
    assert_eq!(restarted.advance(at(25)), [Change::On { plan: from_disk(), warm: true }]);

    let mut deaf = running(|_| {});
    deaf.timings.shutdown = None;
    accepted(&mut deaf, ResetType::GracefulShutdown, at(20));
    assert_eq!(deaf.advance(at(3600)), []);
    assert_eq!(deaf.halted(at(3601)), [Change::Off]);

    let mut booting = system(|_| {});
    accepted(&mut booting, ResetType::On, at(0));
    accepted(&mut booting, ResetType::GracefulShutdown, at(5));
    booting.advance(at(60));
    assert_eq!(booting.actual(), PowerState::On, "firmware hears no power button");
}

#[test]
fn an_override_decides_one_boot() {
    for consumed in [Consumed::AtStart, Consumed::AtEndOfPost] {
        let mut system = system(|rules| rules.consumed = consumed);
        system.set_override(once("Pxe"), at(0));
        accepted(&mut system, ResetType::On, at(0));
        let changes = system.advance(at(1));
        assert_eq!(changes, [Change::On { plan: from_network(), warm: false }]);
        assert_eq!(system.boot_override().is_active(), consumed == Consumed::AtEndOfPost);
        assert_eq!(system.advance(at(11)), [Change::Boot(from_network())]);
        assert_eq!((&*system.boot_override().enabled, &*system.boot_override().target), ("Disabled", "None"));
        assert_eq!(system.rebooted(at(30)), [Change::On { plan: from_disk(), warm: true }]);
    }
}

#[test]
fn an_override_set_during_post_counts_where_firmware_reads_it_at_the_end() {
    for (consumed, expected) in [(Consumed::AtStart, from_disk()), (Consumed::AtEndOfPost, from_network())] {
        let mut system = system(|rules| rules.consumed = consumed);
        accepted(&mut system, ResetType::On, at(0));
        system.advance(at(5));
        system.set_override(once("Pxe"), at(5));
        assert_eq!(system.advance(at(11)), [Change::Boot(expected)]);
    }
}

#[test]
fn a_continuous_override_and_one_that_is_never_used_up_stay() {
    let mut system = system(|_| {});
    system.set_override(BootOverride { enabled: "Continuous".to_owned(), ..once("Pxe") }, at(0));
    accepted(&mut system, ResetType::On, at(0));
    system.advance(at(11));
    assert_eq!(system.rebooted(at(20)), [Change::On { plan: from_network(), warm: true }]);

    let mut stuck = running(|rules| rules.consumed = Consumed::Never);
    stuck.set_override(once("Pxe"), at(20));
    stuck.rebooted(at(20));
    stuck.advance(at(30));
    assert!(stuck.boot_override().is_active());
}

#[test]
fn an_override_is_lost_as_the_rules_say() {
    let mut expiring = running(|rules| rules.expires = Some(60 * SECOND));
    expiring.set_override(once("Pxe"), at(100));
    expiring.advance(at(159));
    assert!(expiring.boot_override().is_active());
    expiring.advance(at(160));
    assert!(!expiring.boot_override().is_active());

    for lost in [true, false] {
        let mut system = running(|rules| rules.lost_with_mains = lost);
        system.set_override(once("Pxe"), at(20));
        assert_eq!(system.mains_lost(at(21)), [Change::Off]);
        assert_eq!(system.boot_override().is_active(), !lost);
    }

    let mut keeping = running(|rules| rules.keeps_target = true);
    keeping.set_override(once("Pxe"), at(20));
    keeping.rebooted(at(21));
    assert_eq!((&*keeping.boot_override().enabled, &*keeping.boot_override().target), ("Disabled", "Pxe"));
}

#[test]
fn power_is_shown_as_the_kind_of_bmc_shows_it() {
    let none = Duration::ZERO;
    let mut system = system(|_| {});
    accepted(&mut system, ResetType::On, at(100));
    assert_eq!(system.shown(Transition::Worded, none, at(100)), Some(PowerState::PoweringOn));
    assert_eq!(system.shown(Transition::Finished, none, at(100)), Some(PowerState::Off));
    assert_eq!(system.shown(Transition::Null, none, at(100)), None);
    system.advance(at(101));
    assert_eq!(system.shown(Transition::Null, none, at(101)), Some(PowerState::On));
    accepted(&mut system, ResetType::ForceOff, at(120));
    assert_eq!(system.shown(Transition::Finished, none, at(120)), Some(PowerState::On));
    system.advance(at(122));
    let late = |now| system.shown(Transition::Finished, at(30), now);
    assert_eq!((late(at(151)), late(at(152))), (Some(PowerState::On), Some(PowerState::Off)));
}

#[test]
fn a_power_cycle_ends_in_a_cold_boot() {
    let mut system = running(|_| {});
    accepted(&mut system, ResetType::PowerCycle, at(20));
    assert_eq!(system.advance(at(23)), [Change::Off, Change::On { plan: from_disk(), warm: false }]);
}

#[test]
fn time_that_passed_in_one_leap_brings_the_same_as_in_steps() {
    let begin = || {
        let mut system = system(|_| {});
        system.set_override(once("UefiHttp"), at(0));
        accepted(&mut system, ResetType::On, at(0));
        system
    };
    let (mut leaping, mut walking) = (begin(), begin());
    let leap = leaping.advance(at(60));
    let steps: Vec<_> = (1..=240).flat_map(|quarter| walking.advance(Duration::from_millis(250 * quarter))).collect();
    assert_eq!(leap, steps);
    assert_eq!(leaping.boot_override(), walking.boot_override());
}

/// What a run of random requests brought, looked at every `step`.
fn random_run(seed: u64, step: Duration) -> Vec<Change> {
    let mut dice = seed;
    let mut throw = |sides: u64| crate::link::random(&mut dice) % sides;
    let consumed = [Consumed::AtStart, Consumed::AtEndOfPost][usize::from(throw(2) == 0)];
    let mut system = system(|rules| rules.consumed = consumed);
    let mut changes = Vec::new();
    let mut now = Duration::ZERO;
    for _ in 0..60 {
        let wait = SECOND * u32::try_from(throw(15)).unwrap();
        let until = now + wait;
        while now < until {
            now += step.min(until.saturating_sub(now));
            changes.extend(system.advance(now));
        }
        match throw(13) {
            choice @ 0..=8 => changes.extend(system.reset(ResetType::ALL[usize::try_from(choice).unwrap()], now).0),
            9 => changes.extend(system.halted(now)),
            10 => changes.extend(system.rebooted(now)),
            11 => changes.extend(system.mains_lost(now)),
            _ => system.set_override(once("UefiHttp"), now),
        }
        let waits = matches!(system.actual(), PowerState::PoweringOn | PowerState::PoweringOff) || system.in_post();
        assert!(!waits || system.due().is_some(), "seed {seed}: nothing ends {system:?}");
    }
    changes
}

#[test]
fn whatever_is_asked_power_goes_on_and_off_by_turns_and_once_is_once() {
    for seed in 0..2000 {
        let changes = random_run(seed, Duration::from_millis(500));
        assert_eq!(changes, random_run(seed, SECOND * 60), "seed {seed}: it depends on how often one looks");
        let (mut on, mut started) = (false, false);
        for change in &changes {
            match change {
                Change::On { warm, .. } => {
                    assert_eq!(on, *warm, "seed {seed}: {changes:?}");
                    (on, started) = (true, true);
                }
                Change::Boot(_) => assert!(std::mem::take(&mut started), "seed {seed}: a boot without a start"),
                Change::ShutdownRequested => assert!(on, "seed {seed}: {changes:?}"),
                Change::Off => {
                    assert!(on, "seed {seed}: off twice: {changes:?}");
                    (on, started) = (false, false);
                }
            }
        }
    }
}

#[test]
fn an_override_set_once_decides_at_most_one_boot_whatever_happens() {
    for seed in 0..500 {
        let mut dice = seed;
        let mut system =
            running(|rules| rules.consumed = [Consumed::AtStart, Consumed::AtEndOfPost][usize::from(seed % 2 == 0)]);
        system.set_override(once("UefiHttp"), at(20));
        let (mut now, mut boots) = (at(20), 0);
        for _ in 0..40 {
            let choice = usize::try_from(crate::link::random(&mut dice) % 9).unwrap();
            let mut changes = system.reset(ResetType::ALL[choice], now).0;
            now += SECOND * u32::try_from(crate::link::random(&mut dice) % 20).unwrap();
            changes.extend(system.advance(now));
            boots += changes.iter().filter(|change| matches!(change, Change::Boot(plan) if plan.overridden)).count();
        }
        assert!(boots <= 1, "seed {seed}: {boots} boots");
    }
}
