//! Machines with real firmware: QEMU with OVMF, a network card on a tap, and its serial console in the test's hands.
//!
//! Invariants: a [`Vm`] that is dropped has ended and left no file; the firmware's settings start from the distribution's
//! template each time; KVM is used only where a bounded trial booted the firmware with it ([`kvm`]), as a `/dev/kvm` may be
//! there and hang.

mod console;
mod kvm;
pub mod powered;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use self::console::{Console, Seen};

/// The emulator, and the Debian package that has it.
const EMULATOR: (&str, &str) = ("qemu-system-x86_64", "qemu-system-x86");

/// The firmware's code, and the template of its settings.
const FIRMWARE: [&str; 2] = ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"];

/// How many of the console's last lines an error shows.
const TAIL: usize = 50;

/// What goes wrong with a virtual machine.
#[derive(Debug, thiserror::Error)]
pub enum VmError {
    /// The firmware is not installed.
    #[error("there is no {}; install the Debian package ovmf", path.display())]
    Firmware {
        /// What is missing.
        path: PathBuf,
    },
    /// The emulator does not start.
    #[error("{} does not start; install the Debian package {}", EMULATOR.0, EMULATOR.1)]
    Start(#[source] io::Error),
    /// The machine's folder cannot be made.
    #[error("the folder of the virtual machine {name} cannot be made")]
    Folder {
        /// The machine.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The machine did not print what was waited for.
    #[error("{name}: {how} before {what}; its console said last:\n{tail}")]
    Unseen {
        /// The machine.
        name: String,
        /// What was waited for.
        what: String,
        /// What happened instead.
        how: String,
        /// The end of its console.
        tail: String,
    },
}

/// How the firmware is set to boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boot {
    /// PXE over IPv4: DHCP, then TFTP.
    Pxe,
    /// UEFI HTTP boot over IPv4. PXE is switched off in the firmware, which would try it for a minute first.
    Http,
}

/// A machine to be.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// What it is called in messages.
    pub name: String,
    /// The Ethernet address of its card.
    pub mac: String,
    /// The tap that its card is, already there and up.
    pub tap: String,
    /// What its firmware boots.
    pub boot: Boot,
    /// Where the console is written to as it appears, as text.
    pub log: Option<PathBuf>,
    /// Whether the console is also shown on standard output as it appears.
    pub show: bool,
}

/// A running virtual machine.
#[derive(Debug)]
pub struct Vm {
    name: String,
    child: Child,
    console: Console,
    /// The firmware's settings live here.
    _folder: TempDir,
}

impl Vm {
    /// Switches a machine on. `launch` turns a program into the command that runs it on the right network, such as
    /// [`crate::netns::Namespace::command`].
    pub fn start(hardware: &Hardware, launch: impl Fn(&str) -> Command) -> Result<Self, VmError> {
        let accelerator = kvm::accelerator();
        let card = format!("virtio-net-pci,netdev=net0,mac={},bootindex=1,romfile=", hardware.mac);
        let net = format!("tap,id=net0,ifname={},script=no,downscript=no", hardware.tap);
        let mut arguments = vec!["-netdev", net.as_str(), "-device", card.as_str()];
        // OVMF since 2022 reads these; IPv6 has nobody to answer it here.
        let off: &[&str] = match hardware.boot {
            Boot::Pxe => &["name=opt/org.tianocore/IPv6PXESupport,string=n"],
            Boot::Http => {
                &["name=opt/org.tianocore/IPv4PXESupport,string=n", "name=opt/org.tianocore/IPv6PXESupport,string=n"]
            }
        };
        for setting in off {
            arguments.extend(["-fw_cfg", setting]);
        }
        let console = Console::new(hardware.log.as_deref(), hardware.show)
            .map_err(|source| VmError::Folder { name: hardware.name.clone(), source })?;
        power_on(&hardware.name, accelerator, &arguments, console, launch)
    }

    /// Waits until the console shows a line that `wanted` likes, and returns it. A line that `fatal` likes ends the wait, as
    /// does the machine's end.
    pub fn wait_for(
        &mut self,
        what: &str,
        patience: Duration,
        wanted: impl Fn(&str) -> bool,
        fatal: impl Fn(&str) -> bool,
    ) -> Result<String, VmError> {
        let how = match self.console.wait(Instant::now() + patience, wanted, fatal) {
            Seen::Wanted(line) => return Ok(line),
            Seen::Fatal(line) => format!("it said {line:?}"),
            Seen::Closed => {
                let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
                format!("it ended ({status})")
            }
            Seen::Nothing => format!("{patience:?} passed"),
        };
        Err(VmError::Unseen { name: self.name.clone(), what: what.to_owned(), how, tail: self.console.tail(TAIL) })
    }

    /// Every line of the console so far, without terminal control.
    pub fn lines(&self) -> Vec<String> {
        self.console.lines()
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // Like pulling the plug: nothing in it is worth keeping.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            #[expect(clippy::print_stderr, reason = "the test has failed, and this shows how far the machine came")]
            {
                eprintln!("--- the console of {} ended with ---\n{}", self.name, self.console.tail(TAIL));
            }
        }
    }
}

/// Starts QEMU with OVMF and what every machine here has.
fn power_on(
    name: &str,
    accelerator: &str,
    arguments: &[&str],
    console: Console,
    launch: impl Fn(&str) -> Command,
) -> Result<Vm, VmError> {
    let [code, template] = FIRMWARE.map(Path::new);
    if let Some(path) = [code, template].into_iter().find(|path| !path.exists()) {
        return Err(VmError::Firmware { path: path.to_owned() });
    }
    let folder = TempDir::with_prefix("metalman-vm-").and_then(|folder| {
        fs::copy(template, folder.path().join("vars.fd"))?;
        Ok(folder)
    });
    let folder = folder.map_err(|source| VmError::Folder { name: name.to_owned(), source })?;
    let flash = "if=pflash,format=raw,unit";
    let mut command = launch(EMULATOR.0);
    command.args(["-nodefaults", "-machine", "q35", "-accel", accelerator, "-cpu", "max", "-smp", "2", "-m", "512"]);
    command.args(["-drive", &format!("{flash}=0,readonly=on,file={}", code.display())]);
    command.args(["-drive", &format!("{flash}=1,file={}", folder.path().join("vars.fd").display())]);
    command.args(["-display", "none", "-monitor", "none", "-serial", "stdio"]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(VmError::Start)?;
    if let Some(stdout) = child.stdout.take() {
        console.follow(stdout);
    }
    // What QEMU itself complains about belongs to the story.
    if let Some(stderr) = child.stderr.take() {
        console.follow(stderr);
    }
    Ok(Vm { name: name.to_owned(), child, console, _folder: folder })
}
