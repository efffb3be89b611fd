//! `metalman machine watch`.

use std::{
    collections::HashMap,
    io::{ErrorKind, Write},
};

use anyhow::Context;
use jiff::Timestamp;
use metalman_core::api::Machine;

use super::{
    changes::{self, Line},
    choice::Choice,
    connect,
    follow::{Sight, Sights},
    long_name, note,
};
use crate::cli::{OutputFormat, WatchArgs};

pub(super) async fn run(args: WatchArgs) -> anyhow::Result<()> {
    let choice = Choice::new(args.choice.names, args.choice.selector.as_deref(), &args.choice.sites)?;
    let (api, url) = connect(&args.cluster).await?;
    // What is refused for good (a name, a right that is missing) is told now; later failures pass.
    choice.find(&api, &url).await?;
    let mut sights = Sights::of(api, choice);
    let mut known: HashMap<String, Machine> = HashMap::new();
    let mut broken = false;
    while let Some(sight) = sights.next().await {
        let text = match sight {
            Sight::Is(machine) => {
                broken = false;
                let lines = lines(known.get(machine.name()), &machine, Timestamp::now());
                let text = told(&lines, Some(&machine), args.output)?;
                known.insert(machine.name().to_owned(), *machine);
                text
            }
            Sight::Gone(name) => {
                let gone = known.remove(&name);
                told(&[changes::deleted(&name, Timestamp::now())], gone.as_ref(), args.output)?
            }
            Sight::Broken(why) => {
                // Once for each outage, and nothing among the results.
                if !broken {
                    note(&format!("the API server does not answer, trying again: {why}"));
                }
                broken = true;
                continue;
            }
        };
        if !write(&text)? {
            break;
        }
    }
    Ok(())
}

fn lines(before: Option<&Machine>, after: &Machine, now: Timestamp) -> Vec<Line> {
    match before {
        Some(before) if before.metadata.uid == after.metadata.uid => changes::changes(before, after, now),
        _ => vec![changes::seen(after, now)],
    }
}

/// The changes of one Machine in the form asked for.
fn told(lines: &[Line], machine: Option<&Machine>, output: OutputFormat) -> anyhow::Result<String> {
    let mut text = String::new();
    match (output, machine) {
        (OutputFormat::Table | OutputFormat::Wide, _) => {
            for line in lines {
                text += &(line.to_string()
                    + "
");
            }
        }
        (OutputFormat::Json, _) => {
            for line in lines {
                text += &(serde_json::to_string(line)? + "\n");
            }
        }
        (OutputFormat::Name, Some(machine)) if !lines.is_empty() => text = long_name(machine) + "\n",
        (OutputFormat::Yaml, Some(machine)) if !lines.is_empty() => {
            text = format!("---\n{}", serde_saphyr::to_string(machine).context("a machine cannot be written as YAML")?);
        }
        _ => {}
    }
    Ok(text)
}

/// Writes to standard output; says whether anybody still reads it.
fn write(text: &str) -> anyhow::Result<bool> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("standard output cannot be written"),
    }
}
