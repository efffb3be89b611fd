//! The one brain of a Machine's life: power cycle, boot override, repave timeout, cloud-init timeout and phase are one
//! function over one status. Whatever is seen by others (firmware's requests, the installer's and cloud-init's
//! reports) is written down by functions that decide nothing.
//!
//! Invariants:
//! - at most one [`Effect`] at a time, and only after the status that announces it was written: whoever takes over reads
//!   there what may already have happened;
//! - power is cut only while an operation is pending on that very Machine;
//! - counters in status never pass those that were asked for.

pub mod advice;
mod attempts;
pub mod bmc;
mod boot_override;
mod case;
mod cloud_init;
mod cordon;
mod cycle;
mod decide;
mod decision;
mod elsewhere;
mod message;
mod node;
mod node_steps;
mod phase;
mod reachable;
mod repave;
pub mod report;
pub mod timeline;

pub use self::{
    bmc::Bmc,
    decide::decide,
    decision::{Carried, Circumstances, Decision, Effect, Outcome, Policy, Severity, Told},
    node::NodeView,
    phase::phase,
};

#[cfg(test)]
mod simulation;
