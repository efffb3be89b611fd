//! Requests into responses.
//!
//! Invariants: every response says its length (UEFI's HTTP client takes no chunks); errors are a few words; a file of an
//! image may be kept by the machine that got it and by nobody between, as the same URL is another machine's other file.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use http_body::Body;
use metalman_core::netboot::hex;

use super::{
    body::Pieces,
    conditional::{self, Outcome, Validators},
    date, peer,
    range::{self, Asked},
    report::{self, Endpoint},
    server::{Limits, Shared},
};
use crate::boot::{BootError, BootFile, Origin};

/// When to ask again for what is not here yet, in seconds.
pub(super) const RETRY_AFTER: &str = "5";
const TEXT: &str = "text/plain; charset=utf-8";

pub(super) type Answer = Response<Pieces>;

/// Answers one request that came over a connection from that address.
pub(super) async fn respond<B>(server: &Shared, limits: &Limits, connection: IpAddr, request: &Parts, body: B) -> Answer
where
    B: Body<Data = Bytes>,
{
    if let Some(endpoint) = Endpoint::at(request.uri.path()) {
        return report::answer(server, limits, endpoint, connection, request, body).await;
    }
    if !matches!(request.method, Method::GET | Method::HEAD) {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
        set(&mut answer, header::ALLOW, "GET, HEAD");
        return answer;
    }
    if request.uri.path() == "/healthz" {
        return text(StatusCode::OK, "ok");
    }
    match file(server, connection, request).await {
        Ok(file) => representation(request, file, jiff::Timestamp::now().as_second()),
        Err(error) => failure(&error),
    }
}

async fn file(server: &Shared, connection: IpAddr, request: &Parts) -> Result<BootFile, BootError> {
    let peer = peer::address(connection, &request.headers, &server.trusted).ok_or(BootError::UnknownMachine)?;
    let path = decoded(request.uri.path()).ok_or(BootError::NotFound)?;
    server.boot.fetch(peer, &path).await
}

/// The path without its percent encoding; none when it is no UTF-8.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = path.bytes();
    let mut out = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
            out.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

/// The file, part of it, or word that nothing changed.
fn representation(request: &Parts, file: BootFile, now: i64) -> Answer {
    let validators = validators(&file.origin, now);
    let kind = match file.origin {
        Origin::Stored { .. } => media_type(request.uri.path()),
        Origin::Rendered => TEXT,
    };
    let mut answer = match conditional::evaluate(&request.method, &request.headers, &validators, now) {
        Outcome::NotModified => {
            let mut answer = Response::new(Pieces::default());
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            answer
        }
        Outcome::Failed => text(StatusCode::PRECONDITION_FAILED, "the precondition does not hold\n"),
        Outcome::Proceed => match asked(&request.headers, file.body.len()) {
            Asked::Whole => whole(file, kind),
            Asked::Pieces(pieces) => partial(&file.body, kind, &pieces),
            Asked::Unsatisfiable => {
                let mut answer = text(StatusCode::RANGE_NOT_SATISFIABLE, "no such range\n");
                set(&mut answer, header::CONTENT_RANGE, &format!("bytes */{}", file.body.len()));
                answer
            }
        },
        Outcome::ProceedWhole => whole(file, kind),
    };
    let private = if validators.etag.is_some() { "private, no-cache" } else { "no-store" };
    set(&mut answer, header::CACHE_CONTROL, private);
    set(&mut answer, header::ACCEPT_RANGES, "bytes");
    if let Some(etag) = &validators.etag {
        set(&mut answer, header::ETAG, etag);
    }
    if let Some(modified) = validators.modified.and_then(date::format) {
        set(&mut answer, header::LAST_MODIFIED, &modified);
    }
    answer
}

fn validators(origin: &Origin, now: i64) -> Validators {
    match origin {
        Origin::Stored { sha256, modified } => {
            // RFC 9110 section 8.8.2.1: never a date in the future; a layer's clock may have been wrong.
            let modified = Some(*modified).filter(|modified| (0..=now).contains(modified));
            Validators { etag: Some(format!("\"sha256-{}\"", hex(sha256))), modified }
        }
        Origin::Rendered => Validators::default(),
    }
}

/// Several Range fields are none that this server understands.
fn asked(headers: &HeaderMap, length: usize) -> Asked {
    let mut fields = headers.get_all(header::RANGE).iter();
    match (fields.next().and_then(|field| field.to_str().ok()), fields.next()) {
        (Some(field), None) => range::parse(field, length as u64),
        _ => Asked::Whole,
    }
}

fn whole(file: BootFile, kind: &str) -> Answer {
    let mut body = if file.origin == Origin::Rendered { Pieces::default() } else { Pieces::mapped() };
    body.push(file.body);
    typed(StatusCode::OK, body, kind)
}

fn partial(bytes: &Bytes, kind: &str, pieces: &[std::ops::Range<u64>]) -> Answer {
    let length = bytes.len();
    // Pieces lie within the bytes.
    let cut = |piece: &std::ops::Range<u64>| {
        let at = |offset: u64| usize::try_from(offset).unwrap_or(length).min(length);
        bytes.slice(at(piece.start)..at(piece.end))
    };
    let described = |piece: &std::ops::Range<u64>| format!("bytes {}-{}/{length}", piece.start, piece.end - 1);
    let mut body = Pieces::mapped();
    if let [piece] = pieces {
        body.push(cut(piece));
        let mut answer = typed(StatusCode::PARTIAL_CONTENT, body, kind);
        set(&mut answer, header::CONTENT_RANGE, &described(piece));
        return answer;
    }
    // RFC 9110 section 14.6. The boundary must not occur in the content: 122 random bits do not.
    let boundary = uuid::Uuid::new_v4().simple().to_string();
    for piece in pieces {
        let range = described(piece);
        body.push(format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {range}\r\n\r\n").into());
        body.push(cut(piece));
    }
    body.push(format!("\r\n--{boundary}--\r\n").into());
    typed(StatusCode::PARTIAL_CONTENT, body, &format!("multipart/byteranges; boundary={boundary}"))
}

/// The media types of UEFI HTTP boot (UEFI 2.10 section 24.7.3.1), by which firmware tells what it got; bytes otherwise.
fn media_type(path: &str) -> &'static str {
    let is = |ending: &str| path.len() > ending.len() && path[path.len() - ending.len()..].eq_ignore_ascii_case(ending);
    if !path.is_ascii() {
        "application/octet-stream"
    } else if is(".efi") {
        "application/efi"
    } else if is(".iso") {
        "application/vnd.efi-iso"
    } else {
        "application/octet-stream"
    }
}

pub(super) fn failure(error: &BootError) -> Answer {
    let status = match error {
        BootError::UnknownMachine | BootError::NotFound => StatusCode::NOT_FOUND,
        BootError::NotYet => StatusCode::SERVICE_UNAVAILABLE,
        BootError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut answer = text(status, format!("{error}\n"));
    if *error == BootError::NotYet {
        set(&mut answer, header::RETRY_AFTER, RETRY_AFTER);
    }
    answer
}

pub(super) fn text(status: StatusCode, words: impl Into<Bytes>) -> Answer {
    let mut answer = typed(status, Pieces::new(words.into()), TEXT);
    set(&mut answer, header::CACHE_CONTROL, "no-store");
    answer
}

fn typed(status: StatusCode, body: Pieces, kind: &str) -> Answer {
    let length = body.len();
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    set(&mut answer, header::CONTENT_TYPE, kind);
    answer.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    answer
}

pub(super) fn set(answer: &mut Answer, name: HeaderName, value: &str) {
    // Every value here is made of visible ASCII.
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}
