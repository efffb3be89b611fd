//! metalman: bare-metal provisioning for Kubernetes. This crate is the shell around `metalman-core`'s decisions: sockets,
//! the Kubernetes client, tasks, the command line.

pub mod boot;
pub mod cli;
pub mod client;
pub mod commands;
pub mod config;
pub mod dhcp;
pub mod drain;
pub mod election;
pub mod events;
pub mod exit;
pub mod explain;
pub mod facts;
pub mod health;
pub mod http;
pub mod images;
pub mod inventory;
pub mod jitter;
pub mod leases_valid;
pub mod lifecycle;
pub mod logging;
pub mod metrics;
pub mod netboot_image;
pub mod redfish;
pub mod serve;
pub mod standalone;
pub mod status;
pub mod supervise;
pub mod tftp;
pub mod watch;
