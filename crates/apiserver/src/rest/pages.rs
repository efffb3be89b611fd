//! List answers: streamed in chunks from the stored bytes where these are what is served, else built from parsed objects.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{body::Body, response::Response};
use bytes::{BufMut, Bytes, BytesMut};
use http::StatusCode;
use http_body::{Frame, SizeHint};
use serde_json::{Value, json};

use super::{
    answer::{encode, json_response, served, served_json},
    media::{Encoding, Shape},
    pipeline::Call,
    read::needs_parsing,
};
use crate::{
    error::ApiError,
    kinds::{
        Resource,
        table::{self, Include},
    },
    store::Stored,
};

/// How much is assembled at once: large enough for whole TLS records, small enough that a thousand lists fit in memory.
const CHUNK: usize = 64 * 1024;

/// A list to be answered.
pub(super) struct List {
    pub revision: u64,
    pub items: Vec<Arc<Stored>>,
    /// Continue token.
    pub next: Option<String>,
    /// Objects behind this page.
    pub remaining: Option<usize>,
}

impl List {
    fn metadata(&self) -> Value {
        let mut metadata = json!({"resourceVersion": self.revision.to_string()});
        if let Some(next) = &self.next {
            metadata["continue"] = next.as_str().into();
            if let Some(remaining) = self.remaining {
                metadata["remainingItemCount"] = remaining.into();
            }
        }
        metadata
    }

    /// Turns the list into a response.
    pub(super) async fn render(self, call: &Call) -> Result<Response, ApiError> {
        let resource = &call.resource;
        if !needs_parsing(call) {
            return Ok(self.stream(resource));
        }
        let include = call.include()?;
        let (shape, now, resource) = (call.accept.shape, call.now, Arc::clone(resource));
        let few = self.items.len() <= 100;
        let build = move || self.build(&resource, shape, include, now);
        let value = if few { build() } else { tokio::task::spawn_blocking(build).await.map_err(ApiError::internal)? };
        if call.accept.encoding == Encoding::Json && !call.pretty() && !few {
            let text = tokio::task::spawn_blocking(move || serde_json::to_vec(&value)).await;
            let text = text.map_err(ApiError::internal)?.map_err(ApiError::internal)?;
            return Ok(json_response(StatusCode::OK, Body::from(text)));
        }
        encode(call, StatusCode::OK, &value)
    }

    fn build(&self, resource: &Resource, shape: Shape, include: Include, now: jiff::Timestamp) -> Value {
        let objects = self.items.iter().map(|i| served(resource, i));
        match shape {
            Shape::Table => {
                // Row by row: all objects parsed at once would take many times their size.
                let rows: Vec<Value> = objects.map(|o| table::row(resource, &o, include, now)).collect();
                let mut table = table::table(resource, &[], self.metadata(), include, true, now);
                table["rows"] = rows.into();
                table
            }
            Shape::Metadata => {
                let items: Vec<Value> = objects.map(|o| table::partial(&o)).collect();
                json!({
                    "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                    "metadata": self.metadata(), "items": items,
                })
            }
            Shape::Object => {
                let items: Vec<Value> = objects.collect();
                json!({
                    "kind": resource.list_kind, "apiVersion": resource.api_version(),
                    "metadata": self.metadata(), "items": items,
                })
            }
        }
    }

    fn stream(self, resource: &Arc<Resource>) -> Response {
        let mut head =
            json!({"kind": resource.list_kind, "apiVersion": resource.api_version(), "metadata": self.metadata()})
                .to_string();
        head.pop();
        head.push_str(",\"items\":[");
        let commas = self.items.len().saturating_sub(1);
        let length = head.len() + self.items.iter().map(|i| i.json.len()).sum::<usize>() + commas + TAIL.len();
        let body = Chunks { head: head.into(), items: self.items.into_iter(), first: true, tail: false, left: length };
        json_response(StatusCode::OK, Body::new(body))
    }
}

/// A whole list as one value, for verbs that answer with what they did.
pub(super) fn list_value(resource: &Resource, revision: u64, items: &[Arc<Stored>]) -> Value {
    let items: Vec<Value> =
        items.iter().filter_map(|i| serde_json::from_slice(&served_json(resource, i)).ok()).collect();
    json!({
        "kind": resource.list_kind, "apiVersion": resource.api_version(),
        "metadata": {"resourceVersion": revision.to_string()}, "items": items,
    })
}

const TAIL: &[u8] = b"]}\n";

/// The body of a streamed list. Its length is known, so that clients see a cut connection as such.
struct Chunks {
    head: Bytes,
    items: std::vec::IntoIter<Arc<Stored>>,
    first: bool,
    tail: bool,
    left: usize,
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if this.tail {
            return Poll::Ready(None);
        }
        let mut chunk = BytesMut::with_capacity(CHUNK.min(this.left) + 4096);
        chunk.put(std::mem::take(&mut this.head));
        while chunk.len() < CHUNK {
            let Some(item) = this.items.next() else {
                chunk.put_slice(TAIL);
                this.tail = true;
                break;
            };
            if !std::mem::take(&mut this.first) {
                chunk.put_u8(b',');
            }
            chunk.put_slice(&item.json);
        }
        this.left = this.left.saturating_sub(chunk.len());
        Poll::Ready(Some(Ok(Frame::data(chunk.freeze()))))
    }

    fn is_end_stream(&self) -> bool {
        self.tail
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}
