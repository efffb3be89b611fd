//! A machine with real firmware behind an emulated BMC: whoever speaks Redfish to the BMC switches it on and off and chooses
//! what it boots from.
//!
//! Invariants: the emulator runs exactly while the BMC has switched power on; nothing else switches it on.

use std::{process::Command, time::Duration};

use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::{Instant, interval, sleep_until},
};

use super::{Boot, Hardware, Vm, VmError};
use crate::bmc::{Bmc, BootPlan, BootSource, Change, Config, PowerEvent};

/// How often the console is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// A machine and its BMC.
#[derive(Debug)]
pub struct Powered {
    hardware: Hardware,
    bmc: Bmc,
    events: UnboundedReceiver<PowerEvent>,
    /// The machine while it is on and has something to boot from.
    running: Option<Vm>,
}

/// How a wait for the console went wrong.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// The machine could not be switched on.
    #[error(transparent)]
    Vm(#[from] VmError),
    /// It said something that makes waiting pointless.
    #[error("{name} said {line:?}")]
    Fatal {
        /// The machine.
        name: String,
        /// The line.
        line: String,
    },
    /// Time is up.
    #[error("{name}: {patience:?} passed without {what}; its power is {power}")]
    Unseen {
        /// The machine.
        name: String,
        /// What was waited for.
        what: String,
        /// How long.
        patience: Duration,
        /// Its power.
        power: String,
    },
}

impl Powered {
    /// Puts a BMC in front of a machine that is off. Its firmware's own order is the disk, which is empty: without an
    /// override, nothing boots.
    pub async fn start(hardware: Hardware, mut config: Config) -> anyhow::Result<Self> {
        let (sender, events) = unbounded_channel();
        config.events = Some(sender);
        config.order = vec![BootSource::Disk];
        // There is no operating system that would hear a power button: metalman's deadline cuts power then.
        config.timings.shutdown = None;
        Ok(Self { hardware, bmc: Bmc::start(config).await?, events, running: None })
    }

    /// The BMC.
    pub fn bmc(&self) -> &Bmc {
        &self.bmc
    }

    /// Follows the BMC's switch until the console shows a line that `wanted` likes.
    pub async fn run_until(
        &mut self,
        what: &str,
        patience: Duration,
        wanted: impl Fn(&str) -> bool,
        fatal: impl Fn(&str) -> bool,
    ) -> Result<String, WaitError> {
        let (mut look, deadline) = (interval(LOOK), Instant::now() + patience);
        loop {
            tokio::select! {
                Some(event) = self.events.recv() => self.follow(event.change)?,
                _ = look.tick() => {
                    let lines = self.running.as_ref().map(Vm::lines).unwrap_or_default();
                    if let Some(line) = lines.iter().find(|line| wanted(line)) {
                        return Ok(line.clone());
                    }
                    if let Some(line) = lines.iter().find(|line| fatal(line)) {
                        return Err(WaitError::Fatal { name: self.hardware.name.clone(), line: line.clone() });
                    }
                }
                () = sleep_until(deadline) => return Err(WaitError::Unseen {
                    name: self.hardware.name.clone(),
                    what: what.to_owned(),
                    patience,
                    power: self.bmc.power(0).to_string(),
                }),
            }
        }
    }

    fn follow(&mut self, change: Change) -> Result<(), VmError> {
        match change {
            Change::On { plan, .. } => {
                // The old one is switched off first, also at a reset.
                self.running = None;
                self.running = match boot(&plan) {
                    Some(boot) => {
                        let hardware = Hardware { boot, ..self.hardware.clone() };
                        Some(Vm::start(&hardware, |program| Command::new(program))?)
                    }
                    None => None,
                };
            }
            Change::Off => self.running = None,
            // Real firmware has a POST of its own; nobody hears the button.
            Change::Boot(_) | Change::ShutdownRequested => {}
        }
        Ok(())
    }
}

/// The first source that this machine has.
fn boot(plan: &BootPlan) -> Option<Boot> {
    plan.sources.iter().find_map(|source| match source {
        BootSource::Pxe => Some(Boot::Pxe),
        BootSource::UefiHttp => Some(Boot::Http),
        BootSource::Disk | BootSource::Other(_) => None,
    })
}
