//! Machines that boot at once: each gets its address by DHCP, a bootloader by TFTP and a kernel and disk by HTTP.
//!
//! A simulated machine is a thread with a MAC and an address of its own; it does one step after the other and repeats what
//! was not answered, as firmware does (DHCP after 1, 2, 4, … seconds). The DHCP of all of them passes one simulated relay.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::batch::{Batch, roomy};
use super::histogram::{Histogram, Summary};
use super::packet::{Reply, ReplyKind, Template};
use super::{Fleet, LoadError, http, tftp};

/// How often a DISCOVER or REQUEST is sent before a machine gives up; the waits double from one second.
const DHCP_ATTEMPTS: u32 = 6;
/// A thread that only waits on sockets needs little stack.
const STACK: usize = 256 << 10;

/// Who boots, from where.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The machines.
    pub fleet: Fleet,
    /// The simulated relay.
    pub relay: Ipv4Addr,
    /// The DHCP server.
    pub dhcp: SocketAddrV4,
    /// The TFTP server and file; `from` is each machine's own.
    pub tftp: tftp::Request,
    /// The HTTP server and file.
    pub http: http::Request,
}

/// How it went.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Machines that got everything.
    pub booted: u32,
    /// Reasons of the others, at most ten.
    pub failures: Vec<String>,
    /// How many others there are.
    pub failed: u32,
    /// From power-on, the same moment for all, to the last machine's last octet.
    pub seconds: f64,
    /// Octets of TFTP and HTTP content.
    pub bytes: u64,
    /// DHCP messages that had to be repeated.
    pub dhcp_repeated: u32,
    /// TFTP packets that had to be repeated.
    pub tftp_timeouts: u32,
    /// Time of each step, over the machines that booted.
    pub steps: BTreeMap<&'static str, Summary>,
}

