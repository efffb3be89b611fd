use super::*;
use serde_json::json;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn event(event_type: &str, name: &str, result: Option<&str>) -> Event {
    serde_json::from_value(json!({
        "name": name, "description": format!("running {name}"), "event_type": event_type, "origin": "cloudinit",
        "timestamp": 1_700_000_000.25, "result": result,
    }))
    .unwrap()
}

/// What the condition says after these events, one a second.
fn after(events: &[(&str, &str, Option<&str>)]) -> (ConditionStatus, String, String) {
    let mut status = MachineStatus::default();
    for (second, (event_type, name, result)) in (0..).zip(events) {
        cloud_init(&mut status, &event(event_type, name, *result), Some(1), at(second));
    }
    let condition = status.condition(CLOUD_INIT_DONE).unwrap();
    (condition.status, condition.reason.clone(), condition.message.clone())
}

#[test]
fn a_run_is_running_until_its_last_stage_ends() {
    let events = [
        ("start", "init-network", None),
        ("finish", "init-network/check-cache", Some("SUCCESS")),
        ("finish", "init-network", Some("SUCCESS")),
        ("start", "modules-final", None),
        ("start", "modules-final/config-runcmd", None),
        ("finish", "modules-final", Some("SUCCESS")),
    ];
    for until in 1..events.len() {
        let (status, reason, _) = after(&events[..until]);
        assert_eq!((status, reason.as_str()), (ConditionStatus::False, "Running"), "after {until}");
    }
    assert_eq!(after(&events[..5]).2, "modules-final/config-runcmd: running: running modules-final/config-runcmd");
    let (status, reason, message) = after(&events);
    assert_eq!((status, reason.as_str()), (ConditionStatus::True, "Succeeded"));
    assert_eq!(message, "modules-final: SUCCESS: running modules-final");
}

#[test]
fn a_warning_is_a_success() {
    assert_eq!(after(&[("finish", "modules-final", Some("WARN"))]).0, ConditionStatus::True);
}

#[test]
fn a_failure_names_its_stage_and_stays_while_the_run_goes_on() {
    let events = [
        ("finish", "modules-final/config-runcmd", Some("FAIL")),
        ("start", "modules-final/config-x", None),
        ("finish", "modules-final", Some("FAIL")),
    ];
    let (status, reason, message) = after(&events);
    assert_eq!((status, reason.as_str()), (ConditionStatus::False, "Failed"));
    assert_eq!(message, "modules-final/config-runcmd: FAIL: running modules-final/config-runcmd");
}

#[test]
fn the_last_stage_decides_and_remembers_an_earlier_ones_failure() {
    let (status, _, message) =
        after(&[("finish", "modules-config", Some("FAIL")), ("finish", "modules-final", Some("SUCCESS"))]);
    assert_eq!(status, ConditionStatus::True);
    assert!(message.ends_with("; earlier, modules-config: FAIL: running modules-config"), "{message}");
    let (status, reason, _) =
        after(&[("finish", "modules-final", Some("SUCCESS")), ("finish", "modules-final", Some("FAIL"))]);
    assert_eq!((status, reason.as_str()), (ConditionStatus::False, "Failed"));
}

#[test]
fn the_next_boot_begins_a_new_run() {
    let failed = ("finish", "modules-final", Some("FAIL"));
    assert_eq!(after(&[failed, ("start", "init-network", None)]).1, "Running");
    assert_eq!(after(&[failed, ("start", "init-local", None)]).1, "Running");
    assert_eq!(after(&[failed, ("start", "modules-final/config-x", None)]).1, "Failed", "a straggler");
}

#[test]
fn what_is_not_cloud_inits_own_is_left_alone() {
    let mut status = MachineStatus::default();
    for odd in [
        json!({}),
        json!({"name": "cmd-install", "event_type": "start", "origin": "curtin"}),
        json!({"name": "modules-final", "event_type": "dance", "origin": "cloudinit"}),
    ] {
        let event: Event = serde_json::from_value(odd).unwrap();
        assert!(!cloud_init(&mut status, &event, None, at(0)));
    }
    assert_eq!(status, MachineStatus::default());
}

#[test]
fn modules_that_end_well_are_written_every_half_minute_only() {
    let mut status = MachineStatus::default();
    cloud_init(&mut status, &event("start", "modules-config", None), None, at(0));
    assert!(!cloud_init(&mut status, &event("finish", "modules-config/a", Some("SUCCESS")), None, at(29)));
    assert!(cloud_init(&mut status, &event("finish", "modules-config/b", Some("SUCCESS")), None, at(30)));
    assert_eq!(timeline::time(&status, Step::CloudInit), Some(at(30)));
}

#[test]
fn a_long_word_is_clipped_at_a_character() {
    let mut status = MachineStatus::default();
    cloud_init(&mut status, &event("start", &"ä".repeat(9_000), None), None, at(0));
    assert!(status.condition(CLOUD_INIT_DONE).unwrap().message.len() < 1_000);
}
