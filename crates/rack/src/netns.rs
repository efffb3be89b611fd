//! Network namespaces for tests: each a network of its own, wired with veth pairs, bridges and taps.
//!
//! Invariants: a namespace has no name in the system and exists only through this process's file descriptor and the
//! processes inside, so that nothing is left behind even when a test is killed; the loopback is up; names of interfaces are
//! local to their namespace, so that every test may use the same ones.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use nix::sched::{CloneFlags, setns, unshare};

/// What goes wrong with namespaces.
#[derive(Debug, thiserror::Error)]
pub enum NetnsError {
    /// A namespace cannot be made.
    #[error("the network namespace {label} cannot be made; tests with networks of their own need root")]
    Create {
        /// What it was to be called.
        label: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A program does not start.
    #[error("{program} does not start; install the Debian package {package}")]
    Missing {
        /// The program.
        program: String,
        /// Where it comes from.
        package: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `ip` refused.
    #[error("in {label}: ip {arguments}: {refusal}")]
    Ip {
        /// The namespace.
        label: String,
        /// What was asked of it.
        arguments: String,
        /// What it said.
        refusal: String,
    },
}

/// A network namespace.
#[derive(Debug)]
pub struct Namespace {
    label: String,
    handle: File,
    path: PathBuf,
}

impl Namespace {
    /// Makes one, its loopback up. The label is for error messages only.
    pub fn new(label: &str) -> Result<Self, NetnsError> {
        let handle = in_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open("/proc/thread-self/ns/net")
        });
        let handle = handle.map_err(|source| NetnsError::Create { label: label.to_owned(), source })?;
        // Children of this process cannot use its descriptor, but anybody may open it through /proc while this process lives.
        let path = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), handle.as_raw_fd()));
        let namespace = Self { label: label.to_owned(), handle, path };
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// What it is called in messages.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// A path that other programs can open the namespace by, while this process lives.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A program to run inside. The process that is started is the program itself: `nsenter` replaces itself by it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path.display())).arg("--").arg(program).stdin(Stdio::null());
        command
    }

    /// Runs a closure on a thread inside: sockets that it makes belong to the namespace for ever.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        in_thread(|| {
            setns(&self.handle, CloneFlags::CLONE_NEWNET).expect("entering a namespace that this process made");
            work()
        })
    }

    /// Runs `ip` inside with these arguments, separated by spaces, and returns what it printed.
    pub fn ip(&self, arguments: &str) -> Result<String, NetnsError> {
        let output = self.command("ip").args(arguments.split_whitespace()).output();
        let output = output.map_err(|source| NetnsError::Missing {
            program: "nsenter".into(),
            package: "util-linux",
            source,
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(NetnsError::Ip {
            label: self.label.clone(),
            arguments: arguments.to_owned(),
            refusal: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    /// A cable: an interface here and one in `other`, both up.
    pub fn veth(&self, name: &str, other: &Self, other_name: &str) -> Result<(), NetnsError> {
        self.ip(&format!("link add {name} type veth peer name {other_name} netns {}", other.path.display()))?;
        self.up(name)?;
        other.up(other_name)
    }

    /// A bridge, up, with these interfaces as its ports. It forwards from the first moment.
    pub fn bridge(&self, name: &str, ports: &[&str]) -> Result<(), NetnsError> {
        self.ip(&format!("link add {name} type bridge stp_state 0 forward_delay 0"))?;
        self.up(name)?;
        ports.iter().try_for_each(|port| self.plug(port, name))
    }

    /// Makes an interface a port of a bridge.
    pub fn plug(&self, port: &str, bridge: &str) -> Result<(), NetnsError> {
        self.ip(&format!("link set {port} master {bridge} up")).map(drop)
    }

    /// A tap device, up, for programs to open by its name.
    pub fn tap(&self, name: &str) -> Result<(), NetnsError> {
        self.ip(&format!("tuntap add dev {name} mode tap"))?;
        self.up(name)
    }

    /// Adds an address such as `10.0.0.1/24`.
    pub fn address(&self, interface: &str, address: &str) -> Result<(), NetnsError> {
        self.ip(&format!("address add {address} dev {interface}")).map(drop)
    }

    /// Gives an interface that Ethernet address.
    pub fn mac(&self, interface: &str, mac: &str) -> Result<(), NetnsError> {
        self.ip(&format!("link set {interface} address {mac}")).map(drop)
    }

    /// Sets an interface up.
    pub fn up(&self, interface: &str) -> Result<(), NetnsError> {
        self.ip(&format!("link set {interface} up")).map(drop)
    }

    /// Routes everything else through that neighbour.
    pub fn default_route(&self, via: &str) -> Result<(), NetnsError> {
        self.ip(&format!("route add default via {via}")).map(drop)
    }

    /// Makes it forward packets between its interfaces.
    pub fn forward(&self) -> io::Result<()> {
        self.run(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1"))
    }
}

/// Runs a closure on a thread of its own, as a namespace belongs to a thread, and passes its panic on.
fn in_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}

#[cfg(test)]
mod tests;
