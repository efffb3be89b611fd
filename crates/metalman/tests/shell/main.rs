//! The shell of metalman, tested from outside: its public interface, and the real binary.

mod command_line;
mod config;
mod election;
mod image;
mod machine;
mod process;
mod rbac;
mod replicas;
mod standalone;
