//! Bad input and faults, from outside: a server in a process of its own is killed, starved of disk, stopped under load and
//! fed with everything but good requests, over its real TLS port.
//!
//! What must hold each time: nothing acknowledged is lost, watches that resume miss and repeat nothing, every refusal is a
//! `Status` or a message that names the path and the remedy, the server goes on answering, and nothing panics.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests: a panic with the value seen is the report")]

mod child;
mod http;
mod model;
mod raw;

mod folder;
mod full_disk;
mod generated;
mod input;
mod network;
mod shutdown;
mod storm;
