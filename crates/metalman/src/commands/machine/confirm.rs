//! Asking before disks are wiped.

use std::{
    fmt::Write as _,
    io::{BufRead, IsTerminal, Write},
};

use metalman_core::api::{Machine, Phase};

use super::usage;

/// Machines that are named; more are counted.
const NAMED: usize = 10;

/// Asks the person at the terminal; without one, refuses. Nothing was changed when this fails.
pub(super) fn wiping(machines: &[Machine]) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        return Err(usage("a repave wipes disks, and there is no terminal to ask at; give --yes. Nothing was changed"));
    }
    let mut screen = anstream::stderr();
    write!(screen, "{}", question(machines))?;
    screen.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if !is_yes(&answer) {
        anyhow::bail!("not confirmed; nothing was changed");
    }
    Ok(())
}

pub(super) fn question(machines: &[Machine]) -> String {
    let mut text = match machines.len() {
        1 => "This wipes the disk of 1 machine and installs it anew:\n".to_owned(),
        count => format!("This wipes the disks of {count} machines and installs them anew:\n"),
    };
    for machine in machines.iter().take(NAMED) {
        let phase = machine.status.as_ref().and_then(|status| status.phase).map_or("no phase", Phase::as_str);
        let facts: Vec<&str> = [machine.site(), machine.host(), Some(phase)].into_iter().flatten().collect();
        let _ = writeln!(text, "  {} ({})", machine.name(), facts.join(", "));
    }
    if machines.len() > NAMED {
        let _ = writeln!(text, "  and {} more", machines.len() - NAMED);
    }
    text + "Go on? [y/N] "
}

pub(super) fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}
