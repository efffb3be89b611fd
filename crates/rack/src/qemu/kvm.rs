//! Whether hardware virtualisation can be trusted here.
//!
//! A `/dev/kvm` that is there may be closed to this user, or accept a guest and never run it (nested virtualisation that is
//! half there). So the firmware is booted with it once, without any device, within a limit; the verdict is kept beside the
//! program for as long as this kernel runs.

use std::{env, fs, path::PathBuf, process::Command, time::Duration};

use super::{Console, power_on};

/// Emulation, which works everywhere.
const EMULATION: &str = "tcg,thread=multi";

/// What QEMU calls hardware virtualisation.
const HARDWARE: &str = "kvm";

/// A firmware that runs at all says something within a second or two.
const TRIAL: Duration = Duration::from_secs(10);

/// The value of QEMU's `-accel`.
pub(super) fn accelerator() -> &'static str {
    let usable = fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok();
    if !usable {
        return EMULATION;
    }
    let verdict = verdict_file();
    let kept = verdict.as_ref().and_then(|path| fs::read_to_string(path).ok());
    let works = kept.map_or_else(
        || {
            let works = trial();
            if let Some(path) = &verdict {
                // Only a saving of time: the next one tries for itself.
                let _ = fs::write(path, if works { HARDWARE } else { EMULATION });
            }
            works
        },
        |kept| kept == HARDWARE,
    );
    if works { HARDWARE } else { EMULATION }
}

/// Where the verdict is kept: in the build folder, under the name of this boot of this kernel.
fn verdict_file() -> Option<PathBuf> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(env::current_exe().ok()?.parent()?.join(format!("kvm-{}", boot.trim())))
}

/// Whether the firmware comes as far as looking for something to boot.
fn trial() -> bool {
    let Ok(console) = Console::new(None, false) else { return false };
    let vm = power_on("the trial of KVM", HARDWARE, &[], console, |program| Command::new(program));
    vm.is_ok_and(|mut vm| vm.wait_for("its firmware's words", TRIAL, |line| line.contains("BdsDxe"), |_| false).is_ok())
}
