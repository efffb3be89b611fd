//! A layer-2 link between two taps, in user space: it delays, loses, duplicates, reorders and throttles frames, as not every
//! kernel can (`tc netem`).
//!
//! [`Link::start`] makes the two taps in the namespace of the caller; they may be moved into others afterwards (`ip link set
//! NAME netns NS`), and vanish with the link. One thread carries the frames.
//!
//! Invariants: what happens to the n-th frame of a direction depends on the seed and n alone; the queue is bounded; without
//! impairment frames keep their order.

mod impair;
mod relay;
mod tap;

use std::{
    io,
    os::fd::OwnedFd,
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
};

pub(crate) use self::impair::random;
use self::tap::Tap;
pub use self::{
    impair::{Impairment, PerMille},
    relay::Counters,
};

/// What a link is.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Names of the interfaces at its ends; at most 15 bytes each.
    pub ends: [String; 2],
    /// What happens to frames that enter at the first end, and at the second.
    pub impairments: [Impairment; 2],
    /// Two links of one seed treat equal traffic equally.
    pub seed: u64,
}

impl Config {
    /// A link that treats both directions equally.
    pub fn symmetric(left: impl Into<String>, right: impl Into<String>, impairment: Impairment, seed: u64) -> Self {
        Self { ends: [left.into(), right.into()], impairments: [impairment, impairment], seed }
    }
}

/// A link that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The tap could not be made.
    #[error("cannot make the tap {name} (needs root and /dev/net/tun)")]
    Tap {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The thread could not be started.
    #[error("cannot start the link's thread")]
    Thread(#[source] io::Error),
}

/// A running link; it ends when dropped.
#[derive(Debug)]
pub struct Link {
    ends: [String; 2],
    counters: [Arc<Counters>; 2],
    /// Closing it ends the thread.
    stop: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Link {
    /// Makes both taps and begins to carry frames. The interfaces are down and have no addresses yet.
    pub fn start(config: Config) -> Result<Self, LinkError> {
        let open = |name: &str| Tap::open(name).map_err(|source| LinkError::Tap { name: name.to_owned(), source });
        let taps = [open(&config.ends[0])?, open(&config.ends[1])?];
        let counters = [Arc::<Counters>::default(), Arc::<Counters>::default()];
        let (stopped, stop) = nix::unistd::pipe().map_err(|error| LinkError::Thread(error.into()))?;
        let relay = relay::Relay::new(taps, &config, counters.clone());
        let thread = std::thread::Builder::new()
            .name("link".to_owned())
            .spawn(move || relay.run(&stopped))
            .map_err(LinkError::Thread)?;
        Ok(Self { ends: config.ends, counters, stop: Some(stop), thread: Some(thread) })
    }

    /// Names of its interfaces.
    pub fn ends(&self) -> &[String; 2] {
        &self.ends
    }

    /// What happened to frames that entered at the first end, and at the second.
    pub fn counters(&self) -> &[Arc<Counters>; 2] {
        &self.counters
    }

    /// Frames that were carried, both ways.
    pub fn carried(&self) -> u64 {
        self.counters.iter().map(|counters| counters.carried.load(Ordering::Relaxed)).sum()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed when it happened.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
