use super::*;
use jiff::Timestamp;
use serde_json::{Value, json};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn phase_of(operations: &Value, status: &Value, node: Option<&NodeView>) -> Phase {
    let machine: Machine = serde_json::from_value(json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine", "metadata": {"name": "m1"},
        "spec": {"pxe": {"image": "i"}, "operations": operations}, "status": status,
    }))
    .unwrap();
    phase(&machine, machine.status.as_ref().unwrap(), node)
}

fn node(ready: bool, heartbeat: i64) -> NodeView {
    NodeView { name: "m1".into(), ready, heartbeat: Some(at(heartbeat)), ..NodeView::default() }
}

#[test]
fn each_phase_when_the_contract_says() {
    let repaved = json!({
        "operations": {"rebootCounter": 1, "repaveCounter": 1},
        "conditions": [{"type": "Repaved", "status": "True", "reason": "Succeeded", "lastTransitionTime": at(100)}],
    });
    let done = json!({"rebootCounter": 1, "repaveCounter": 1});
    let (ready, early, unready) = (node(true, 101), node(true, 99), node(false, 101));
    let with = |condition: Value| {
        let mut status = repaved.clone();
        status["conditions"].as_array_mut().unwrap().push(condition);
        status
    };
    let cloud_init = with(json!({"type": "CloudInitDone", "status": "False", "reason": "Failed"}));
    let refused = with(json!({"type": "Attested", "status": "False", "reason": "EKMismatch"}));
    let cases = [
        (json!({}), json!({}), None, Phase::Pending),
        (json!({"repaveCounter": 1}), json!({}), None, Phase::Pending),
        (json!({"repaveCounter": 1}), json!({"operations": {"attemptedRepaveCounter": 1}}), None, Phase::Provisioning),
        (json!({"rebootCounter": 1}), json!({"operations": {"attemptedRebootCounter": 1}}), None, Phase::Rebooting),
        (done.clone(), repaved.clone(), None, Phase::Joining),
        (done.clone(), repaved.clone(), Some(&early), Phase::Joining),
        (done.clone(), repaved.clone(), Some(&unready), Phase::Joining),
        (done.clone(), repaved.clone(), Some(&ready), Phase::Ready),
        (done.clone(), cloud_init, Some(&ready), Phase::Failed),
        (done.clone(), refused, None, Phase::Failed),
        (json!({}), json!({}), Some(&ready), Phase::Ready),
        (
            json!({"repaveCounter": 1}),
            json!({"operations": {"attemptedRepaveCounter": 1, "failure": "given up"}}),
            None,
            Phase::Failed,
        ),
        // a higher counter arms it again
        (
            json!({"repaveCounter": 2}),
            json!({"operations": {"attemptedRepaveCounter": 1, "failure": "given up"}}),
            None,
            Phase::Provisioning,
        ),
    ];
    for (operations, status, node, expected) in cases {
        assert_eq!(phase_of(&operations, &status, node), expected, "{operations} {status}");
    }
}
