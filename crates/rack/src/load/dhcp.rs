//! DHCP four-way exchanges at a given rate, through one simulated relay, for many clients.
//!
//! Open loop: exchange `i` begins at `start + i / rate` whatever the server does, or soon after when the generator itself did
//! not get the processor ([`Pace`]). An exchange whose ACK is not there one second after its DISCOVER is a drop, as perfdhcp
//! counts them. One thread, one socket; what is due within [`TICK`] goes in one batch.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use serde::Serialize;

use super::batch::{BATCH, Batch, roomy};
use super::histogram::{Histogram, Summary};
use super::packet::{Reply, ReplyKind, Template};
pub use super::rate::Range;
use super::rate::{Pace, Search};
use super::{Fleet, LoadError};

/// After this an exchange is a drop.
const PATIENCE: Duration = Duration::from_secs(1);
/// The sender wakes at most this often by itself. At high rates, a wake-up for each exchange would cost more than the exchange.
const TICK: Duration = Duration::from_micros(100);
/// Beyond this share of drops a rate counts as too much.
const TOLERATED_DROPS: f64 = 0.01;
/// The generator must have kept up with at least this share of the rate that it was asked for.
const KEPT_UP: f64 = 0.98;

/// Whom to ask, as whom.
#[derive(Debug, Clone)]
pub struct Target {
    /// The server; its answers must come from here.
    pub server: SocketAddrV4,
    /// The simulated relay: giaddr, and the address (port 67) that sends and receives.
    pub relay: Ipv4Addr,
    /// How many clients take turns.
    pub clients: u32,
}

/// What one trial showed.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    /// Exchanges a second that were asked for.
    pub rate: f64,
    /// Exchanges begun a second.
    pub sent_rate: f64,
    /// Exchanges completed a second, over the time in which exchanges were begun.
    pub completed_rate: f64,
    /// Share of exchanges that were not completed in time, 0 to 1.
    pub drops: f64,
    /// NAKs received; a NAK ends its exchange as a drop.
    pub naks: u64,
    /// From sending the DISCOVER to receiving the OFFER.
    pub offer: Summary,
    /// From sending the REQUEST to receiving the ACK.
    pub ack: Summary,
    /// From sending the DISCOVER to receiving the ACK.
    pub exchange: Summary,
}

impl Trial {
    /// Under 1 % drops, and the generator itself kept up.
    pub fn passes(&self) -> bool {
        self.drops < TOLERATED_DROPS && self.sent_rate >= self.rate * KEPT_UP
    }
}

/// What a search for the maximum showed.
#[derive(Debug, Clone, Serialize)]
pub struct Maximum {
    /// The best confirmed trial; absent when no rate passed.
    pub best: Option<Trial>,
    /// The trial at half of the best's completed rate.
    pub half: Option<Trial>,
    /// Every trial of the search, in order.
    pub trials: Vec<Trial>,
}

/// Searches the largest rate that passes, with trials of `seconds` each, and then looks at the latency at half of it.
pub fn maximum(target: &Target, search: Range, seconds: f64) -> Result<Maximum, LoadError> {
    let duration = Duration::from_secs_f64(seconds);
    // Every client once, gently: servers that keep leases create them here.
    let warm_up = f64::from(target.clients) / 2_000.0;
    trial(target, 2_000.0_f64.min(search.start), Duration::from_secs_f64(warm_up.max(0.2)))?;

    let mut trials = Vec::new();
    let mut search = Search::new(search, 0.03);
    while let Some(rate) = search.next() {
        let trial = trial(target, rate, duration)?;
        search.tried(trial.passes());
        trials.push(trial);
    }
    let best = trials.iter().filter(|trial| trial.passes()).max_by(|a, b| a.rate.total_cmp(&b.rate)).cloned();
    let half = match &best {
        Some(best) => Some(trial(target, best.completed_rate / 2.0, duration * 2)?),
        None => None,
    };
    Ok(Maximum { best, half, trials })
}

