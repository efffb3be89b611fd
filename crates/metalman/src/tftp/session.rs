//! One request from beginning to end: the file, the options, the transfer.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use bytes::Bytes;
use metalman_core::tftp::{
    Burst, ErrorCode, Limits as OptionLimits, Mode, Negotiated, Outcome, Packet, Policy, RawOptions, Transfer, error,
    negotiate,
};
use tokio::{net::UdpSocket, task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{
    Opener,
    admission::Ticket,
    metrics::{Refused, TftpMetrics, outcome_word},
    outgoing::{Outgoing, bind},
};
use crate::boot::{BootError, BootFile};

/// How long a request waits for an image that is on its way: less than the patience of any firmware.
const IMAGE_PATIENCE: Duration = Duration::from_secs(4);
/// Between looks at it.
const LOOK: Duration = Duration::from_millis(200);
/// Strangers that one transfer answers.
const STRANGERS: u32 = 16;
/// How long a transfer that is alone looks out for its answer before the thread sleeps: with one block at a time, waking up
/// costs more than the block. On a busy server nobody does, as others have something to send.
const LOOK_OUT: Duration = Duration::from_micros(50);
/// An ACK has 4 bytes; an ERROR is read as far as it goes.
const LARGEST_PACKET: usize = 516;

/// A request that was admitted.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) peer: SocketAddr,
    pub(super) local: IpAddr,
    pub(super) name: String,
    pub(super) mode: Mode,
    /// The request as it came, for its options.
    pub(super) request: Box<[u8]>,
    pub(super) ticket: Ticket,
}

impl Job {
    fn options(&self) -> RawOptions<'_> {
        match Packet::parse(&self.request) {
            Ok(Packet::Read(request)) => request.options,
            _ => RawOptions::NONE,
        }
    }
}

/// Serves a request. What is done so far is finished when `stop` is cancelled, nothing more.
pub(super) async fn serve(job: Job, open: Opener, metrics: TftpMetrics, stop: CancellationToken) {
    let socket = match bind(job.local, job.peer).and_then(UdpSocket::from_std) {
        Ok(socket) => socket,
        Err(error) => {
            metrics.refused(Refused::NoSocket);
            debug!(peer = %job.peer, %error, "no socket for a TFTP transfer");
            return;
        }
    };
    let outgoing = Outgoing::new(socket, job.peer, job.mode);
    let file = tokio::select! {
        file = wait_for_file(&job, open) => file,
        () = stop.cancelled() => return,
    };
    match file {
        Ok(file) => carry(&job, file.body, outgoing, &metrics, &stop).await,
        Err(refusal) => {
            let (code, reason) = refused(&refusal);
            metrics.refused(reason);
            debug!(peer = %job.peer, file = job.name, %refusal, "TFTP request refused");
            // Nobody waits for the outcome, and the client asks again when it was lost.
            let _ = outgoing.send(&error(code, &refusal.to_string())).await;
        }
    }
}

/// Looks again for a while when the image is not there yet.
async fn wait_for_file(job: &Job, open: Opener) -> Result<BootFile, BootError> {
    let began = Instant::now();
    loop {
        let (open, peer, name) = (open.clone(), job.peer.ip(), job.name.clone());
        // A template computes, and a file is opened: not on the thread that carries the transfers.
        let opened = spawn_blocking(move || open(peer, &name)).await;
        match opened.unwrap_or_else(|_| Err(BootError::Failed("the server failed".to_owned()))) {
            Err(BootError::NotYet) if began.elapsed() + LOOK <= IMAGE_PATIENCE => {}
            opened => return opened,
        }
        // The client repeats its request meanwhile, which must not become another transfer.
        job.ticket.heard().now();
        sleep(LOOK).await;
    }
}

fn refused(refusal: &BootError) -> (ErrorCode, Refused) {
    match refusal {
        BootError::UnknownMachine => (ErrorCode::ACCESS_VIOLATION, Refused::UnknownMachine),
        BootError::NotFound => (ErrorCode::NOT_FOUND, Refused::NotFound),
        BootError::NotYet => (ErrorCode::UNDEFINED, Refused::NotYet),
        BootError::Failed(_) => (ErrorCode::UNDEFINED, Refused::Failed),
    }
}

