use super::*;
use crate::fleet::behaviour::Behaviour;

const MENU_TEXT: &[u8] =
    b"set root=http,10.0.0.1:8880\nlinux /vmlinuz metalman.url=http://10.0.0.1:8880\ninitrd /initrd\n";

/// Carries out everything at once: DHCP offers a loader, files have the given menu, reports succeed.
struct Bench {
    machine: Machine,
    now: Duration,
    menu: &'static [u8],
    offers: bool,
    /// What was done, in words.
    done: Vec<String>,
}

impl Bench {
    fn new(behaviour: Behaviour) -> Self {
        let machine = Machine::new(behaviour, 7, None);
        Self { machine, now: Duration::ZERO, menu: MENU_TEXT, offers: true, done: Vec::new() }
    }

    /// Says that something happens, and goes on until the machine waits for power or for nothing.
    fn happens(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        for _ in 0..200 {
            let Some(event) = events.pop_front() else { return };
            self.now += Duration::from_millis(1);
            let actions = self.machine.event(self.now, event);
            assert!(actions.iter().filter(|action| matches!(action, Action::Begin(_))).count() <= 1);
            for action in actions {
                match action {
                    Action::Begin(task) => events.push_back(Event::Finished(self.carry_out(&task))),
                    Action::Stop => events.clear(),
                    Action::Restart => self.done.push("restart".to_owned()),
                    Action::PowerOff => self.done.push("off".to_owned()),
                }
            }
        }
        panic!("no end: {:?}", self.done);
    }

    fn carry_out(&mut self, task: &Task) -> Result<Outcome, String> {
        let (word, outcome) = match task {
            Task::Wait(time) => {
                self.now += *time;
                return Ok(Outcome::Done);
            }
            Task::Dhcp(asker) if self.offers => {
                let boot = match asker {
                    Asker::Pxe => Some((Origin::Tftp(Ipv4Addr::new(10, 0, 0, 1)), "boot.efi".to_owned())),
                    Asker::UefiHttp => Origin::of_url("http://10.0.0.1:8880/http.efi"),
                    Asker::System => None,
                };
                (format!("dhcp {asker:?}"), Ok(Outcome::Lease(Lease { address: Ipv4Addr::LOCALHOST, boot })))
            }
            Task::Dhcp(asker) => (format!("dhcp {asker:?}"), Err("silence".to_owned())),
            Task::Fetch(fetch) => {
                let menu = fetch.path.ends_with("grub.cfg");
                let content = if menu { self.menu.to_vec() } else { vec![0] };
                (format!("fetch {}", fetch.path), Ok(Outcome::Content(content)))
            }
            Task::Report { path, .. } => ((*path).to_owned(), Ok(Outcome::Done)),
            Task::Join { start, first } => (format!("join {start} {first}"), Ok(Outcome::Done)),
        };
        self.done.push(word);
        outcome
    }

    fn boots(&mut self, sources: &[BootSource]) {
        self.happens(Event::On);
        assert_eq!(self.machine.stage(), Stage::Post);
        self.happens(Event::Boot(sources.to_vec()));
    }

    fn count(&self, what: &str) -> usize {
        self.done.iter().filter(|done| *done == what).count()
    }
}

#[test]
fn an_empty_machine_installs_and_starts_what_it_installed() {
    let mut bench = Bench::new(Behaviour::default());
    bench.boots(&[BootSource::Disk, BootSource::Pxe]);
    let expected =
        ["dhcp Pxe", "fetch boot.efi", "fetch grub/grub.cfg", "fetch /vmlinuz", "fetch /initrd", "/boot/event"];
    assert_eq!(bench.done[..6], expected, "{:?}", bench.done);
    assert_eq!(bench.count("/pxe/disable"), 1);
    assert_eq!(bench.done.last().map(String::as_str), Some("restart"));
    assert!(bench.machine.is_installed());

    bench.done.clear();
    bench.boots(&[BootSource::Disk, BootSource::Pxe]);
    assert_eq!(bench.machine.stage(), Stage::Running);
    assert_eq!((bench.count("/cloudinit/log"), bench.count("join 1 true")), (8, 1), "{:?}", bench.done);
    assert_eq!(bench.count("dhcp Pxe"), 0);
}

#[test]
fn http_firmware_takes_everything_over_http() {
    let mut bench = Bench::new(Behaviour::default());
    bench.boots(&[BootSource::UefiHttp]);
    assert_eq!(bench.done[..3], ["dhcp UefiHttp", "fetch /http.efi", "fetch /grub/grub.cfg"], "{:?}", bench.done);
}

#[test]
fn a_menu_that_leaves_goes_on_to_the_disk() {
    let mut bench = Bench { menu: b"exit 1\n", ..Bench::new(Behaviour::default()) };
    bench.machine.disk = Some("http://10.0.0.1:8880".to_owned());
    bench.boots(&[BootSource::Pxe, BootSource::Disk]);
    assert_eq!(bench.machine.stage(), Stage::Running, "{:?}", bench.done);
    assert_eq!(bench.machine.counts().installers, 0);
}

