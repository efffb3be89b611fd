use super::*;

#[tokio::test]
async fn one_session_is_used_again_and_deleted_at_the_end() {
    let bmc = Bmc::new(honest).await;
    let client = bmc.client();
    for _ in 0..3 {
        client.observe(None).await.unwrap();
    }
    assert_eq!(bmc.metrics.sessions(), 1);
    assert_eq!(bmc.lines(), [ROOT, LOGIN, SYSTEMS, SYSTEM, SYSTEM, SYSTEM]);
    assert!(bmc.seen(ROOT)[0].header("authorization").is_none(), "the root is asked for as nobody");
    assert_eq!(bmc.seen(LOGIN)[0].body, json!({"UserName": "admin", "Password": "hush"}));
    assert!(bmc.seen(SYSTEM).iter().all(|seen| seen.header("x-auth-token") == Some("t1")));
    assert!(bmc.seen(SYSTEM).iter().all(|seen| seen.header("authorization").is_none()));
    client.close().await;
    client.close().await;
    assert_eq!(bmc.count(LOGOUT), 1, "{:?}", bmc.lines());
    assert_eq!(bmc.metrics.sessions(), 0);
    // It can be used again.
    client.observe(None).await.unwrap();
    assert_eq!(bmc.count(LOGIN), 2);
}

#[tokio::test]
async fn a_session_that_ran_out_is_renewed_and_nothing_is_done_twice() {
    let logins = AtomicUsize::new(0);
    let bmc = Bmc::new(move |seen| match seen.line.as_str() {
        LOGIN => {
            let token = format!("t{}", logins.fetch_add(1, Relaxed));
            (
                StatusCode::CREATED,
                [("x-auth-token", token)],
                r#"{"@odata.id": "/redfish/v1/SessionService/Sessions/1"}"#,
            )
                .into_response()
        }
        ROOT => honest(seen),
        // The first one dies after it looked.
        RESET if seen.header("x-auth-token") == Some("t0") => StatusCode::UNAUTHORIZED.into_response(),
        _ => honest(&Seen { headers: [("x-auth-token", "t1")].map(header).into_iter().collect(), ..seen.clone() }),
    })
    .await;
    let client = bmc.client();
    client.power(None, PowerAction::On).await.unwrap();
    assert_eq!(bmc.count(LOGIN), 2, "{:?}", bmc.lines());
    let tokens: Vec<_> = bmc.seen(RESET).iter().map(|seen| seen.header("x-auth-token").unwrap().to_owned()).collect();
    assert_eq!(tokens, ["t0", "t1"]);
    assert_eq!(bmc.metrics.sessions(), 1);
    client.close().await;
    assert_eq!(bmc.count(LOGOUT), 1, "deleted where its body says, as there is no Location");
}

