//! Tables and ages, in the manner of kubectl.

use std::time::Duration;

use comfy_table::{Table, presets::NOTHING};
use jiff::Timestamp;
use metalman_core::{
    api::{Machine, Phase, conditions::BMC_REACHABLE},
    lifecycle::{
        advice::standing,
        timeline::{self, Step},
    },
};

/// What an empty cell shows.
pub(super) const NONE: &str = "<none>";

/// The list of Machines.
pub(super) fn machines(machines: &[Machine], wide: bool, now: Timestamp) -> String {
    let mut headers = vec!["NAME", "PHASE", "HOST", "K8S VERSION", "POWER", "STEP", "SITE", "AGE"];
    if wide {
        headers.extend(["IMAGE", "MESSAGE"]);
    }
    let rows = machines.iter().map(|machine| {
        let status = machine.status.as_ref();
        let mut row = vec![
            machine.name().to_owned(),
            cell(status.and_then(|s| s.phase).map(Phase::as_str)),
            cell(machine.host()),
            cell(machine.spec.kubernetes.as_ref().and_then(|k| k.version.as_deref())),
            cell(status.and_then(|s| s.power.as_deref())),
            cell(step(machine, now).as_deref()),
            cell(machine.site()),
            age(machine, now),
        ];
        if wide {
            row.push(cell(machine.spec.pxe.as_ref().map(|pxe| pxe.image.as_str())));
            row.push(cell(status.and_then(|s| s.message.as_deref())));
        }
        row
    });
    render(headers, rows)
}

/// The power of Machines.
pub(super) fn power(machines: &[Machine], wide: bool, now: Timestamp) -> String {
    let mut headers = vec!["NAME", "POWER", "SWITCHED", "BMC", "CERTIFICATE", "OVERRIDE"];
    if wide {
        headers.extend(["URL", "MESSAGE"]);
    }
    let rows = machines.iter().map(|machine| {
        let status = machine.status.as_ref();
        let redfish = machine.spec.pxe.as_ref().and_then(|pxe| pxe.redfish.as_ref());
        let learned = status.and_then(|status| status.redfish.as_ref());
        let pinned = redfish.and_then(|redfish| redfish.cert_fingerprint.as_deref()).filter(|pin| !pin.is_empty());
        let pinned = pinned.or_else(|| learned?.cert_fingerprint.as_deref());
        let mut row = vec![
            machine.name().to_owned(),
            cell(status.and_then(|s| s.power.as_deref())),
            cell(switched(machine).map(|time| human(now, time) + " ago").as_deref()),
            bmc(machine, now),
            cell(pinned.map(|pin| if wide { pin.to_owned() } else { shortened(pin) }).as_deref()),
            cell(learned.and_then(|learned| learned.boot_override.as_deref())),
        ];
        if wide {
            row.push(cell(redfish.map(|redfish| redfish.url.as_str())));
            row.push(cell(status.and_then(|s| s.condition(BMC_REACHABLE)).map(|c| c.message.as_str())));
        }
        row
    });
    render(headers, rows)
}

/// When metalman saw the power become what it is, if it switched it.
fn switched(machine: &Machine) -> Option<Timestamp> {
    let status = machine.status.as_ref()?;
    let step = match status.power.as_deref()? {
        "On" => Step::PowerOn,
        "Off" => Step::PowerOff,
        _ => return None,
    };
    timeline::time(status, step)
}

/// Whether its BMC answers, and since when.
fn bmc(machine: &Machine, now: Timestamp) -> String {
    if machine.spec.pxe.as_ref().is_none_or(|pxe| pxe.redfish.is_none()) {
        return NONE.to_owned();
    }
    if let Some(provider) = machine.provider() {
        return format!("left to {provider}");
    }
    let Some(condition) = machine.status.as_ref().and_then(|status| status.condition(BMC_REACHABLE)) else {
        return "not asked yet".to_owned();
    };
    let since =
        condition.last_transition_time.as_ref().map_or_else(String::new, |time| " ".to_owned() + &human(now, time.0));
    condition.reason.clone() + &since
}

/// The beginning of a fingerprint.
fn shortened(fingerprint: &str) -> String {
    const SHOWN: usize = "aa:bb:cc:dd".len();
    fingerprint.get(..SHOWN).map_or_else(|| fingerprint.to_owned(), |start| format!("{start}:…"))
}

/// The step that a boot under way got to, and how long ago.
fn step(machine: &Machine, now: Timestamp) -> Option<String> {
    let standing = standing(machine, now)?;
    let stuck = if standing.is_stuck() { " (stuck)" } else { "" };
    Some(format!("{} {}{stuck}", standing.step, spoken(standing.waited)))
}

pub(super) fn cell(text: Option<&str>) -> String {
    text.filter(|t| !t.is_empty()).unwrap_or(NONE).to_owned()
}

pub(super) fn age(machine: &Machine, now: Timestamp) -> String {
    machine.metadata.creation_timestamp.as_ref().map_or_else(|| "<unknown>".to_owned(), |time| human(now, time.0))
}

pub(super) fn render(headers: Vec<&str>, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(headers);
    for row in rows {
        // A message of several lines would break the table.
        table.add_row(row.into_iter().map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" ")));
    }
    let columns = table.column_count();
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index + 1 == columns { 0 } else { 3 }));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// A duration as kubectl shows ages: two units while it is young, one later.
pub(super) fn human(now: Timestamp, then: Timestamp) -> String {
    spoken(Duration::try_from(now.duration_since(then)).unwrap_or_default())
}

/// The same of a duration.
pub(super) fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |a: u64, unit: char, b: u64, small: char| {
        if b == 0 { format!("{a}{unit}") } else { format!("{a}{unit}{b}{small}") }
    };
    match (seconds, hours, days) {
        (0..120, ..) => format!("{seconds}s"),
        (120..600, ..) => two(minutes, 'm', seconds % 60, 's'),
        (_, 0..3, _) => format!("{minutes}m"),
        (_, 3..8, _) => two(hours, 'h', minutes % 60, 'm'),
        (_, 8..48, _) => format!("{hours}h"),
        (_, _, 2..8) => two(days, 'd', hours % 24, 'h'),
        (_, _, 8..730) => format!("{days}d"),
        _ => two(days / 365, 'y', days % 365, 'd'),
    }
}
