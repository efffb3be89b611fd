//! Logs: to standard error, constant messages with fields, as text or JSON. Standard output belongs to results.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    cli::{LogArgs, LogFormat},
    config::ConfigError,
};

/// Sets logging up for the process. The flag wins over `RUST_LOG`, which wins over the command's default.
pub fn init(args: &LogArgs, default: &str) -> Result<(), ConfigError> {
    let from_env = std::env::var("RUST_LOG").ok().filter(|v| !v.is_empty());
    let filter = args.log_level.clone().filter(|v| !v.is_empty()).or(from_env).unwrap_or_else(|| default.to_owned());
    let filter = EnvFilter::builder().parse(&filter).map_err(|e| {
        ConfigError::new(
            "--log-level",
            &filter,
            format!("is not a filter: {e}"),
            "give one such as info or metalman=debug",
        )
    })?;
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let registry = tracing_subscriber::registry().with(filter);
    let outcome = match args.log_format {
        LogFormat::Text => registry.with(fmt::layer().with_writer(std::io::stderr).with_ansi(colours)).try_init(),
        LogFormat::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
        }
    };
    // A second subscriber in one process (tests) is no failure of this one's user.
    let _ = outcome;
    Ok(())
}
