//! A thread that carries transfers. Its runtime has one thread, as a transfer is a chain of short steps: handing each to
//! another thread would take longer than the step.

use std::{io, thread::JoinHandle, time::Duration};

use tokio::{
    runtime::Builder,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::{
    Opener,
    metrics::TftpMetrics,
    session::{self, Job},
};

/// Threads of one worker on which files are opened and templates rendered.
const OPENERS: usize = 4;
/// How long they are kept idle.
const IDLE: Duration = Duration::from_secs(10);

/// A running worker. It ends when [`Worker::jobs`] is closed and its transfers are over.
#[derive(Debug)]
pub(super) struct Worker {
    /// Bounded by admission: every job has a ticket.
    pub(super) jobs: UnboundedSender<Job>,
    pub(super) thread: JoinHandle<()>,
}

impl Worker {
    /// Starts one. Once its jobs are closed, transfers under way have `grace` to finish.
    pub(super) fn start(number: usize, open: Opener, metrics: TftpMetrics, grace: Duration) -> io::Result<Self> {
        let runtime =
            Builder::new_current_thread().enable_all().max_blocking_threads(OPENERS).thread_keep_alive(IDLE).build()?;
        let (jobs, queue) = unbounded_channel();
        let thread = std::thread::Builder::new().name(format!("tftp-{number}")).spawn(move || {
            runtime.block_on(carry(queue, &open, &metrics, grace));
            // A template that still renders is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { jobs, thread })
    }
}

async fn carry(mut queue: UnboundedReceiver<Job>, open: &Opener, metrics: &TftpMetrics, grace: Duration) {
    let stop = CancellationToken::new();
    let mut transfers = JoinSet::new();
    loop {
        tokio::select! {
            job = queue.recv() => match job {
                Some(job) => drop(transfers.spawn(session::serve(job, open.clone(), metrics.clone(), stop.clone()))),
                None => break,
            },
            Some(ended) = transfers.join_next() => look_at(&ended),
        }
    }
    let finish = async {
        while let Some(ended) = transfers.join_next().await {
            look_at(&ended);
        }
    };
    if timeout(grace, finish).await.is_err() {
        stop.cancel();
        while let Some(ended) = transfers.join_next().await {
            look_at(&ended);
        }
    }
}

fn look_at(ended: &Result<(), tokio::task::JoinError>) {
    if let Err(failure) = ended {
        error!(%failure, "a TFTP transfer panicked");
    }
}
