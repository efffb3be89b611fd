//! A TFTP client that reads files, fast: the protocol is [`Receiver`]'s, datagrams are received many at once.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use metalman_core::netboot::hex;
use metalman_core::tftp::{Mode, Packet, Receiver};
use serde::Serialize;

use super::LoadError;
use super::batch::{Batch, roomy};

/// What is read, and which options are asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The server, port 69 usually.
    pub server: SocketAddrV4,
    /// The address to ask from; metalman knows machines by it.
    pub from: Ipv4Addr,
    /// The file's name.
    pub file: String,
    /// blksize to ask for.
    pub blksize: u16,
    /// windowsize to ask for; 1 does not ask.
    pub windowsize: u16,
    /// Silence after which the last packet is repeated.
    pub timeout: Duration,
    /// How often in a row.
    pub attempts: u32,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Received {
    /// Octets of content.
    pub bytes: u64,
    /// From the first request to the last block.
    pub seconds: f64,
    /// What the server agreed to.
    pub blksize: usize,
    /// The same.
    pub windowsize: u64,
    /// Times that nothing came in time.
    pub timeouts: u32,
    /// Of the content, in hexadecimal.
    pub sha256: String,
}

impl Received {
    /// 10^6 octets a second.
    #[allow(clippy::cast_precision_loss)]
    pub fn megabytes_per_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.seconds
    }
}

/// Reads one file into memory; the clock stops before the content is hashed.
pub fn read(request: &Request) -> Result<Received, LoadError> {
    let local = SocketAddrV4::new(request.from, 0);
    let socket = UdpSocket::bind(local).map_err(LoadError::io("bind UDP", &local))?;
    roomy(&socket);
    socket.set_read_timeout(Some(request.timeout)).map_err(LoadError::io("set the timeout of", &local))?;

    let mut transfer = Transfer::new(request);
    transfer.open(&socket)?;
    let mut batch = Batch::new();
    while !transfer.receiver.finished() {
        if batch.receive(&socket, true).map_err(LoadError::io("receive from", &request.server))? == 0 {
            let again = transfer.silence()?;
            socket.send(&again).map_err(LoadError::io("send to", &request.server))?;
        }
        for packet in batch.received() {
            transfer.take(packet, &socket)?;
        }
    }
    let seconds = transfer.began.elapsed().as_secs_f64();
    let sha256 = hex(digest::digest(&digest::SHA256, &transfer.content).as_ref());
    Ok(Received {
        bytes: transfer.content.len() as u64,
        seconds,
        blksize: transfer.receiver.blksize(),
        windowsize: transfer.receiver.windowsize(),
        timeouts: transfer.timeouts,
        sha256,
    })
}

struct Transfer<'a> {
    request: &'a Request,
    receiver: Receiver,
    began: Instant,
    content: Vec<u8>,
    silences: u32,
    timeouts: u32,
}

impl<'a> Transfer<'a> {
    fn new(request: &'a Request) -> Self {
        let options =
            [("tsize", 0), ("blksize", request.blksize.into()), ("windowsize", u64::from(request.windowsize))];
        let options = if request.windowsize > 1 { &options[..] } else { &options[..2] };
        Self {
            request,
            receiver: Receiver::new(&request.file, Mode::Octet, options, request.timeout, Duration::ZERO),
            began: Instant::now(),
            content: Vec::new(),
            silences: 0,
            timeouts: 0,
        }
    }

    /// Sends the RRQ until something comes back, connects the socket to the port that it came from, and takes it in.
    fn open(&mut self, socket: &UdpSocket) -> Result<(), LoadError> {
        let server = self.request.server;
        let mut rrq = self.receiver.request().to_vec();
        let mut buffer = vec![0; 65_536];
        let (length, peer) = loop {
            socket.send_to(&rrq, server).map_err(LoadError::io("send to", &server))?;
            match socket.recv_from(&mut buffer) {
                Ok((length, SocketAddr::V4(peer))) if peer.ip() == server.ip() => break (length, peer),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => rrq = self.silence()?,
                Err(error) => return Err(LoadError::io("receive from", &server)(error)),
            }
        };
        socket.connect(peer).map_err(LoadError::io("connect UDP", &peer))?;
        self.take(&buffer[..length], socket)?;
        if let Some(size) = self.receiver.tsize {
            self.content.reserve(usize::try_from(size).unwrap_or(0).min(1 << 31));
        }
        Ok(())
    }

    /// Takes a datagram in and sends what it calls for.
    fn take(&mut self, datagram: &[u8], socket: &UdpSocket) -> Result<(), LoadError> {
        let packet = Packet::parse(datagram).map_err(|error| self.protocol(&error.to_string()))?;
        let reaction = self.receiver.packet_received(packet, self.began.elapsed());
        self.content.extend_from_slice(reaction.data);
        if !reaction.data.is_empty() {
            self.silences = 0;
        }
        if let Some(reply) = reaction.reply {
            socket.send(reply.as_ref()).map_err(LoadError::io("send to", &self.request.server))?;
        }
        match self.receiver.failed() {
            Some((code, reason)) => Err(self.protocol(&format!("error {code} ({reason})"))),
            None => Ok(()),
        }
    }

    /// Nothing came in time: what to send again.
    fn silence(&mut self) -> Result<Vec<u8>, LoadError> {
        self.silences += 1;
        self.timeouts += 1;
        if self.silences > self.request.attempts {
            let what = format!("{} after {} octets", self.request.file, self.content.len());
            return Err(LoadError::Silence { server: self.request.server.to_string(), what });
        }
        Ok(self.receiver.timed_out(self.began.elapsed()))
    }

    fn protocol(&self, what: &str) -> LoadError {
        LoadError::Protocol { server: self.request.server.to_string(), what: format!("{}: {what}", self.request.file) }
    }
}

#[cfg(test)]
mod tests;
