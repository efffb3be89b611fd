//! A machine with a BMC that errs, and a shell around `decide` that does nothing but carry out: what the lifecycle is proved
//! against.
//!
//! Time is a number; what goes wrong is chosen by a script, after whose end nothing does any more. Every decision is checked
//! against the invariants as it is made.

mod bmc;
mod convergence;
mod exploration;
mod invariants;
mod machine;
mod straight;

use self::bmc::SimulatedBmc;
use self::invariants::Witness;
use self::machine::Host;
use super::bmc::Bmc;
use super::decide;
use super::decision::{Carried, Circumstances, Decision, Effect, Outcome, Policy};
use crate::api::Machine;
use crate::api::conditions::{self, IMAGE_READY};
use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;

/// Where something may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Occasion {
    /// The BMC is looked at; [`SimulatedBmc::observe`] knows what may happen then.
    Look,
    /// The status is written: somebody else was first.
    Write,
    /// An effect is carried out; [`World::carry_out`] and [`SimulatedBmc::serve`] know what may happen then.
    Effect,
}

impl Occasion {
    /// How many things may go wrong.
    const fn kinds(self) -> u8 {
        match self {
            Self::Write => 1,
            Self::Look | Self::Effect => 6,
        }
    }
}

/// What goes wrong.
#[derive(Clone, Debug)]
enum Faults {
    /// Each occasion takes the next byte.
    Script(std::vec::IntoIter<u8>),
    /// The first such occasion, in that way.
    Chosen(Option<(Occasion, u8)>),
}

impl Faults {
    /// What goes wrong at this occasion, if anything does.
    fn draw(&mut self, occasion: Occasion) -> Option<u8> {
        match self {
            Self::Script(script) => {
                let byte = script.next()?;
                // Most occasions pass without a fault, or a script would be over before anything has begun.
                (byte < 100).then_some(byte % occasion.kinds())
            }
            Self::Chosen(chosen) => chosen.take_if(|(when, _)| *when == occasion).map(|(_, kind)| kind),
        }
    }
}

/// Everything there is.
#[derive(Clone)]
pub(in crate::lifecycle) struct World {
    pub(super) machine: Machine,
    pub(super) now: i64,
    bmc: SimulatedBmc,
    host: Host,
    pub(super) policy: Policy,
    faults: Faults,
    /// What the shell that leads has in memory.
    observed: Bmc,
    last: Option<Carried>,
    look: bool,
    steady: Option<(Option<super::bmc::PowerState>, Timestamp)>,
    witness: Witness,
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// A Machine with a BMC and an image that is ready.
pub(super) fn machine(operations: &serde_json::Value) -> Machine {
    let mut machine: Machine = serde_json::from_value(json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine",
        "metadata": {"name": "m1", "generation": 1},
        "spec": {
            "pxe": {
                "image": "registry/image:1",
                "dhcpLeases": [{"mac": "52:54:00:00:00:01", "ipv4": "10.0.0.5", "subnetMask": "255.255.255.0"}],
                "redfish": {"url": "https://10.0.9.1"},
            },
            "operations": operations,
        },
        "status": {},
    }))
    .unwrap();
    image_is(&mut machine, true);
    machine
}

pub(super) fn image_is(machine: &mut Machine, ready: bool) {
    let (status, reason) = if ready {
        (conditions::ConditionStatus::True, conditions::reason::PULLED)
    } else {
        (conditions::ConditionStatus::False, conditions::reason::PULL_FAILED)
    };
    let observation = conditions::Observation::new(IMAGE_READY, status, reason, "manifest unknown");
    let generation = machine.metadata.generation;
    machine.status.get_or_insert_default().set_condition(&observation, generation, at(0));
}

impl World {
    pub(super) fn new(operations: &serde_json::Value, faults: Vec<u8>) -> Self {
        Self {
            machine: machine(operations),
            now: 10,
            bmc: SimulatedBmc::default(),
            host: Host::default(),
            policy: Policy::default(),
            faults: Faults::Script(faults.into_iter()),
            observed: Bmc::Unknown,
            last: None,
            look: true,
            steady: None,
            witness: Witness::default(),
        }
    }

    pub(super) fn decide(&self) -> Decision {
        let node = self.host.node(self.now);
        let given = Circumstances {
            now: at(self.now),
            bmc: &self.observed,
            last: self.last.as_ref(),
            node: node.as_ref(),
            policy: &self.policy,
        };
        decide(&self.machine, &given)
    }

