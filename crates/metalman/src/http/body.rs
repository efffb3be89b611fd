//! Bodies: pieces of bytes, given out in frames.
//!
//! Invariants: the size is known from the start; mapped pages are read from the disk on a blocking thread before a frame
//! with them is given out; clones of the bytes cost nothing.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use super::residency;

/// Bytes of a frame: large enough that system calls do not count, small enough that a write does not hog its worker.
const FRAME: usize = 1 << 20;

/// One body.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    queue: VecDeque<Bytes>,
    left: u64,
    /// Whether the bytes are mapped from a file.
    mapped: bool,
    /// The pages of the next frame are on their way from the disk.
    reading: Option<JoinHandle<()>>,
    /// The next frame is in memory.
    checked: bool,
}

impl Pieces {
    /// A body of bytes in memory.
    pub(super) fn new(bytes: Bytes) -> Self {
        let mut body = Self::default();
        body.push(bytes);
        body
    }

    /// An empty body of bytes mapped from a file.
    pub(super) fn mapped() -> Self {
        Self { mapped: true, ..Self::default() }
    }

    /// Appends bytes.
    pub(super) fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.left += bytes.len() as u64;
            self.queue.push_back(bytes);
        }
    }

    /// Bytes that are left.
    pub(super) fn len(&self) -> u64 {
        self.left
    }

    /// Waits until the next frame's pages are in memory.
    fn poll_resident(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(reading) = &mut self.reading {
            // A failed thread is no reason not to try: at worst the write itself reads.
            let _ = ready!(Pin::new(reading).poll(cx));
            self.reading = None;
            self.checked = true;
        }
        if self.checked || !self.mapped {
            return Poll::Ready(());
        }
        let Some(piece) = self.queue.front() else { return Poll::Ready(()) };
        let next = piece.slice(..piece.len().min(FRAME));
        if residency::is_resident(&next) {
            self.checked = true;
            return Poll::Ready(());
        }
        let mut reading = tokio::task::spawn_blocking(move || residency::fault_in(&next));
        let outcome = Pin::new(&mut reading).poll(cx);
        self.checked = outcome.is_ready();
        if outcome.is_pending() {
            self.reading = Some(reading);
        }
        outcome.map(drop)
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.poll_resident(cx));
        self.checked = false;
        let Some(piece) = self.queue.front_mut() else { return Poll::Ready(None) };
        let frame = piece.split_to(piece.len().min(FRAME));
        if piece.is_empty() {
            self.queue.pop_front();
        }
        self.left -= frame.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
