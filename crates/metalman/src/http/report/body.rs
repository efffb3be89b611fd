//! Reads what a machine sends, as far as it is worth it.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::BodyExt;

use super::ReportError;
use crate::http::Limits;

/// What is read and dropped of a body that is too large: a client that sends before it reads would not see the answer
/// otherwise, as the end of a connection with bytes unread is a reset.
const DROPPED: usize = 1 << 20;

/// The whole body, if it comes in time and is not too large.
pub(super) async fn read<B>(body: B, headers: &HeaderMap, limits: &Limits) -> Result<Bytes, ReportError>
where
    B: Body<Data = Bytes>,
{
    let too_large = || ReportError::TooLarge { limit: limits.body_bytes };
    // Who asks before it sends (RFC 9110 section 10.1.1) need not send.
    if headers.contains_key(header::EXPECT) && length(headers).is_some_and(|length| length > limits.body_bytes as u64) {
        return Err(too_large());
    }
    let mut body = std::pin::pin!(body);
    let (mut content, mut seen) = (BytesMut::new(), 0_usize);
    let whole = async {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return Err(ReportError::Malformed("the report broke off".to_owned())) };
            let Ok(bytes) = frame.into_data() else { continue };
            seen += bytes.len();
            if seen <= limits.body_bytes {
                content.extend_from_slice(&bytes);
            } else if seen > limits.body_bytes + DROPPED {
                break;
            }
        }
        Ok(())
    };
    let outcome = tokio::time::timeout(limits.body, whole).await;
    match outcome {
        _ if seen > limits.body_bytes => Err(too_large()),
        Ok(read) => read.map(|()| content.freeze()),
        Err(_) => Err(ReportError::Slow),
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
