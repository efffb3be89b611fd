//! Reading a request's body, up to the limit.
//!
//! What is too large is refused, but read on for a while first: a client that is still writing when the connection closes
//! sees a broken pipe and not the answer.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt as _;
use http::{HeaderMap, StatusCode, header};
use tokio::time::timeout;

use crate::error::ApiError;

/// The largest body, as in Kubernetes.
pub(super) const LIMIT: usize = 3 * 1024 * 1024;
/// For the whole body to arrive.
const PATIENCE: Duration = Duration::from_mins(1);
/// What is thrown away of a body that is too large, at most, and how long that may take.
const DISCARD: usize = 32 * 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// The whole body.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, ApiError> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|l| l.to_str().ok()?.parse::<usize>().ok());
    let mut stream = body.into_data_stream();
    if let Some(length) = announced.filter(|l| *l > LIMIT) {
        // Who asks before sending (RFC 9110 section 10.1.1) has not begun.
        if length <= DISCARD && !headers.contains_key(header::EXPECT) {
            discard(&mut stream, length).await;
        }
        return Err(ApiError::too_large(LIMIT));
    }
    let collect = async {
        let mut whole = BytesMut::with_capacity(announced.unwrap_or(0));
        while let Some(part) = stream.try_next().await? {
            if whole.len() + part.len() > LIMIT {
                return Ok(None);
            }
            whole.extend_from_slice(&part);
        }
        Ok::<_, axum::Error>(Some(whole.freeze()))
    };
    match timeout(PATIENCE, collect).await {
        Ok(Ok(Some(whole))) => Ok(whole),
        Ok(Ok(None)) => {
            discard(&mut stream, DISCARD).await;
            Err(ApiError::too_large(LIMIT))
        }
        Ok(Err(_)) => Err(ApiError::bad_request("the request body ended early")),
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT.as_u16(),
            "Timeout",
            "the request body did not arrive within a minute",
        )),
    }
}

/// Reads on, until the end or a bound.
async fn discard(stream: &mut axum::body::BodyDataStream, mut bytes: usize) {
    let read = async {
        while bytes > 0
            && let Ok(Some(part)) = stream.try_next().await
        {
            bytes = bytes.saturating_sub(part.len());
        }
    };
    // Either way the answer is the same.
    let _ = timeout(DISCARD_TIME, read).await;
}

#[cfg(test)]
mod tests;
