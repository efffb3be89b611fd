//! Tables over [`metalman::config::resolve`]: what a command line means, and how each mistake is refused.

use std::{collections::BTreeMap, ffi::OsString, io, net::Ipv4Addr, path::Path, time::Duration};

use metalman::{
    cli::{Cli, Command},
    config::{
        Cidr, ClusterSource, Config, ConfigError, DhcpMode, HostFacts, Interface, LayoutRoot, format_go_duration,
        parse_go_duration, resolve, resolve_listen,
    },
    lifecycle::LifecycleConfig,
};
use metalman_core::lifecycle::Policy;
use proptest::prelude::*;

fn interface(name: &str, addresses: &[[u8; 4]]) -> Interface {
    Interface {
        name: name.into(),
        up: true,
        loopback: name == "lo",
        addresses: addresses.iter().map(|a| Ipv4Addr::from(*a)).collect(),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    match path.to_str().unwrap_or_default() {
        "/etc/kubeconfig" | "/home/op/.kube/config" => Ok(b"apiVersion: v1".to_vec()),
        "/var/run/secrets/kubernetes.io/serviceaccount/token" => Ok(b"t".to_vec()),
        "/etc/ek.pem" => Ok(b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n".to_vec()),
        "/etc/empty.pem" => Ok(b"nothing here\n".to_vec()),
        "/etc/broken.pem" => Ok(b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n".to_vec()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    }
}

/// A host with one provisioning NIC, run by root, inside a pod.
fn host() -> HostFacts<'static> {
    HostFacts {
        interfaces: vec![interface("lo", &[[127, 0, 0, 1]]), interface("eth0", &[[192, 0, 2, 10], [192, 0, 2, 200]])],
        default_route: Some("eth0".into()),
        root: true,
        env: BTreeMap::from([("KUBERNETES_SERVICE_HOST".to_owned(), "10.96.0.1".to_owned())]),
        read: &read,
    }
}

fn two_nics(default_route: Option<&str>) -> HostFacts<'static> {
    let mut host = host();
    host.interfaces.push(interface("eth1", &[[198, 51, 100, 1]]));
    host.default_route = default_route.map(Into::into);
    host
}

fn with_env(mut host: HostFacts<'static>, env: &[(&str, &str)]) -> HostFacts<'static> {
    host.env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    host
}

fn run(flags: &str, host: &HostFacts<'_>) -> Result<Config, ConfigError> {
    let args = format!("metalman serve-pxe {flags}");
    let cli = Cli::parse_from_args(args.split_whitespace().map(OsString::from)).expect("clap takes it");
    let Command::ServePxe(args) = cli.command else { panic!("another command") };
    resolve(&args, host)
}

#[test]
fn defaults_are_the_documented_ones() {
    let config = run("", &host()).expect("valid");
    assert_eq!(config.site, None);
    assert_eq!(config.bind.http().to_string(), "0.0.0.0:8880");
    assert_eq!(config.bind.health().to_string(), "0.0.0.0:8081");
    assert_eq!((config.bind.dhcp_port, config.bind.tftp_port), (67, 69));
    assert_eq!(config.dhcp, DhcpMode::Relay);
    assert_eq!(config.serve_url.with_port(8880), "http://192.0.2.10:8880");
    assert_eq!(config.cache_dir, Path::new("/var/cache/metalman"));
    assert_eq!(config.layout_root, LayoutRoot::Nowhere);
    assert_eq!(config.cluster, ClusterSource::InCluster);
    assert_eq!(config.namespace, "unbounded-kube");
    assert_eq!(config.election.lease_name, "metalman");
    let timings = config.election.timings;
    assert_eq!(
        [timings.lease_duration, timings.renew_deadline, timings.retry_period].map(|d| d.as_secs()),
        [15, 10, 2]
    );
    assert!(config.trusted_proxies.is_empty() && config.ek_ca_bundle.is_none());
    assert!(config.registries.insecure.is_empty() && config.registries.certificates.is_empty());
    assert_eq!((config.cache_limits.max_bytes, config.cache_limits.max_age), (20 << 30, Duration::from_hours(168)));
}

#[test]
fn serve_url_is_derived() {
    for (what, flags, host, expected) in [
        ("bind address", "--bind-address 192.0.2.7", host(), "http://192.0.2.7:1"),
        ("DHCP interface", "--dhcp-interface eth1", two_nics(Some("eth0")), "http://198.51.100.1:1"),
        ("default route", "", two_nics(Some("eth1")), "http://198.51.100.1:1"),
        ("several DHCP interfaces", "--dhcp-interface eth0,eth1", two_nics(Some("eth1")), "http://198.51.100.1:1"),
        ("as given", "--serve-url https://boot.example:8443/", host(), "https://boot.example:8443"),
        (
            "given over bound",
            "--bind-address 192.0.2.7 --serve-url http://198.51.100.9/metal",
            host(),
            "http://198.51.100.9/metal",
        ),
        ("IPv6 wildcard", "--bind-address ::", host(), "http://192.0.2.10:1"),
    ] {
        let config = run(flags, &host).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(config.serve_url.with_port(1), expected, "{what}");
    }
}

#[test]
fn auto_interface_holds_the_serve_address() {
    for (flags, expected) in [
        ("--dhcp-auto-interface", "eth0"),
        ("--dhcp-auto-interface --bind-address 198.51.100.1", "eth1"),
        ("--dhcp-auto-interface --serve-url http://198.51.100.1:8880", "eth1"),
        ("--dhcp-auto-interface --serve-url http://boot.example --bind-address 198.51.100.1", "eth1"),
    ] {
        let config = run(flags, &two_nics(Some("eth0"))).unwrap_or_else(|e| panic!("{flags}: {e}"));
        assert_eq!(config.dhcp, DhcpMode::Interfaces(vec![expected.into()]), "{flags}");
    }
    assert_eq!(run("--dhcp-auto-interface=false", &host()).expect("valid").dhcp, DhcpMode::Relay);
}

#[test]
fn cluster_is_found_like_kubectl_does() {
    let kubeconfig = |path: &str| ClusterSource::Kubeconfig { files: vec![path.into()], context: None };
    let pod = ("KUBERNETES_SERVICE_HOST", "10.96.0.1");
    for (what, flags, env, expected) in [
        (
            "flag wins",
            "--kubeconfig /etc/kubeconfig",
            vec![("KUBECONFIG", "/nowhere"), pod],
            kubeconfig("/etc/kubeconfig"),
        ),
        (
            "KUBECONFIG over pod",
            "",
            vec![("KUBECONFIG", "/missing:/etc/kubeconfig"), pod],
            kubeconfig("/etc/kubeconfig"),
        ),
        ("pod over home", "", vec![("HOME", "/home/op"), pod], ClusterSource::InCluster),
        (
            "empty KUBECONFIG is unset",
            "",
            vec![("KUBECONFIG", ""), ("HOME", "/home/op")],
            kubeconfig("/home/op/.kube/config"),
        ),
    ] {
        let config = run(flags, &with_env(host(), &env)).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(config.cluster, expected, "{what}");
    }
}

#[test]
fn standalone_listens_where_machines_can_come() {
    let config = run("--standalone /srv/mm", &two_nics(Some("eth1"))).expect("valid");
    let ClusterSource::Standalone { dir, listen, names, advertise_host } = config.cluster else {
        panic!("not standalone")
    };
    assert_eq!((dir.as_path(), listen.to_string().as_str()), (Path::new("/srv/mm"), "0.0.0.0:6443"));
    assert_eq!(advertise_host, Some(Ipv4Addr::new(198, 51, 100, 1)), "the address that machines are told");
    for name in ["127.0.0.1", "192.0.2.10", "192.0.2.200", "198.51.100.1"] {
        assert!(names.iter().any(|n| n == name), "{name} not in {names:?}");
    }
    assert_eq!(config.layout_root, LayoutRoot::Anywhere);

    let flags = "--standalone /srv/mm --bind-address 127.0.0.1 --standalone-listen 127.0.0.1:0 --apiserver-url https://api.example:6443";
    let config = run(flags, &host()).expect("valid");
    let ClusterSource::Standalone { listen, names, advertise_host, .. } = config.cluster else {
        panic!("not standalone")
    };
    assert_eq!(listen.to_string(), "127.0.0.1:0");
    assert_eq!(advertise_host, None);
    assert_eq!(names, ["api.example", "127.0.0.1"]);
    let config = run("--standalone /srv/mm --layout-root /srv/layouts", &host()).expect("valid");
    assert_eq!(config.layout_root, LayoutRoot::Below("/srv/layouts".into()));
}

#[test]
fn cache_folder() {
    for (what, root, env, expected) in [
        ("root", true, vec![("HOME", "/root"), ("XDG_CACHE_HOME", "/x")], "/var/cache/metalman"),
        ("XDG", false, vec![("HOME", "/home/op"), ("XDG_CACHE_HOME", "/x")], "/x/metalman"),
        (
            "relative XDG is invalid",
            false,
            vec![("HOME", "/home/op"), ("XDG_CACHE_HOME", "x")],
            "/home/op/.cache/metalman",
        ),
        ("home", false, vec![("HOME", "/home/op")], "/home/op/.cache/metalman"),
    ] {
        let mut host = with_env(host(), &env);
        host.root = root;
        let config = run("--standalone /srv/mm", &host).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(config.cache_dir, Path::new(expected), "{what}");
    }
}

#[test]
fn other_values() {
    let config = run(
        "--site rack-7 --trusted-proxy 192.0.2.0/24,2001:db8::/32 --ek-ca-bundle /etc/ek.pem --kubernetes-version 1.34.2 \
         --leader-elect-lease-duration 1m30s --leader-elect-renew-deadline 45.5s --leader-elect-retry-period 500ms \
         --http-port 0 --health-port 0 --namespace metal",
        &host(),
    )
    .expect("valid");
    assert_eq!(config.site.as_deref(), Some("rack-7"));
    assert_eq!(config.election.lease_name, "metalman-rack-7");
    assert_eq!(config.election.timings.renew_deadline, Duration::from_millis(45_500));
    assert_eq!(config.overrides.kubernetes_version.as_deref(), Some("v1.34.2"));
    assert_eq!(config.namespace, "metal");
    assert_eq!(config.ek_ca_bundle.expect("a bundle").certificates, [[0x30, 0]]);
    let trusts = |ip: &str| config.trusted_proxies.iter().any(|c| c.contains(ip.parse().expect("an address")));
    assert!(trusts("192.0.2.255") && trusts("::ffff:192.0.2.1") && trusts("2001:db8::1"));
    assert!(!trusts("192.0.3.0") && !trusts("2001:db9::1"));
    assert_eq!(run("--site=", &host()).expect("empty is unset").site, None);
}

#[test]
fn patience_with_bmcs() {
    let minute = Duration::from_mins(1);
    let config = run("", &host()).expect("valid").lifecycle;
    assert_eq!((config.policy, config.at_once), (Policy::default(), 256), "nobody is drained unasked");
    let config =
        run("--drain --power-timeout 2m --bmc-idle-poll-period 1m --bmc-concurrency 8", &host()).expect("valid");
    let LifecycleConfig { policy, at_once } = config.lifecycle;
    assert_eq!((policy.drain, at_once), (Some(10 * minute), 8));
    assert_eq!((policy.power_confirmation, policy.idle_look), (2 * minute, minute));
    let config = run("--drain=false --drain-timeout 1m", &host()).expect("valid");
    assert_eq!(config.lifecycle.policy.drain, None);
}

/// Each refusal names the flag, the value if there is one, and a remedy.
#[test]
fn refusals_name_flag_value_and_remedy() {
    let bare = || with_env(host(), &[]);
    let no_address = || HostFacts { interfaces: vec![interface("lo", &[[127, 0, 0, 1]])], ..host() };
    for (flags, host, flag, words) in [
        ("--bind-address eth0", host(), "--bind-address", "\"eth0\": is not an IP address"),
        ("--http-port 65536", host(), "--http-port", "\"65536\": is not a port"),
        ("--health-port 8880", host(), "--health-port", "is also --http-port"),
        ("--tftp-port 67", host(), "--tftp-port", "is also --dhcp-port"),
        ("--serve-url http://0.0.0.0:8880", host(), "--serve-url", "wildcard"),
        ("--serve-url http://[::]:8880", host(), "--serve-url", "wildcard"),
        ("--serve-url http://0:8880", host(), "--serve-url", "wildcard"),
        ("--serve-url 192.0.2.1", host(), "--serve-url", "is not a URL"),
        ("--serve-url tftp://192.0.2.1", host(), "--serve-url", "http or https"),
        ("--serve-url http://me:pw@192.0.2.1", host(), "--serve-url", "user name"),
        ("--serve-url http://192.0.2.1:99999", host(), "--serve-url", "port"),
        ("--serve-url http://192.0.2.1/?a=b", host(), "--serve-url", "query"),
        ("--serve-url http:///x", host(), "--serve-url", "no valid host"),
        (
            "",
            two_nics(None),
            "--serve-url",
            "several addresses could be told to machines: 192.0.2.10 (eth0), 198.51.100.1 (eth1)",
        ),
        ("", no_address(), "--serve-url", "no network interface"),
        ("--bind-address 2001:db8::1", host(), "--bind-address", "IPv4"),
        (
            "--dhcp-interface eth9",
            host(),
            "--dhcp-interface",
            "\"eth9\": this host has no such interface; choose among lo, eth0",
        ),
        ("--dhcp-interface lo", host(), "--dhcp-interface", "loopback"),
        ("--dhcp-interface eth0 --dhcp-auto-interface", host(), "--dhcp-auto-interface", "excludes --dhcp-interface"),
        ("--dhcp-auto-interface --serve-url http://boot.example", host(), "--dhcp-auto-interface", "boot.example"),
        ("--dhcp-auto-interface --bind-address 127.0.0.1", host(), "--dhcp-auto-interface", "127.0.0.1"),
        ("--trusted-proxy 192.0.2.1/24", host(), "--trusted-proxy", "did you mean 192.0.2.0/24?"),
        ("--trusted-proxy 192.0.2.0/33", host(), "--trusted-proxy", "prefix length"),
        ("--trusted-proxy proxy", host(), "--trusted-proxy", "IP address"),
        ("--layout-root srv", host(), "--layout-root", "absolute"),
        ("--registry-ca-bundle /etc/none.pem", host(), "--registry-ca-bundle", "cannot be read"),
        ("--registry-ca-bundle /etc/empty.pem", host(), "--registry-ca-bundle", "holds no certificate"),
        ("--insecure-registry http://r.example", host(), "--insecure-registry", "is not a host or host:port"),
        ("--cache-max-size lots", host(), "--cache-max-size", "is not a size"),
        ("--cache-max-size 99999999TiB", host(), "--cache-max-size", "is too large"),
        ("--cache-max-age week", host(), "--cache-max-age", "week"),
        ("--ek-ca-bundle /etc/none.pem", host(), "--ek-ca-bundle", "cannot be read"),
        ("--ek-ca-bundle /etc/empty.pem", host(), "--ek-ca-bundle", "holds no certificate"),
        ("--ek-ca-bundle /etc/broken.pem", host(), "--ek-ca-bundle", "not valid PEM"),
        ("--kubeconfig /etc/none", host(), "--kubeconfig", "cannot be read"),
        ("--kubeconfig /etc/kubeconfig --standalone /srv", host(), "--standalone", "excludes --kubeconfig"),
        ("--standalone-listen 127.0.0.1:1", host(), "--standalone-listen", "add --standalone"),
        ("--standalone /srv --standalone-listen localhost", host(), "--standalone-listen", "address with a port"),
        ("", with_env(host(), &[("KUBECONFIG", "/missing")]), "--kubeconfig", "comes from KUBECONFIG"),
        ("", bare(), "--kubeconfig", "no cluster"),
        ("--site Rack_7", host(), "--site", "label"),
        ("--site a..b", host(), "--site", "label"),
        ("--namespace a.b", host(), "--namespace", "namespace"),
        ("--apiserver-url https://0.0.0.0:6443", host(), "--apiserver-url", "wildcard"),
        ("--kubernetes-version latest", host(), "--kubernetes-version", "version"),
        ("--cluster-dns kube-dns", host(), "--cluster-dns", "address"),
        ("--leader-elect-lease-duration 15", host(), "--leader-elect-lease-duration", "no unit"),
        (
            "--leader-elect-lease-duration 10s",
            host(),
            "--leader-elect-lease-duration",
            "longer than --leader-elect-renew-deadline 10s",
        ),
        ("--leader-elect-lease-duration 900ms", host(), "--leader-elect-lease-duration", "under a second"),
        (
            "--leader-elect-renew-deadline 2s",
            host(),
            "--leader-elect-renew-deadline",
            "longer than --leader-elect-retry-period 2s",
        ),
        ("--leader-elect-retry-period 0s", host(), "--leader-elect-retry-period", "never wait"),
        ("--leader-elect-retry-period=-2s", host(), "--leader-elect-retry-period", "negative"),
        ("--drain-timeout soon", host(), "--drain-timeout", "10m"),
        ("--bmc-poll-period 1ms", host(), "--bmc-poll-period", "under a tenth of a second"),
        ("--power-timeout 30s", host(), "--power-retry-period", "not shorter than --power-timeout"),
        ("--bmc-concurrency 0", host(), "--bmc-concurrency", "from 1 to 10000"),
    ] {
        let error = run(flags, &host).expect_err(flags);
        let text = error.to_string();
        assert_eq!(error.flag, flag, "{flags}: {text}");
        assert!(text.starts_with(flag) && text.contains(words), "{flags}: {text}");
        assert!(!error.remedy.is_empty(), "{flags}: no remedy in {text}");
    }
}

#[test]
fn unprivileged_without_a_home_needs_a_cache_folder() {
    let host = HostFacts { root: false, ..with_env(host(), &[]) };
    let error = run("--standalone /srv", &host).expect_err("nowhere to cache");
    assert_eq!(error.flag, "--cache-dir");
    run("--standalone /srv --cache-dir /tmp/c", &host).expect("told where");
}

#[test]
fn apiserver_alone() {
    let listen = |flags: &str| {
        let args = format!("metalman apiserver --data /srv/api {flags}");
        let cli = Cli::parse_from_args(args.split_whitespace().map(OsString::from)).expect("clap takes it");
        let Command::Apiserver(args) = cli.command else { panic!("another command") };
        resolve_listen(&args, &host())
    };
    let config = listen("").expect("valid");
    assert_eq!(config.listen.to_string(), "127.0.0.1:6443");
    assert!(config.names.is_empty());
    let config = listen("--listen 0.0.0.0:0 --name api.example,192.0.2.10").expect("valid");
    assert_eq!(config.names, ["api.example", "192.0.2.10", "127.0.0.1", "192.0.2.200"]);
    assert_eq!(listen("--listen 6443").expect_err("no address").flag, "--listen");
    assert_eq!(listen("--name a/b").expect_err("no name").flag, "--name");
    assert_eq!(listen("--advertise-url https://0.0.0.0:1").expect_err("wildcard").flag, "--advertise-url");
}

#[test]
fn durations_in_gos_form() {
    for (text, expected) in [
        ("15s", 15_000_000_000),
        ("1m30s", 90_000_000_000),
        ("1h0m0.5s", 3_600_500_000_000),
        ("1.5h", 5_400_000_000_000),
        ("500ms", 500_000_000),
        ("2us", 2_000),
        ("2µs", 2_000),
        ("2μs", 2_000),
        (".5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("0", 0),
        ("+3ns", 3),
        ("0.0000000001s", 0),
    ] {
        assert_eq!(parse_go_duration(text).expect(text), Duration::from_nanos(expected), "{text}");
    }
    for text in [
        "",
        "+",
        "15",
        "s",
        "1d",
        "1s ",
        " 1s",
        "1..5s",
        "1.5.5s",
        "-1s",
        "3000000h",
        "1e3s",
        ".s",
        "99999999999999999999999999999999999999999999s",
    ] {
        parse_go_duration(text).expect_err(text);
    }
    assert_eq!(format_go_duration(Duration::from_secs(3690)), "1h1m30s");
    assert_eq!(format_go_duration(Duration::from_millis(1500)), "1.5s");
}

proptest! {
    #[test]
    fn a_printed_duration_is_read_back(nanos in 0..i64::MAX.unsigned_abs()) {
        let duration = Duration::from_nanos(nanos);
        prop_assert_eq!(parse_go_duration(&format_go_duration(duration)), Ok(duration));
    }

    #[test]
    fn no_text_panics_a_parser(text in "\\PC{0,40}") {
        let _ = parse_go_duration(&text);
        let _ = text.parse::<Cidr>();
    }

    #[test]
    fn whatever_is_accepted_tells_machines_an_address_they_can_reach(
        url in "(http|https)://(0|00|0\\.0\\.0\\.0|\\[::\\]|\\[::ffff:0\\.0\\.0\\.0\\]|192\\.0\\.2\\.1|a\\.b)(:[0-9]{1,5})?/?"
    ) {
        if let Ok(config) = run(&format!("--serve-url {url}"), &host()) {
            let told = config.serve_url.with_port(1);
            prop_assert!(told.contains("192.0.2.1") || told.contains("a.b"), "{}", told);
        }
    }
}

#[test]
fn image_flags() {
    let flags = "--cache-max-size 5GiB --cache-max-age 36h --registry-ca-bundle /etc/ek.pem \
                 --insecure-registry r.example:5000,10.1.2.3";
    let config = run(flags, &host()).expect("valid");
    assert_eq!((config.cache_limits.max_bytes, config.cache_limits.max_age), (5 << 30, Duration::from_hours(36)));
    assert_eq!(
        config.registries.insecure.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["r.example:5000", "10.1.2.3"]
    );
    assert_eq!(config.registries.certificates.len(), 1);
    for (text, bytes) in [
        ("0", 0),
        ("12", 12),
        ("3k", 3000),
        ("2KiB", 2048),
        ("1Gi", 1 << 30),
        ("7 MB", 7_000_000),
        ("2T", 2_000_000_000_000),
    ] {
        assert_eq!(metalman::config::parse_size(text), Ok(bytes), "{text}");
    }
    for text in ["", "GiB", "1.5GiB", "-1", "5 apples"] {
        assert!(metalman::config::parse_size(text).is_err(), "{text}");
    }
}
