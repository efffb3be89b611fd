//! A stream whose writes must make progress.
//!
//! A client that stops reading, or reads a byte now and then, would otherwise hold its connection, its buffers and its slot
//! for as long as its kernel answers: TCP alone never gives up on a full window.
//!
//! Invariant: while something waits to be sent, at least [`Pace::bytes`] go out in each [`Pace::window`], else the write
//! fails with [`io::ErrorKind::TimedOut`].

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// The slowest reader that is served.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long one measurement takes at most.
    pub window: Duration,
    /// What must go out in it.
    pub bytes: usize,
}

/// Fails writes that fall behind a pace.
pub struct Progress<S> {
    stream: S,
    pace: Pace,
    /// The measurement under way: when it ends, and what went out since it began. It begins when a write waits.
    measured: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<S> Progress<S> {
    /// Around a stream.
    pub fn new(stream: S, pace: Pace) -> Self {
        Self { stream, pace, measured: None }
    }

    fn note(&mut self, outcome: &Poll<io::Result<usize>>) {
        if let (Poll::Ready(Ok(written)), Some((end, sent))) = (outcome, &mut self.measured) {
            *sent += written;
            // What goes out after the end did not wait all the time: then there was nothing to send.
            if *sent >= self.pace.bytes || end.deadline() <= Instant::now() {
                self.measured = None;
            }
        }
    }

    fn judge<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            return outcome;
        }
        let window = self.pace.window;
        let (end, _) = self.measured.get_or_insert_with(|| (Box::pin(sleep(window)), 0));
        ready!(end.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer reads too slowly")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Progress<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Progress<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.note(&outcome);
        self.judge(cx, outcome)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.note(&outcome);
        self.judge(cx, outcome)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.judge(cx, outcome)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.judge(cx, outcome)
    }
}

#[cfg(test)]
mod tests;
