use std::ffi::OsString;

use jiff::{SignedDuration, Timestamp};
use metalman_core::api::Machine;
use serde_json::json;

use super::{register::machine, table};
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
        "NAME          PHASE    HOST         POWER    SITE     AGE\n\
         n1            Failed   192.0.2.10   <none>   <none>   10m\n\
         longer-name   <none>   <none>       <none>   <none>   <unknown>\n"
    );
    let wide = table::machines(std::slice::from_ref(&one), true, now);
    assert!(wide.contains("attempts exhausted") && wide.contains("reg/img:1"), "{wide}");
    let status = table::status(&one, now);
    for expected in
        ["Phase:      Failed\n", "Repaves:    1 of 2 done\n", "Repaved     False    Exhausted   30s     3 attempts\n"]
    {
        assert!(status.contains(expected), "{expected:?} not in\n{status}");
    }
    assert!(table::status(&bare, now).ends_with("No conditions yet.\n"));
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
