//! The Machine API and every decision metalman takes about Machines.
//!
//! Role: everything here is a function of its arguments. The shell (crate `metalman`) owns sockets, files, the clock and
//! the random source; it passes what they yield in and carries out what comes back.
//!
//! Invariants:
//! - no async runtime, no sockets, no files, no clock, no global randomness (enforced by `clippy.toml` beside this crate
//!   and by `cargo xtask check-deps`);
//! - nothing read from a cluster or a network can make this crate panic: API types decode leniently, typed views of them
//!   return errors that name the field.

pub mod agent_config;
pub mod api;
pub mod bootfile;
pub mod cluster;
pub mod dhcp;
pub mod inventory;
pub mod lifecycle;
pub mod manifests;
pub mod netboot;
pub mod selection;
pub mod template;
pub mod tftp;
