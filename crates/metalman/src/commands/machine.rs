//! `metalman machine …`: everything here goes through the Kubernetes API; no BMC is talked to.

mod changes;
mod choice;
mod confirm;
mod follow;
mod operate;
mod progress;
mod raise;
mod register;
mod status;
mod table;
mod wait;
mod watch;

use anyhow::Context;
use jiff::Timestamp;
use kube::{Api, api::PostParams};
use metalman_core::api::Machine;
use serde_json::json;

use self::choice::Choice;
use super::print;
use crate::{
    cli::{ClusterArgs, ListArgs, MachineCommand, OutputFormat, PowerArgs, RegisterArgs, StatusArgs},
    client,
    exit::UsageError,
};

/// Who writes what is written here.
const FIELD_MANAGER: &str = "metalman-cli";

/// What `-o name` and messages call a Machine.
fn long_name(machine: &Machine) -> String {
    format!("machine.{}/{}", metalman_core::api::GROUP, machine.name())
}

pub(super) async fn run(command: MachineCommand) -> anyhow::Result<()> {
    match command {
        MachineCommand::List(args) => list(args).await,
        MachineCommand::Status(args) => status(args).await,
        MachineCommand::Register(args) => register(*args).await,
        MachineCommand::Watch(args) => watch::run(args).await,
        MachineCommand::Power(args) => power(args).await,
        MachineCommand::Reboot(args) => operate::reboot(args).await,
        MachineCommand::Repave(args) => operate::repave(args).await,
    }
}

/// The Machines of the cluster, and the API server's URL for messages.
async fn connect(args: &ClusterArgs) -> anyhow::Result<(Api<Machine>, String)> {
    let source = crate::config::cluster_of(args, &crate::config::read_host())?;
    let connection = client::connect(&source).await?;
    Ok((Api::all(connection.client), connection.url))
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let choice = Choice::new(Vec::new(), args.selector.as_deref(), &args.sites)?;
    let (api, url) = connect(&args.cluster).await?;
    let mut machines = choice.find(&api, &url).await?;
    if !args.phases.is_empty() {
        machines.retain(|machine| {
            let phase = machine.status.as_ref().and_then(|status| status.phase);
            phase.is_some_and(|phase| args.phases.contains(&phase))
        });
    }
    print_many(&machines, args.output, table::machines)
}

async fn status(args: StatusArgs) -> anyhow::Result<()> {
    let (api, url) = connect(&args.cluster).await?;
    let machine = api.get(&args.name).await.with_context(|| format!("cannot read machine {} at {url}", args.name))?;
    match args.output {
        OutputFormat::Table | OutputFormat::Wide => print::text(&status::status(&machine, Timestamp::now())),
        format => print_machine(&machine, format),
    }
}

async fn power(args: PowerArgs) -> anyhow::Result<()> {
    let choice = Choice::new(args.choice.names, args.choice.selector.as_deref(), &args.choice.sites)?;
    let (api, url) = connect(&args.cluster).await?;
    print_many(&choice.find(&api, &url).await?, args.output, table::power)
}

async fn register(args: RegisterArgs) -> anyhow::Result<()> {
    let machine = register::machine(&args)?;
    let (api, url) = connect(&args.cluster).await?;
    let params = PostParams { dry_run: args.dry_run, field_manager: Some(FIELD_MANAGER.into()) };
    let made = api
        .create(&params, &machine)
        .await
        .with_context(|| format!("cannot register machine {} at {url}", args.name))?;
    match args.output {
        OutputFormat::Table | OutputFormat::Wide => {
            let note = if args.dry_run { " (server dry run)" } else { "" };
            print::text(&format!("{} registered{note}\n", long_name(&made)))
        }
        format => print_machine(&made, format),
    }
}

/// Machines in one of the forms, the table made by `table` (whether wide, and as of when).
fn print_many(
    machines: &[Machine],
    output: OutputFormat,
    table: impl Fn(&[Machine], bool, Timestamp) -> String,
) -> anyhow::Result<()> {
    match output {
        OutputFormat::Table | OutputFormat::Wide if machines.is_empty() => {
            note("No machines found");
            Ok(())
        }
        OutputFormat::Table | OutputFormat::Wide => {
            print::text(&table(machines, output == OutputFormat::Wide, Timestamp::now()))
        }
        OutputFormat::Name => print::text(&machines.iter().map(|m| long_name(m) + "\n").collect::<String>()),
        format => print::value(
            &json!({ "apiVersion": "v1", "kind": "List", "items": machines }),
            format == OutputFormat::Yaml,
        ),
    }
}

fn print_machine(machine: &Machine, format: OutputFormat) -> anyhow::Result<()> {
    match format {
        OutputFormat::Name => print::text(&format!("{}\n", long_name(machine))),
        format => print::value(&serde_json::to_value(machine)?, format == OutputFormat::Yaml),
    }
}

/// A line for people beside the results. Nobody there to read it is no failure.
fn note(line: &str) {
    let _ = std::io::Write::write_all(&mut anstream::stderr(), format!("{line}\n").as_bytes());
}

fn usage(text: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(UsageError(text.into()))
}

#[cfg(test)]
mod tests;
