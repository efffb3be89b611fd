//! `metalman machine …`.

mod register;
mod table;

use anyhow::Context;
use jiff::Timestamp;
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use metalman_core::api::{Machine, labels};
use serde_json::json;

use super::print;
use crate::{
    cli::{ClusterArgs, ListArgs, MachineCommand, OutputFormat, RegisterArgs, StatusArgs},
    client,
    config::check_site,
    exit::UsageError,
};

/// What `-o name` and messages call a Machine.
fn long_name(machine: &Machine) -> String {
    format!("machine.{}/{}", metalman_core::api::GROUP, machine.name())
}

pub(super) async fn run(command: MachineCommand) -> anyhow::Result<()> {
    match command {
        MachineCommand::List(args) => list(args).await,
        MachineCommand::Status(args) => status(args).await,
        MachineCommand::Register(args) => register(*args).await,
    }
}

/// The Machines of the cluster, and the API server's URL for messages.
async fn connect(args: &ClusterArgs) -> anyhow::Result<(Api<Machine>, String)> {
    let source = crate::config::cluster_of(args, &crate::config::read_host())?;
    let connection = client::connect(&source).await?;
    Ok((Api::all(connection.client), connection.url))
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let mut selectors: Vec<String> = args.selector.into_iter().collect();
    if let Some(site) = &args.site {
        selectors.push(format!("{}={}", labels::SITE, check_site(site)?));
    }
    let (api, url) = connect(&args.cluster).await?;
    let mut params = ListParams::default().labels(&selectors.join(",")).limit(500);
    let mut machines = Vec::new();
    loop {
        let page = api.list(&params).await.with_context(|| format!("cannot list machines at {url}"))?;
        machines.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params.continue_token = Some(token),
            None => break,
        }
    }
    match args.output {
        OutputFormat::Table | OutputFormat::Wide if machines.is_empty() => {
            let _ = std::io::Write::write_all(&mut anstream::stderr(), b"No machines found\n");
            Ok(())
        }
        OutputFormat::Table | OutputFormat::Wide => {
            print::text(&table::machines(&machines, args.output == OutputFormat::Wide, Timestamp::now()))
        }
        OutputFormat::Name => print::text(&machines.iter().map(|m| long_name(m) + "\n").collect::<String>()),
        format => print::value(
            &json!({ "apiVersion": "v1", "kind": "List", "items": machines }),
            format == OutputFormat::Yaml,
        ),
    }
}

async fn status(args: StatusArgs) -> anyhow::Result<()> {
    let (api, url) = connect(&args.cluster).await?;
    let machine = api.get(&args.name).await.with_context(|| format!("cannot read machine {} at {url}", args.name))?;
    match args.output {
        OutputFormat::Table | OutputFormat::Wide => print::text(&table::status(&machine, Timestamp::now())),
        format => print_machine(&machine, format),
    }
}

async fn register(args: RegisterArgs) -> anyhow::Result<()> {
    let machine = register::machine(&args)?;
    let (api, url) = connect(&args.cluster).await?;
    let params = PostParams { dry_run: args.dry_run, field_manager: Some("metalman-cli".into()) };
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

fn print_machine(machine: &Machine, format: OutputFormat) -> anyhow::Result<()> {
    match format {
        OutputFormat::Name => print::text(&format!("{}\n", long_name(machine))),
        format => print::value(&serde_json::to_value(machine)?, format == OutputFormat::Yaml),
    }
}

fn usage(text: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(UsageError(text.into()))
}

#[cfg(test)]
mod tests;
