//! `rack link`: a bad link, for scripts.

use std::{io::Write as _, time::Duration};

use clap::Args;
use rack::link::{Config, Impairment, Link};

#[derive(Debug, Args)]
pub(crate) struct LinkArgs {
    /// Names of the interfaces, which appear in this network namespace and may be moved into others.
    #[arg(long, num_args = 2, value_names = ["LEFT", "RIGHT"])]
    ends: Vec<String>,
    /// How long a frame takes, in milliseconds: half of the round trip.
    #[arg(long, default_value_t = 0.0)]
    delay_ms: f64,
    /// Of a thousand frames, so many are lost.
    #[arg(long, default_value_t = 0)]
    lost: u16,
    /// Makes the losses repeatable.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Carries frames for ever.
pub(crate) fn run(args: LinkArgs) -> anyhow::Result<()> {
    let delay = Duration::from_secs_f64(args.delay_ms / 1e3);
    let impairment = Impairment { delay, lost: args.lost, ..Impairment::default() };
    let Ok([left, right]) = <[String; 2]>::try_from(args.ends) else { anyhow::bail!("--ends needs two names") };
    let _link = Link::start(Config::symmetric(left, right, impairment, args.seed))?;
    writeln!(std::io::stdout(), "ready")?;
    loop {
        std::thread::park();
    }
}
