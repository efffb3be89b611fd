use super::*;

fn event(name: &str, event_type: &str, result: Option<&str>) -> Event {
    Event {
        name: name.to_owned(),
        description: "running modules for final".to_owned(),
        event_type: event_type.to_owned(),
        origin: "cloudinit".to_owned(),
        timestamp: Some(1_700_000_000.5),
        result: result.map(str::to_owned),
    }
}

#[test]
fn events_as_they_are_posted() {
    let json = br#" {"name": "modules-final", "description": "running modules for final", "event_type": "start",
        "origin": "cloudinit", "timestamp": 1700000000.5}"#;
    assert_eq!(parse(json), Ok(event("modules-final", "start", None)));
    let finish = br#"{"name": "modules-final", "description": "running modules for final", "event_type": "finish",
        "origin": "cloudinit", "timestamp": 1700000000.5, "result": "SUCCESS",
        "files": [{"path": "/var/log/x", "content": "eA==", "encoding": "base64"}]}"#;
    assert_eq!(parse(finish), Ok(event("modules-final", "finish", Some("SUCCESS"))));
    let form = b"name=modules-final&description=running+modules%20for+final&event_type=finish&origin=cloudinit\
        &timestamp=1700000000.5&result=SUCCESS\n";
    assert_eq!(parse(form), Ok(event("modules-final", "finish", Some("SUCCESS"))));
    let least = br#"{"name": "init-local", "event_type": "start", "description": null, "result": null}"#;
    let least = parse(least).unwrap();
    assert_eq!((least.description.as_str(), least.result, least.timestamp), ("", None, None));
}

#[test]
fn what_is_told_is_fit_for_a_terminal() {
    let event = parse(br#"{"name": "a\u001b[31m", "event_type": "start", "description": "b\nc\u0000"}"#).unwrap();
    assert_eq!((event.name.as_str(), event.description.as_str()), ("a [31m", "b c "));
    let long = format!(r#"{{"name": "{}", "event_type": "start"}}"#, "ä".repeat(10_000));
    assert!(parse(long.as_bytes()).unwrap().name.chars().count() <= 200);
}

#[test]
fn what_is_no_event_is_refused_with_the_reason() {
    for (body, expected) in [
        ("", "name is missing"),
        ("{", "EOF"),
        ("{}", "name is missing"),
        (r#"{"name": "", "event_type": "start"}"#, "name is missing"),
        (r#"{"name": "a"}"#, "event_type is missing"),
        (r#"{"name": 7, "event_type": "start"}"#, "name is no string"),
        (r#"{"name": "a", "event_type": "start", "result": {}}"#, "result is no string"),
        ("name=a", "event_type is missing"),
        ("[1]", "name is missing"),
        ("\u{fffd}", "name is missing"),
    ] {
        let error = parse(body.as_bytes()).unwrap_err();
        assert!(error.starts_with("not a cloud-init event: ") && error.contains(expected), "{body}: {error}");
    }
}