/// Boots them all.
pub fn run(plan: &Plan) -> Result<Outcome, LoadError> {
    let relay = SocketAddrV4::new(plan.relay, 67);
    let socket = UdpSocket::bind(relay).map_err(LoadError::io("bind UDP", &relay))?;
    socket.connect(plan.dhcp).map_err(LoadError::io("connect UDP", &plan.dhcp))?;
    socket.set_read_timeout(Some(Duration::from_millis(100))).map_err(LoadError::io("set the timeout of", &relay))?;
    roomy(&socket);

    let (inboxes, mailboxes): (Vec<_>, Vec<_>) = (0..plan.fleet.count).map(|_| channel()).unzip();
    let over = AtomicBool::new(false);
    let start = Instant::now();
    let machines = std::thread::scope(|scope| {
        let deliver = scope.spawn(|| deliver(&socket, &inboxes, &over, relay));
        let threads: Vec<_> = mailboxes
            .into_iter()
            .zip(0..)
            .map(|(mailbox, index)| {
                let machine = Machine { index, plan, socket: &socket, mailbox };
                std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || machine.boot(start))
            })
            .collect();
        let machines: Vec<_> = threads
            .into_iter()
            .map(|thread| match thread.map_err(LoadError::io("start", &"a machine's thread"))?.join() {
                Ok(booted) => booted,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect();
        over.store(true, Ordering::Relaxed);
        match deliver.join() {
            Ok(delivered) => delivered.map(|()| machines),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })?;
    Ok(outcome(start.elapsed(), machines))
}

/// Hands every reply to the machine whose transaction it answers.
fn deliver(
    socket: &UdpSocket,
    inboxes: &[Sender<Reply>],
    over: &AtomicBool,
    relay: SocketAddrV4,
) -> Result<(), LoadError> {
    let mut batch = Batch::new();
    while !over.load(Ordering::Relaxed) {
        batch.receive(socket, true).map_err(LoadError::io("receive at", &relay))?;
        for reply in batch.received().filter_map(Reply::parse) {
            if let Some(inbox) = inboxes.get(reply.xid as usize) {
                // A machine that is past DHCP has no ear for duplicates.
                let _ = inbox.send(reply);
            }
        }
    }
    Ok(())
}

struct Machine<'a> {
    index: u32,
    plan: &'a Plan,
    socket: &'a UdpSocket,
    mailbox: Receiver<Reply>,
}

/// When each step of one machine ended, counted from power-on, and what it saw.
struct Booted {
    dhcp: Duration,
    tftp: Duration,
    http: Duration,
    dhcp_repeated: u32,
    tftp_timeouts: u32,
    bytes: u64,
}

impl Machine<'_> {
    fn boot(&self, start: Instant) -> Result<Booted, LoadError> {
        let template = Template::new(self.plan.relay);
        let mac = Fleet::mac(self.index);
        let (offer, again) = self.ask(&template.discover(self.index, mac), ReplyKind::Offer)?;
        let (ack, again_request) = self.ask(&template.request(&offer, mac), ReplyKind::Ack)?;
        let own = self.plan.fleet.address(self.index);
        if ack.address != own {
            let what = format!("{} for the machine of {own}", ack.address);
            return Err(LoadError::Protocol { server: self.plan.dhcp.to_string(), what });
        }
        let dhcp = start.elapsed();
        let loader = tftp::read(&tftp::Request { from: own, ..self.plan.tftp.clone() })?;
        let tftp = start.elapsed();
        let disk = http::read(&self.plan.http, own)?;
        Ok(Booted {
            dhcp,
            tftp,
            http: start.elapsed(),
            dhcp_repeated: again + again_request,
            tftp_timeouts: loader.timeouts,
            bytes: loader.bytes + disk.bytes,
        })
    }

    /// Sends until the wanted answer comes; the answer, and how often the message was repeated.
    fn ask(&self, packet: &[u8], wanted: ReplyKind) -> Result<(Reply, u32), LoadError> {
        let server = self.plan.dhcp.to_string();
        for attempt in 0..DHCP_ATTEMPTS {
            self.socket.send(packet).map_err(LoadError::io("send to", &server))?;
            let deadline = Instant::now() + Duration::from_secs(1 << attempt);
            while let Ok(reply) = self.mailbox.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                if reply.kind == wanted {
                    return Ok((reply, attempt));
                }
            }
        }
        Err(LoadError::Silence { server, what: format!("machine {} waiting for {wanted:?}", self.index) })
    }
}

fn outcome(elapsed: Duration, machines: Vec<Result<Booted, LoadError>>) -> Outcome {
    let mut steps = [Histogram::default(), Histogram::default(), Histogram::default(), Histogram::default()];
    let mut outcome = Outcome {
        booted: 0,
        failures: Vec::new(),
        failed: 0,
        seconds: elapsed.as_secs_f64(),
        bytes: 0,
        dhcp_repeated: 0,
        tftp_timeouts: 0,
        steps: BTreeMap::new(),
    };
    let mut last = Duration::ZERO;
    for machine in machines {
        match machine {
            Ok(booted) => {
                outcome.booted += 1;
                outcome.bytes += booted.bytes;
                outcome.dhcp_repeated += booted.dhcp_repeated;
                outcome.tftp_timeouts += booted.tftp_timeouts;
                last = last.max(booted.http);
                steps[0].record(booted.dhcp);
                steps[1].record(booted.tftp.saturating_sub(booted.dhcp));
                steps[2].record(booted.http.saturating_sub(booted.tftp));
                steps[3].record(booted.http);
            }
            Err(error) => {
                outcome.failed += 1;
                if outcome.failures.len() < 10 {
                    outcome.failures.push(format!("{:#}", anyhow::Error::from(error)));
                }
            }
        }
    }
    if outcome.failed == 0 {
        outcome.seconds = last.as_secs_f64();
    }
    outcome.steps = ["dhcp", "tftp", "http", "whole"].into_iter().zip(steps.map(|step| step.summary())).collect();
    outcome
}
