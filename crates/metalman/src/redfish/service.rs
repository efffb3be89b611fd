//! A Redfish service: requests as whoever the endpoint says, and answers that are errors where they say no.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use reqwest::{Method, Url, header::HeaderValue};

use super::{
    Endpoint, Patience, RedfishError, RedfishMetrics,
    clients::Gate,
    discovery::Root,
    messages::clean,
    session::Access,
    systems::Systems,
    task::{self, Progress},
    transport::{Answer, Request, Transport},
};

/// The service and what is known of it.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) endpoint: Endpoint,
    pub(super) metrics: RedfishMetrics,
    pub(super) patience: Patience,
    pub(super) gate: Gate,
    pub(super) transport: Transport,
    state: Mutex<State>,
}

/// What was learned so far.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) access: Access,
    pub(super) root: Option<Root>,
    pub(super) systems: Systems,
    /// That nothing is encrypted was said.
    pub(super) warned: bool,
}

/// How a task that a request began ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// There was none, or it is done.
    Done,
    /// It still ran when patience ended.
    Unfinished,
}

impl Service {
    pub(super) fn new(
        endpoint: Endpoint,
        metrics: RedfishMetrics,
        patience: Patience,
        gate: Gate,
    ) -> Result<Self, RedfishError> {
        let transport = Transport::new(endpoint.clone(), metrics.clone(), patience)?;
        Ok(Self { endpoint, metrics, patience, gate, transport, state: Mutex::default() })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn bmc(&self) -> String {
        self.endpoint.host()
    }

    /// A link, within this endpoint: what host a link names does not count, as BMCs behind address translation name their own.
    pub(super) fn resolve(&self, link: &str) -> Result<Url, RedfishError> {
        let root = self.endpoint.root();
        let joined = root.join(link).map_err(|error| RedfishError::Malformed {
            bmc: self.bmc(),
            operation: "a link".into(),
            what: clean(&format!("{link:?}: {error}")),
        })?;
        let mut url = root.clone();
        url.set_path(joined.path());
        url.set_query(joined.query());
        Ok(url)
    }

    /// Sends a request as whoever we are. The answer is of any status, but never 401.
    pub(super) async fn call(self: &Arc<Self>, request: &Request) -> Result<Answer, RedfishError> {
        let mut fresh = false;
        loop {
            let access = self.access().await?;
            let answer = self.transport.send(request, access.header()).await?;
            if answer.status != 401 {
                return Ok(answer);
            }
            // The session ran out, or the BMC forgot it: nothing was done. Once.
            if access.is_session() && !fresh {
                fresh = true;
                self.forget_session(&access);
                continue;
            }
            return Err(self.shut_out(&access, &answer));
        }
    }

    /// 401 to what was sent as somebody. Where a session was not to be had and HTTP Basic is switched off, the credentials are
    /// not what is wrong.
    fn shut_out(&self, access: &Access, answer: &Answer) -> RedfishError {
        let Access::Basic(_, Some(why)) = access else { return self.refuses_credentials(answer) };
        let words = format!("{} (and it gave no session before: {})", self.words(answer), why.words);
        self.state().access = Access::Unknown;
        RedfishError::Failed { bmc: self.bmc(), operation: "a login".into(), status: why.status, words }
    }

    /// Reads a resource.
    pub(super) async fn get(self: &Arc<Self>, url: &Url) -> Result<Answer, RedfishError> {
        let request = Request::get(url);
        let answer = self.call(&request).await?;
        let answer = self.success(&request, answer)?;
        if answer.body.is_object() {
            return Ok(answer);
        }
        Err(RedfishError::Malformed {
            bmc: self.bmc(),
            operation: request.operation(),
            what: if answer.text.is_empty() { "no JSON object".into() } else { format!("{:.80}", answer.text) },
        })
    }

    /// Sends what changes something, and waits for the task that it may begin.
    pub(super) async fn change(self: &Arc<Self>, request: &Request, patience: Duration) -> Result<Ended, RedfishError> {
        let answer = self.call(request).await?;
        let answer = self.success(request, answer)?;
        self.finish(request, &answer, patience).await
    }

    /// Waits for the task that an accepted request began.
    pub(super) async fn finish(
        self: &Arc<Self>,
        request: &Request,
        answer: &Answer,
        patience: Duration,
    ) -> Result<Ended, RedfishError> {
        let monitor = task::monitor(answer.location(), &answer.body).filter(|_| answer.status == 202);
        let Some(monitor) = monitor else { return Ok(Ended::Done) };
        let monitor = Request::get(&self.resolve(monitor)?);
        let until = Instant::now() + patience;
        loop {
            // Asked for a moment; the standard lets the service say how long, and it is not waited for longer than promised.
            tokio::time::sleep(self.patience.pause).await;
            let answer = self.call(&monitor).await?;
            match task::progress(answer.status, &answer.body) {
                Progress::Done => return Ok(Ended::Done),
                Progress::Failed(state) => {
                    let (bmc, operation) = (self.bmc(), request.operation());
                    return Err(RedfishError::Task { bmc, operation, state, words: self.words(&answer) });
                }
                Progress::Waiting => return Ok(Ended::Unfinished),
                Progress::Running if Instant::now() >= until => return Ok(Ended::Unfinished),
                Progress::Running => {}
            }
        }
    }

    /// The answer, or why it is none.
    pub(super) fn success(&self, request: &Request, answer: Answer) -> Result<Answer, RedfishError> {
        if answer.is_success() { Ok(answer) } else { Err(self.refusal(request, &answer)) }
    }

    pub(super) fn refusal(&self, request: &Request, answer: &Answer) -> RedfishError {
        let messages = answer.messages();
        let reads = request.method == Method::GET;
        if messages.has("PasswordChangeRequired") || reads && matches!(answer.status, 401 | 403) {
            return self.refuses_credentials(answer);
        }
        let (bmc, operation, status, words) = (self.bmc(), request.operation(), answer.status, self.words(answer));
        // 501 is a no; the other 5xx and these say "not now".
        let passes = matches!(status, 408 | 423 | 425 | 429) || status >= 500 && status != 501;
        if passes || messages.are_transient() {
            RedfishError::Failed { bmc, operation, status, words }
        } else {
            RedfishError::Refused { bmc, operation, status, words }
        }
    }

    pub(super) fn refuses_credentials(&self, answer: &Answer) -> RedfishError {
        let who = match self.endpoint.credentials() {
            Some(credentials) => format!("user {:?}", credentials.username),
            None => "requests without credentials (set username and passwordRef in spec.pxe.redfish)".into(),
        };
        RedfishError::Credentials { bmc: self.bmc(), who, words: self.words(answer) }
    }

    /// What the BMC says, without our secrets.
    pub(super) fn words(&self, answer: &Answer) -> String {
        let mut words = answer.messages().line();
        if words.is_empty() && !answer.text.trim_start().starts_with('<') {
            words.clone_from(&answer.text);
        }
        if words.is_empty() {
            words = format!("HTTP status {}, without a word", answer.status);
        }
        if let Some(credentials) = self.endpoint.credentials().filter(|c| !c.password.is_empty()) {
            words = words.replace(&credentials.password, "***");
        }
        if let Some(token) = self.state().access.token() {
            words = words.replace(token, "***");
        }
        words
    }

    /// Says once that nothing protects what is said.
    pub(super) fn warn_plain(&self) {
        let mut state = self.state();
        if self.endpoint.is_plain() && !std::mem::replace(&mut state.warned, true) {
            tracing::warn!(bmc = %self.bmc(), "BMC is spoken to over plain HTTP, as its URL says: passwords can be read on the way");
        }
    }

    /// The links of the service root. It is readable by anyone (DSP0266, "Authentication"); where it is not, nothing is known
    /// about sessions, and the password itself is sent.
    pub(super) async fn root(&self) -> Result<Root, RedfishError> {
        if let Some(root) = self.state().root.clone() {
            return Ok(root);
        }
        self.warn_plain();
        let request = Request::get(self.endpoint.root());
        let mut answer = self.transport.send(&request, None).await?;
        if matches!(answer.status, 401 | 403)
            && let Some(basic) = self.basic()
        {
            answer = self.transport.send(&request, Some(basic)).await?;
        }
        let answer = self.success(&request, answer)?;
        if !answer.body.is_object() {
            return Err(RedfishError::Malformed {
                bmc: self.bmc(),
                operation: request.operation(),
                what: "there is no service root; is this a BMC?".into(),
            });
        }
        let root = Root::of(&answer.body);
        self.state().root = Some(root.clone());
        Ok(root)
    }

    pub(super) fn basic(&self) -> Option<(&'static str, HeaderValue)> {
        use base64::{Engine, prelude::BASE64_STANDARD};
        let credentials = self.endpoint.credentials()?;
        let text = BASE64_STANDARD.encode(format!("{}:{}", credentials.username, credentials.password));
        let mut value = HeaderValue::from_str(&format!("Basic {text}")).ok()?;
        value.set_sensitive(true);
        Some(("authorization", value))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let Some((request, header)) = self.take_session() else { return };
        // The last one out deletes the session where that can still be done; else the BMC lets it run out.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let transport = self.transport.clone();
            runtime.spawn(async move { transport.send(&request, Some(header)).await.map(drop) });
        }
    }
}
