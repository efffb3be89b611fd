//! `metalman machine reboot` and `repave`.

use std::{collections::BTreeMap, time::Duration};

use metalman_core::api::Machine;

use super::{
    choice::Choice,
    confirm, connect, long_name, note, print_machine, print_many,
    progress::Target,
    raise::{self, Operation},
    table, usage,
    wait::{Awaited, Patience, wait},
};
use crate::{
    cli::{OperationArgs, OutputFormat, RebootArgs, RepaveArgs, WaitFor},
    commands::print,
    config::parse_go_duration,
};

pub(super) async fn reboot(args: RebootArgs) -> anyhow::Result<()> {
    run(Operation::Reboot, args.operation, true).await
}

pub(super) async fn repave(args: RepaveArgs) -> anyhow::Result<()> {
    run(Operation::Repave, args.operation, args.yes).await
}

async fn run(operation: Operation, args: OperationArgs, confirmed: bool) -> anyhow::Result<()> {
    let timeout = args.timeout.as_deref().map(timeout).transpose()?;
    let names_given = !args.target.names.is_empty();
    let choice = Choice::new(args.target.names.clone(), args.target.selector.as_deref(), &args.target.sites)?;
    let (api, url) = connect(&args.cluster).await?;
    let chosen = choice.find(&api, &url).await?;
    if chosen.is_empty() {
        anyhow::bail!("no machine has the labels {:?}: nothing was changed", args.target.selector.unwrap_or_default());
    }
    if !confirmed && !args.dry_run {
        confirm::wiping(&chosen)?;
    }
    let mut raised = Vec::new();
    let mut refused = Vec::new();
    for machine in &chosen {
        match raise::raise(&api, machine, operation, args.dry_run).await {
            Ok(machine) => raised.push(machine),
            Err(error) => refused.push(error),
        }
    }
    let is_table = matches!(args.output, OutputFormat::Table | OutputFormat::Wide);
    if is_table {
        asked(&raised, operation, args.dry_run, args.wait.is_some())?;
    }
    let mut outcome = Ok(());
    if let Some(until) = args.wait {
        let mut awaited: BTreeMap<String, Awaited> = raised.iter().map(|machine| of(machine, operation)).collect();
        if !awaited.is_empty() {
            let patience = Patience { until, timeout };
            outcome =
                wait(api, &mut awaited, patience, |done| if is_table { ended(done, until) } else { Ok(()) }).await;
        }
        raised = awaited.into_values().map(|awaited| awaited.machine).collect();
    }
    if !is_table {
        match raised.as_slice() {
            [one] if names_given && chosen.len() == 1 => print_machine(one, args.output)?,
            several => print_many(several, args.output, table::machines)?,
        }
    }
    told(outcome, refused)
}

fn of(raised: &Machine, operation: Operation) -> (String, Awaited) {
    let target = Target::of(raised, operation);
    (raised.name().to_owned(), Awaited { target, machine: raised.clone() })
}

/// Says what was asked for: the result, unless its end is awaited.
fn asked(raised: &[Machine], operation: Operation, dry_run: bool, waits: bool) -> anyhow::Result<()> {
    let dry = if dry_run { " (server dry run)" } else { "" };
    for machine in raised {
        let (word, counter) = (operation.as_str(), Target::of(machine, operation).counter());
        let line = format!("{} {word} {counter} asked for{dry}", long_name(machine));
        if waits {
            note(&line);
        } else {
            print::text(&(line + "\n"))?;
        }
    }
    Ok(())
}

fn ended(done: &Awaited, until: WaitFor) -> anyhow::Result<()> {
    let word = match (done.target.operation, until) {
        (Operation::Reboot, WaitFor::Done) => "rebooted",
        (Operation::Repave, WaitFor::Done) => "repaved",
        (Operation::Reboot, WaitFor::Ready) => "rebooted and ready",
        (Operation::Repave, WaitFor::Ready) => "repaved and ready",
    };
    print::text(&format!("{} {word}\n", long_name(&done.machine)))
}

/// Refusals go before what came of waiting for the others.
fn told(outcome: anyhow::Result<()>, refused: Vec<anyhow::Error>) -> anyhow::Result<()> {
    let mut refused = refused.into_iter();
    let Some(first) = refused.next() else { return outcome };
    let others = refused.chain(outcome.err());
    others.for_each(|error| note(&format!("error: {}", crate::explain::explain(error.as_ref()))));
    Err(first)
}

fn timeout(text: &str) -> anyhow::Result<Duration> {
    let refuse = |why: String| usage(format!("--timeout {text:?}: {why}; give a duration such as 90s or 1h30m"));
    match parse_go_duration(text) {
        Ok(timeout) if timeout.is_zero() => Err(refuse("would never wait".to_owned())),
        Ok(timeout) => Ok(timeout),
        Err(error) => Err(refuse(error.to_string())),
    }
}
