//! `rack vm`: a machine with real firmware, for scripts.
//!
//! Invariants: the machine is off when the program has ended; the exit code is 0 only if the console showed what was waited
//! for.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::Context;
use clap::ValueEnum;
use rack::qemu::{Boot, Hardware, Vm};

#[derive(Debug, clap::Args)]
pub(crate) struct VmArguments {
    /// What it is called in messages.
    #[arg(long, default_value = "vm")]
    name: String,
    /// The tap that its network card is; it must be there and up.
    #[arg(long)]
    tap: String,
    /// The Ethernet address of that card.
    #[arg(long)]
    mac: String,
    /// What its firmware boots.
    #[arg(long, value_enum, default_value = "pxe")]
    boot: BootArgument,
    /// Also write the console to this file.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Wait for a line with this in it.
    #[arg(long)]
    until: String,
    /// Give up at once on a line with this in it.
    #[arg(long)]
    unless: Option<String>,
    /// Give up after so many seconds.
    #[arg(long, default_value_t = 180)]
    within: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum BootArgument {
    /// PXE over IPv4: DHCP, then TFTP.
    Pxe,
    /// UEFI HTTP boot over IPv4.
    Http,
}

/// Runs the machine until its console has shown what was waited for.
pub(crate) fn run(arguments: VmArguments) -> anyhow::Result<()> {
    let hardware = Hardware {
        name: arguments.name,
        mac: arguments.mac,
        tap: arguments.tap,
        boot: match arguments.boot {
            BootArgument::Pxe => Boot::Pxe,
            BootArgument::Http => Boot::Http,
        },
        log: arguments.log,
        show: true,
    };
    let mut vm = Vm::start(&hardware, |program| Command::new(program))?;
    let what = format!("a line with {:?}", arguments.until);
    let fatal = |line: &str| arguments.unless.as_ref().is_some_and(|text| line.contains(text));
    vm.wait_for(&what, Duration::from_secs(arguments.within), |line| line.contains(&arguments.until), fatal)
        .context("the machine did not boot")?;
    Ok(())
}
