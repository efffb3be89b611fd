//! One machine as a state machine: what happens to it comes in as [`Event`]s with the time, what it does comes out as
//! [`Action`]s. Pure; timers are actions too.
//!
//! Invariants: at most one [`Task`] is under way, and its end comes back as [`Event::Finished`]; power off ends everything at
//! once, also a half-written disk, which does not boot afterwards; chance comes from the machine's own dice, so that the same
//! seed makes the same mistakes.

use std::{collections::VecDeque, net::Ipv4Addr, time::Duration};

use serde_json::{Value, json};

use super::{
    behaviour::{Behaviour, CloudInit, Install},
    loader::{Fetch, Menu, Origin},
};
use crate::bmc::BootSource;

#[cfg(test)]
mod tests;

/// Firmware that found nothing to boot from begins again this much later.
const AGAIN: Duration = Duration::from_secs(5);
/// Between repetitions of what failed.
const PAUSE: Duration = Duration::from_secs(1);
/// How often a report that matters is repeated.
const INSISTENCE: u32 = 30;
/// Where bootloaders look for their menu.
const MENU: &str = "grub/grub.cfg";
/// The stages of cloud-init, in order.
const CLOUD_INIT_STAGES: [&str; 4] = ["init-local", "init-network", "modules-config", "modules-final"];

/// How far a machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub enum Stage {
    /// No power.
    Off,
    /// Firmware has not begun to boot.
    Post,
    /// Firmware asks for an address.
    Dhcp,
    /// The bootloader and its menu are fetched.
    Bootloader,
    /// Kernel and initial RAM disk are fetched.
    Kernel,
    /// The installer runs.
    Installer,
    /// It stopped for ever: only power helps.
    Hung,
    /// There is nothing to boot from; firmware begins again soon.
    NoBootDevice,
    /// The installed system starts.
    Starting,
    /// The installed system runs.
    Running,
    /// The installed system was asked to shut down.
    ShuttingDown,
}

/// What happens to a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Power came on, or a reset.
    On,
    /// Firmware has finished its tests and boots from these, one after another.
    Boot(Vec<BootSource>),
    /// The power button was pressed.
    ShutdownRequested,
    /// Power is off.
    Off,
    /// The task has ended.
    Finished(Result<Outcome, String>),
}

/// What a task brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// That it was done.
    Done,
    /// An address, and what to boot.
    Lease(Lease),
    /// A file, or its beginning.
    Content(Vec<u8>),
}

/// What DHCP brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The machine's address.
    pub address: Ipv4Addr,
    /// Where to boot from, and which file; none when nothing was offered.
    pub boot: Option<(Origin, String)>,
}

/// What a machine does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Begins something, in place of what was under way.
    Begin(Task),
    /// Drops what was under way.
    Stop,
    /// The operating system restarts.
    Restart,
    /// The operating system switches off.
    PowerOff,
}

/// Something that takes time.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// Nothing, for so long.
    Wait(Duration),
    /// A DHCP exchange.
    Dhcp(Asker),
    /// A file.
    Fetch(Fetch),
    /// A request by which a machine tells of itself.
    Report {
        /// The server's `http://address:port`.
        base: String,
        /// Path.
        path: &'static str,
        /// The body: POST with one, GET without.
        body: Option<Value>,
    },
    /// The kubelet writes its Node, with the number of this start of its kernel.
    Join {
        /// Of the kernel.
        start: u64,
        /// The first time since then; later it only says that it is still there.
        first: bool,
    },
}

/// Who asks for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// PXE firmware.
    Pxe,
    /// UEFI HTTP boot.
    UefiHttp,
    /// The installed system.
    System,
}

/// What a machine has been through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Times that firmware booted.
    pub boots: u64,
    /// Installers begun.
    pub installers: u64,
    /// Installations that were complete on disk.
    pub installed: u64,
    /// Starts of the installed system.
    pub started: u64,
    /// Tasks that failed.
    pub failures: u64,
}

/// A machine.
#[derive(Debug)]
pub struct Machine {
    behaviour: Behaviour,
    dice: u64,
    stage: Stage,
    since: Duration,
    counts: Counts,
    /// Where the installed system reports to; none: nothing is on disk.
    disk: Option<String>,
    firmware: Firmware,
    /// What is still to be done, one after another.
    script: VecDeque<Line>,
}

/// What firmware and bootloader know.
#[derive(Debug, Default)]
struct Firmware {
    sources: Vec<BootSource>,
    /// How many of them were tried.
    tried: usize,
    origin: Option<Origin>,
    /// The bootloader, before the menu is known.
    file: String,
    menu: Option<Menu>,
    initrd: bool,
}

/// A line of a script.
#[derive(Debug, Clone, PartialEq)]
enum Line {
    /// Does it, again when it fails, so often.
    Do(Task, u32),
    /// The disk is being overwritten from here on.
    Wiped,
    /// The disk is complete; its system will report there.
    Written(String),
    Running,
    Hang,
    Restart,
    PowerOff,
}

