//! What a decision is made of, and what comes of it.

use super::bmc::{Bmc, BootTarget, PowerAction};
use super::node::NodeView;
use crate::api::MachineStatus;
use jiff::Timestamp;
use std::time::Duration;

/// Everything besides the Machine itself that a decision depends on.
#[derive(Clone, Debug)]
pub struct Circumstances<'a> {
    /// The wall clock: deadlines are kept in status, which outlives the process.
    pub now: Timestamp,
    /// What the BMC shows.
    pub bmc: &'a Bmc,
    /// How the last effect on this Machine went, as far as this process knows.
    pub last: Option<&'a Carried>,
    /// Its Node, when there is one.
    pub node: Option<&'a NodeView>,
    /// How patient to be.
    pub policy: &'a Policy,
}

/// How patient to be, and what to spare. The same for all Machines of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Drain a Node before its Machine is powered off; how long that may take.
    pub drain: Option<Duration>,
    /// How long a BMC gets to show the power state that it was asked for, before the attempt has failed.
    pub power_confirmation: Duration,
    /// How long to wait before a power command that shows no effect is sent again.
    pub power_again: Duration,
    /// How long a power state must be unchanged to count as settled.
    pub settled: Duration,
    /// How often to look at a BMC on which something is under way.
    pub look: Duration,
    /// How often to look at a BMC on which nothing is.
    pub idle_look: Duration,
    /// Silence after which cloud-init counts as lost.
    pub cloud_init_silence: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            drain: None,
            power_confirmation: Duration::from_mins(5),
            power_again: Duration::from_secs(30),
            settled: Duration::from_secs(5),
            look: Duration::from_secs(2),
            idle_look: Duration::from_mins(5),
            cloud_init_silence: Duration::from_mins(5),
        }
    }
}

/// One thing to be done now. Each is harmless when it is done again in the situation that it was decided in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Change the power of the Machine's system.
    Power(PowerAction),
    /// Have the next boot come from the network.
    SetBootOverride(BootTarget),
    /// Take back an override that metalman set.
    ClearBootOverride,
    /// Cordon the Node and evict what runs there. One pass, which says how much is left; asked for again until nothing is.
    Drain {
        /// The Node.
        node: String,
    },
    /// Take back a cordon of metalman's.
    Uncordon {
        /// The Node.
        node: String,
    },
}

/// An effect that was carried out, or tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// What.
    pub effect: Effect,
    /// When it ended.
    pub at: Timestamp,
    /// How.
    pub outcome: Outcome,
    /// How often in a row it was carried out with this outcome.
    pub times: u32,
}

/// How an effect went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted, and where it can be read back (boot override, cordon) seen.
    Done,
    /// The BMC or the API server answered, and said no; or said yes, and reading back shows otherwise.
    Refused {
        /// Its own words.
        message: String,
    },
    /// No answer, or none that can be understood. It may have happened or not.
    Lost {
        /// What was tried and what came back.
        message: String,
    },
    /// A pass of draining: what is still there.
    Draining {
        /// Pods left.
        left: usize,
        /// What holds them: PodDisruptionBudgets, pods that do not end.
        why: String,
    },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The status as it should be. Written before the effect is carried out.
    pub status: MachineStatus,
    /// What to do then.
    pub effect: Option<Effect>,
    /// When to decide again, if nothing happens before. None: only when something happens.
    pub again: Option<Duration>,
    /// Whether the BMC should be looked at before that decision.
    pub look: bool,
    /// Why, for the log.
    pub why: String,
    /// What to tell in Events.
    pub told: Vec<Told>,
}

/// Something to tell in an Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// How bad it is.
    pub severity: Severity,
    /// One `CamelCase` word.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// As it should be.
    Normal,
    /// Somebody should look.
    Warning,
}
