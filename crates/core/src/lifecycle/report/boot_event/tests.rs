use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn event(step: BootStep, percent: Option<u8>, message: Option<&str>) -> BootEvent {
    BootEvent { step, percent, message: message.map(str::to_owned) }
}

fn told(status: &MachineStatus) -> Vec<(&str, &str)> {
    let steps = status.boot.iter().flat_map(|boot| &boot.steps);
    steps.map(|step| (step.name.as_str(), step.message.as_deref().unwrap_or_default())).collect()
}

fn told_problem(status: &MachineStatus) -> Option<&str> {
    status.boot.as_ref()?.problem.as_deref()
}

#[test]
fn an_installation_from_start_to_disk() {
    let mut status = MachineStatus::default();
    assert!(boot_event(&mut status, &event(BootStep::InstallerStarted, None, Some("v1")), at(0)));
    assert!(!boot_event(&mut status, &event(BootStep::Rebooting, None, None), at(1)), "nothing is installed yet");
    for percent in [0, 40, 40, 100] {
        boot_event(&mut status, &event(BootStep::ImageWriting, Some(percent), Some("/dev/sda")), at(2));
    }
    assert_eq!(told(&status), [("InstallerStarted", "v1"), ("ImageWriting", "100 %: /dev/sda")]);
    timeline::record(&mut status, Step::Installed, None, at(3));
    assert!(boot_event(&mut status, &event(BootStep::Rebooting, None, None), at(4)));
    assert!(!boot_event(&mut status, &event(BootStep::Rebooting, None, None), at(9)), "said already");
    assert!(boot_event(&mut status, &event(BootStep::Rebooted, None, None), at(60)));
    assert_eq!(told(&status)[2..], [("Installed", "rebooting"), ("Rebooted", "")]);
}

#[test]
fn a_failure_is_the_boots_problem_until_the_installer_begins_anew() {
    let mut status = MachineStatus::default();
    assert!(boot_event(&mut status, &event(BootStep::Failed, None, Some("no disk\u{1b}[2J matches")), at(0)));
    assert_eq!(told_problem(&status), Some("installer: no disk [2J matches"));
    assert!(!boot_event(&mut status, &event(BootStep::Failed, None, Some("no disk\u{1b}[2J matches")), at(1)));
    assert!(boot_event(&mut status, &event(BootStep::InstallerStarted, None, None), at(2)));
    assert_eq!(told_problem(&status), None);
    problem(&mut status, Some("user-data: not the installer's".into()));
    boot_event(&mut status, &event(BootStep::ImageWriting, Some(1), None), at(3));
    assert_eq!(told_problem(&status), Some("user-data: not the installer's"));
    boot_event(&mut status, &event(BootStep::Failed, None, Some("")), at(4));
    assert_eq!(told_problem(&status), Some("installer: it cannot go on, and did not say why"));
}

#[test]
fn the_request_that_two_replicas_saw_is_written_once() {
    let mut status = MachineStatus::default();
    assert!(seen(&mut status, Step::Dhcp, None, at(10)));
    assert!(seen(&mut status, Step::Bootloader, None, at(11)));
    // The other replica comes late, with what it saw in the same moment.
    assert!(!seen(&mut status, Step::Dhcp, None, at(10)));
    assert!(!seen(&mut status, Step::Dhcp, None, at(11)));
    assert_eq!(told(&status).len(), 2);
    assert!(seen(&mut status, Step::Dhcp, None, at(15)), "the next boot");
    assert_eq!(told(&status), [("DHCP", "")]);
}

#[test]
fn what_is_written_late_spoils_no_later_boot() {
    let mut status = MachineStatus::default();
    seen(&mut status, Step::Dhcp, None, at(100));
    assert!(!seen(&mut status, Step::Kernel, None, at(50)), "of the boot before");
    timeline::record(&mut status, Step::Kernel, None, at(130));
    assert!(!seen(&mut status, Step::Dhcp, None, at(120)), "the boot is further than that");
    assert!(seen(&mut status, Step::InstallerStarted, None, at(131)));
}
