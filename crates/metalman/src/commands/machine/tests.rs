use std::ffi::OsString;

use jiff::{SignedDuration, Timestamp};
use metalman_core::api::Machine;
use serde_json::json;

use super::{
    choice::Choice,
    confirm,
    raise::{self, Operation},
    register::machine,
    status, table,
};
use crate::cli::{Cli, Command, MachineCommand};

fn register(flags: &str) -> anyhow::Result<Machine> {
    let line = format!("metalman machine register n1 --image reg/img:1 {flags}");
    let cli = Cli::parse_from_args(line.split_whitespace().map(OsString::from)).expect("clap takes it");
    let Command::Machine(MachineCommand::Register(args)) = cli.command else { panic!("another command") };
    machine(&args)
}

#[test]
fn registers_what_was_said() {
    let made = register(
        "--mac aa:bb:cc:dd:ee:01 --ipv4 192.0.2.10/24 --mac aa-bb-cc-dd-ee-02 --ipv4 198.51.100.10/25 --gateway 192.0.2.1 \
         --dns 192.0.2.53,192.0.2.54 --site rack-7 -L a=b --kubernetes-version 1.34.0 --redfish-url https://192.0.2.110 \
         --redfish-username root --redfish-password-secret bmc",
    )
    .expect("valid");
    let expected = json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine",
        "metadata": { "name": "n1", "labels": { "a": "b", "unbounded-cloud.io/site": "rack-7" } },
        "spec": {
            "pxe": {
                "image": "reg/img:1",
                "dhcpLeases": [
                    { "mac": "aa:bb:cc:dd:ee:01", "ipv4": "192.0.2.10", "subnetMask": "255.255.255.0",
                      "gateway": "192.0.2.1", "dns": ["192.0.2.53", "192.0.2.54"], "hostname": "n1" },
                    { "mac": "aa-bb-cc-dd-ee-02", "ipv4": "198.51.100.10", "subnetMask": "255.255.255.128",
                      "dns": ["192.0.2.53", "192.0.2.54"] },
                ],
                "redfish": { "url": "https://192.0.2.110", "username": "root",
                             "passwordRef": { "name": "bmc", "namespace": "unbounded-kube" } },
            },
            "kubernetes": { "version": "1.34.0" },
        },
    });
    assert_eq!(serde_json::to_value(&made).expect("JSON"), expected);
}

#[test]
fn what_the_flags_cannot_mean_is_a_usage_error() {
    let mac = "--mac aa:bb:cc:dd:ee:01";
    for (flags, words) in [
        (format!("{mac} --ipv4 192.0.2.10"), "no prefix length"),
        (format!("{mac} --ipv4 192.0.2.10/33"), "from 1 to 32"),
        (format!("{mac} --ipv4 192.0.2.10/0"), "from 1 to 32"),
        (format!("{mac} --ipv4 192.0.2.10/24 --subnet-mask 255.255.255.0"), "leave out --subnet-mask"),
        (format!("{mac} {mac} --ipv4 192.0.2.10/24"), "2 times and --ipv4 1 times"),
        (format!("{mac} --ipv4 192.0.2.10/24 -L a"), "KEY=VALUE"),
        (format!("{mac} --ipv4 192.0.2.10/24 --site Rack_7"), "--site"),
    ] {
        let error = register(&flags).expect_err(&flags);
        assert!(error.to_string().contains(words), "{flags}: {error}");
        assert_eq!(crate::exit::code(&error), std::process::ExitCode::from(crate::exit::USAGE), "{flags}");
    }
    // What the schema judges is left to the API server, masks included.
    register(&format!("{mac} --ipv4 192.0.2.10 --subnet-mask 255.0.255.0")).expect("the API server's to refuse");
}

#[test]
fn tables() {
    let now: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
    let one = json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine",
        "metadata": { "name": "n1", "creationTimestamp": "2026-03-01T11:50:00Z", "generation": 1 },
        "spec": { "pxe": { "image": "reg/img:1", "dhcpLeases": [{ "mac": "aa:bb:cc:dd:ee:01", "ipv4": "192.0.2.10" }] },
                  "operations": { "repaveCounter": 2 } },
        "status": { "phase": "Failed", "message": "attempts\nexhausted", "operations": { "repaveCounter": 1 },
                    "conditions": [{ "type": "Repaved", "status": "False", "reason": "Exhausted", "message": "3 attempts",
                                     "lastTransitionTime": "2026-03-01T11:59:30Z" }] },
    });
    let one: Machine = serde_json::from_value(one).expect("a machine");
    let bare: Machine = serde_json::from_value(json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine", "metadata": { "name": "longer-name" }, "spec": {},
    }))
    .expect("a machine");
    let text = table::machines(&[one.clone(), bare.clone()], false, now);
    assert_eq!(
        text,
        "NAME          PHASE    HOST         K8S VERSION   POWER    STEP     SITE     AGE\n\
         n1            Failed   192.0.2.10   <none>        <none>   <none>   <none>   10m\n\
         longer-name   <none>   <none>       <none>        <none>   <none>   <none>   <unknown>\n"
    );
    let wide = table::machines(std::slice::from_ref(&one), true, now);
    assert!(wide.contains("attempts exhausted") && wide.contains("reg/img:1"), "{wide}");
    let status = status::status(&one, now);
    for expected in
        ["Phase:      Failed\n", "Repaves:    1 of 2 done\n", "Repaved     False    Exhausted   30s     3 attempts\n"]
    {
        assert!(status.contains(expected), "{expected:?} not in\n{status}");
    }
    assert!(status::status(&bare, now).contains("No conditions yet.\n"));
}

