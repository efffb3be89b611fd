use super::*;

/// A BMC that keeps the boot override that is written, where `accept` does not refuse it. Where it is kept is a path.
struct Board {
    bmc: Bmc,
    boot: Arc<Mutex<Value>>,
}

impl Board {
    async fn new(boot: Value, accept: impl Fn(&Seen) -> Option<Response> + Send + Sync + 'static) -> Self {
        let boot = Arc::new(Mutex::new(boot));
        let kept = boot.clone();
        let bmc = Bmc::new(move |seen| match seen.line.as_str() {
            SYSTEM => {
                let mut body = system_body();
                body["Boot"] = kept.lock().unwrap().clone();
                accept(seen).unwrap_or_else(|| answer(200, &body))
            }
            PATCH => accept(seen).unwrap_or_else(|| {
                merge(&kept, &seen.body);
                StatusCode::NO_CONTENT.into_response()
            }),
            _ => honest(seen),
        })
        .await;
        Self { bmc, boot }
    }

    fn patches(&self) -> Vec<Value> {
        self.bmc.seen(PATCH).iter().map(|seen| seen.body["Boot"].clone()).collect()
    }
}

fn merge(kept: &Mutex<Value>, body: &Value) {
    let mut kept = kept.lock().unwrap();
    for (name, value) in body["Boot"].as_object().unwrap() {
        kept[name] = value.clone();
    }
}

fn disabled() -> Value {
    json!({"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None", "BootSourceOverrideMode": "Legacy"})
}

#[tokio::test]
async fn set_and_read_back_and_taken_back() {
    let board = Board::new(disabled(), |_| None).await;
    let client = board.bmc.client();
    let shown = client.set_boot_override(None, BootTarget::Pxe).await.unwrap();
    assert_eq!((shown.enabled.as_str(), shown.target.as_str(), shown.mode.as_deref()), ("Once", "Pxe", Some("UEFI")));
    assert!(board.bmc.seen(PATCH)[0].header("if-match").is_none(), "there is no ETag");
    assert!(client.observe(None).await.unwrap().boot_override.unwrap().is_active());
    client.clear_boot_override(None).await.unwrap();
    assert_eq!(
        board.patches()[1],
        json!({"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None"})
    );
    assert!(!client.observe(None).await.unwrap().boot_override.unwrap().is_active());
    // Nothing to take back: nothing is sent.
    client.clear_boot_override(None).await.unwrap();
    assert_eq!(board.patches().len(), 2);
}

#[tokio::test]
async fn properties_that_are_refused_are_left_out() {
    // HPE: the mode is not writable. And here, Once is missing too.
    let board = Board::new(disabled(), |seen| {
        let boot = &seen.body["Boot"];
        if boot.get("BootSourceOverrideMode").is_some() {
            return Some(refusal(400, "PropertyNotWritable", "BootSourceOverrideMode is read-only."));
        }
        (boot["BootSourceOverrideEnabled"] == "Once").then(|| {
            refusal(400, "PropertyValueNotInList", "The value Once of BootSourceOverrideEnabled is not in the list.")
        })
    })
    .await;
    let client = board.bmc.client();
    let shown = client.set_boot_override(None, BootTarget::UefiHttp).await.unwrap();
    assert_eq!((shown.enabled.as_str(), shown.target.as_str()), ("Continuous", "UefiHttp"));
    assert_eq!(board.patches().len(), 3, "{:?}", board.patches());
}

#[tokio::test]
async fn a_refused_target_is_refused_at_once_in_the_bmcs_words() {
    let board = Board::new(disabled(), |seen| {
        seen.line
            .starts_with("PATCH")
            .then(|| refusal(400, "PropertyValueNotInList", "Pxe is not in the list of BootSourceOverrideTarget."))
    })
    .await;
    let error = board.bmc.client().set_boot_override(None, BootTarget::Pxe).await.unwrap_err();
    assert!(error.is_refusal() && error.message().contains("Pxe is not in the list"), "{}", error.message());
    assert_eq!(board.patches().len(), 1);

    let mut boot = disabled();
    boot["BootSourceOverrideTarget@Redfish.AllowableValues"] = json!(["None", "Hdd"]);
    let board = Board::new(boot, |_| None).await;
    let error = board.bmc.client().set_boot_override(None, BootTarget::Pxe).await.unwrap_err();
    assert!(error.is_refusal() && error.message().contains("it allows None, Hdd"), "{}", error.message());
    assert_eq!(board.patches().len(), 0);
}

