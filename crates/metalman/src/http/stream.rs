//! A connection that notices a reader who does not read.
//!
//! Invariant: while something waits to be sent, at least [`Pace::bytes`] must go out in each [`Pace::window`], else the
//! connection fails. A client that reads a byte now and then holds a file, a connection and memory of the kernel otherwise.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

use crate::metrics::Metrics;

/// The slowest reader that is served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How long one measurement takes.
    pub(super) window: Duration,
    /// What must go out in it.
    pub(super) bytes: usize,
}

/// The connection.
pub(super) struct Paced {
    stream: TcpStream,
    pace: Pace,
    /// The measurement under way; it begins when the kernel's buffer is full.
    window: Option<(Pin<Box<Sleep>>, usize)>,
    metrics: Arc<Metrics>,
}

impl Paced {
    pub(super) fn new(stream: TcpStream, pace: Pace, metrics: Arc<Metrics>) -> Self {
        Self { stream, pace, window: None, metrics }
    }

    /// Keeps the measurement with the outcome of a write.
    fn measure(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Ready(Ok(written)) => {
                self.metrics.http.sent.inc_by(written as u64);
                if let Some((end, sent)) = &mut self.window {
                    *sent += written;
                    if end.deadline() <= Instant::now() {
                        // Something went out after the window's end: nothing waited for all of it.
                        self.window = None;
                    }
                }
                outcome
            }
            Poll::Ready(Err(_)) => outcome,
            Poll::Pending => self.wait(cx),
        }
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            let pace = self.pace;
            let (end, sent) =
                self.window.get_or_insert_with(|| (Box::pin(sleep_until(Instant::now() + pace.window)), 0));
            if end.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if *sent < pace.bytes {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads too slowly")));
            }
            self.window = None;
        }
    }
}

impl AsyncRead for Paced {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.measure(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.measure(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