/// A Machine in the middle of a repave.
fn installing() -> Machine {
    serde_json::from_value(json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine",
        "metadata": { "name": "n1", "creationTimestamp": "2026-03-01T10:00:00Z", "resourceVersion": "17",
                      "labels": { "unbounded-cloud.io/site": "rack-7" } },
        "spec": {
            "pxe": { "image": "reg/img:1", "dhcpLeases": [{ "mac": "aa:bb:cc:dd:ee:01", "ipv4": "192.0.2.10" }],
                     "redfish": { "url": "https://bmc.example" } },
            "kubernetes": { "version": "v1.34.0" },
            "operations": { "rebootCounter": 3, "repaveCounter": 2 },
        },
        "status": {
            "phase": "Provisioning", "message": "waits for DHCP", "power": "On",
            "operations": { "rebootCounter": 3, "repaveCounter": 1, "attempts": 1 },
            "redfish": { "certFingerprint": "aa:bb:cc:dd:ee:ff", "bootOverride": "Pxe" },
            "boot": { "steps": [
                { "name": "Asked", "time": "2026-03-01T11:30:00Z", "message": "repave, attempt 1 of 3" },
                { "name": "PowerOff", "time": "2026-03-01T11:30:05Z" },
                { "name": "PowerOn", "time": "2026-03-01T11:32:10Z" },
            ] },
            "conditions": [{ "type": "BMCReachable", "status": "True", "reason": "Reachable", "message": "",
                             "lastTransitionTime": "2026-03-01T11:00:00Z" }],
        },
    }))
    .expect("a machine")
}

#[test]
fn a_status_tells_where_it_stands_and_what_to_do() {
    let now: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
    let text = status::status(&installing(), now);
    assert_eq!(
        text,
        "Name:       n1\n\
         Site:       rack-7\n\
         Phase:      Provisioning\n\
         Message:    waits for DHCP\n\
         Host:       192.0.2.10\n\
         Power:      On\n\
         BMC:        https://bmc.example\n\
         Pinned:     aa:bb:cc:dd:ee:ff\n\
         Boot:       Pxe next, by metalman's override\n\
         Image:      reg/img:1\n\
         Node:       n1\n\
         Reboots:    3 of 3 done\n\
         Repaves:    1 of 2 done\n\
         Attempt:    1 of 3\n\
         Age:        120m\n\
         \n\
         STEP       TIME                   AFTER   MESSAGE\n\
         Asked      2026-03-01T11:30:00Z           repave, attempt 1 of 3\n\
         PowerOff   2026-03-01T11:30:05Z   +5s\n\
         PowerOn    2026-03-01T11:32:10Z   +2m5s\n\
         \n\
         Stuck at PowerOn for 27m.\n\
         \n\
         CONDITION      STATUS   REASON      SINCE   MESSAGE\n\
         BMCReachable   True     Reachable   60m\n\
         \n\
         What to do next:\n\
         - no DHCP request reached metalman: compare the boot NIC's MAC with aa:bb:cc:dd:ee:01, see that network boot is \
         enabled on that NIC, and that its switch port and DHCP relay lead to metalman; the console shows which\n"
    );
    let soon: Timestamp = "2026-03-01T11:33:00Z".parse().expect("a time");
    let text = status::status(&installing(), soon);
    assert!(text.contains("\nWaiting at PowerOn for 50s.\n") && text.ends_with("\nNothing to do.\n"), "{text}");
}

