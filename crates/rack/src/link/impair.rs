//! What becomes of a frame: a function of the seed and of how many frames came before it.

use std::time::Duration;

/// Thousandths of all frames.
pub type PerMille = u16;

/// What one direction of a link does to frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Impairment {
    /// How long each frame takes: half of the round trip.
    pub delay: Duration,
    /// Frames that never arrive.
    pub lost: PerMille,
    /// Frames that arrive twice, the second time up to `late` after the first.
    pub doubled: PerMille,
    /// Frames that take up to `late` longer, so that others overtake them.
    pub reordered: PerMille,
    /// See above.
    pub late: Duration,
    /// Bits in a second; none: without limit.
    pub rate: Option<u64>,
}

/// The fates of a direction's frames, one after another.
#[derive(Debug)]
pub(super) struct Fates {
    impairment: Impairment,
    state: u64,
}

/// What becomes of one frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fate {
    /// How much later than at once it arrives; none: never.
    pub(super) arrives: Option<Duration>,
    /// The same of its copy.
    pub(super) copy: Option<Duration>,
    pub(super) reordered: bool,
}

impl Fates {
    pub(super) fn new(impairment: Impairment, seed: u64) -> Self {
        Self { impairment, state: seed }
    }

    pub(super) fn next(&mut self) -> Fate {
        let Impairment { delay, lost, doubled, reordered, .. } = self.impairment;
        // Five rolls for each frame, used or not, so that changing one probability moves nothing else.
        let [loss, double, reorder] = std::array::from_fn(|_| self.roll(1000));
        let [late, later] = std::array::from_fn(|_| self.lateness());
        if loss < u64::from(lost) {
            return Fate::default();
        }
        let reordered = reorder < u64::from(reordered);
        let arrives = if reordered { delay + late } else { delay };
        let copy = (double < u64::from(doubled)).then(|| arrives + later);
        Fate { arrives: Some(arrives), copy, reordered }
    }

    fn lateness(&mut self) -> Duration {
        let most = u64::try_from(self.impairment.late.as_nanos()).unwrap_or(u64::MAX - 1);
        Duration::from_nanos(self.roll(most + 1))
    }

    fn roll(&mut self, sides: u64) -> u64 {
        random(&mut self.state) % sides
    }
}

/// The next of a sequence of pseudo-random numbers (`SplitMix64`).
pub(crate) fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