#[tokio::test]
async fn accepted_and_ignored_is_told() {
    let board =
        Board::new(disabled(), |seen| seen.line.starts_with("PATCH").then(|| StatusCode::NO_CONTENT.into_response()))
            .await;
    let error = board.bmc.client().set_boot_override(None, BootTarget::Pxe).await.unwrap_err();
    assert!(error.is_refusal());
    assert!(
        error.message().ends_with("accepted boot override Pxe and shows boot override Disabled None"),
        "{}",
        error.message()
    );
}

#[tokio::test]
async fn a_busy_bmc_is_not_asked_in_other_words() {
    let board = Board::new(disabled(), |seen| {
        seen.line.starts_with("PATCH").then(|| refusal(400, "UnableToModifyDuringSystemPOST", "POST."))
    })
    .await;
    let error = board.bmc.client().set_boot_override(None, BootTarget::Pxe).await.unwrap_err();
    assert!(!error.is_refusal(), "{error}");
    assert_eq!(board.patches().len(), 1);
}

/// A BMC that answers PATCH only under an `If-Match` as wanted.
async fn with_precondition(wanted: impl Fn(Option<&str>) -> bool + Send + Sync + 'static) -> Board {
    Board::new(disabled(), move |seen| {
        let sent = seen.header("if-match");
        let refused = seen.line == PATCH && !wanted(sent);
        refused.then(|| match sent {
            None => refusal(428, "PreconditionHeaderMissing", "Send If-Match."),
            Some(_) => refusal(412, "PreconditionFailed", "The ETag did not match."),
        })
    })
    .await
}

#[tokio::test]
async fn a_missing_precondition_is_met_with_any() {
    let board = with_precondition(|sent| sent == Some("*")).await;
    let client = board.bmc.client();
    client.set_boot_override(None, BootTarget::Pxe).await.unwrap();
    client.clear_boot_override(None).await.unwrap();
    let sent: Vec<_> = board.bmc.seen(PATCH).iter().map(|seen| seen.header("if-match").map(str::to_owned)).collect();
    assert_eq!(sent, [None, Some("*".into()), Some("*".into())], "what worked is remembered");
}

#[tokio::test]
async fn etags_are_sent_as_the_bmc_wants_them() {
    type Wanted = fn(Option<&str>) -> bool;
    let cases: [(&str, Wanted, usize); 5] = [
        ("\"v1\"", |sent| sent == Some("\"v1\""), 1),
        ("W/\"v1\"", |sent| sent == Some("W/\"v1\""), 1),
        ("W/\"v1\"", |sent| sent == Some("\"v1\""), 2),
        ("\"v1\"", |sent| sent == Some("v1"), 2),
        ("\"v1\"", |sent| sent.is_none(), 4),
    ];
    for (tag, wanted, tries) in cases {
        let boot = Arc::new(Mutex::new(disabled()));
        let kept = boot.clone();
        let bmc = Bmc::new(move |seen| match seen.line.as_str() {
            SYSTEM => {
                let mut body = system_body();
                body["Boot"] = kept.lock().unwrap().clone();
                (StatusCode::OK, [("etag", tag)], body.to_string()).into_response()
            }
            PATCH if !wanted(seen.header("if-match")) => refusal(412, "PreconditionFailed", "The ETag did not match."),
            PATCH => {
                merge(&kept, &seen.body);
                StatusCode::OK.into_response()
            }
            _ => honest(seen),
        })
        .await;
        let client = bmc.client();
        client.set_boot_override(None, BootTarget::Pxe).await.unwrap();
        assert_eq!(bmc.count(PATCH), tries, "{tag} {:?}", bmc.seen(PATCH));
        if tries > 1 && tries < 4 {
            client.clear_boot_override(None).await.unwrap();
            assert_eq!(bmc.count(PATCH), tries + 1, "what worked is remembered");
        }
    }
}

