//! A TFTP client that reads files: RFC 1350, 2347 (options), 2348 (blksize), 2349 (tsize), 7440 (windowsize).
//!
//! It acknowledges as the RFCs say: after each window, after the last block, and at once the last block in order when one
//! is missing or nothing came for a second. What the server does not negotiate is not used.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use metalman_core::netboot::hex;
use serde::Serialize;

use super::LoadError;
use super::batch::{Batch, roomy};

const RRQ: u8 = 1;
const DATA: u16 = 3;
const ERROR: u16 = 5;
const OACK: u16 = 6;

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
    pub blksize: u16,
    /// The same.
    pub windowsize: u16,
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

    let start = Instant::now();
    let mut transfer = Transfer::new(request);
    transfer.open(&socket)?;
    let mut batch = Batch::new();
    while !transfer.done {
        let received = batch.receive(&socket, true).map_err(LoadError::io("receive from", &request.server))?;
        let answer = if received == 0 { transfer.silence()? } else { transfer.take(batch.received())? };
        if let Some(answer) = answer {
            socket.send(&answer).map_err(LoadError::io("send to", &request.server))?;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let sha256 = hex(digest::digest(&digest::SHA256, &transfer.content).as_ref());
    Ok(Received {
        bytes: transfer.content.len() as u64,
        seconds,
        blksize: transfer.blksize,
        windowsize: transfer.windowsize,
        timeouts: transfer.timeouts,
        sha256,
    })
}

struct Transfer<'a> {
    request: &'a Request,
    content: Vec<u8>,
    blksize: u16,
    windowsize: u16,
    /// Blocks received in order; its low 16 bits are the number on the wire.
    blocks: u64,
    /// Blocks since the last acknowledgement.
    unacknowledged: u16,
    silences: u32,
    timeouts: u32,
    done: bool,
}

impl<'a> Transfer<'a> {
    fn new(request: &'a Request) -> Self {
        Self {
            request,
            content: Vec::new(),
            blksize: 512,
            windowsize: 1,
            blocks: 0,
            unacknowledged: 0,
            silences: 0,
            timeouts: 0,
            done: false,
        }
    }

    /// Sends the RRQ until something comes back, takes it in and connects the socket to the port that it came from.
    fn open(&mut self, socket: &UdpSocket) -> Result<(), LoadError> {
        let server = self.request.server;
        let rrq = rrq(self.request);
        let mut buffer = vec![0; 65_536];
        let (length, peer) = loop {
            socket.send_to(&rrq, server).map_err(LoadError::io("send to", &server))?;
            match socket.recv_from(&mut buffer) {
                Ok((length, SocketAddr::V4(peer))) if peer.ip() == server.ip() => break (length, peer),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => drop(self.silence()?),
                Err(error) => return Err(LoadError::io("receive from", &server)(error)),
            }
        };
        socket.connect(peer).map_err(LoadError::io("connect UDP", &peer))?;
        let first = &buffer[..length];
        let answer = match opcode(first) {
            Some(OACK) => {
                self.negotiated(&first[2..])?;
                Some(self.acknowledge())
            }
            // RFC 2347: a server that knows no options begins with the first block.
            _ => self.take(std::iter::once(first))?,
        };
        if let Some(answer) = answer {
            socket.send(&answer).map_err(LoadError::io("send to", &peer))?;
        }
        Ok(())
    }

    fn negotiated(&mut self, options: &[u8]) -> Result<(), LoadError> {
        let mut texts = options.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            let number = value.parse::<u64>().map_err(|_| self.protocol(&format!("option {name}={value}")))?;
            let small = u16::try_from(number).ok();
            match name.to_ascii_lowercase().as_str() {
                "blksize" => self.blksize = small.filter(|size| *size <= self.request.blksize).unwrap_or(0),
                "windowsize" => self.windowsize = small.filter(|size| *size <= self.request.windowsize).unwrap_or(0),
                "tsize" => self.content.reserve(usize::try_from(number).unwrap_or(0).min(1 << 31)),
                _ => {}
            }
            if self.blksize == 0 || self.windowsize == 0 {
                return Err(self.protocol(&format!("more than was asked for: {name}={value}")));
            }
        }
        Ok(())
    }

    /// Takes datagrams in; the acknowledgement to send, if any.
    fn take<'p>(&mut self, packets: impl Iterator<Item = &'p [u8]>) -> Result<Option<[u8; 4]>, LoadError> {
        let mut gap = false;
        for packet in packets {
            match (opcode(packet), packet) {
                (Some(DATA), [_, _, high, low, data @ ..]) => {
                    #[allow(clippy::cast_possible_truncation)]
                    let expected = (self.blocks + 1) as u16;
                    if u16::from_be_bytes([*high, *low]) != expected {
                        gap = true;
                        continue;
                    }
                    self.content.extend_from_slice(data);
                    self.blocks += 1;
                    self.unacknowledged += 1;
                    self.silences = 0;
                    self.done = data.len() < usize::from(self.blksize);
                }
                // Our acknowledgement of the OACK was lost.
                (Some(OACK), _) => gap = true,
                (Some(ERROR), [_, _, _, code, text @ ..]) => {
                    let text = String::from_utf8_lossy(text);
                    return Err(self.protocol(&format!("error {code} ({})", text.trim_end_matches('\0'))));
                }
                _ => return Err(self.protocol("a packet that is neither DATA nor ERROR")),
            }
        }
        Ok((gap || self.done || self.unacknowledged >= self.windowsize).then(|| self.acknowledge()))
    }

    fn acknowledge(&mut self) -> [u8; 4] {
        self.unacknowledged = 0;
        let [.., high, low] = self.blocks.to_be_bytes();
        [0, 4, high, low]
    }

    /// Nothing came in time.
    fn silence(&mut self) -> Result<Option<[u8; 4]>, LoadError> {
        self.silences += 1;
        self.timeouts += 1;
        if self.silences > self.request.attempts {
            let what = format!("{} after block {}", self.request.file, self.blocks);
            return Err(LoadError::Silence { server: self.request.server.to_string(), what });
        }
        Ok(Some(self.acknowledge()))
    }

    fn protocol(&self, what: &str) -> LoadError {
        LoadError::Protocol { server: self.request.server.to_string(), what: format!("{}: {what}", self.request.file) }
    }
}

fn opcode(packet: &[u8]) -> Option<u16> {
    packet.first_chunk().map(|octets| u16::from_be_bytes(*octets))
}

fn rrq(request: &Request) -> Vec<u8> {
    let mut packet = vec![0, RRQ];
    let mut text = |text: &str| {
        packet.extend(text.as_bytes());
        packet.push(0);
    };
    text(&request.file);
    text("octet");
    for (name, value) in [("tsize", 0), ("blksize", request.blksize), ("windowsize", request.windowsize)] {
        if name != "windowsize" || value > 1 {
            text(name);
            text(&value.to_string());
        }
    }
    packet
}

#[cfg(test)]
mod tests;
