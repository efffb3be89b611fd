use metalman_core::api::Machine;
use serde_json::{Value, json};

use super::Reach;

fn machine(redfish: &Value, status: &Value, annotations: &Value) -> Machine {
    serde_json::from_value(json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine",
        "metadata": { "name": "a", "annotations": annotations },
        "spec": { "pxe": { "image": "i:1", "dhcpLeases": [], "redfish": redfish } }, "status": status,
    }))
    .expect("a Machine")
}

fn reach(redfish: &Value) -> Reach {
    Reach::of(&machine(redfish, &json!({}), &json!({}))).expect("a BMC")
}

#[test]
fn the_pin_is_the_specs_else_the_one_seen_first() {
    let spec = json!({ "url": "https://10.0.9.11", "certFingerprint": "AA:BB" });
    let status = json!({ "redfish": { "certFingerprint": "cc:dd" } });
    let pin = |redfish: &Value, status: &Value| {
        Reach::of(&machine(redfish, status, &json!({}))).expect("a BMC").access.pin.clone()
    };
    assert_eq!(pin(&spec, &status), Some("aa:bb".into()));
    let free = json!({ "url": "https://10.0.9.11" });
    assert_eq!(pin(&free, &status), Some("cc:dd".into()));
    assert_eq!(pin(&free, &json!({})), None);
}

#[test]
fn no_way_to_power_that_another_handles() {
    let redfish = json!({ "url": "https://10.0.9.11" });
    let foreign = machine(&redfish, &json!({}), &json!({ "unbounded-cloud.io/provider": "cloud" }));
    assert_eq!(Reach::of(&foreign), None);
    assert_eq!(Reach::of(&machine(&Value::Null, &json!({}), &json!({}))), None);
}

#[test]
fn one_bmc_by_several_spellings_is_one_endpoint() {
    let endpoint = |url: &str| reach(&json!({ "url": url })).endpoint();
    for same in
        ["https://BMC.example", "https://bmc.example:443", "HTTPS://bmc.example/", "https://bmc.example/redfish"]
    {
        assert_eq!(&*endpoint(same), "bmc.example", "{same}");
    }
    assert_ne!(endpoint("https://bmc.example:8443"), endpoint("https://bmc.example"));
}

#[test]
fn systems_behind_one_bmc_are_told_apart() {
    let (one, two) = (json!({ "url": "https://b", "deviceID": "1" }), json!({ "url": "https://b", "deviceID": "2" }));
    assert!(!reach(&one).is_same_system(&reach(&two)));
    let pinned = json!({ "url": "https://b", "deviceID": "1", "certFingerprint": "aa:bb" });
    assert!(reach(&one).is_same_system(&reach(&pinned)), "another way in, the same system");
}
