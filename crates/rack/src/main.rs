//! `rack`: the virtual rack for scripts: machines with real firmware, bad links, and load on boot servers.

mod command {
    pub(crate) mod bmc;
    pub(crate) mod link;
    pub(crate) mod load;
    pub(crate) mod serve;
    pub(crate) mod vm;
}

use clap::{Parser, Subcommand};

/// A virtual rack: machines that boot from real servers.
#[derive(Debug, Parser)]
#[command(name = "rack")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Switch on a machine with real UEFI firmware, show its console, and switch it off when the console has shown what is
    /// waited for.
    Vm(command::vm::VmArguments),
    /// Put load on a server.
    #[command(subcommand)]
    Load(command::load::Load),
    /// Carry frames between two new tap interfaces, with delay and loss, until it is ended. Says "ready" once they exist.
    Link(command::link::LinkArgs),
    /// Run emulated BMCs until it is ended. Says "ready" once they listen.
    Bmc(command::bmc::BmcArgs),
    /// Run machines that are simulated, behind emulated BMCs, against a metalman, until it is ended. Says "ready" once they are
    /// there; tells how they are on SIGUSR1 and at the end.
    Serve(command::serve::ServeArgs),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Vm(arguments) => command::vm::run(arguments),
        Command::Load(load) => command::load::run(load),
        Command::Link(arguments) => command::link::run(arguments),
        Command::Bmc(arguments) => command::bmc::run(&arguments),
        Command::Serve(arguments) => command::serve::run(&arguments),
    }
}
