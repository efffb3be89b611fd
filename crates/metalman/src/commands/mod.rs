//! The commands: from a parsed command line to an exit code.
//!
//! Results go to standard output, everything else to standard error; a reader that closes standard output early (`| head`)
//! is no failure.

mod image;
mod machine;
mod manifests;
mod print;

use std::{ffi::OsString, process::ExitCode};

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::{ApiserverArgs, Cli, Command, command_for},
    config::{read_host, resolve, resolve_listen},
    exit, logging, serve, standalone, supervise,
};

/// Runs a command line.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::parse_from_args(args.clone()) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors, and clap prints them to standard output.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::OK });
        }
    };
    match run(cli, args.first()) {
        Ok(()) => ExitCode::from(exit::OK),
        Err(error) => {
            print::error(&error);
            exit::code(&error)
        }
    }
}

fn run(cli: Cli, argv0: Option<&OsString>) -> anyhow::Result<()> {
    let is_server = matches!(cli.command, Command::ServePxe(_) | Command::Apiserver(_));
    // These libraries log as an error what is tried again or told by the command itself.
    let quiet = "kube_client=off,rustls_platform_verifier=off";
    let level = if is_server { "info" } else { "warn,metalman::watch=off" };
    logging::init(&cli.log, &format!("{level},{quiet}"))?;
    match cli.command {
        Command::ServePxe(args) => {
            let config = resolve(&args, &read_host())?;
            block_on(serve::run(config))
        }
        Command::Apiserver(args) => block_on(run_apiserver(args)),
        Command::Machine(command) => block_on(machine::run(command)),
        Command::Image(command) => block_on(image::run(command)),
        Command::Manifests(args) => manifests::run(&args),
        Command::Completions { shell } => {
            let mut command = command_for(argv0);
            let name = command.get_name().to_owned();
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command, name, &mut script);
            print::text(&String::from_utf8_lossy(&script))
        }
        Command::Version => print::text(&format!("metalman {}\n", env!("CARGO_PKG_VERSION"))),
    }
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("the runtime does not start")?;
    let outcome = runtime.block_on(work);
    // Blocking work that hangs (name resolution) must not keep a stopped process alive.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    outcome
}

/// `metalman apiserver`.
async fn run_apiserver(args: ApiserverArgs) -> anyhow::Result<()> {
    let config = resolve_listen(&args, &read_host())?;
    let stop = CancellationToken::new();
    supervise::stop_on_signals(stop.clone()).context("signals cannot be listened to")?;
    let kubeconfig = config.data_dir.join("kubeconfig");
    let server = standalone::start(apiserver::server::Config {
        data_dir: config.data_dir,
        listen: config.listen,
        names: config.names,
        advertise_url: config.advertise_url,
    })
    .await?;
    tracing::info!(kubeconfig = %kubeconfig.display(), "use it with this kubeconfig");
    server.run(stop).await.context("the API server failed")
}