#[tokio::test]
async fn a_stale_etag_is_fetched_again() {
    let reads = Arc::new(AtomicUsize::new(0));
    let kept = Arc::new(Mutex::new(disabled()));
    let (version, boot) = (reads.clone(), kept.clone());
    let bmc = Bmc::new(move |seen| match seen.line.as_str() {
        SYSTEM => {
            let mut body = system_body();
            body["Boot"] = boot.lock().unwrap().clone();
            body["@odata.etag"] = json!(format!("\"{}\"", version.fetch_add(1, Relaxed)));
            answer(200, &body)
        }
        // Somebody changed it between.
        PATCH if seen.header("if-match") != Some("\"1\"") => refusal(412, "PreconditionFailed", "Stale."),
        PATCH => {
            merge(&boot, &seen.body);
            StatusCode::OK.into_response()
        }
        _ => honest(seen),
    })
    .await;
    bmc.client().set_boot_override(None, BootTarget::Pxe).await.unwrap();
    assert_eq!(bmc.count(PATCH), 2);
}

#[tokio::test]
async fn never_ending_preconditions_end() {
    let board = with_precondition(|_| false).await;
    let error = board.bmc.client().set_boot_override(None, BootTarget::Pxe).await.unwrap_err();
    assert!(error.is_refusal(), "{error}");
    assert!(board.patches().len() < 10, "{:?}", board.patches());
}

const SETTINGS: &str = "GET /redfish/v1/Systems/1/SD";
const PATCH_SETTINGS: &str = "PATCH /redfish/v1/Systems/1/SD";

#[tokio::test]
async fn a_settings_object_is_used_where_the_resource_refuses() {
    // 405: read-only as a whole. 204: accepted and ignored.
    for status in [405, 204] {
        let pending = Arc::new(Mutex::new(disabled()));
        let kept = pending.clone();
        let bmc = Bmc::new(move |seen| match seen.line.as_str() {
            SYSTEM => {
                let mut body = system_body();
                body["@Redfish.Settings"] = json!({"SettingsObject": {"@odata.id": "/redfish/v1/Systems/1/SD"}});
                answer(200, &body)
            }
            SETTINGS => answer(200, &json!({"Boot": kept.lock().unwrap().clone()})),
            PATCH => StatusCode::from_u16(status).unwrap().into_response(),
            PATCH_SETTINGS => {
                merge(&kept, &seen.body);
                StatusCode::NO_CONTENT.into_response()
            }
            _ => honest(seen),
        })
        .await;
        let client = bmc.client();
        let shown = client.set_boot_override(None, BootTarget::Pxe).await.unwrap();
        assert_eq!((shown.enabled.as_str(), shown.target.as_str()), ("Once", "Pxe"));
        // It is pending, and that is shown.
        assert!(client.observe(None).await.unwrap().boot_override.unwrap().is_active(), "{status}");
        let tried = bmc.count(PATCH);
        client.clear_boot_override(None).await.unwrap();
        client.set_boot_override(None, BootTarget::Pxe).await.unwrap();
        assert_eq!(bmc.count(PATCH), tried, "where it worked is remembered");
        assert_eq!(bmc.count(PATCH_SETTINGS), 3);
        *pending.lock().unwrap() = disabled();
        assert!(!client.observe(None).await.unwrap().boot_override.unwrap().is_active());
    }
}

#[tokio::test]
async fn a_settings_object_without_override_is_asked_once() {
    let bmc = Bmc::new(|seen| match seen.line.as_str() {
        SYSTEM => {
            let mut body = system_body();
            body["@Redfish.Settings"] = json!({"SettingsObject": {"@odata.id": "/redfish/v1/Systems/1/SD"}});
            answer(200, &body)
        }
        SETTINGS => answer(200, &json!({"AssetTag": ""})),
        _ => honest(seen),
    })
    .await;
    let client = bmc.client();
    for _ in 0..3 {
        client.observe(None).await.unwrap();
    }
    assert_eq!(bmc.count(SETTINGS), 1);
}

#[tokio::test]
async fn a_system_without_override_says_so() {
    let board = Board::new(json!({}), |_| None).await;
    let client = board.bmc.client();
    assert_eq!(client.observe(None).await.unwrap().boot_override, None);
    let error = client.set_boot_override(None, BootTarget::Pxe).await.unwrap_err();
    assert!(error.is_refusal() && error.message().contains("no boot override"), "{}", error.message());
    client.clear_boot_override(None).await.unwrap();
    assert_eq!(*board.boot.lock().unwrap(), json!({}));
}
