//! The client against a BMC in this process that answers as each test says. Emulated BMCs with whole profiles, real TLS and a
//! third party's emulator are in `crates/rack/tests/bmc`.

mod override_;
mod power;
mod sessions;
mod systems;
mod transport;

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request as HttpRequest, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use metalman_core::lifecycle::bmc::PowerState;
use serde_json::{Value, json};

use super::*;

/// A request as the BMC saw it.
#[derive(Clone, Debug)]
struct Seen {
    line: String,
    headers: HeaderMap,
    body: Value,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

type Handler = dyn Fn(&Seen) -> Response + Send + Sync;

/// A BMC whose answers are a function of the request; what it does not answer, it answers like an honest one.
struct Bmc {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    busiest: Arc<AtomicUsize>,
    metrics: RedfishMetrics,
}

#[derive(Clone)]
struct Shared {
    handler: Arc<Handler>,
    seen: Arc<Mutex<Vec<Seen>>>,
    now: Arc<AtomicUsize>,
    busiest: Arc<AtomicUsize>,
}

async fn serve(State(shared): State<Shared>, request: HttpRequest) -> Response {
    let now = shared.now.fetch_add(1, Relaxed) + 1;
    shared.busiest.fetch_max(now, Relaxed);
    let (head, body) = request.into_parts();
    let bytes = to_bytes(Body::new(body), 1 << 20).await.unwrap();
    let line = format!("{} {}", head.method, head.uri);
    let seen = Seen { line, headers: head.headers, body: serde_json::from_slice(&bytes).unwrap_or_default() };
    shared.seen.lock().unwrap().push(seen.clone());
    let answer = (shared.handler)(&seen);
    // Long enough for a second request to be seen beside it, if there were one.
    tokio::task::yield_now().await;
    shared.now.fetch_sub(1, Relaxed);
    answer
}

impl Bmc {
    async fn new(handler: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared =
            Shared { handler: Arc::new(handler), seen: Arc::default(), now: Arc::default(), busiest: Arc::default() };
        let (seen, busiest) = (shared.seen.clone(), shared.busiest.clone());
        let router = Router::new().fallback(serve).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, seen, busiest, metrics: RedfishMetrics::default() }
    }

    fn endpoint(&self, password: Option<&str>) -> Endpoint {
        let credentials = password.map(|password| Credentials { username: "admin".into(), password: password.into() });
        Endpoint::new(&self.url, credentials, None).unwrap()
    }

    fn client(&self) -> Client {
        self.client_as(Some("hush"))
    }

    fn client_as(&self, password: Option<&str>) -> Client {
        Client::with(self.endpoint(password), self.metrics.clone(), hasty(), Gate::default()).unwrap()
    }

    /// Method and path of all requests.
    fn lines(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|seen| seen.line.clone()).collect()
    }

    fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|seen| *seen == line).count()
    }

    /// The requests with that line.
    fn seen(&self, line: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.line == line).cloned().collect()
    }
}

fn hasty() -> Patience {
    let moment = Duration::from_millis(10);
    Patience {
        connect: Duration::from_millis(500),
        request: Duration::from_millis(800),
        task: moment * 20,
        readback: moment * 5,
        pause: moment,
        session: moment,
    }
}

const ROOT: &str = "GET /redfish/v1/";
const LOGIN: &str = "POST /redfish/v1/SessionService/Sessions";
const LOGOUT: &str = "DELETE /redfish/v1/SessionService/Sessions/1";
const SYSTEMS: &str = "GET /redfish/v1/Systems";
const SYSTEM: &str = "GET /redfish/v1/Systems/1";
const PATCH: &str = "PATCH /redfish/v1/Systems/1";
const RESET: &str = "POST /redfish/v1/Systems/1/Actions/ComputerSystem.Reset";

fn answer(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), [("content-type", "application/json")], body.to_string()).into_response()
}

/// An error with that key and text.
fn refusal(status: u16, key: &str, message: &str) -> Response {
    let info = json!([{"MessageId": format!("Base.1.8.{key}"), "Message": message}]);
    answer(status, &json!({"error": {"code": "Base.1.8.GeneralError", "@Message.ExtendedInfo": info}}))
}

fn system_body() -> Value {
    json!({
        "@odata.id": "/redfish/v1/Systems/1",
        "Id": "1",
        "PowerState": "Off",
        "Boot": {"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None"},
        "Actions": {"#ComputerSystem.Reset": {"target": "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"}},
    })
}

/// What an honest BMC with one system and sessions answers.
fn honest(seen: &Seen) -> Response {
    let open = matches!(seen.line.as_str(), ROOT | LOGIN);
    if !open && seen.header("x-auth-token") != Some("t1") && seen.header("authorization").is_none() {
        return refusal(401, "NoValidSession", "Log in first.");
    }
    match seen.line.as_str() {
        ROOT => answer(
            200,
            &json!({
                "Systems": {"@odata.id": "/redfish/v1/Systems"},
                "Links": {"Sessions": {"@odata.id": "/redfish/v1/SessionService/Sessions"}},
            }),
        ),
        LOGIN if seen.body["Password"] != "hush" => refusal(401, "ResourceAtUriUnauthorized", "Wrong password."),
        LOGIN => {
            let location = "https://internal.example/redfish/v1/SessionService/Sessions/1";
            (StatusCode::CREATED, [("x-auth-token", "t1"), ("location", location)], "{}").into_response()
        }
        LOGOUT | RESET | PATCH => StatusCode::NO_CONTENT.into_response(),
        SYSTEMS => answer(200, &json!({"Members": [{"@odata.id": "/redfish/v1/Systems/1"}]})),
        SYSTEM => answer(200, &system_body()),
        _ => refusal(404, "ResourceMissingAtURI", "There is no such resource."),
    }
}
