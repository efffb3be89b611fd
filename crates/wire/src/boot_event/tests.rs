use super::*;

#[test]
fn events_as_installers_send_them() {
    let started = BootEvent { step: BootStep::InstallerStarted, percent: None, message: None };
    let cases = [
        (r#"{"step": "InstallerStarted"}"#, started),
        (
            r#"{"step": "ImageWriting", "percent": 100, "message": "/dev/sda", "rate": 7}"#,
            BootEvent { step: BootStep::ImageWriting, percent: Some(100), message: Some("/dev/sda".into()) },
        ),
        (
            r#"{"message": null, "percent": null, "step": "Failed"}"#,
            BootEvent { step: BootStep::Failed, percent: None, message: None },
        ),
    ];
    for (json, expected) in cases {
        let event = BootEvent::parse(json.as_bytes()).unwrap();
        assert_eq!(event, expected, "{json}");
        assert_eq!(BootEvent::parse(&serde_json::to_vec(&event).unwrap()).unwrap(), event);
    }
}

#[test]
fn whoever_is_wrong_is_told_what_is_right() {
    for (json, expected) in [
        ("", "not a boot event: EOF"),
        ("{}", "missing field `step`"),
        ("[]", "not a boot event: "),
        (r#"{"step": "Rebotting"}"#, "`Rebooting`"),
        (r#"{"step": "ImageWriting", "percent": 101}"#, "percent is 101; it goes from 0 to 100"),
        (r#"{"step": "ImageWriting", "percent": -1}"#, "not a boot event: "),
        (r#"{"step": "ImageWriting", "percent": 1e300}"#, "not a boot event: "),
    ] {
        let error = BootEvent::parse(json.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{json}: {error}");
    }
}
