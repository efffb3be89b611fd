//! How patient the lifecycle is, from flags.

use std::time::Duration;

use metalman_core::lifecycle::Policy;

use super::{ConfigError, duration::parse_go_duration};
use crate::{cli::ServePxeArgs, lifecycle::LifecycleConfig};

/// Machines that are looked at at once, unless told otherwise: ten dead BMCs and their patience take none from others.
const AT_ONCE: usize = 256;

/// Checks what concerns power and draining.
pub(super) fn lifecycle(args: &ServePxeArgs) -> Result<LifecycleConfig, ConfigError> {
    let defaults = Policy::default();
    let drain_timeout = duration("--drain-timeout", args.drain_timeout.as_ref(), Duration::from_mins(10), "10m")?;
    let policy = Policy {
        drain: (args.drain == Some(true)).then_some(drain_timeout),
        power_confirmation: duration(
            "--power-timeout",
            args.power_timeout.as_ref(),
            defaults.power_confirmation,
            "5m",
        )?,
        power_again: duration("--power-retry-period", args.power_retry_period.as_ref(), defaults.power_again, "30s")?,
        settled: duration("--power-settle-time", args.power_settle_time.as_ref(), defaults.settled, "5s")?,
        look: duration("--bmc-poll-period", args.bmc_poll_period.as_ref(), defaults.look, "2s")?,
        idle_look: duration("--bmc-idle-poll-period", args.bmc_idle_poll_period.as_ref(), defaults.idle_look, "5m")?,
        ..defaults
    };
    if policy.power_again >= policy.power_confirmation {
        return Err(ConfigError::new(
            "--power-retry-period",
            args.power_retry_period.as_deref().unwrap_or("30s"),
            "is not shorter than --power-timeout, so a lost power command would never be sent again",
            "lengthen the one or shorten the other",
        ));
    }
    let at_once = args.bmc_concurrency.as_deref().map_or(Ok(AT_ONCE), |text| {
        text.parse().ok().filter(|count| (1..=10_000).contains(count)).ok_or_else(|| {
            ConfigError::new("--bmc-concurrency", text, "is not a number from 1 to 10000", "give a number such as 256")
        })
    })?;
    Ok(LifecycleConfig { policy, at_once })
}

fn duration(
    flag: &'static str,
    given: Option<&String>,
    default: Duration,
    example: &str,
) -> Result<Duration, ConfigError> {
    let Some(text) = given else { return Ok(default) };
    let refuse = |problem: String| ConfigError::new(flag, text, problem, format!("give a duration such as {example}"));
    let duration = parse_go_duration(text).map_err(|error| refuse(error.to_string()))?;
    if duration < Duration::from_millis(100) {
        return Err(refuse("is under a tenth of a second".to_owned()));
    }
    Ok(duration)
}