fn header((name, value): (&'static str, &'static str)) -> (http::HeaderName, http::HeaderValue) {
    (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
}

#[tokio::test]
async fn a_bmc_that_forgets_every_session_is_an_error_and_no_loop() {
    let bmc = Bmc::new(|seen| match seen.line.as_str() {
        ROOT | LOGIN => honest(seen),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    })
    .await;
    let error = bmc.client().observe(None).await.unwrap_err();
    assert!(matches!(error, RedfishError::Credentials { .. }), "{error}");
    assert_eq!(bmc.count(LOGIN), 2);
}

#[tokio::test]
async fn without_a_free_session_the_password_is_sent_for_a_while() {
    let logins = AtomicUsize::new(0);
    let bmc = Bmc::new(move |seen| match seen.line.as_str() {
        LOGIN if logins.fetch_add(1, Relaxed) == 0 => {
            refusal(503, "SessionLimitExceeded", "The session establishment failed, all sessions are in use.")
        }
        _ => honest(seen),
    })
    .await;
    let client = bmc.client();
    client.observe(None).await.unwrap();
    let basic = bmc.seen(SYSTEM)[0].header("authorization").map(str::to_owned);
    assert_eq!(basic.as_deref(), Some("Basic YWRtaW46aHVzaA=="));
    tokio::time::sleep(hasty().session * 2).await;
    client.observe(None).await.unwrap();
    assert_eq!(bmc.seen(SYSTEM)[1].header("x-auth-token"), Some("t1"));
    assert_eq!(bmc.count(LOGIN), 2);
}

#[tokio::test]
async fn without_a_free_session_and_without_basic_the_credentials_are_not_blamed() {
    let bmc = Bmc::new(|seen| match seen.line.as_str() {
        ROOT => honest(seen),
        LOGIN => refusal(503, "SessionLimitExceeded", "All sessions are in use."),
        _ => refusal(401, "NoValidSession", "Log in."),
    })
    .await;
    let client = bmc.client();
    for logins in 1..3 {
        let error = client.observe(None).await.unwrap_err();
        assert_eq!(error.unreachable().reason, "RedfishError");
        assert!(error.message().contains("All sessions are in use."), "{}", error.message());
        assert_eq!(bmc.count(LOGIN), logins);
    }
}

#[tokio::test]
async fn without_sessions_the_password_is_sent() {
    for status in [404, 405, 501] {
        let bmc = Bmc::new(move |seen| match seen.line.as_str() {
            LOGIN => StatusCode::from_u16(status).unwrap().into_response(),
            _ => honest(seen),
        })
        .await;
        let client = bmc.client();
        client.observe(None).await.unwrap();
        tokio::time::sleep(hasty().session * 2).await;
        client.observe(None).await.unwrap();
        assert_eq!(bmc.count(LOGIN), 1, "{status}");
        client.close().await;
        assert_eq!(bmc.count(LOGOUT), 0);
    }
    // A root that names no sessions at all, and one that only names the service.
    for root in [json!({}), json!({"SessionService": {"@odata.id": "/redfish/v1/SessionService"}})] {
        let bmc = Bmc::new(move |seen| match seen.line.as_str() {
            ROOT => {
                let mut root = root.clone();
                root["Systems"] = json!({"@odata.id": "/redfish/v1/Systems"});
                answer(200, &root)
            }
            "GET /redfish/v1/SessionService" => {
                answer(200, &json!({"Sessions": {"@odata.id": "/redfish/v1/SessionService/Sessions"}}))
            }
            _ => honest(seen),
        })
        .await;
        bmc.client().observe(None).await.unwrap();
        let with_service = bmc.count("GET /redfish/v1/SessionService");
        assert_eq!(bmc.count(LOGIN), with_service, "{:?}", bmc.lines());
    }
}

#[tokio::test]
async fn wrong_credentials_are_tried_once() {
    let bmc = Bmc::new(honest).await;
    let error = bmc.client_as(Some("wrong-secret")).observe(None).await.unwrap_err();
    assert!(matches!(error, RedfishError::Credentials { .. }), "{error}");
    let told = error.unreachable();
    assert_eq!(told.reason, "CredentialsRefused");
    assert!(told.message.contains("Wrong password.") && told.message.contains("admin"), "{}", told.message);
    assert!(!told.message.contains("wrong-secret"), "{}", told.message);
    assert_eq!(bmc.lines(), [ROOT, LOGIN]);

    // iLO says so with 400.
    let bmc = Bmc::new(|seen| match seen.line.as_str() {
        LOGIN => refusal(400, "UnauthorizedLoginAttempt", "The login was not successful: hush is wrong."),
        _ => honest(seen),
    })
    .await;
    let error = bmc.client().observe(None).await.unwrap_err();
    assert!(matches!(error, RedfishError::Credentials { .. }), "{error}");
    assert!(error.message().contains("*** is wrong"), "{}", error.message());
}

#[tokio::test]
async fn without_credentials_nobody_logs_in() {
    let bmc = Bmc::new(|seen| {
        let mut open = seen.clone();
        open.headers.insert("x-auth-token", "t1".parse().unwrap());
        honest(&open)
    })
    .await;
    bmc.client_as(None).observe(None).await.unwrap();
    assert_eq!(bmc.lines(), [ROOT, SYSTEMS, SYSTEM]);
    let bmc = Bmc::new(honest).await;
    let error = bmc.client_as(None).observe(None).await.unwrap_err();
    assert!(error.message().contains("set username and passwordRef"), "{}", error.message());
    assert_eq!(error.unreachable().reason, "CredentialsRefused");
}

#[tokio::test]
async fn a_client_that_is_dropped_deletes_its_session() {
    let bmc = Bmc::new(honest).await;
    let client = bmc.client();
    client.observe(None).await.unwrap();
    drop(client);
    let deadline = Instant::now() + Duration::from_secs(5);
    while bmc.count(LOGOUT) == 0 {
        assert!(Instant::now() < deadline, "{:?}", bmc.lines());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(bmc.metrics.sessions(), 0);
}

#[tokio::test]
async fn machines_of_one_endpoint_share_the_session_and_the_turn() {
    let bmc = Bmc::new(honest).await;
    let clients = Clients::new(bmc.metrics.clone(), hasty());
    let first = bmc.endpoint(Some("hush"));
    let same = Endpoint::new(&format!("{}/redfish/v1", bmc.url), first.credentials().cloned(), None).unwrap();
    let pinned = same.with_pin(Some(Fingerprint::of(b"x")));
    let endpoints = [first, same, pinned];
    let machines: Vec<_> = endpoints.iter().map(|endpoint| clients.client(endpoint).unwrap()).collect();
    assert!(Arc::ptr_eq(&machines[0], &machines[1]));
    assert_eq!(clients.len(), 2);
    let looks = machines.iter().cycle().take(12).map(|client| client.observe(None));
    for look in futures::future::join_all(looks).await {
        look.unwrap();
    }
    assert_eq!(bmc.count(LOGIN), 2);
    assert_eq!(bmc.busiest.load(Relaxed), 1, "one request at a time for each BMC");
    clients.retain(|endpoint| endpoint.pin().is_none()).await;
    assert_eq!((clients.len(), bmc.count(LOGOUT)), (1, 1));
    clients.close().await;
    assert!(clients.is_empty());
    assert_eq!(bmc.count(LOGOUT), 2);
}
