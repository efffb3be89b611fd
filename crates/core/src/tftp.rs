//! TFTP reads (RFC 1350, 2347, 2348, 2349, 7440): the packets, and one transfer as a state machine without sockets or clock.
//!
//! Role: [`Packet`] reads what came from the network, [`negotiate`] answers options, [`Transfer`] is the server's half of one
//! read: packets and time in, packets and deadlines out. [`Receiver`] is the client's half, for simulated machines and tests.
//!
//! Invariants: no input panics; work and memory for one packet are bounded by its length, and for a transfer by its window;
//! content is borrowed, never copied (netascii is encoded block by block); time is a [`Duration`](std::time::Duration) since
//! a moment that the caller chose, and never runs backwards.

mod netascii;
mod options;
mod packet;
mod receive;
mod rtt;
mod transfer;

pub use self::{
    netascii::Cursor,
    options::{Limits, Negotiated, OptionError, negotiate},
    packet::{ErrorCode, Mode, Packet, PacketError, RawOptions, Request, ack, data_header, error, request},
    receive::{Reaction, Receiver, Reply},
    transfer::{Burst, Outcome, Policy, Transfer},
};

/// Block size without the option (RFC 1350 section 2).
pub const DEFAULT_BLKSIZE: u16 = 512;
