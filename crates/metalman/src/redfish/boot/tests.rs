use super::*;

fn system(boot: &Value) -> Value {
    json!({ "Boot": boot })
}

fn bodies(ways: &[Way]) -> Vec<Value> {
    ways.iter().map(|way| way.body()["Boot"].clone()).collect()
}

#[test]
fn reads_what_is_shown() {
    let shown = Shown::of(&system(&json!({
        "BootSourceOverrideEnabled": "Once",
        "BootSourceOverrideTarget": "Pxe",
        "BootSourceOverrideTarget@Redfish.AllowableValues": ["None", "Pxe"],
        "BootSourceOverrideMode": null,
    })));
    let set = BootOverride { enabled: "Once".into(), target: "Pxe".into(), mode: None };
    assert_eq!(shown.set, Some(set));
    assert_eq!(shown.targets, Some(vec!["None".into(), "Pxe".into()]));
    assert!(shown.is_active());
    for nothing in [json!({}), system(&json!({})), system(&json!(null)), system(&json!({"BootOrder": ["a"]}))] {
        assert_eq!(Shown::of(&nothing).set, None, "{nothing}");
    }
    let nulls = Shown::of(&system(&json!({"BootSourceOverrideEnabled": null, "BootSourceOverrideTarget": null})));
    assert_eq!(describe(nulls.set.as_ref()), "boot override Disabled None");
    assert!(!nulls.is_active());
}

#[test]
fn ways_follow_what_is_offered() {
    let plain = Shown::of(&system(&json!({"BootSourceOverrideTarget": "None"})));
    assert_eq!(
        bodies(&plain.ways_to_set(BootTarget::Pxe)),
        [
            json!({"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"}),
            json!({"BootSourceOverrideEnabled": "Continuous", "BootSourceOverrideTarget": "Pxe"}),
        ]
    );
    let full = Shown::of(&system(&json!({
        "BootSourceOverrideTarget": "None",
        "BootSourceOverrideMode": "Legacy",
        "BootSourceOverrideEnabled@Redfish.AllowableValues": ["Disabled", "Continuous"],
    })));
    assert_eq!(
        bodies(&full.ways_to_set(BootTarget::UefiHttp)),
        [
            json!({"BootSourceOverrideEnabled": "Continuous", "BootSourceOverrideTarget": "UefiHttp", "BootSourceOverrideMode": "UEFI"}),
            json!({"BootSourceOverrideEnabled": "Continuous", "BootSourceOverrideTarget": "UefiHttp"}),
        ]
    );
    let legacy = Shown::of(&system(&json!({
        "BootSourceOverrideTarget": "None",
        "BootSourceOverrideMode": "Legacy",
        "BootSourceOverrideMode@Redfish.AllowableValues": ["Legacy"],
    })));
    assert!(legacy.ways_to_set(BootTarget::Pxe).iter().all(|way| way.mode.is_none()));
}

#[test]
fn a_refusal_strikes_what_shares_its_cause() {
    let shown = Shown::of(&system(&json!({"BootSourceOverrideTarget": "None", "BootSourceOverrideMode": "UEFI"})));
    let left_after = |words: &str| {
        let mut left = shown.ways_to_set(BootTarget::Pxe);
        let first = left.remove(0);
        let body = json!({"error": {"@Message.ExtendedInfo": [{"Message": words}]}});
        first.refused(&Messages::of(&body), &mut left);
        left.iter().map(|way| (way.enabled.unwrap(), way.mode.is_some())).collect::<Vec<_>>()
    };
    assert_eq!(left_after("BootSourceOverrideMode is read-only"), [("Once", false), ("Continuous", false)]);
    assert_eq!(
        left_after("BootSourceOverrideEnabled: Once is not in the list"),
        [("Continuous", true), ("Continuous", false)]
    );
    assert_eq!(left_after("BootSourceOverrideTarget: Pxe is not in the list"), []);
    assert_eq!(left_after("No."), [("Once", false), ("Continuous", true), ("Continuous", false)]);
}

#[test]
fn settings_objects() {
    let with = json!({"@Redfish.Settings": {"SettingsObject": {"@odata.id": "/s/SD"}}});
    assert_eq!(settings(&with), Some("/s/SD"));
    assert_eq!(settings(&json!({"@Redfish.Settings": {}})), None);
}
