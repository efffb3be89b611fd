use super::*;
use crate::api::conditions::{ConditionStatus, REPAVED};
use crate::api::spec::AttestationPolicy;
use crate::api::{Phase, labels};
use serde_json::{Value, json};
use std::time::Duration;

const FULL: &str = include_str!("../../../tests/fixtures/machine-full.yaml");
const PLAIN: &str = include_str!("../../../tests/fixtures/machine-plain.yaml");

fn read(text: &str) -> Machine {
    serde_saphyr::from_str(text).unwrap()
}

fn machine(fields: Value) -> Machine {
    let Value::Object(fields) = fields else { panic!("not an object") };
    let mut object = json!({ "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine", "metadata": { "name": "m" }, "spec": {} });
    object.as_object_mut().unwrap().extend(fields);
    serde_json::from_value(object).unwrap()
}

#[test]
fn nothing_is_lost_or_added_on_the_way_through_the_types() {
    for text in [FULL, PLAIN] {
        let value: Value = serde_saphyr::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(read(text)).unwrap(), value);
    }
}

#[test]
fn the_full_manifest_is_understood() {
    let full = read(FULL);
    assert_eq!(full.site(), Some("rack1"));
    assert_eq!(full.provider(), Some("other-controller"));
    assert_eq!(full.host(), Some("10.0.0.17"));
    assert_eq!(full.node_name(), "rack1-n07.example.com");
    assert_eq!(full.kubernetes_version("v1.30.0"), "v1.33.1");
    let pxe = full.spec.pxe.as_ref().unwrap();
    assert_eq!(pxe.attestation_policy(), AttestationPolicy::Tpm);
    assert_eq!(pxe.redfish.as_ref().unwrap().password_ref.as_ref().unwrap().key(), "n07");
    assert_eq!(full.operations().repave_timeout(), Duration::from_hours(1));
    assert_eq!(full.operations().max_attempts(), 5);
    assert_eq!(full.operations().graceful_shutdown(), Duration::from_mins(2));
    let status = full.status.as_ref().unwrap();
    assert_eq!(status.phase, Some(Phase::Ready));
    assert_eq!(status.condition(REPAVED).unwrap().status, ConditionStatus::True);
}

#[test]
fn defaults_stand_in_for_what_is_left_out() {
    let plain = read(PLAIN);
    assert_eq!((plain.site(), plain.provider(), plain.node_name()), (None, None, "stretch-pxe-0"));
    let pxe = plain.spec.pxe.as_ref().unwrap();
    assert_eq!(pxe.attestation_policy(), AttestationPolicy::TpmIfPresent);
    assert_eq!(pxe.redfish.as_ref().unwrap().password_ref.as_ref().unwrap().key(), "password");

    let bare = machine(json!({}));
    assert_eq!(bare.host(), None);
    assert_eq!(bare.kubernetes_version("1.30.0"), "v1.30.0");
    assert_eq!(bare.operations().repave_timeout(), Duration::from_mins(30));
    assert_eq!(bare.operations().max_attempts(), 3);
    assert_eq!(bare.operations().graceful_shutdown(), Duration::ZERO);
    assert_eq!((bare.wanted_counters(), bare.done_counters()), (Counters::default(), Counters::default()));
    assert!(!bare.reboot_wanted() && !bare.repave_wanted());
}

#[test]
fn an_operation_is_wanted_while_spec_exceeds_status() {
    let counters = |spec: Value, status: Value| {
        let machine = machine(json!({ "spec": { "operations": spec }, "status": { "operations": status } }));
        (machine.reboot_wanted(), machine.repave_wanted())
    };
    assert_eq!(counters(json!({ "rebootCounter": 1 }), json!({})), (true, false));
    assert_eq!(
        counters(json!({ "rebootCounter": 2, "repaveCounter": 1 }), json!({ "rebootCounter": 2 })),
        (false, true)
    );
    assert_eq!(counters(json!({ "rebootCounter": 1 }), json!({ "rebootCounter": 1 })), (false, false));
    // Lowered by re-applying a manifest from git: means nothing.
    assert_eq!(
        counters(json!({ "rebootCounter": 0 }), json!({ "rebootCounter": 5, "repaveCounter": 2 })),
        (false, false)
    );
    assert_eq!(counters(json!({ "rebootCounter": -3 }), json!({ "rebootCounter": -5 })), (false, false));
}

#[test]
fn the_next_counters_exceed_both() {
    let machine = machine(json!({
        "spec": { "operations": { "rebootCounter": 1, "repaveCounter": i64::MAX } },
        "status": { "operations": { "rebootCounter": 6, "repaveCounter": 2 } },
    }));
    assert_eq!(machine.next_counters(), Counters { reboot: 7, repave: i64::MAX });
}

#[test]
fn a_provider_may_be_named_by_label_or_annotation() {
    let with =
        |field: &str, name: &str| machine(json!({ "metadata": { "name": "m", field: { labels::PROVIDER: name } } }));
    assert_eq!(with("labels", "x").provider(), Some("x"));
    assert_eq!(with("annotations", "x").provider(), Some("x"));
    assert_eq!(with("labels", "").provider(), None);
}

#[test]
fn the_host_falls_back_to_ssh() {
    assert_eq!(machine(json!({ "spec": { "ssh": { "host": "192.0.2.7" } } })).host(), Some("192.0.2.7"));
}

#[test]
fn what_another_schema_let_through_still_decodes() {
    let odd = machine(json!({
        "spec": {
            "pxe": { "dhcpLeases": [{ "mac": "what" }, {}], "attestation": { "policy": "Sometimes" }, "unknown": 1 },
            "operations": { "maxAttempts": 0, "repaveTimeoutSeconds": -1, "gracefulShutdownSeconds": -1 },
        },
        "status": { "phase": "Dancing", "conditions": [{ "type": "Repaved" }] },
    }));
    assert_eq!(odd.status.as_ref().unwrap().phase, None);
    assert_eq!(odd.operations().max_attempts(), 3);
    assert_eq!(odd.operations().repave_timeout(), Duration::from_mins(30));
    assert_eq!(odd.operations().graceful_shutdown(), Duration::ZERO);
    // A policy nobody understands must not hand out a credential.
    assert_eq!(odd.spec.pxe.as_ref().unwrap().attestation_policy(), AttestationPolicy::Tpm);
    assert_eq!(odd.host(), None);
}
