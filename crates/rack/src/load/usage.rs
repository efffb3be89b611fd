//! What a server process and its children used: CPU seconds and peak resident memory, from /proc.

use std::fs;
use std::path::{Path, PathBuf};

use super::LoadError;

/// The kernel's `USER_HZ`, the unit of times in /proc; 100 on every architecture that Linux runs these servers on.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds, user and system, of a process, all its living descendants and those it has waited for.
pub fn cpu_seconds(pid: u32) -> Result<f64, LoadError> {
    let mut ticks = 0;
    for pid in family(pid)? {
        // A worker may have just ended; then its time is in its parent's.
        if let Ok(stat) = Stat::read(pid) {
            ticks += stat.ticks;
        }
    }
    #[allow(clippy::cast_precision_loss)]
    Ok(ticks as f64 / TICKS_PER_SECOND)
}

/// Peak resident memory (`VmHWM`) in bytes, summed over the process and its living descendants.
pub fn peak_bytes(pid: u32) -> Result<u64, LoadError> {
    let mut bytes = 0;
    for pid in family(pid)? {
        let path = PathBuf::from(format!("/proc/{pid}/status"));
        let status = fs::read_to_string(&path).map_err(|source| LoadError::Usage { path, source })?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok());
        bytes += kib.unwrap_or(0) * 1024;
    }
    Ok(bytes)
}

/// The process itself and its descendants.
fn family(pid: u32) -> Result<Vec<u32>, LoadError> {
    Stat::read(pid)?;
    let mut parents = Vec::new();
    let entries = fs::read_dir("/proc").map_err(|source| LoadError::Usage { path: "/proc".into(), source })?;
    for entry in entries.flatten() {
        if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok())
            && let Ok(stat) = Stat::read(pid)
        {
            parents.push((pid, stat.parent));
        }
    }
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    Ok(family)
}

struct Stat {
    parent: u32,
    ticks: u64,
}

impl Stat {
    fn read(pid: u32) -> Result<Self, LoadError> {
        let path = PathBuf::from(format!("/proc/{pid}/stat"));
        let text = fs::read_to_string(&path).map_err(|source| LoadError::Usage { path: path.clone(), source })?;
        Self::parse(&text).ok_or_else(|| malformed(&path))
    }

    /// proc(5): the name in parentheses may hold anything, so the fields are counted from its end. ppid is field 4; utime,
    /// stime, cutime and cstime are 14 to 17.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(number(4)?).ok()?,
            ticks: number(14)? + number(15)? + number(16)? + number(17)?,
        })
    }
}

fn malformed(path: &Path) -> LoadError {
    LoadError::Usage { path: path.to_owned(), source: std::io::ErrorKind::InvalidData.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_stat_line_whose_name_has_parentheses_and_spaces() {
        let line = "42 (a) (b c) S 7 42 42 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 5 6 7";
        let stat = Stat::parse(line).expect("parses");
        assert_eq!((stat.parent, stat.ticks), (7, 100));
    }

    #[test]
    fn sees_this_very_process() {
        assert!(peak_bytes(std::process::id()).expect("peak") > 100_000);
        assert!(cpu_seconds(std::process::id()).expect("cpu") >= 0.0);
    }
}
