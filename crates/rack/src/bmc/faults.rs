//! What goes wrong with a BMC: set by a test ([`Faults`]), or drawn from a seed ([`Chaos`]). Pure: the fate of a request is a
//! function of the seed and of how many requests came before it.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::link::{PerMille, random};

/// Whether a BMC can be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// It answers.
    #[default]
    Answers,
    /// It takes connections and requests, and never says anything.
    Silent,
    /// It takes connections and closes them.
    Drops,
    /// Nobody listens at its port.
    Refuses,
}

/// Faults that hold until they are changed or used up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// Whether it can be reached.
    pub reach: Reach,
    /// Every answer comes so late.
    pub delay: Duration,
    /// So many requests are answered with this status, an error with `Retry-After` when it is 503.
    pub errors: Option<(u32, u16)>,
    /// So many resets are answered as if they were carried out, and are not.
    pub ignored_resets: u32,
    /// So many changes of the boot override are answered as if they were carried out, and are not.
    pub ignored_overrides: u32,
    /// So many tasks end in an exception, though their operation is carried out.
    pub failing_tasks: u32,
    /// The power state is shown so late.
    pub power_lag: Duration,
}

/// Faults by chance, in thousandths of the requests, the same ones with every run of the same requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chaos {
    /// Where the dice start.
    pub seed: u64,
    /// An answer that comes `delay` late.
    pub slow: PerMille,
    /// See above.
    pub delay: Duration,
    /// The beginning of `burst` answers of 500.
    pub errors: PerMille,
    /// See above; 0 is as 1.
    pub burst: u32,
    /// 503 with `Retry-After`.
    pub busy: PerMille,
    /// The connection ends without an answer.
    pub cut: PerMille,
    /// All sessions are gone.
    pub logouts: PerMille,
    /// The certificate is another one from the next connection on.
    pub rotations: PerMille,
    /// The next reset is accepted and ignored.
    pub ignored_resets: PerMille,
    /// The next change of the boot override is accepted and ignored.
    pub ignored_overrides: PerMille,
    /// A reset after which the power state is shown `lag` late.
    pub stale: PerMille,
    /// See above.
    pub lag: Duration,
    /// After so many faults, no more; 0 is without limit.
    pub most: u32,
}

impl Chaos {
    /// The same rate of everything but rotated certificates, which no client may accept unasked.
    pub fn uniform(seed: u64, rate: PerMille) -> Self {
        Self {
            seed,
            slow: rate,
            delay: Duration::from_millis(500),
            errors: rate,
            burst: 3,
            busy: rate,
            cut: rate,
            logouts: rate,
            rotations: 0,
            ignored_resets: rate,
            ignored_overrides: rate,
            stale: rate,
            lag: Duration::from_secs(2),
            most: 0,
        }
    }
}

/// What befalls one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spell {
    pub(super) delay: Duration,
    /// Instead of the answer.
    pub(super) status: Option<u16>,
    pub(super) cut: bool,
    pub(super) log_out: bool,
    pub(super) rotate: bool,
    pub(super) power_lag: Duration,
    /// Which operations would come to nothing.
    doomed: Operations,
    /// Which of these were asked for.
    met: Operations,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Operations {
    reset: bool,
    boot: bool,
    task: bool,
}

impl Spell {
    pub(super) fn ignores_reset(&mut self) -> bool {
        self.met.reset |= self.doomed.reset;
        self.doomed.reset
    }

    pub(super) fn ignores_override(&mut self) -> bool {
        self.met.boot |= self.doomed.boot;
        self.doomed.boot
    }

    pub(super) fn fails_task(&mut self) -> bool {
        self.met.task |= self.doomed.task;
        self.doomed.task
    }
}

/// Faults, and the dice for more of them.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) set: Faults,
    chaos: Chaos,
    dice: u64,
    burst: u32,
    stale: bool,
    drawn: u32,
}

impl Trouble {
    pub(super) fn new(set: Faults, chaos: Chaos) -> Self {
        Self { set, chaos, dice: chaos.seed, burst: 0, stale: false, drawn: 0 }
    }

    /// How many faults the dice brought.
    pub(super) fn drawn(&self) -> u32 {
        self.drawn
    }

    /// The fate of the next request.
    pub(super) fn next(&mut self) -> Spell {
        let mut spell = self.draw();
        spell.delay += self.set.delay;
        spell.power_lag = spell.power_lag.max(self.set.power_lag);
        spell.doomed.reset |= self.set.ignored_resets > 0;
        spell.doomed.boot |= self.set.ignored_overrides > 0;
        spell.doomed.task = self.set.failing_tasks > 0;
        if let Some((left, status)) = self.set.errors {
            spell.status = Some(status);
            self.set.errors = (left > 1).then(|| (left - 1, status));
        }
        spell
    }

    /// Counts what of a fate came true.
    pub(super) fn settle(&mut self, spell: &Spell) {
        let count = |left: &mut u32, used: bool| *left -= u32::from(used && *left > 0);
        count(&mut self.set.ignored_resets, spell.met.reset);
        count(&mut self.set.ignored_overrides, spell.met.boot);
        count(&mut self.set.failing_tasks, spell.met.task);
    }

    fn draw(&mut self) -> Spell {
        let chaos = self.chaos;
        if chaos.most > 0 && self.drawn >= chaos.most {
            return Spell::default();
        }
        // One throw each, whatever came before: the sequence of a seed does not depend on its rates.
        let slow = self.throw(chaos.slow);
        let errors = self.throw(chaos.errors);
        let busy = self.throw(chaos.busy);
        let cut = self.throw(chaos.cut);
        let log_out = self.throw(chaos.logouts);
        let rotate = self.throw(chaos.rotations);
        let ignore_reset = self.throw(chaos.ignored_resets);
        let ignore_override = self.throw(chaos.ignored_overrides);
        // A stale view lasts until the dice end it: the one that is asked often meets both ends.
        if self.throw(chaos.stale) {
            self.stale = !self.stale;
        }
        if errors {
            self.burst = chaos.burst.max(1);
        }
        let failing = self.burst > 0;
        self.burst = self.burst.saturating_sub(1);
        let faults = [slow, failing, busy, cut, log_out, rotate, ignore_reset, ignore_override];
        self.drawn += faults.into_iter().map(u32::from).sum::<u32>();
        Spell {
            delay: if slow { chaos.delay } else { Duration::ZERO },
            status: if failing { Some(500) } else { busy.then_some(503) },
            cut,
            log_out,
            rotate,
            power_lag: if self.stale { chaos.lag } else { Duration::ZERO },
            doomed: Operations { reset: ignore_reset, boot: ignore_override, task: false },
            ..Spell::default()
        }
    }

    fn throw(&mut self, rate: PerMille) -> bool {
        random(&mut self.dice) % 1000 < u64::from(rate)
    }
}
