//! `metalman machine watch`, `power`, `reboot` and `repave`.

use clap::{Args, ValueEnum, builder::NonEmptyStringValueParser};

use crate::cli::{ClusterArgs, OutputFormat};

/// Which Machines to look at.
#[derive(Debug, Clone, Args)]
pub struct ChoiceArgs {
    /// The Machines' names [default: all Machines]
    #[arg(value_name = "NAME", conflicts_with = "selector")]
    pub names: Vec<String>,
    /// Machines with these labels, in kubectl's syntax
    #[arg(short = 'l', long, env = "METALMAN_SELECTOR", value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// Only Machines of this site; may be repeated [default: Machines of every site]
    #[arg(long = "site", env = "METALMAN_SITE", value_name = "SITE", value_delimiter = ',')]
    pub sites: Vec<String>,
}

/// Which Machines to operate on. Never all of them because nothing was said.
#[derive(Debug, Clone, Args)]
pub struct TargetArgs {
    /// The Machines' names
    #[arg(value_name = "NAME", required_unless_present = "selector", conflicts_with = "selector")]
    pub names: Vec<String>,
    /// All Machines with these labels, in kubectl's syntax
    #[arg(
        short = 'l',
        long,
        env = "METALMAN_SELECTOR",
        value_name = "SELECTOR",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub selector: Option<String>,
    /// Only Machines of this site: with --selector it narrows the choice, with names it refuses those of other sites; may be
    /// repeated [default: every site]
    #[arg(long = "site", env = "METALMAN_SITE", value_name = "SITE", value_delimiter = ',')]
    pub sites: Vec<String>,
}

/// What `--wait` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WaitFor {
    /// The operation: the reboot was counted, the installer reported the repave as done
    Done,
    /// The operation, and then phase Ready: the Node is back
    Ready,
}

/// `metalman machine watch`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each line tells one change: a step of a boot, the power, the phase, the message. It starts with what the Machines are now,
and ends by Ctrl-C. With -o json, each line is an object with time, machine, change, from, to and message; with -o yaml and
-o name, each change prints the whole Machine or its name.

Examples:
  # Everything that happens in a rack
  kubectl metalman machine watch --site rack-7

  # Wait for a step in a script
  kubectl metalman machine watch n1 -o json | jq --unbuffered 'select(.change == \"step\" and .to == \"Installed\")'")]
pub struct WatchArgs {
    /// Which.
    #[command(flatten)]
    pub choice: ChoiceArgs,
    /// Form of the output
    #[arg(short, long, env = "METALMAN_OUTPUT", value_enum, default_value_t = OutputFormat::Table)]
    pub output: OutputFormat,
    /// Where to look.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// `metalman machine power`.
#[derive(Debug, Args)]
#[command(after_help = "\
Everything is read from the Machines' status: this command talks to no BMC. metalman looks at a BMC every few seconds while
an operation is under way, and every few minutes otherwise.

Columns:
  POWER        power state as the BMC last showed it
  SWITCHED     how long ago metalman switched it so, if it did in the current boot
  BMC          whether the BMC answers and since when, or why not
  CERTIFICATE  the certificate that is pinned (SHA-256; whole with -o wide)
  OVERRIDE     the boot source that metalman told the BMC to use for the next boot

Examples:
  kubectl metalman machine power n1 n2 -o wide
  kubectl metalman machine power --site rack-7")]
pub struct PowerArgs {
    /// Which.
    #[command(flatten)]
    pub choice: ChoiceArgs,
    /// Form of the output
    #[arg(short, long, env = "METALMAN_OUTPUT", value_enum, default_value_t = OutputFormat::Table)]
    pub output: OutputFormat,
    /// Where to look.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// What `reboot` and `repave` share.
#[derive(Debug, Args)]
pub struct OperationArgs {
    /// Which.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Wait for the end, telling each step on standard error: `--wait` until the operation is done, `--wait=ready` until
    /// the Machines are Ready after it
    #[arg(
        long,
        env = "METALMAN_WAIT",
        value_enum,
        value_name = "UNTIL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "done",
        conflicts_with = "dry_run"
    )]
    pub wait: Option<WaitFor>,
    /// How long to wait, such as 90s or 1h30m [default: until it is done or given up]
    #[arg(long, env = "METALMAN_TIMEOUT", value_name = "DURATION", requires = "wait")]
    pub timeout: Option<String>,
    /// Let the API server check everything and store nothing
    #[arg(long, env = "METALMAN_DRY_RUN")]
    pub dry_run: bool,
    /// Form of the output
    #[arg(short, long, env = "METALMAN_OUTPUT", value_enum, default_value_t = OutputFormat::Table)]
    pub output: OutputFormat,
    /// Where the Machines are.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// `metalman machine reboot`.
#[derive(Debug, Args)]
#[command(after_help = "\
A reboot is asked for by raising spec.operations.rebootCounter above what was asked for and done before; metalman of the
Machine's site carries it out. A Machine that is Failed is armed again by it.

Exit codes:
  0    asked for; with --wait: done
  1    refused, or with --wait: given up; the message says why
  2    wrong usage: nothing was changed
  3    not done within --timeout; it goes on all the same
  130  interrupted while waiting; it goes on all the same

Examples:
  kubectl metalman machine reboot n1 --wait --timeout 10m
  kubectl metalman machine reboot -l zone=a --site rack-7 --dry-run")]
pub struct RebootArgs {
    /// What, and how to wait for it.
    #[command(flatten)]
    pub operation: OperationArgs,
}

/// `metalman machine repave`.
#[derive(Debug, Args)]
#[command(after_help = "\
A repave installs the Machine anew from its netboot image: its disk is wiped. It is asked for by raising both counters in
spec.operations. A Machine that is Failed is armed again by it.

On a terminal it asks before anything is changed. Without one (in a script, in a pipe) it refuses unless --yes is given.

Exit codes:
  0    asked for; with --wait: done
  1    refused, not confirmed, or with --wait: given up; the message says why
  2    wrong usage: nothing was changed
  3    not done within --timeout; it goes on all the same
  130  interrupted while waiting; it goes on all the same

Examples:
  # Install, and be back when the Node is Ready
  kubectl metalman machine repave n1 --yes --wait=ready --timeout 1h

  # What would be asked for
  kubectl metalman machine repave -l zone=a --dry-run -o yaml")]
pub struct RepaveArgs {
    /// What, and how to wait for it.
    #[command(flatten)]
    pub operation: OperationArgs,
    /// Wipe the disks without asking
    #[arg(short, long, env = "METALMAN_YES")]
    pub yes: bool,
}
