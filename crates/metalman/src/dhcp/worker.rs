//! The thread that serves: waits for datagrams, answers them batch by batch, and keeps an eye on the interfaces.
//!
//! Decision: a thread of its own with `poll`, instead of a task. A batch is computed without a pause, the wakeup goes straight
//! from the kernel to this thread, and no amount of DHCP delays the tasks that serve files.

use std::{
    io::{self, PipeReader},
    net::Ipv4Addr,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::Socket;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::{
    Sockets,
    answer::{Now, Outboxes, Responder},
    budget::Budget,
    mmsg::{BATCH, Inbox},
    network::{self, Nic},
    socket,
};
use crate::election::Leadership;

/// How often the interfaces are looked at: a boot waits this long at most for one that came back.
const LOOK: Duration = Duration::from_secs(1);
/// What is told of an interface with which nothing is wrong.
const SERVED: &str = "served";
/// Calls that receive from one socket before the next has its turn.
const TURN: usize = 4;

/// The thread's state.
pub(super) struct Worker {
    wide: Source,
    interfaces: Vec<Interface>,
    /// What [`network::look`] saw last, in the order of `interfaces`.
    nics: Vec<Nic>,
    packets: Option<Socket>,
    port: u16,
    bound: Option<Ipv4Addr>,
    responder: Responder,
    leadership: watch::Receiver<Leadership>,
    inbox: Inbox,
    out: Outboxes,
    /// Log lines about what cannot be sent or received.
    told: Budget,
}

/// A socket that is received from.
struct Source {
    socket: Socket,
    /// What `SO_RXQ_OVFL` said last.
    overflow: u32,
}

/// A served interface.
struct Interface {
    name: String,
    source: Option<Source>,
    /// Index of the interface that the socket is bound to: another one of the same name needs another socket.
    index: Option<u32>,
    /// What was told last: what is wrong, or [`SERVED`].
    told: Option<String>,
}

impl Worker {
    pub(super) fn new(
        sockets: Sockets,
        bound: Option<Ipv4Addr>,
        responder: Responder,
        leadership: watch::Receiver<Leadership>,
    ) -> Self {
        let source = |socket| Source { socket, overflow: 0 };
        let interfaces = sockets.interfaces.into_iter().map(|(name, socket)| Interface {
            index: nix::net::if_::if_nametoindex(name.as_str()).ok(),
            name,
            source: Some(source(socket)),
            told: None,
        });
        Self {
            wide: source(sockets.wide),
            interfaces: interfaces.collect(),
            nics: Vec::new(),
            packets: sockets.packets,
            port: sockets.at.port(),
            bound,
            responder,
            leadership,
            inbox: Inbox::new(),
            out: Outboxes::new(),
            told: Budget::new(Instant::now()),
        }
    }

    /// Serves until the other end of the pipe is closed.
    pub(super) fn run(mut self, stop: &PipeReader) -> io::Result<()> {
        self.look();
        let mut looked = Instant::now();
        loop {
            let patience = if self.interfaces.is_empty() { None } else { Some(LOOK.saturating_sub(looked.elapsed())) };
            let Some(ready) = self.wait(stop, patience)? else { return Ok(()) };
            for source in ready {
                self.serve(source);
            }
            if !self.interfaces.is_empty() && looked.elapsed() >= LOOK {
                self.look();
                looked = Instant::now();
            }
        }
    }

    /// Which sockets have something: none for the wide one, else the interface's. None at all when it is time to stop.
    fn wait(&self, stop: &PipeReader, patience: Option<Duration>) -> io::Result<Option<Vec<Option<usize>>>> {
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds = vec![readable(stop.as_fd()), readable(self.wide.socket.as_fd())];
        let mut sources = vec![None];
        for (n, interface) in self.interfaces.iter().enumerate() {
            if let Some(source) = &interface.source {
                fds.push(readable(source.socket.as_fd()));
                sources.push(Some(n));
            }
        }
        // Rounded up: rounded down, the last millisecond would be spent turning.
        let timeout = patience.map_or(PollTimeout::NONE, |patience| {
            PollTimeout::try_from(patience + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut fds, timeout) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let happened = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        if happened(&fds[0]) {
            return Ok(None);
        }
        let ready = fds[1..].iter().zip(sources).filter(|(fd, _)| happened(fd)).map(|(_, source)| source).collect();
        Ok(Some(ready))
    }

    /// Answers what waits in a socket.
    fn serve(&mut self, which: Option<usize>) {
        for _ in 0..TURN {
            let source = match which {
                None => Some(&mut self.wide),
                Some(n) => self.interfaces[n].source.as_mut(),
            };
            let Some(source) = source else { return };
            let more = match self.inbox.receive(source.socket.as_fd()) {
                Ok(more) => more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return self.broke(which, &error),
            };
            if let Some(overflow) = self.inbox.overflow() {
                let dropped = overflow.wrapping_sub(std::mem::replace(&mut source.overflow, overflow));
                self.responder.boot.metrics.dhcp.overflowed(dropped);
            }
            self.answer(which.is_none());
            if !more {
                return;
            }
        }
    }

    /// Answers what is in the inbox, batch by batch: the inventory is not held while replies are sent.
    fn answer(&mut self, wide: bool) {
        // The clones end the borrows of the responder, which answering changes.
        let (shared, metrics) = (self.responder.boot.inventory.clone(), self.responder.boot.metrics.clone());
        let leads = !self.interfaces.is_empty() && self.leadership.borrow().leads();
        let mut datagrams = self.inbox.received().peekable();
        while datagrams.peek().is_some() {
            {
                let inventory = shared.read();
                let now = Now { inventory: &inventory, nics: &self.nics, leads, wide };
                for datagram in datagrams.by_ref().take(BATCH) {
                    self.responder.answer(&datagram, &now, &mut self.out);
                }
            }
            let told = &mut self.told;
            let mut failed = |error: &io::Error| {
                metrics.dhcp.send_error();
                if told.spend() {
                    warn!(%error, "a DHCP reply cannot be sent");
                }
            };
            self.out.udp.flush(self.wide.socket.as_fd(), &mut failed);
            if let Some(packets) = &self.packets {
                self.out.link.flush(packets.as_fd(), &mut failed);
            }
        }
    }

    /// A socket failed, as that of an interface does when the interface goes away.
    fn broke(&mut self, which: Option<usize>, error: &io::Error) {
        if let Some(n) = which {
            self.interfaces[n].source = None;
            self.interfaces[n].index = None;
        }
        if self.told.spend() {
            let interface = which.map_or("all", |n| self.interfaces[n].name.as_str());
            warn!(interface, %error, "DHCP requests cannot be received");
        }
    }

    /// Looks at the interfaces, opens the sockets of those that are new, and tells what changed.
    fn look(&mut self) {
        let names = self.interfaces.iter().map(|interface| interface.name.as_str());
        self.nics = network::look(names, self.bound);
        for (interface, nic) in self.interfaces.iter_mut().zip(&self.nics) {
            let refused = interface.follow(nic, self.port).err();
            let problem = refused.map(|error| format!("its socket cannot be opened: {error}"));
            let problem = problem.or_else(|| nic.problem().map(str::to_owned));
            self.responder.boot.metrics.dhcp.set_ready(&interface.name, problem.is_none());
            let telling = problem.as_deref().unwrap_or(SERVED);
            if interface.told.as_deref() != Some(telling) {
                interface.told = Some(telling.to_owned());
                let interface = interface.name.as_str();
                match (&problem, nic.address_for(None)) {
                    (Some(problem), _) => error!(interface, problem, "DHCP is not served on an interface"),
                    (None, Some(address)) => info!(interface, %address, "DHCP is served on an interface"),
                    (None, None) => {}
                }
            }
        }
    }
}

impl Interface {
    /// Makes the socket that of the interface as it is now.
    fn follow(&mut self, nic: &Nic, port: u16) -> io::Result<()> {
        if self.index == nic.index() && (self.source.is_some() || self.index.is_none()) {
            return Ok(());
        }
        self.source = None;
        self.index = nic.index();
        if self.index.is_some() {
            self.source = Some(Source { socket: socket::of_interface(&self.name, port)?, overflow: 0 });
        }
        Ok(())
    }
}