    /// One round of the shell: look if wanted, decide, write, carry out. Says how long to wait for the next.
    pub(super) fn round(&mut self) -> Option<Duration> {
        if self.look && self.is_managed() {
            self.look_at_bmc();
        } else if !self.is_managed() {
            self.observed = Bmc::None;
        }
        let decision = self.decide();
        self.witness.check(self, &decision);
        let changed = self.machine.status.as_ref() != Some(&decision.status);
        if changed && self.faults.draw(Occasion::Write).is_some() {
            // Somebody else wrote first: nothing was written, and nothing may be done.
            return Some(Duration::ZERO);
        }
        self.witness.note(&self.machine, &decision.status);
        self.machine.status = Some(decision.status);
        self.look = decision.look;
        match decision.effect {
            Some(effect) => {
                self.carry_out(effect);
                Some(Duration::ZERO)
            }
            None if changed => Some(Duration::ZERO),
            None => decision.again,
        }
    }

    /// A round, and the time until the next; at most so long.
    pub(super) fn step(&mut self, at_most: i64) {
        let wait = self.round();
        let seconds = wait.map_or(at_most, |wait| i64::try_from(wait.as_millis().div_ceil(1_000)).unwrap());
        let until = self.now + seconds.clamp(0, at_most);
        self.witness.waited(seconds);
        while self.now < until {
            self.now += 1;
            self.bmc.pass(self.now);
            let (status, node) = (self.machine.status.clone(), self.host.joined_at);
            self.host.pass(self.now, &mut self.bmc, &mut self.machine);
            if self.machine.status != status || self.host.joined_at != node {
                // The watch wakes whoever leads.
                return;
            }
        }
    }

    /// Runs for so many seconds.
    pub(super) fn run(&mut self, seconds: i64) {
        let end = self.now + seconds;
        while self.now < end {
            let left = end - self.now;
            self.step(left);
        }
    }

    pub(super) fn is_managed(&self) -> bool {
        self.machine.provider().is_none() && self.machine.spec.pxe.as_ref().is_some_and(|pxe| pxe.redfish.is_some())
    }

    fn look_at_bmc(&mut self) {
        let now = at(self.now);
        self.observed = match self.bmc.observe(&mut self.faults, now) {
            Bmc::Observed(mut system) => {
                let since = match &self.steady {
                    Some((power, since)) if *power == system.power => *since,
                    _ => now,
                };
                self.steady = Some((system.power.clone(), since));
                system.steady_since = since;
                Bmc::Observed(system)
            }
            other => other,
        };
    }

    fn carry_out(&mut self, effect: Effect) {
        self.witness.carried(self.now, &effect);
        let fault = self.faults.draw(Occasion::Effect);
        if fault == Some(0) {
            // The leader died after it wrote what it would do, and before it did.
            return self.hand_over();
        }
        let outcome = match &effect {
            Effect::Drain { .. } | Effect::Uncordon { .. } => self.host.serve(&effect),
            _ => self.bmc.serve(&effect, fault, self.now),
        };
        if fault == Some(1) {
            // It died after it did, before it knew how that went.
            return self.hand_over();
        }
        let times = match &self.last {
            Some(last) if last.effect == effect && same_kind(&last.outcome, &outcome) => last.times + 1,
            _ => 1,
        };
        self.last = Some(Carried { effect, at: at(self.now), outcome, times });
    }

    /// Another replica leads: it knows what is in status, and nothing else.
    pub(super) fn hand_over(&mut self) {
        self.last = None;
        self.observed = Bmc::Unknown;
        self.steady = None;
        self.look = true;
    }

    pub(super) fn raise(&mut self, reboot: i64, repave: i64) {
        let operations = self.machine.spec.operations.get_or_insert_default();
        operations.reboot_counter = Some(reboot);
        operations.repave_counter = Some(repave);
        self.respec();
    }

    /// The spec was changed; whoever follows it has looked at the image again.
    pub(super) fn respec(&mut self) {
        self.machine.metadata.generation = self.machine.metadata.generation.map(|generation| generation + 1);
        image_is(&mut self.machine, true);
    }
}

fn same_kind(one: &Outcome, other: &Outcome) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}
