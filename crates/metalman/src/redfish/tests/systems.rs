use super::*;

/// A chassis with two nodes behind one BMC.
fn two(seen: &Seen) -> Response {
    match seen.line.as_str() {
        SYSTEMS => answer(
            200,
            &json!({"Members": [{"@odata.id": "/redfish/v1/Systems/a"}], "Members@odata.nextLink": "/redfish/v1/Systems?$skip=1"}),
        ),
        "GET /redfish/v1/Systems?$skip=1" => answer(200, &json!({"Members": [{"@odata.id": "/redfish/v1/Systems/b"}]})),
        "GET /redfish/v1/Systems/a" => answer(200, &json!({"Id": "Node-A", "PowerState": "On"})),
        "GET /redfish/v1/Systems/b" => answer(200, &json!({"Id": "Node-B", "PowerState": "Off"})),
        _ => honest(seen),
    }
}

#[tokio::test]
async fn systems_of_one_endpoint_are_kept_apart() {
    let bmc = Bmc::new(two).await;
    let client = bmc.client();
    for (id, power) in
        [("a", PowerState::On), ("b", PowerState::Off), ("Node-B", PowerState::Off), ("Node-A", PowerState::On)]
    {
        let system = client.observe(Some(id)).await.unwrap();
        assert_eq!((system.power, system.boot_override), (Some(power), None), "{id}");
    }
    for (wanted, words) in [
        (None, "2 systems: choose one in spec.pxe.redfish.deviceID: a, b"),
        (Some("c"), "no system \"c\": spec.pxe.redfish.deviceID can be Node-A, Node-B"),
        (Some("1"), "can be Node-A, Node-B"),
    ] {
        let error = client.observe(wanted).await.unwrap_err();
        assert!(error.message().contains(words), "{}", error.message());
        assert_eq!(error.unreachable().reason, "RedfishError");
        assert!(!error.is_refusal());
    }
}

#[tokio::test]
async fn the_literal_1_is_the_only_system_too() {
    let bmc = Bmc::new(|seen| match seen.line.as_str() {
        SYSTEMS => answer(200, &json!({"Members": [{"@odata.id": "/redfish/v1/Systems/System.Embedded.1"}]})),
        "GET /redfish/v1/Systems/System.Embedded.1" => answer(200, &json!({"PowerState": "On"})),
        _ => honest(seen),
    })
    .await;
    bmc.client().observe(Some("1")).await.unwrap();
    bmc.client().observe(None).await.unwrap();
    let error = bmc.client().observe(Some("2")).await.unwrap_err();
    assert!(error.message().contains("System.Embedded.1"), "{}", error.message());
}

#[tokio::test]
async fn a_system_that_moved_is_found_again() {
    let moved = Arc::new(AtomicUsize::new(0));
    let at = moved.clone();
    let bmc = Bmc::new(move |seen| {
        let now = format!("/redfish/v1/Systems/{}", at.load(Relaxed));
        match seen.line.as_str() {
            SYSTEMS => answer(200, &json!({"Members": [{"@odata.id": now}]})),
            line if line == format!("GET {now}") => answer(200, &system_body()),
            _ => honest(&Seen { line: seen.line.replace("Systems/", "Gone/"), ..seen.clone() }),
        }
    })
    .await;
    let client = bmc.client();
    client.observe(None).await.unwrap();
    moved.store(7, Relaxed);
    client.observe(None).await.unwrap();
    client.observe(None).await.unwrap();
    assert_eq!(bmc.count(SYSTEMS), 2, "{:?}", bmc.lines());
}

#[tokio::test]
async fn power_states_of_all_kinds_and_since_when() {
    let shown = Arc::new(Mutex::new(json!("Off")));
    let kept = shown.clone();
    let bmc = Bmc::new(move |seen| match seen.line.as_str() {
        SYSTEM => {
            let mut body = system_body();
            body["PowerState"] = kept.lock().unwrap().clone();
            answer(200, &body)
        }
        _ => honest(seen),
    })
    .await;
    let client = bmc.client();
    let first = client.observe(None).await.unwrap();
    assert_eq!(first.power, Some(PowerState::Off));
    assert_eq!(first.steady_since, first.at);
    assert_eq!(first.certificate, None, "plain HTTP");
    let second = client.observe(None).await.unwrap();
    assert_eq!(second.steady_since, first.at);
    assert!(second.at > first.at);
    let mut last = second;
    for (word, power) in [
        (json!(null), None),
        (json!("PoweringOn"), Some(PowerState::PoweringOn)),
        (json!("Paused"), Some(PowerState::Paused)),
        (json!("Reset"), Some(PowerState::Other("Reset".into()))),
    ] {
        *shown.lock().unwrap() = word;
        let system = client.observe(None).await.unwrap();
        assert_eq!(system.power, power);
        assert_eq!(system.steady_since, system.at);
        assert!(system.steady_since > last.steady_since);
        last = system;
    }
}