async fn carry(job: &Job, body: Bytes, outgoing: Outgoing, metrics: &TftpMetrics, stop: &CancellationToken) {
    let negotiated = negotiate(job.options(), job.mode, body.len() as u64, OptionLimits::default());
    let began = Instant::now();
    metrics.began();
    let mut session = Session::new(job, body, negotiated, outgoing, metrics, began);
    let ended = tokio::select! {
        ended = session.drive() => Some(ended),
        () = stop.cancelled() => None,
    };
    let repeated = session.transfer.blocks_repeated();
    metrics.ended(ended.as_ref().and_then(|ended| ended.as_ref().ok()).copied(), repeated);
    let (peer, file, bytes) = (job.peer, job.name.as_str(), session.body.len());
    match ended {
        Some(Ok(outcome @ (Outcome::Completed | Outcome::Probed))) => {
            let seconds = began.elapsed().as_secs_f64();
            debug!(%peer, file, bytes, repeated, seconds, outcome = outcome_word(Some(outcome)), "TFTP transfer ended");
        }
        Some(Ok(outcome)) => {
            debug!(%peer, file, bytes, repeated, outcome = outcome_word(Some(outcome)), "TFTP transfer failed");
        }
        Some(Err(error)) => debug!(%peer, file, bytes, repeated, %error, "TFTP transfer failed"),
        None => {
            let _ = session.outgoing.send(&error(ErrorCode::UNDEFINED, "the server stops")).await;
        }
    }
}

struct Session<'a> {
    job: &'a Job,
    body: Bytes,
    transfer: Transfer,
    outgoing: Outgoing,
    metrics: &'a TftpMetrics,
    /// The moment that the transfer's time counts from.
    epoch: Instant,
    most_blocks: u64,
    strangers: u32,
}

impl<'a> Session<'a> {
    fn new(
        job: &'a Job,
        body: Bytes,
        negotiated: Negotiated,
        outgoing: Outgoing,
        metrics: &'a TftpMetrics,
        epoch: Instant,
    ) -> Self {
        let most_blocks = outgoing.most_blocks(negotiated.blksize);
        let transfer = Transfer::new(negotiated, job.mode, &body, Policy::default(), Duration::ZERO);
        Self { job, body, transfer, outgoing, metrics, epoch, most_blocks, strangers: 0 }
    }

    /// Until the transfer is over, or the socket fails.
    async fn drive(&mut self) -> std::io::Result<Outcome> {
        let mut buffer = [0; LARGEST_PACKET];
        // Reset only when it fires: nearly every packet moves the deadline further away.
        let mut alarm = std::pin::pin!(sleep(Duration::ZERO));
        loop {
            self.send(&mut buffer).await?;
            if self.metrics.count_active() == 1 && self.look_out(&mut buffer) {
                continue;
            }
            let Some(deadline) = self.transfer.next_deadline() else { break };
            tokio::select! {
                biased;
                received = self.outgoing.socket().recv_from(&mut buffer) => {
                    if let Some((length, from)) = tolerate(received)? {
                        self.take(&buffer[..length], from);
                    }
                }
                () = &mut alarm => alarm.as_mut().reset((self.epoch + deadline).into()),
            }
        }
        Ok(self.transfer.outcome().unwrap_or(Outcome::TimedOut))
    }

    /// Sends all that is to be sent now, with an ear for the client in between.
    async fn send(&mut self, buffer: &mut [u8]) -> std::io::Result<()> {
        let mut first = true;
        while let Some(burst) = self.transfer.poll(&self.body, self.most_blocks, self.epoch.elapsed()) {
            if !std::mem::take(&mut first) {
                // Others on this thread have a turn within a long window.
                tokio::task::yield_now().await;
            }
            match burst {
                Burst::OptionAck => self.outgoing.send(self.transfer.option_ack()).await?,
                Burst::Blocks(blocks) => {
                    let sent = self.outgoing.blocks(&self.transfer, &self.body, blocks).await?;
                    self.metrics.sent(sent);
                }
            }
            if let Ok((length, from)) = self.outgoing.socket().try_recv_from(buffer) {
                self.take(&buffer[..length], from);
            }
        }
        Ok(())
    }

    /// Takes the answer if it comes in a moment. Asks the socket itself: what tokio knows of it is only news once the thread
    /// slept.
    fn look_out(&mut self, buffer: &mut [u8]) -> bool {
        let began = Instant::now();
        while began.elapsed() < LOOK_OUT {
            if let Some((length, from)) = self.outgoing.received(buffer) {
                self.take(&buffer[..length], from);
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    fn take(&mut self, datagram: &[u8], from: SocketAddr) {
        if from != self.outgoing.peer() {
            self.stranger(from);
        } else if let Ok(packet) = Packet::parse(datagram) {
            self.job.ticket.heard().now();
            self.transfer.packet_received(packet, self.epoch.elapsed());
        }
    }

    /// RFC 1350 section 4: tell whoever has no part in this transfer, without disturbing it.
    fn stranger(&mut self, from: SocketAddr) {
        self.metrics.foreign();
        if self.strangers < STRANGERS {
            self.strangers += 1;
            let message = error(ErrorCode::UNKNOWN_TRANSFER, "unknown transfer");
            let _ = self.outgoing.socket().try_send_to(&message, from);
        }
    }
}

/// What a socket reports about earlier packets is not an end: the client may be there again.
fn tolerate<T>(received: std::io::Result<T>) -> std::io::Result<Option<T>> {
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    match received {
        Ok(received) => Ok(Some(received)),
        Err(error) if matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable) => Ok(None),
        Err(error) => Err(error),
    }
}
