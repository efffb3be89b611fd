//! A whole rack: metalman, and simulated machines behind emulated BMCs that it powers, boots and installs.
//!
//! Each test has networks of its own, and takes the better part of the machine: they run one after another.

mod profiles;
mod replicas;
mod sites;
mod thousand;
mod yard;