/// One trial at one rate.
pub fn trial(target: &Target, rate: f64, duration: Duration) -> Result<Trial, LoadError> {
    let socket = socket(target)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let planned = ((rate * duration.as_secs_f64()).ceil() as u32).max(1);
    let mut exchanges = Exchanges::new(target, planned);
    let (mut batch, mut outbox) = (Batch::in_rows(&socket), Vec::<Vec<u8>>::with_capacity(2 * BATCH));
    let object = target.server.to_string();
    let send = LoadError::io("send to", &object);
    let receive = LoadError::io("receive from", &object);
    let wait = LoadError::io("wait for", &object);

    let start = Instant::now();
    let mut pace = Pace::new(rate, start);
    let mut begun_all = None;
    // One closure each for errors is enough: the first error ends the trial.
    let result = 'trial: loop {
        let now = Instant::now();
        for _ in 0..pace.due(now, planned - exchanges.begun) {
            outbox.push(exchanges.begin(now));
        }
        match batch.receive(&socket, false) {
            Ok(0) => {}
            Ok(_) => {
                let now = Instant::now();
                outbox.extend(batch.received().filter_map(|packet| exchanges.take(packet, now)));
            }
            Err(error) => break Err(receive(error)),
        }
        if outbox.is_empty() {
            let begun = exchanges.begun == planned;
            let ended = *begun_all.get_or_insert(now);
            if !begun {
                begun_all = None;
            } else if exchanges.open() == 0 || now.duration_since(ended) > PATIENCE {
                break Ok(ended - start);
            }
            let pause =
                if begun { Duration::from_millis(5) } else { pace.next().saturating_duration_since(now).max(TICK) };
            let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
            if let Err(error) = ppoll(&mut fds, Some(TimeSpec::from_duration(pause)), None) {
                break Err(wait(error.into()));
            }
            continue;
        }
        let mut rest = outbox.as_slice();
        while !rest.is_empty() {
            match Batch::send(&socket, rest) {
                // The kernel has no room: what came meanwhile first.
                Ok(0) => break,
                Ok(count) => rest = &rest[count..],
                Err(error) => break 'trial Err(send(error)),
            }
        }
        let taken = outbox.len() - rest.len();
        outbox.drain(..taken);
    };
    Ok(exchanges.outcome(rate, result?))
}

fn socket(target: &Target) -> Result<UdpSocket, LoadError> {
    let relay = SocketAddrV4::new(target.relay, 67);
    let socket = UdpSocket::bind(relay).map_err(LoadError::io("bind UDP", &relay))?;
    socket.connect(target.server).map_err(LoadError::io("connect UDP", &target.server))?;
    roomy(&socket);
    Ok(socket)
}

/// The state of every exchange of a trial, indexed by transaction.
struct Exchanges {
    template: Template,
    clients: u32,
    /// Transaction of exchange 0. Differs from trial to trial, so that late answers to the last one are recognised.
    base: u32,
    begun: u32,
    closed: u32,
    naks: u64,
    states: Vec<State>,
    offer: Histogram,
    ack: Histogram,
    exchange: Histogram,
}

#[derive(Clone, Copy)]
enum State {
    Discovering(Instant),
    Requesting { discovered: Instant, requested: Instant },
    Closed,
}

impl Exchanges {
    fn new(target: &Target, planned: u32) -> Self {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self {
            template: Template::new(target.relay),
            clients: target.clients.max(1),
            base: since.subsec_nanos().wrapping_mul(2_654_435_761),
            begun: 0,
            closed: 0,
            naks: 0,
            states: Vec::with_capacity(planned as usize),
            offer: Histogram::default(),
            ack: Histogram::default(),
            exchange: Histogram::default(),
        }
    }

    fn open(&self) -> u32 {
        self.begun - self.closed
    }

    fn begin(&mut self, now: Instant) -> Vec<u8> {
        let index = self.begun;
        self.begun += 1;
        self.states.push(State::Discovering(now));
        self.template.discover(self.base.wrapping_add(index), Fleet::mac(index % self.clients))
    }

    /// Takes a datagram in; the REQUEST to send when it was the OFFER that was waited for.
    fn take(&mut self, packet: &[u8], now: Instant) -> Option<Vec<u8>> {
        let reply = Reply::parse(packet)?;
        let index = reply.xid.wrapping_sub(self.base);
        let state = self.states.get_mut(index as usize)?;
        match (*state, reply.kind) {
            (State::Discovering(discovered), ReplyKind::Offer) => {
                self.offer.record(now - discovered);
                *state = State::Requesting { discovered, requested: now };
                return Some(self.template.request(&reply, Fleet::mac(index % self.clients)));
            }
            (State::Requesting { discovered, requested }, ReplyKind::Ack) => {
                *state = State::Closed;
                self.closed += 1;
                if now - discovered <= PATIENCE {
                    self.ack.record(now - requested);
                    self.exchange.record(now - discovered);
                }
            }
            (State::Requesting { .. }, ReplyKind::Nak) => {
                *state = State::Closed;
                self.closed += 1;
                self.naks += 1;
            }
            // Duplicates, and answers after the fact.
            _ => {}
        }
        None
    }

    #[allow(clippy::cast_precision_loss)]
    fn outcome(&self, rate: f64, elapsed: Duration) -> Trial {
        let exchange = self.exchange.summary();
        let (begun, completed) = (f64::from(self.begun), exchange.count as f64);
        // A trial of few exchanges ends before its last interval does.
        let seconds = elapsed.as_secs_f64().max(begun / rate);
        Trial {
            rate,
            sent_rate: begun / seconds,
            completed_rate: completed / seconds,
            drops: 1.0 - completed / begun,
            naks: self.naks,
            offer: self.offer.summary(),
            ack: self.ack.summary(),
            exchange,
        }
    }
}
