//! `rack vm`: a machine with real firmware, for scripts; switched on at once, or by whoever speaks Redfish to its BMC.
//!
//! Invariants: the machine is off when the program has ended; the exit code is 0 only if the console showed what was waited
//! for.

use std::{fs::read_to_string, io::Write, net::SocketAddr, path::PathBuf, process::Command, time::Duration};

use anyhow::Context;
use clap::ValueEnum;
use rack::{
    bmc::{Config, Credentials, Profile},
    qemu::{Boot, Hardware, Vm, powered::Powered},
};

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
    /// What its firmware boots; with --bmc: what the BMC can have it boot.
    #[arg(long, value_enum, default_value = "pxe")]
    boot: BootArgument,
    /// Leave it switched off behind a BMC that speaks Redfish over TLS at this address.
    #[arg(long, value_name = "ADDR:PORT", requires = "bmc_password_file")]
    bmc: Option<SocketAddr>,
    /// The password of the BMC's user admin is in this file.
    #[arg(long, value_name = "FILE", requires = "bmc")]
    bmc_password_file: Option<PathBuf>,
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
    let fatal = |line: &str| arguments.unless.as_ref().is_some_and(|text| line.contains(text));
    let what = format!("a line with {:?}", arguments.until);
    let (wanted, patience) = (|line: &str| line.contains(&arguments.until), Duration::from_secs(arguments.within));
    if let (Some(listen), Some(file)) = (arguments.bmc, &arguments.bmc_password_file) {
        let credentials = Credentials {
            username: "admin".to_owned(),
            password: read_to_string(file)
                .with_context(|| format!("reading {}", file.display()))?
                .trim_end()
                .to_owned(),
        };
        let mut profile = Profile::plain();
        profile.boot.targets = match hardware.boot {
            Boot::Pxe => &["Pxe", "Hdd"],
            Boot::Http => &["UefiHttp", "Hdd"],
        };
        let config =
            Config { name: hardware.name.as_str().into(), listen, tls: true, credentials, ..Config::new(profile) };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        return runtime.block_on(async {
            let mut machine = Powered::start(hardware, config).await?;
            let (url, shown) = (machine.bmc().url(), machine.bmc().fingerprint().unwrap_or_default());
            writeln!(std::io::stdout(), "its BMC is at {url}, certificate {shown}")?;
            machine.run_until(&what, patience, wanted, fatal).await.context("the machine did not boot")?;
            Ok(())
        });
    }
    let mut vm = Vm::start(&hardware, |program| Command::new(program))?;
    vm.wait_for(&what, patience, wanted, fatal).context("the machine did not boot")?;
    Ok(())
}
