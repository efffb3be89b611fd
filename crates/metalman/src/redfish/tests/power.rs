use super::*;

fn with_action(action: &Value) -> Value {
    let mut body = system_body();
    body["Actions"] = json!({ "#ComputerSystem.Reset": action });
    body
}

#[tokio::test]
async fn the_actions_own_target_and_types_are_used() {
    let action = json!({"target": "/odd/place", "ResetType@Redfish.AllowableValues": ["ForceOn", "ForceRestart"]});
    let bmc = Bmc::new(move |seen| match seen.line.as_str() {
        SYSTEM => {
            let mut body = with_action(&action);
            body["PowerState"] = json!("On");
            answer(200, &body)
        }
        "POST /odd/place" => answer(200, &json!({})),
        _ => honest(seen),
    })
    .await;
    let client = bmc.client();
    client.power(None, PowerAction::On).await.unwrap();
    assert_eq!(bmc.seen("POST /odd/place")[0].body, json!({"ResetType": "ForceOn"}));
    for action in [PowerAction::GracefulShutdown, PowerAction::ForceOff] {
        let error = client.power(None, action).await.unwrap_err();
        assert!(error.is_refusal());
        assert!(error.message().contains("ForceOn, ForceRestart"), "{}", error.message());
    }
    assert_eq!(bmc.count("POST /odd/place"), 1);
}

#[tokio::test]
async fn the_types_of_the_action_info_are_used() {
    let action =
        json!({"target": "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset", "@Redfish.ActionInfo": "/info"});
    let bmc = Bmc::new(move |seen| match seen.line.as_str() {
        SYSTEM => answer(200, &with_action(&action)),
        "GET /info" => answer(
            200,
            &json!({"Parameters": [{"Name": "ResetType", "AllowableValues": ["PushPowerButton", "ForceOff"]}]}),
        ),
        _ => honest(seen),
    })
    .await;
    let client = bmc.client();
    client.power(None, PowerAction::On).await.unwrap();
    client.power(None, PowerAction::ForceOff).await.unwrap();
    let sent: Vec<_> = bmc.seen(RESET).iter().map(|seen| seen.body["ResetType"].clone()).collect();
    assert_eq!(sent, ["PushPowerButton", "ForceOff"]);
    assert_eq!(bmc.count("GET /info"), 1);
}

/// A BMC that answers 202, and the monitor's answers in order; the last one again and again.
async fn slow(monitor: Vec<(u16, Value)>) -> Bmc {
    let asked = AtomicUsize::new(0);
    Bmc::new(move |seen| match seen.line.as_str() {
        RESET => (StatusCode::ACCEPTED, [("location", "/monitor")], "{}").into_response(),
        "GET /monitor" => {
            let (status, body) = &monitor[asked.fetch_add(1, Relaxed).min(monitor.len() - 1)];
            answer(*status, body)
        }
        _ => honest(seen),
    })
    .await
}

#[tokio::test]
async fn tasks_are_followed() {
    let running = json!({"TaskState": "Running"});
    let bmc = slow(vec![(202, running.clone()), (202, json!({})), (204, json!({}))]).await;
    bmc.client().power(None, PowerAction::On).await.unwrap();
    assert_eq!(bmc.count("GET /monitor"), 3);

    let failed = json!({"TaskState": "Exception", "Messages": [{"Message": "The fan tray is open.", "Resolution": "Close it."}]});
    let bmc = slow(vec![(202, running.clone()), (200, failed)]).await;
    let error = bmc.client().power(None, PowerAction::On).await.unwrap_err();
    assert!(error.is_refusal());
    assert!(error.message().ends_with("ended as Exception: The fan tray is open. Close it."), "{}", error.message());

    // One that never ends was accepted all the same: the power state tells.
    let bmc = slow(vec![(202, running)]).await;
    bmc.client().power(None, PowerAction::On).await.unwrap();
    assert!(bmc.count("GET /monitor") > 3, "{:?}", bmc.lines());
    assert_eq!(bmc.count(RESET), 1);
}

#[tokio::test]
async fn a_refusal_of_what_is_already_so_is_none() {
    let bmc = Bmc::new(|seen| match seen.line.as_str() {
        RESET => refusal(409, "ResetTypeNotPossible", "The system is powered off already."),
        _ => honest(seen),
    })
    .await;
    let client = bmc.client();
    client.power(None, PowerAction::ForceOff).await.unwrap();
    let error = client.power(None, PowerAction::On).await.unwrap_err();
    assert!(error.is_refusal());
    assert!(error.message().contains("409: The system is powered off already."), "{}", error.message());
}

#[tokio::test]
async fn what_passes_is_no_refusal() {
    for (status, key) in [
        (503, "ServiceTemporarilyUnavailable"),
        (500, "InternalError"),
        (400, "UnableToModifyDuringSystemPOST"),
        (429, "x"),
    ] {
        let bmc = Bmc::new(move |seen| match seen.line.as_str() {
            RESET => refusal(status, key, "Not now."),
            _ => honest(seen),
        })
        .await;
        let error = bmc.client().power(None, PowerAction::On).await.unwrap_err();
        assert!(!error.is_refusal() && matches!(error, RedfishError::Failed { .. }), "{error}");
        assert_eq!(bmc.count(RESET), 1, "not sent again");
    }
}

#[tokio::test]
async fn a_system_without_the_action_is_a_refusal() {
    let bmc = Bmc::new(|seen| match seen.line.as_str() {
        SYSTEM => answer(200, &json!({"PowerState": "Off"})),
        _ => honest(seen),
    })
    .await;
    let error = bmc.client().power(None, PowerAction::On).await.unwrap_err();
    assert!(error.is_refusal() && error.message().contains("reset types are none"), "{}", error.message());
}