impl Machine {
    /// One without power. `disk`: where the system on its disk reports to, if there is one.
    pub fn new(behaviour: Behaviour, seed: u64, disk: Option<String>) -> Self {
        Self {
            behaviour,
            dice: seed,
            stage: Stage::Off,
            since: Duration::ZERO,
            counts: Counts::default(),
            disk,
            firmware: Firmware::default(),
            script: VecDeque::new(),
        }
    }

    /// How far it is.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Since when.
    pub fn since(&self) -> Duration {
        self.since
    }

    /// What it has been through.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether a system is on its disk.
    pub fn is_installed(&self) -> bool {
        self.disk.is_some()
    }

    /// Something happens; what it does.
    pub fn event(&mut self, now: Duration, event: Event) -> Vec<Action> {
        match event {
            Event::Off => self.reset(now, Stage::Off),
            Event::On => self.reset(now, Stage::Post),
            Event::Boot(sources) => {
                self.counts.boots += 1;
                self.firmware = Firmware { sources, ..Firmware::default() };
                self.next_source(now)
            }
            Event::ShutdownRequested if matches!(self.stage, Stage::Starting | Stage::Running) => {
                self.enter(now, Stage::ShuttingDown);
                self.script = [Line::Do(Task::Wait(self.behaviour.shutdown), 0), Line::PowerOff].into();
                self.go_on(now)
            }
            // Firmware, bootloaders and installers do not listen to the button.
            Event::ShutdownRequested => Vec::new(),
            Event::Finished(outcome) => self.finished(now, outcome),
        }
    }

    fn enter(&mut self, now: Duration, stage: Stage) {
        if self.stage != stage {
            (self.stage, self.since) = (stage, now);
        }
    }

    fn reset(&mut self, now: Duration, stage: Stage) -> Vec<Action> {
        self.enter(now, stage);
        self.script.clear();
        vec![Action::Stop]
    }

    fn next_source(&mut self, now: Duration) -> Vec<Action> {
        let source = self.firmware.sources.get(self.firmware.tried).cloned();
        self.firmware.tried += 1;
        match source {
            Some(BootSource::Pxe) => self.ask(now, Asker::Pxe),
            Some(BootSource::UefiHttp) => self.ask(now, Asker::UefiHttp),
            Some(BootSource::Disk) => match self.disk.clone() {
                Some(base) => self.start(now, &base),
                None => self.next_source(now),
            },
            // There is no such drive in this rack.
            Some(BootSource::Other(_)) => self.next_source(now),
            None => {
                self.enter(now, Stage::NoBootDevice);
                vec![Action::Begin(Task::Wait(AGAIN))]
            }
        }
    }

    fn ask(&mut self, now: Duration, asker: Asker) -> Vec<Action> {
        self.enter(now, Stage::Dhcp);
        vec![Action::Begin(Task::Dhcp(asker))]
    }

    fn finished(&mut self, now: Duration, outcome: Result<Outcome, String>) -> Vec<Action> {
        self.counts.failures += u64::from(outcome.is_err());
        match self.stage {
            Stage::Off | Stage::Post | Stage::Hung => Vec::new(),
            Stage::NoBootDevice => {
                self.firmware.tried = 0;
                self.next_source(now)
            }
            Stage::Dhcp => match outcome {
                Ok(Outcome::Lease(Lease { boot: Some((origin, file)), .. })) => {
                    self.enter(now, Stage::Bootloader);
                    let fetch = origin.fetch(&file);
                    (self.firmware.origin, self.firmware.file) = (Some(origin), file);
                    vec![Action::Begin(Task::Fetch(fetch))]
                }
                _ => self.next_source(now),
            },
            Stage::Bootloader | Stage::Kernel => match outcome {
                Ok(Outcome::Content(content)) => self.fetched(now, &content),
                _ => self.next_source(now),
            },
            Stage::Installer | Stage::Starting | Stage::Running | Stage::ShuttingDown => {
                self.line_ended(now, outcome.is_ok())
            }
        }
    }

    /// A file of the bootloader's is here: what it leads to.
    fn fetched(&mut self, now: Duration, content: &[u8]) -> Vec<Action> {
        let Some(origin) = self.firmware.origin.clone() else { return self.next_source(now) };
        if !std::mem::take(&mut self.firmware.file).is_empty() {
            return vec![Action::Begin(Task::Fetch(origin.fetch(MENU)))];
        }
        let Some(menu) = self.firmware.menu.clone() else {
            let Some(menu) = Menu::read(&String::from_utf8_lossy(content)) else {
                // The menu says to leave: the next one in the firmware's order.
                return self.next_source(now);
            };
            self.enter(now, Stage::Kernel);
            let kernel = menu.root(&origin).fetch(&menu.kernel);
            self.firmware.menu = Some(menu);
            return vec![Action::Begin(Task::Fetch(kernel))];
        };
        if let (false, Some(initrd)) = (std::mem::replace(&mut self.firmware.initrd, true), &menu.initrd) {
            return vec![Action::Begin(Task::Fetch(menu.root(&origin).fetch(initrd)))];
        }
        self.install(now, &menu)
    }

