use super::*;

#[tokio::test]
async fn redirects_stay_within_the_endpoint() {
    let bmc = Bmc::new(|seen| match seen.line.as_str() {
        SYSTEMS => (StatusCode::PERMANENT_REDIRECT, [("location", "/redfish/v1/Systems/")], "").into_response(),
        "GET /redfish/v1/Systems/" => honest(&Seen { line: SYSTEMS.into(), ..seen.clone() }),
        _ => honest(seen),
    })
    .await;
    bmc.client().observe(None).await.unwrap();

    let thief = Bmc::new(honest).await;
    for to in [format!("{}/redfish/v1/Systems", thief.url), "https://127.0.0.1/x".into(), String::new()] {
        let location = to.clone();
        let bmc = Bmc::new(move |seen| match seen.line.as_str() {
            SYSTEMS => (StatusCode::FOUND, [("location", location.clone())], "").into_response(),
            _ => honest(seen),
        })
        .await;
        let error = bmc.client().observe(None).await.unwrap_err();
        assert!(matches!(error, RedfishError::Redirect { .. }), "{to}: {error}");
    }
    assert_eq!(thief.lines(), Vec::<String>::new());

    // A loop ends; a POST is not turned into a GET.
    for (line, status) in [(SYSTEM, 307), (RESET, 302)] {
        let bmc = Bmc::new(move |seen| match seen.line.as_str() {
            asked if asked == line => {
                let to = line.split_once(' ').unwrap().1;
                (StatusCode::from_u16(status).unwrap(), [("location", to)], "").into_response()
            }
            _ => honest(seen),
        })
        .await;
        let error = bmc.client().power(None, PowerAction::On).await.unwrap_err();
        assert!(matches!(error, RedfishError::Redirect { .. }), "{error}");
        assert!(!error.is_refusal());
    }
}

#[tokio::test]
async fn links_do_not_lead_to_other_hosts() {
    let thief = Bmc::new(honest).await;
    let elsewhere = format!("{}/redfish/v1/Systems/1", thief.url);
    let bmc = Bmc::new(move |seen| match seen.line.as_str() {
        SYSTEMS => answer(200, &json!({"Members": [{"@odata.id": elsewhere}]})),
        _ => honest(seen),
    })
    .await;
    bmc.client().observe(None).await.unwrap();
    assert_eq!(thief.lines(), Vec::<String>::new());
    assert_eq!(bmc.count(SYSTEM), 1);
}

#[tokio::test]
async fn answers_are_bounded() {
    let bmc = Bmc::new(|seen| match seen.line.as_str() {
        SYSTEM => answer(200, &json!({"Id": "x".repeat(3 << 20)})),
        _ => honest(seen),
    })
    .await;
    let error = bmc.client().observe(None).await.unwrap_err();
    assert!(error.message().contains("longer than"), "{}", error.message());
}

#[tokio::test]
async fn what_is_not_redfish_is_told() {
    for (body, words) in [("<html>nginx</html>", "<html>"), ("[]", "no JSON object"), ("", "no JSON object")] {
        let bmc = Bmc::new(move |seen| match seen.line.as_str() {
            SYSTEM => body.into_response(),
            _ => honest(seen),
        })
        .await;
        let error = bmc.client().observe(None).await.unwrap_err();
        assert!(error.message().contains(words), "{}", error.message());
        assert_eq!(error.unreachable().reason, "RedfishError");
    }
    let bmc = Bmc::new(|_| "welcome".into_response()).await;
    let error = bmc.client().observe(None).await.unwrap_err();
    assert!(error.message().contains("is this a BMC?"), "{}", error.message());
}

#[tokio::test]
async fn silence_ends() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::new(&format!("http://{}", listener.local_addr().unwrap()), None, None).unwrap();
    let client = Client::with(endpoint, RedfishMetrics::default(), hasty(), Gate::default()).unwrap();
    let error = client.observe(None).await.unwrap_err();
    assert!(matches!(error, RedfishError::Timeout { .. }), "{error}");
    assert_eq!(error.unreachable().reason, "TCPError");
    assert!(error.message().contains("GET /redfish/v1/ within 0.8 s"), "{}", error.message());
    drop(listener);
    let error = client.observe(None).await.unwrap_err();
    assert!(error.message().contains("refused"), "{}", error.message());
    assert!(matches!(error, RedfishError::Connect { .. }), "{error}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told_from_a_dead_host() {
    // RFC 6761 section 6.4: there is no such name, anywhere.
    let endpoint = Endpoint::new("https://bmc.invalid", None, None).unwrap();
    let patience = Patience { connect: Duration::from_secs(20), ..hasty() };
    let patience = Patience { request: Duration::from_secs(20), ..patience };
    let client = Client::with(endpoint, RedfishMetrics::default(), patience, Gate::default()).unwrap();
    let error = client.observe(None).await.unwrap_err();
    assert!(matches!(error, RedfishError::Dns { .. }), "{error:?}");
    assert_eq!(error.unreachable().reason, "DNSError");
}

#[tokio::test]
async fn a_connection_that_breaks_is_used_again_for_reading_only() {
    // Each connection carries one answer, and is closed without a word about it.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::new(&format!("http://{}", listener.local_addr().unwrap()), None, None).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let connections = count.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            connections.fetch_add(1, Relaxed);
            drop(stream);
        }
    });
    let client = Client::with(endpoint, RedfishMetrics::default(), hasty(), Gate::default()).unwrap();
    let error = client.observe(None).await.unwrap_err();
    assert!(matches!(error, RedfishError::Broken { .. } | RedfishError::Connect { .. }), "{error:?}");
    assert!(count.load(Relaxed) <= 2, "a GET is sent again once");
}

#[test]
fn urls_of_all_kinds() {
    let root = |url: &str| Endpoint::new(url, None, None).map(|endpoint| endpoint.root().to_string());
    for url in
        ["https://bmc", "https://bmc/", "https://bmc/redfish/v1", "https://bmc/redfish/v1/", "https://bmc/redfish"]
    {
        assert_eq!(root(url).unwrap(), "https://bmc/redfish/v1/");
    }
    assert_eq!(root("http://[::1]:8000/proxy/a").unwrap(), "http://[::1]:8000/proxy/a/redfish/v1/");
    for url in ["bmc", "ftp://bmc", "https://", "https://user:hush@bmc"] {
        let error = root(url).unwrap_err().to_string();
        assert!(!error.contains("hush"), "{error}");
    }
    let endpoint =
        Endpoint::new("https://bmc:8443", Some(Credentials { username: "u".into(), password: "hush".into() }), None);
    assert_eq!(endpoint.as_ref().unwrap().host(), "bmc:8443");
    assert!(!format!("{endpoint:?}").contains("hush"));
}