#[test]
fn nothing_to_boot_from_is_tried_again() {
    let mut bench = Bench { offers: false, ..Bench::new(Behaviour::default()) };
    bench.happens(Event::On);
    let boot = bench.machine.event(bench.now, Event::Boot(vec![BootSource::Pxe]));
    assert_eq!(boot, [Action::Begin(Task::Dhcp(Asker::Pxe))]);
    let silence = bench.machine.event(bench.now, Event::Finished(Err("silence".to_owned())));
    assert_eq!((bench.machine.stage(), silence), (Stage::NoBootDevice, vec![Action::Begin(Task::Wait(AGAIN))]));
    let again = bench.machine.event(bench.now, Event::Finished(Ok(Outcome::Done)));
    assert_eq!(again, [Action::Begin(Task::Dhcp(Asker::Pxe))]);
}

#[test]
fn power_lost_while_the_disk_is_written_leaves_nothing_that_boots() {
    let mut bench = Bench::new(Behaviour { hangs: 1000, ..Behaviour::default() });
    bench.machine.disk = Some(String::new());
    bench.boots(&[BootSource::Pxe]);
    assert_eq!(bench.machine.stage(), Stage::Hung);
    assert_eq!(bench.machine.event(bench.now, Event::Off), [Action::Stop]);
    assert!(!bench.machine.is_installed());
    assert_eq!(bench.machine.stage(), Stage::Off);
    // What ended at the same moment changes nothing any more.
    assert_eq!(bench.machine.event(bench.now, Event::Finished(Ok(Outcome::Done))), []);
}

#[test]
fn installers_fail_in_their_ways() {
    for (behaviour, reports, installed) in [
        (Behaviour { crashes: 1000, ..Behaviour::default() }, 0, false),
        (Behaviour { never_reports: 1000, ..Behaviour::default() }, 0, true),
        (Behaviour { reports_twice: 1000, ..Behaviour::default() }, 2, true),
    ] {
        let mut bench = Bench::new(behaviour);
        bench.boots(&[BootSource::Pxe]);
        assert_eq!((bench.count("/pxe/disable"), bench.machine.is_installed()), (reports, installed), "{behaviour:?}");
        assert_eq!(bench.count("restart"), 1, "{behaviour:?}");
    }
}

#[test]
fn a_report_that_matters_is_repeated() {
    let mut bench = Bench::new(Behaviour::default());
    bench.machine.script =
        [Line::Do(Task::Report { base: String::new(), path: "/pxe/disable", body: None }, 2), Line::Running].into();
    bench.machine.enter(Duration::ZERO, Stage::Installer);
    let failed = || Event::Finished(Err("503".to_owned()));
    let now = Duration::ZERO;
    assert_eq!(bench.machine.event(now, failed()), [Action::Begin(Task::Wait(PAUSE))]);
    let again = bench.machine.event(now, Event::Finished(Ok(Outcome::Done)));
    assert!(matches!(again[..], [Action::Begin(Task::Report { .. })]), "{again:?}");
    bench.machine.event(now, failed());
    bench.machine.event(now, Event::Finished(Ok(Outcome::Done)));
    // The last time it goes on all the same.
    assert_eq!(bench.machine.event(now, failed()), []);
    assert_eq!(bench.machine.stage(), Stage::Running);
}

#[test]
fn a_running_system_shuts_down_when_asked() {
    let mut bench = Bench::new(Behaviour::default());
    bench.machine.disk = Some(String::new());
    bench.boots(&[BootSource::Disk]);
    bench.happens(Event::ShutdownRequested);
    assert_eq!(bench.done.last().map(String::as_str), Some("off"));
    assert_eq!(bench.machine.stage(), Stage::ShuttingDown);
}

#[test]
fn a_failed_cloud_init_never_joins() {
    let mut bench = Bench::new(Behaviour { cloud_init: CloudInit::Fails, ..Behaviour::default() });
    bench.machine.disk = Some(String::new());
    bench.boots(&[BootSource::Disk]);
    assert_eq!((bench.machine.stage(), bench.count("join 1 true")), (Stage::Hung, 0));
}

#[test]
fn heartbeats_go_on() {
    let heartbeat = Some(Duration::from_secs(10));
    let mut machine = Machine::new(
        Behaviour { heartbeat, cloud_init: CloudInit::Silent, ..Behaviour::default() },
        1,
        Some(String::new()),
    );
    let now = Duration::ZERO;
    machine.event(now, Event::Boot(vec![BootSource::Disk]));
    let mut joined = Vec::new();
    for _ in 0..8 {
        let actions = machine.event(now, Event::Finished(Ok(Outcome::Done)));
        joined.extend(actions.into_iter().filter(|action| matches!(action, Action::Begin(Task::Join { .. }))));
    }
    let join = |first| Action::Begin(Task::Join { start: 1, first });
    assert_eq!(joined[..3], [join(true), join(false), join(false)]);
}

#[test]
fn the_same_seed_makes_the_same_mistakes() {
    let behaviour =
        Behaviour { hangs: 100, crashes: 100, never_reports: 100, reports_twice: 100, ..Behaviour::default() };
    let draw = |mut seed: u64| (0..1000).map(|_| behaviour.install(&mut seed)).collect::<Vec<_>>();
    assert_eq!(draw(5), draw(5));
    let hangs = draw(5).into_iter().filter(|what| *what == Install::Hangs).count();
    assert!((60..=140).contains(&hangs), "{hangs} of 1000");
}