    fn install(&mut self, now: Duration, menu: &Menu) -> Vec<Action> {
        self.enter(now, Stage::Installer);
        self.counts.installers += 1;
        let how = self.behaviour.install(&mut self.dice);
        let base = menu.url.clone().unwrap_or_default();
        let report = |path, body, insistence| Line::Do(Task::Report { base: base.clone(), path, body }, insistence);
        let event = |body: Value| report("/boot/event", Some(body), 0);
        let writing =
            |percent: u32| event(json!({ "step": "ImageWriting", "percent": percent, "message": "/dev/vda" }));
        let part = Line::Do(Task::Wait(self.behaviour.install_time / 4), 0);

        let mut script = vec![event(json!({ "step": "InstallerStarted" })), Line::Wiped];
        if let Some(image) = menu.image.as_deref().and_then(Fetch::from_url) {
            script.push(Line::Do(Task::Fetch(image), INSISTENCE));
        }
        script.extend([part.clone(), writing(25), part.clone(), writing(50)]);
        match how {
            Install::Hangs => script.push(Line::Hang),
            Install::Crashes => script.push(Line::Restart),
            Install::Succeeds | Install::NeverReports | Install::ReportsTwice => {
                script.extend([part.clone(), writing(75), part, writing(100), Line::Written(base.clone())]);
                let disable = || report("/pxe/disable", None, INSISTENCE);
                match how {
                    Install::NeverReports => {}
                    Install::ReportsTwice => script.extend([disable(), disable()]),
                    _ => script.push(disable()),
                }
                script.extend([event(json!({ "step": "Rebooting" })), Line::Restart]);
            }
        }
        self.script = script.into();
        self.go_on(now)
    }

    /// The installed system starts.
    fn start(&mut self, now: Duration, base: &str) -> Vec<Action> {
        self.enter(now, Stage::Starting);
        self.counts.started += 1;
        let mut script =
            vec![Line::Do(Task::Wait(self.behaviour.start_time), 0), Line::Do(Task::Dhcp(Asker::System), 0)];
        if self.behaviour.cloud_init != CloudInit::Silent {
            let report = |path, body| Line::Do(Task::Report { base: base.to_owned(), path, body: Some(body) }, 0);
            script.push(report("/boot/event", json!({ "step": "Rebooted" })));
            for stage in CLOUD_INIT_STAGES {
                script.push(report("/cloudinit/log", cloud_init(stage, None)));
                let fails = stage == CLOUD_INIT_STAGES[3] && self.behaviour.cloud_init == CloudInit::Fails;
                script.push(report("/cloudinit/log", cloud_init(stage, Some(if fails { "FAIL" } else { "SUCCESS" }))));
                if fails {
                    script.push(Line::Hang);
                }
            }
        }
        script.extend([Line::Do(Task::Join { start: self.counts.started, first: true }, u32::MAX), Line::Running]);
        self.script = script.into();
        self.go_on(now)
    }

    fn line_ended(&mut self, now: Duration, fine: bool) -> Vec<Action> {
        match self.script.front_mut() {
            Some(Line::Do(_, again)) if !fine && *again > 0 => {
                *again -= 1;
                // The pause ends fine, and the line after it is the same again.
                let pause = Line::Do(Task::Wait(PAUSE), 0);
                self.script.push_front(pause);
            }
            Some(_) => drop(self.script.pop_front()),
            None => {}
        }
        self.go_on(now)
    }

    /// The next line.
    fn go_on(&mut self, now: Duration) -> Vec<Action> {
        loop {
            match self.script.front() {
                Some(Line::Do(task, _)) => return vec![Action::Begin(task.clone())],
                Some(Line::Wiped) => self.disk = None,
                Some(Line::Written(base)) => {
                    self.counts.installed += 1;
                    self.disk = Some(base.clone());
                }
                Some(Line::Running) => self.enter(now, Stage::Running),
                Some(Line::Hang) => return self.reset(now, Stage::Hung),
                Some(Line::Restart) => {
                    self.script.clear();
                    return vec![Action::Stop, Action::Restart];
                }
                Some(Line::PowerOff) => {
                    self.script.clear();
                    return vec![Action::Stop, Action::PowerOff];
                }
                None => return self.rest(),
            }
            self.script.pop_front();
        }
    }

    /// A running system's heartbeat is all that is left.
    fn rest(&mut self) -> Vec<Action> {
        let Some(interval) = self.behaviour.heartbeat.filter(|_| self.stage == Stage::Running) else {
            return Vec::new();
        };
        let still_there = Task::Join { start: self.counts.started, first: false };
        self.script = [Line::Do(Task::Wait(interval), 0), Line::Do(still_there, 0)].into();
        vec![Action::Begin(Task::Wait(interval))]
    }
}

fn cloud_init(stage: &str, result: Option<&str>) -> Value {
    let kind = if result.is_some() { "finish" } else { "start" };
    let description = format!("running {stage}");
    json!({ "name": stage, "description": description, "event_type": kind, "origin": "cloudinit", "timestamp": 0.0, "result": result })
}
