use std::ffi::OsString;

use clap::CommandFactory;
use metalman_core::api::Phase;

use super::{Cli, Command, MachineCommand, OutputFormat, WaitFor, command_for};

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::parse_from_args(line.split_whitespace().map(OsString::from))
}

#[test]
fn clap_finds_no_contradiction() {
    Cli::command().debug_assert();
}

#[test]
fn every_flag_has_its_environment_variable() {
    fn visit(command: &clap::Command, path: &str, seen: &mut usize) {
        for arg in command.get_arguments() {
            let Some(long) = arg.get_long() else { continue };
            if long == "help" || long == "version" {
                continue;
            }
            let expected = format!("METALMAN_{}", long.to_uppercase().replace('-', "_"));
            assert_eq!(arg.get_env().and_then(|e| e.to_str()), Some(expected.as_str()), "{path} --{long}");
            assert!(arg.get_help().is_some(), "{path} --{long} has no help");
            *seen += 1;
        }
        for sub in command.get_subcommands() {
            visit(sub, &format!("{path} {}", sub.get_name()), seen);
        }
    }
    let mut seen = 0;
    visit(&Cli::command(), "metalman", &mut seen);
    assert!(seen > 40, "only {seen} flags visited");
}

#[test]
fn serve_pxe_knows_every_documented_flag() {
    let documented = "site bind-address http-port health-port dhcp-port tftp-port dhcp-interface dhcp-auto-interface \
                      serve-url cache-dir kubeconfig namespace standalone trusted-proxy ek-ca-bundle \
                      leader-elect-lease-duration leader-elect-renew-deadline leader-elect-retry-period layout-root \
                      drain drain-timeout power-timeout power-retry-period power-settle-time bmc-poll-period \
                      bmc-idle-poll-period bmc-concurrency";
    let command = Cli::command();
    let serve = command.find_subcommand("serve-pxe").expect("the command");
    for flag in documented.split_whitespace() {
        let arg = serve.get_arguments().find(|a| a.get_long() == Some(flag)).unwrap_or_else(|| panic!("no --{flag}"));
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.contains("[default: ") || flag == "trusted-proxy", "--{flag} does not tell its default: {help}");
    }
}

#[test]
fn is_a_kubectl_plugin_by_its_name() {
    for (argv0, expected) in [
        ("metalman", "metalman"),
        ("/usr/local/bin/metalman", "metalman"),
        ("/opt/bin/kubectl-metalman", "kubectl metalman"),
        ("kubectl-metalman.exe", "kubectl metalman"),
    ] {
        let command = command_for(Some(&OsString::from(argv0)));
        assert_eq!(command.get_bin_name().unwrap_or(command.get_name()), expected);
    }
    let usage = parse("/opt/bin/kubectl-metalman machine list --nonsense").expect_err("unknown flag").to_string();
    assert!(usage.contains("kubectl metalman machine list"), "{usage}");
}

#[test]
fn auto_interface_is_a_switch_that_takes_a_value() {
    for (line, expected) in [
        ("metalman serve-pxe", None),
        ("metalman serve-pxe --dhcp-auto-interface", Some(true)),
        ("metalman serve-pxe --dhcp-auto-interface=true", Some(true)),
        ("metalman serve-pxe --dhcp-auto-interface=false", Some(false)),
    ] {
        let Command::ServePxe(args) = parse(line).expect(line).command else { panic!("{line}") };
        assert_eq!(args.dhcp_auto_interface, expected, "{line}");
    }
}

#[test]
fn lists_repeat_or_use_commas() {
    let Command::ServePxe(args) =
        parse("metalman serve-pxe --dhcp-interface eth0,eth1 --dhcp-interface br0").expect("parses").command
    else {
        panic!("another command")
    };
    assert_eq!(args.dhcp_interfaces, ["eth0", "eth1", "br0"]);
}

#[test]
fn output_formats() {
    for (flag, expected) in [
        ("", OutputFormat::Table),
        ("-o wide", OutputFormat::Wide),
        ("-ojson", OutputFormat::Json),
        ("--output yaml", OutputFormat::Yaml),
        ("-o name", OutputFormat::Name),
    ] {
        let Command::Machine(MachineCommand::List(list)) =
            parse(&format!("metalman machine ls {flag}")).expect(flag).command
        else {
            panic!("another command")
        };
        assert_eq!(list.output, expected);
    }
}

#[test]
fn usage_errors() {
    for line in [
        "metalman",
        "metalman serve",
        "metalman apiserver",
        "metalman machine register",
        "metalman machine register a --mac aa:bb:cc:dd:ee:ff --ipv4 192.0.2.1/24",
        "metalman machine register a --mac aa:bb:cc:dd:ee:ff --ipv4 192.0.2.1/24 --image i --redfish-url https://x",
        "metalman machine list -o xml",
        "metalman completions tcsh",
        // Nothing said is not everything meant.
        "metalman machine reboot",
        "metalman machine repave --yes",
        "metalman machine repave --site rack-7",
        "metalman machine reboot a -l b=c",
        "metalman machine reboot a --timeout 1m",
        "metalman machine reboot a --wait --dry-run",
        "metalman machine reboot a --wait=soon",
        "metalman machine list --phase Dancing",
    ] {
        parse(line).expect_err(line);
    }
}

#[test]
fn waiting_takes_its_end_after_an_equals_sign() {
    for (line, expected) in [
        ("metalman machine reboot a", (None, vec!["a"])),
        ("metalman machine reboot --wait a b", (Some(WaitFor::Done), vec!["a", "b"])),
        ("metalman machine reboot a --wait=ready --timeout 5m", (Some(WaitFor::Ready), vec!["a"])),
    ] {
        let Command::Machine(MachineCommand::Reboot(args)) = parse(line).expect(line).command else { panic!("{line}") };
        let names: Vec<&str> = args.operation.target.names.iter().map(String::as_str).collect();
        assert_eq!((args.operation.wait, names), expected, "{line}");
    }
    // `machine reboot -l ''` would be every Machine.
    let empty = ["metalman", "machine", "reboot", "-l", ""].map(OsString::from);
    Cli::parse_from_args(empty).expect_err("an empty selector");
}

#[test]
fn phases_in_any_case() {
    let line = "metalman machine list --phase failed,Ready";
    let Command::Machine(MachineCommand::List(list)) = parse(line).expect(line).command else { panic!("{line}") };
    assert_eq!(list.phases, [Phase::Failed, Phase::Ready]);
}
