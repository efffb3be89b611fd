use serde_json::{Value, json};

use super::*;

fn machine(wanted: i64, status: &Value) -> Machine {
    serde_json::from_value(json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine",
        "metadata": { "name": "n1", "uid": "u1", "generation": 7 },
        "spec": { "operations": { "rebootCounter": wanted, "repaveCounter": wanted } }, "status": status,
    }))
    .expect("a machine")
}

fn operations(value: &Value) -> Value {
    json!({ "operations": value })
}

#[test]
fn an_operation_ends_by_its_own_counter_and_its_own_failure() {
    let pending = || Progress::Pending;
    let failed = |why: &str| Progress::Failed(why.to_owned());
    let exhausted = |generation: i64| {
        json!({ "conditions": [{ "type": "Repaved", "status": "False", "reason": "Exhausted", "message": "3 times",
                                 "observedGeneration": generation }] })
    };
    for (what, wanted, status, reboot, repave) in [
        ("nobody looked", 3, Value::Null, pending(), pending()),
        ("not begun", 3, operations(&json!({ "rebootCounter": 2, "repaveCounter": 2 })), pending(), pending()),
        ("rebooted", 3, operations(&json!({ "rebootCounter": 3, "repaveCounter": 2 })), Progress::Done, pending()),
        ("both", 3, operations(&json!({ "rebootCounter": 3, "repaveCounter": 3 })), Progress::Done, Progress::Done),
        ("further", 5, operations(&json!({ "rebootCounter": 4, "repaveCounter": 5 })), Progress::Done, Progress::Done),
        (
            "an earlier failure",
            3,
            operations(&json!({ "attemptedRebootCounter": 2, "attemptedRepaveCounter": 2, "failure": "old" })),
            pending(),
            pending(),
        ),
        (
            "given up",
            3,
            operations(&json!({ "attemptedRebootCounter": 3, "attemptedRepaveCounter": 3, "failure": "no power" })),
            failed("no power"),
            failed("no power"),
        ),
        (
            "rebooted, the installation given up",
            3,
            operations(&json!({ "rebootCounter": 3, "attemptedRebootCounter": 3, "attemptedRepaveCounter": 3,
                               "failure": "no installer" })),
            Progress::Done,
            failed("no installer"),
        ),
        ("given up by another controller", 3, exhausted(7), pending(), failed("3 times")),
        ("given up before", 3, exhausted(6), pending(), pending()),
        (
            "withdrawn after it was begun",
            2,
            operations(&json!({ "attemptedRebootCounter": 3, "attemptedRepaveCounter": 3 })),
            pending(),
            pending(),
        ),
    ] {
        let now = machine(wanted, &status);
        for (operation, expected) in [(Operation::Reboot, &reboot), (Operation::Repave, &repave)] {
            let target = Target::of(&machine(3, &Value::Null), operation);
            assert_eq!(target.counter(), 3);
            assert_eq!(target.progress(&now, WaitFor::Done), *expected, "{what}: {operation:?}");
        }
    }
}

#[test]
fn what_is_withdrawn_or_another_machine_never_ends_well() {
    let target = Target::of(&machine(3, &Value::Null), Operation::Reboot);
    let Progress::Failed(why) = target.progress(&machine(2, &Value::Null), WaitFor::Done) else { panic!("withdrawn") };
    assert!(why.contains("spec.operations.rebootCounter was set back to 2"), "{why}");

    let mut other = machine(3, &operations(&json!({ "rebootCounter": 3 })));
    other.metadata.uid = Some("u2".to_owned());
    assert_eq!(target.progress(&other, WaitFor::Done), Progress::Failed("it was deleted and made again".to_owned()));
}

#[test]
fn ready_comes_after_done() {
    let target = Target::of(&machine(3, &Value::Null), Operation::Reboot);
    let at = |done: i64, phase: &str| {
        let status = json!({ "phase": phase, "message": "why", "operations": { "rebootCounter": done } });
        target.progress(&machine(3, &status), WaitFor::Ready)
    };
    assert_eq!(at(2, "Ready"), Progress::Pending, "as it was before");
    assert_eq!(at(2, "Failed"), Progress::Pending, "what failed before is armed again");
    assert_eq!(at(3, "Joining"), Progress::Pending);
    assert_eq!(at(3, "Ready"), Progress::Done);
    assert_eq!(at(3, "Failed"), Progress::Failed("why".to_owned()));
}
