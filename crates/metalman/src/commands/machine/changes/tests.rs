use serde_json::{Value, json};

use super::*;

fn machine(status: &Value) -> Machine {
    serde_json::from_value(json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine", "metadata": { "name": "n1" }, "spec": {},
        "status": status,
    }))
    .expect("a machine")
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00.5Z".parse().expect("a time")
}

fn between(before: &Value, after: &Value) -> Vec<String> {
    changes(&machine(before), &machine(after), now()).iter().map(ToString::to_string).collect()
}

fn step(name: &str, time: &str, message: Option<&str>) -> Value {
    json!({ "name": name, "time": format!("2026-03-01T{time}Z"), "message": message })
}

#[test]
fn each_change_is_one_line() {
    let before = json!({ "phase": "Pending", "power": "Off", "message": "old",
                         "boot": { "steps": [step("Asked", "11:58:00", None)] } });
    let after = json!({
        "phase": "Provisioning", "power": "On", "message": "several\n  lines",
        "boot": { "problem": "template", "steps": [
            step("Asked", "11:58:00", None), step("DHCP", "11:59:30", None), step("PowerOn", "11:59:00", Some("attempt 1")),
        ] },
    });
    assert_eq!(
        between(&before, &after),
        [
            "2026-03-01T11:59:00Z n1 PowerOn: attempt 1",
            "2026-03-01T11:59:30Z n1 DHCP",
            "2026-03-01T12:00:00Z n1 power On, was Off",
            "2026-03-01T12:00:00Z n1 phase Provisioning, was Pending",
            "2026-03-01T12:00:00Z n1 problem: template",
            "2026-03-01T12:00:00Z n1 message: several lines",
        ]
    );
    assert_eq!(between(&after, &after), Vec::<String>::new());
}

#[test]
fn a_step_that_says_something_new_is_told_and_one_that_went_is_not() {
    let at = |message: &str| json!({ "boot": { "steps": [step("ImageWriting", "11:59:00", Some(message))] } });
    assert_eq!(between(&at("10 %"), &at("20 %")), ["2026-03-01T11:59:00Z n1 ImageWriting: 20 %"]);
    assert_eq!(between(&at("10 %"), &Value::Null), Vec::<String>::new());
    assert_eq!(
        between(&json!({ "boot": { "problem": "template" }, "message": "m" }), &json!({})),
        ["2026-03-01T12:00:00Z n1 problem solved", "2026-03-01T12:00:00Z n1 message none"]
    );
}

#[test]
fn the_first_and_the_last_of_a_machine() {
    let line = seen(&machine(&json!({ "phase": "Ready", "message": "fine" })), now());
    assert_eq!(line.to_string(), "2026-03-01T12:00:00Z n1 is Ready: fine");
    assert_eq!(seen(&machine(&Value::Null), now()).to_string(), "2026-03-01T12:00:00Z n1 is without a phase");
    assert_eq!(deleted("n1", now()).to_string(), "2026-03-01T12:00:00Z n1 deleted");
    assert_eq!(
        serde_json::to_value(line).expect("JSON"),
        json!({ "time": "2026-03-01T12:00:00.5Z", "machine": "n1", "change": "seen", "to": "Ready", "message": "fine" })
    );
}
