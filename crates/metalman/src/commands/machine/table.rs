//! Tables and ages, in the manner of kubectl.

use std::fmt::Write as _;

use comfy_table::{Table, presets::NOTHING};
use jiff::Timestamp;
use metalman_core::api::{Machine, MachineStatus, Phase};

/// What an empty cell shows.
const NONE: &str = "<none>";

/// The list of Machines.
pub(super) fn machines(machines: &[Machine], wide: bool, now: Timestamp) -> String {
    let mut headers = vec!["NAME", "PHASE", "HOST", "POWER", "SITE", "AGE"];
    if wide {
        headers.extend(["IMAGE", "K8S VERSION", "MESSAGE"]);
    }
    let rows = machines.iter().map(|machine| {
        let status = machine.status.as_ref();
        let mut row = vec![
            machine.name().to_owned(),
            cell(status.and_then(|s| s.phase).map(Phase::as_str)),
            cell(machine.host()),
            cell(status.and_then(|s| s.power.as_deref())),
            cell(machine.site()),
            age(machine, now),
        ];
        if wide {
            row.push(cell(machine.spec.pxe.as_ref().map(|pxe| pxe.image.as_str())));
            row.push(cell(machine.spec.kubernetes.as_ref().and_then(|k| k.version.as_deref())));
            row.push(cell(status.and_then(|s| s.message.as_deref())));
        }
        row
    });
    render(headers, rows)
}

/// One Machine in detail.
pub(super) fn status(machine: &Machine, now: Timestamp) -> String {
    let nothing = MachineStatus::default();
    let status = machine.status.as_ref().unwrap_or(&nothing);
    let (wanted, done) = (machine.wanted_counters(), machine.done_counters());
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{:<12}{value}", format!("{name}:"));
    };
    line("Name", machine.name().to_owned());
    line("Site", cell(machine.site()));
    line("Phase", cell(status.phase.map(Phase::as_str)));
    line("Message", cell(status.message.as_deref()));
    line("Host", cell(machine.host()));
    line("Power", cell(status.power.as_deref()));
    line("Image", cell(machine.spec.pxe.as_ref().map(|pxe| pxe.image.as_str())));
    line("Node", machine.node_name().to_owned());
    line("Reboots", format!("{} of {} done", done.reboot, wanted.reboot));
    line("Repaves", format!("{} of {} done", done.repave, wanted.repave));
    line("Age", age(machine, now));
    if status.conditions.is_empty() {
        return text + "\nNo conditions yet.\n";
    }
    let rows = status.conditions.iter().map(|condition| {
        let since = condition.last_transition_time.as_ref().map(|time| human(now, time.0));
        vec![
            condition.type_.clone(),
            condition.status.as_str().to_owned(),
            condition.reason.clone(),
            cell(since.as_deref()),
            condition.message.clone(),
        ]
    });
    text + "\n" + &render(vec!["CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE"], rows)
}

fn cell(text: Option<&str>) -> String {
    text.filter(|t| !t.is_empty()).unwrap_or(NONE).to_owned()
}

fn age(machine: &Machine, now: Timestamp) -> String {
    machine.metadata.creation_timestamp.as_ref().map_or_else(|| "<unknown>".to_owned(), |time| human(now, time.0))
}

fn render(headers: Vec<&str>, rows: impl Iterator<Item = Vec<String>>) -> String {
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
    let seconds = now.duration_since(then).as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |a: i64, unit: char, b: i64, small: char| {
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