#[test]
fn the_list_tells_the_step_and_the_power_table_the_bmc() {
    let now: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
    assert_eq!(
        table::machines(&[installing()], false, now),
        "NAME   PHASE          HOST         K8S VERSION   POWER   STEP                  SITE     AGE\n\
         n1     Provisioning   192.0.2.10   v1.34.0       On      PowerOn 27m (stuck)   rack-7   120m\n"
    );
    let mut provided = installing();
    provided.metadata.labels.get_or_insert_default().insert("unbounded-cloud.io/provider".into(), "cloud".into());
    let mut bare = installing();
    bare.spec.pxe.as_mut().expect("pxe").redfish = None;
    bare.status = None;
    let mut unseen = installing();
    unseen.status = None;
    assert_eq!(
        table::power(&[installing(), provided, bare, unseen], false, now),
        "NAME   POWER    SWITCHED   BMC             CERTIFICATE     OVERRIDE\n\
         n1     On       27m ago    Reachable 60m   aa:bb:cc:dd:…   Pxe\n\
         n1     On       27m ago    left to cloud   aa:bb:cc:dd:…   Pxe\n\
         n1     <none>   <none>     <none>          <none>          <none>\n\
         n1     <none>   <none>     not asked yet   <none>          <none>\n"
    );
    let wide = table::power(&[installing()], true, now);
    assert!(wide.contains("aa:bb:cc:dd:ee:ff") && wide.contains("https://bmc.example"), "{wide}");
}

#[test]
fn counters_are_raised_above_both_sides() {
    for (spec, done, reboot, repave) in [
        (json!({}), json!({}), 1, 1),
        (json!({ "rebootCounter": 4, "repaveCounter": 2 }), json!({ "rebootCounter": 4, "repaveCounter": 1 }), 5, 3),
        // Re-applied from git: the status is ahead.
        (json!({ "rebootCounter": 0 }), json!({ "rebootCounter": 9, "repaveCounter": 3 }), 10, 4),
    ] {
        let mut machine = installing();
        machine.spec.operations = serde_json::from_value(spec.clone()).expect("operations");
        machine.status.as_mut().expect("a status").operations = serde_json::from_value(done).expect("operations");
        let expected = |operations: serde_json::Value| {
            json!({ "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine",
                    "metadata": { "resourceVersion": "17" }, "spec": { "operations": operations } })
        };
        // Only the counters: what else stands in operations is not this command's.
        assert_eq!(raise::patch(&machine, Operation::Reboot), expected(json!({ "rebootCounter": reboot })), "{spec}");
        let both = json!({ "rebootCounter": reboot, "repaveCounter": repave });
        assert_eq!(raise::patch(&machine, Operation::Repave), expected(both), "{spec}");
    }
}

#[test]
fn wiping_is_asked_about_by_name() {
    let one = installing();
    assert_eq!(
        confirm::question(std::slice::from_ref(&one)),
        "This wipes the disk of 1 machine and installs it anew:\n  n1 (rack-7, 192.0.2.10, Provisioning)\nGo on? [y/N] "
    );
    let many = confirm::question(&vec![one; 12]);
    assert!(many.starts_with("This wipes the disks of 12 machines") && many.contains("\n  and 2 more\n"), "{many}");
    for (answer, yes) in [("y\n", true), (" YES \n", true), ("", false), ("n\n", false), ("yep\n", false)] {
        assert_eq!(confirm::is_yes(answer), yes, "{answer:?}");
    }
}

#[test]
fn a_choice_is_names_or_labels() {
    let sites = |sites: &[&str]| sites.iter().map(|site| (*site).to_owned()).collect::<Vec<_>>();
    let choice =
        |names: &[&str], selector, of: &[&str]| Choice::new(sites(names), selector, &sites(of)).expect("valid");
    let all = choice(&[], None, &[]).selection();
    assert_eq!((all.labels.as_str(), all.fields.as_str()), ("", ""));
    let rack = choice(&[], Some("a=b"), &["r1", "r2"]).selection();
    assert_eq!(rack.labels, "a=b,unbounded-cloud.io/site in (r1,r2)");
    let one = choice(&["n1", "n1"], None, &["r1"]);
    assert_eq!(one.selection().fields, "metadata.name=n1");
    let two = choice(&["n1", "n2"], None, &[]);
    assert!(two.covers("n2") && !two.covers("n3") && choice(&[], None, &[]).covers("n3"));
    Choice::new(Vec::new(), None, &sites(&["Rack_7"])).expect_err("no site's name");
}

#[test]
fn ages_like_kubectls() {
    let now: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
    for (seconds, expected) in [
        (-5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (600, "10m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 120, "3h2m"),
        (8 * 3600, "8h"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (51 * 3600, "2d3h"),
        (8 * 86_400, "8d"),
        (800 * 86_400, "2y70d"),
    ] {
        let then = now.checked_sub(SignedDuration::from_secs(seconds)).expect("in range");
        assert_eq!(table::human(now, then), expected, "{seconds}");
    }
}
