//! Who may have a transfer: bounds for each peer and for all, and requests that were asked twice.
//!
//! A client repeats its request until it hears something. A repetition (the same bytes from the same port while the transfer
//! that it began is alive) begins nothing; a transfer that has been silent for a while is a client that was reset, which may
//! begin anew from its old port, as boot ROMs do.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::metrics::Refused;

/// A transfer that heard nothing for so long no longer makes the same request a repetition.
const SILENT: Duration = Duration::from_secs(2);

/// How many transfers there may be at a time.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// In all.
    pub transfers: usize,
    /// Of one address.
    pub of_peer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { transfers: 8192, of_peer: 64 }
    }
}

/// Admits requests. Clones share what is admitted.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    limits: Limits,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    number: u64,
    admitted: usize,
    peers: HashMap<IpAddr, usize>,
    /// The latest transfer of each port.
    ports: HashMap<SocketAddr, Entry>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    request: Box<[u8]>,
    heard: Arc<Heard>,
}

/// When a transfer's client was last heard.
#[derive(Debug)]
pub(super) struct Heard {
    began: Instant,
    milliseconds: AtomicU64,
}

impl Heard {
    fn new() -> Self {
        Self { began: Instant::now(), milliseconds: AtomicU64::new(0) }
    }

    pub(super) fn now(&self) {
        self.milliseconds.store(self.elapsed(), Ordering::Relaxed);
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn silent_for(&self) -> Duration {
        Duration::from_millis(self.elapsed().saturating_sub(self.milliseconds.load(Ordering::Relaxed)))
    }
}

/// The right to one transfer; given back when dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    peer: SocketAddr,
    number: u64,
    heard: Arc<Heard>,
    state: Arc<Mutex<State>>,
}

impl Admission {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: Arc::default() }
    }

    /// Admits a request, given as its bytes.
    pub(super) fn admit(&self, peer: SocketAddr, request: &[u8]) -> Result<Ticket, Refused> {
        let mut state = lock(&self.state);
        if let Some(entry) = state.ports.get(&peer)
            && *entry.request == *request
            && entry.heard.silent_for() < SILENT
        {
            return Err(Refused::Duplicate);
        }
        if state.admitted >= self.limits.transfers {
            return Err(Refused::ServerBusy);
        }
        let of_peer = state.peers.entry(peer.ip()).or_default();
        if *of_peer >= self.limits.of_peer {
            return Err(Refused::PeerBusy);
        }
        *of_peer += 1;
        state.admitted += 1;
        state.number += 1;
        let (number, heard) = (state.number, Arc::new(Heard::new()));
        state.ports.insert(peer, Entry { number, request: request.into(), heard: heard.clone() });
        Ok(Ticket { peer, number, heard, state: self.state.clone() })
    }
}

impl Ticket {
    /// To be told whenever the client is heard.
    pub(super) fn heard(&self) -> &Heard {
        &self.heard
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.admitted -= 1;
        if let Some(count) = state.peers.get_mut(&self.peer.ip()) {
            *count -= 1;
            if *count == 0 {
                state.peers.remove(&self.peer.ip());
            }
        }
        // A later request from the same port has the entry by now.
        if state.ports.get(&self.peer).is_some_and(|entry| entry.number == self.number) {
            state.ports.remove(&self.peer);
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
