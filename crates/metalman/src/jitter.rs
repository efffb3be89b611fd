//! Pauses in which replicas do not keep step: they must not all come back at once to a server that they all lost.

use std::time::Duration;

/// A random pause between that many percent of the pause and all of it.
pub fn jittered(pause: Duration, percent: u32) -> Duration {
    let least = u128::from(percent.min(100)) * 10;
    let permille = least + uuid::Uuid::new_v4().as_u128() % (1001 - least);
    pause * u32::try_from(permille).unwrap_or(1000) / 1000
}

#[cfg(test)]
mod tests;
