//! Sessions (DSP0266, "Redfish session login authentication"), and HTTP Basic where there are none to have.
//!
//! BMCs have few sessions (iDRAC 8, others 16) and keep forgotten ones for half an hour. So: one for each client, used again
//! and again, deleted at the end. A BMC without free sessions (503, or Dell's RAC0218) or without sessions at all (iDRAC 8
//! answers 405) is spoken to with HTTP Basic, which every service has to understand. Wrong credentials are not tried a second
//! time in another way: accounts get locked.

use std::{sync::Arc, time::Instant};

use reqwest::{Method, Url, header::HeaderValue};
use serde_json::json;

use super::{
    RedfishError,
    discovery::link,
    service::Service,
    transport::{Answer, Request},
};

const TOKEN: &str = "x-auth-token";

/// As whom requests are sent now.
#[derive(Clone, Debug, Default)]
pub(super) enum Access {
    /// Not known yet.
    #[default]
    Unknown,
    /// As nobody: the endpoint has no credentials.
    Anonymous,
    /// In a session.
    Session(Session),
    /// With the password in every request; for a while only where sessions exist but none was to be had.
    Basic(HeaderValue, Option<NoSession>),
}

/// Why there is no session for now.
#[derive(Clone, Debug)]
pub(super) struct NoSession {
    until: Instant,
    pub(super) status: u16,
    pub(super) words: String,
}

/// A session at a BMC.
#[derive(Clone)]
pub(super) struct Session {
    token: HeaderValue,
    /// Where to delete it.
    url: Option<Url>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({:?})", self.url.as_ref().map(Url::path))
    }
}

impl Access {
    pub(super) fn header(&self) -> Option<(&'static str, HeaderValue)> {
        match self {
            Self::Unknown | Self::Anonymous => None,
            Self::Session(session) => Some((TOKEN, session.token.clone())),
            Self::Basic(value, _) => Some(("authorization", value.clone())),
        }
    }

    pub(super) fn is_session(&self) -> bool {
        matches!(self, Self::Session(_))
    }

    pub(super) fn token(&self) -> Option<&str> {
        match self {
            Self::Session(session) => session.token.to_str().ok().filter(|token| !token.is_empty()),
            _ => None,
        }
    }

    fn is_usable(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::Basic(_, Some(why)) => Instant::now() < why.until,
            _ => true,
        }
    }
}

impl Service {
    /// As whom to send a request; logs in where that is needed.
    pub(super) async fn access(self: &Arc<Self>) -> Result<Access, RedfishError> {
        let known = self.state().access.clone();
        if known.is_usable() {
            return Ok(known);
        }
        // In a task of its own: a login that nobody waits for any more is still known of, and its session deleted at the end.
        let service = self.clone();
        match tokio::spawn(async move { service.log_in().await }).await {
            Ok(outcome) => outcome,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    async fn log_in(&self) -> Result<Access, RedfishError> {
        let Some(basic) = self.basic() else {
            self.root().await?;
            self.state().access = Access::Anonymous;
            return Ok(Access::Anonymous);
        };
        let began = Instant::now();
        let outcome = self.open_session(&basic).await;
        let word = match &outcome {
            Ok(Access::Session(_)) => "session",
            Ok(_) => "basic",
            Err(error) => error.outcome(),
        };
        self.metrics.operation("login", word, began.elapsed());
        let access = outcome?;
        if access.is_session() {
            self.metrics.session_opened();
        }
        self.state().access = access.clone();
        Ok(access)
    }

    async fn open_session(&self, basic: &(&'static str, HeaderValue)) -> Result<Access, RedfishError> {
        let forever = Access::Basic(basic.1.clone(), None);
        let (Some(sessions), Some(credentials)) = (self.sessions(basic).await?, self.endpoint.credentials()) else {
            return Ok(forever);
        };
        let body = json!({"UserName": credentials.username, "Password": credentials.password});
        let request = Request::with(Method::POST, &sessions, body);
        let answer = self.transport.send(&request, None).await?;
        if answer.is_success() {
            return Ok(self.session(&answer).map_or(forever, Access::Session));
        }
        let messages = answer.messages();
        let exhausted = messages.are_about_session_limit();
        if !exhausted && (matches!(answer.status, 401 | 403) || messages.are_about_credentials()) {
            return Err(self.refuses_credentials(&answer));
        }
        if !exhausted && matches!(answer.status, 404 | 405 | 501) {
            return Ok(forever);
        }
        let words = self.words(&answer);
        tracing::info!(bmc = %self.bmc(), status = answer.status, words, "BMC gives no session: HTTP Basic for now");
        let until = Instant::now() + self.patience.session;
        Ok(Access::Basic(basic.1.clone(), Some(NoSession { until, status: answer.status, words })))
    }

    /// Where sessions are made.
    async fn sessions(&self, basic: &(&'static str, HeaderValue)) -> Result<Option<Url>, RedfishError> {
        let root = self.root().await?;
        if let Some(sessions) = &root.sessions {
            return self.resolve(sessions).map(Some);
        }
        let Some(service) = &root.session_service else { return Ok(None) };
        let request = Request::get(&self.resolve(service)?);
        let answer = self.transport.send(&request, Some(basic.clone())).await?;
        if answer.status == 401 {
            return Err(self.refuses_credentials(&answer));
        }
        link(answer.body.get("Sessions")).filter(|_| answer.is_success()).map(|found| self.resolve(found)).transpose()
    }

    fn session(&self, answer: &Answer) -> Option<Session> {
        let mut token = answer.headers.get(TOKEN).filter(|token| !token.is_empty())?.clone();
        token.set_sensitive(true);
        // Location is mandatory, and absolute or missing at times; the body is the session itself.
        let at = answer.location().or_else(|| link(Some(&answer.body)));
        let url = at.and_then(|at| self.resolve(at).ok());
        Some(Session { token, url })
    }

    /// Forgets a session that the BMC does not know any more; another request may have logged in meanwhile.
    pub(super) fn forget_session(&self, gone: &Access) {
        let mut state = self.state();
        if state.access.token() == gone.token() {
            state.access = Access::Unknown;
            self.metrics.session_closed();
        }
    }

    /// Takes the session out: how to delete it.
    pub(super) fn take_session(&self) -> Option<(Request, (&'static str, HeaderValue))> {
        let mut state = self.state();
        if !state.access.is_session() {
            return None;
        }
        let Access::Session(session) = std::mem::take(&mut state.access) else { return None };
        self.metrics.session_closed();
        let request = Request { method: Method::DELETE, url: session.url?, body: None, if_match: None };
        Some((request, (TOKEN, session.token)))
    }

    /// Deletes the session, if there is one.
    pub(super) async fn log_out(&self) {
        let Some((request, header)) = self.take_session() else { return };
        let began = Instant::now();
        let outcome = match self.transport.send(&request, Some(header)).await {
            // 401 and 404: it ran out by itself.
            Ok(answer) if answer.is_success() || matches!(answer.status, 401 | 404) => "ok",
            Ok(_) => "refused",
            Err(error) => error.outcome(),
        };
        self.metrics.operation("logout", outcome, began.elapsed());
        if outcome != "ok" {
            tracing::warn!(bmc = %self.bmc(), outcome, "session at the BMC was not deleted: it has to run out");
        }
    }
}
