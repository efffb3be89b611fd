//! The sockets of a BMC: connections, TLS, and the faults that happen there.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Response, header::HeaderName};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, sleep_until},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    answer::Answer,
    faults::{Reach, Spell},
    journal::Ticket,
    service::Request,
};

/// Between attempts to get the port back.
const REBIND: Duration = Duration::from_millis(50);
/// What a request may bring.
const BODY: usize = 1 << 20;

/// Takes connections until the end.
pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener, address: SocketAddr) {
    let mut reach = shared.reach.subscribe();
    let mut listener = Some(listener);
    loop {
        if *reach.borrow_and_update() == Reach::Refuses {
            listener = None;
            if reach.changed().await.is_err() {
                return;
            }
            continue;
        }
        let Some(open) = &listener else {
            listener = TcpListener::bind(address).await.ok();
            if listener.is_none() {
                sleep(REBIND).await;
            }
            continue;
        };
        tokio::select! {
            changed = reach.changed() => if changed.is_err() { return },
            accepted = open.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(connection(shared.clone(), stream))),
                // Out of descriptors, or the peer was gone already: neither is a reason to stop, nor to spin.
                Err(_) => sleep(REBIND).await,
            },
        }
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    let (kicked, tls) = shared.welcome();
    let reach = *shared.reach.borrow();
    match reach {
        Reach::Drops | Reach::Refuses => return,
        Reach::Silent => return kicked.cancelled().await,
        Reach::Answers => {}
    }
    let _ = stream.set_nodelay(true);
    let conversation = async {
        match tls {
            None => converse(&shared, stream).await,
            Some(tls) => {
                if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                    converse(&shared, stream).await;
                }
            }
        }
    };
    tokio::select! {
        () = kicked.cancelled() => {}
        () = conversation => {}
    }
}

async fn converse(shared: &Arc<Shared>, stream: impl AsyncRead + AsyncWrite + Unpin) {
    let service = service_fn(|request: http::Request<Incoming>| async {
        // An error of the service ends the connection without an answer.
        answer(shared, request).await.ok_or("cut")
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    let _ = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
}

/// Counts a request as finished however it ends.
struct Finish<'a> {
    shared: &'a Shared,
    ticket: Ticket,
    status: Option<u16>,
}

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.shared.lock().journal.end(self.ticket, self.status);
    }
}

async fn answer(shared: &Arc<Shared>, request: http::Request<Incoming>) -> Option<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let (ticket, spell) = shared.received(&head.method, &path);
    let mut finish = Finish { shared, ticket, status: None };
    if *shared.reach.borrow() == Reach::Silent {
        std::future::pending::<Infallible>().await;
    }
    let body = Limited::new(body, BODY).collect().await.ok()?.to_bytes();
    if spell.delay > Duration::ZERO {
        sleep(spell.delay).await;
    }
    if spell.cut {
        return None;
    }
    let is_head = head.method == http::Method::HEAD;
    let request = Request { method: head.method, path, headers: head.headers, body };
    let answer = shared.answer(&request, spell);
    finish.status = Some(answer.status);
    Some(response(answer, is_head))
}

fn response(answer: Answer, is_head: bool) -> Response<Full<Bytes>> {
    let body = answer.body.bytes();
    let mut response = Response::new(Full::new(if is_head { Bytes::new() } else { body }));
    *response.status_mut() = http::StatusCode::from_u16(answer.status).unwrap_or(http::StatusCode::IM_A_TEAPOT);
    let headers = response.headers_mut();
    if let Some(kind) = answer.body.media_type() {
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    }
    for (name, value) in answer.headers {
        // Names are the service's own constants, values its own paths and tags.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), http::HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    }
    response
}

/// The answer in place of the service's.
pub(super) fn instead(spell: &Spell) -> Option<Answer> {
    spell.status.map(|status| match status {
        503 => Answer::error(
            503,
            "ServiceTemporarilyUnavailable",
            "The service is temporarily unavailable. Retry in 1 second.",
        )
        .with("Retry-After", "1"),
        status => Answer::error(status, "InternalError", "The request failed due to an internal service error."),
    })
}

/// Lets the systems' time pass until the end.
pub(super) async fn keep_time(shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        let woken = shared.woken.notified();
        let due = shared.advance();
        let started: Instant = shared.started.into();
        tokio::select! {
            () = stop.cancelled() => return,
            () = woken => {}
            () = async {
                match due {
                    Some(due) => sleep_until(started + due).await,
                    None => std::future::pending().await,
                }
            } => {}
        }
    }
}
