//! curl against the boot server: files, ranges, resumption, conditions, templates, user-data, and who is believed.

use std::{fs, path::Path};

use anyhow::{Context, ensure};
use rack::{
    layout,
    netns::Namespace,
    site::{Site, machine},
};
use serde_json::json;

const URL: &str = "http://10.0.0.1:8880";

/// A server, a machine that is registered, and one that is not, on one segment.
struct Net {
    server: Namespace,
    client: Namespace,
    stranger: Namespace,
}

impl Net {
    fn new() -> anyhow::Result<Self> {
        let (server, client) = (Namespace::new("server")?, Namespace::new("client")?);
        let stranger = Namespace::new("stranger")?;
        server.veth("c0", &client, "eth0")?;
        server.veth("s0", &stranger, "eth0")?;
        server.bridge("br0", &["c0", "s0"])?;
        server.address("br0", "10.0.0.1/24")?;
        client.address("eth0", "10.0.0.11/24")?;
        stranger.address("eth0", "10.0.0.66/24")?;
        Ok(Self { server, client, stranger })
    }
}

/// Runs curl and returns what it printed.
fn curl(from: &Namespace, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = from.command("curl");
    command.args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "*"]).args(arguments);
    let output = command.output().context("curl does not start; install the Debian package curl")?;
    let refusal = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "curl {arguments:?}: {} {refusal}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The status and the body.
fn get(from: &Namespace, path: &str, arguments: &[&str]) -> anyhow::Result<(u16, String)> {
    let url = format!("{URL}{path}");
    let text = curl(from, &[&["--write-out", "\n%{http_code}", url.as_str()], arguments].concat())?;
    let (body, code) = text.rsplit_once('\n').context("a status")?;
    Ok((code.parse()?, body.to_owned()))
}

fn big() -> Vec<u8> {
    (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect()
}

#[test]
fn curl_gets_files_in_whole_and_in_part() -> anyhow::Result<()> {
    let net = Net::new()?;
    let images = tempfile::tempdir()?;
    let content = big();
    let files: &[(&str, &[u8])] = &[
        ("metadata.yaml", b"dhcpBootImageName: shimx64.efi\n"),
        ("shimx64.efi", b"not really"),
        ("digits", b"0123456789"),
        ("big.img", &content),
        ("grub/grub.cfg.tmpl", b"set name={{.Machine.Name}}\nset url={{.ServeURL}}\n"),
    ];
    layout::pack_files(files, images.path(), "1")?;
    let mut site = Site::start(&net.server, &["--serve-url=http://10.0.0.1:8880"])?;
    let image = format!("oci:{}:1", images.path().display());
    site.register(&[machine("n1", "02:00:00:00:00:11", "10.0.0.11/24", "10.0.0.1", &image)])?;
    site.eventually("image", |_| get(&net.client, "/digits", &[]).ok().filter(|(code, _)| *code == 200))?;

    // Whole, by HEAD, rendered, unknown.
    assert_eq!(get(&net.client, "/digits", &[])?, (200, "0123456789".to_owned()));
    let head = curl(&net.client, &["--head", &format!("{URL}/big.img")])?.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200") && head.contains("content-length: 12000000\r\n"), "{head}");
    assert!(!head.contains("chunked"), "{head}");
    let rendered = "set name=n1\nset url=http://10.0.0.1:8880\n";
    assert_eq!(get(&net.client, "/grub/grub.cfg", &[])?, (200, rendered.to_owned()));
    assert_eq!(get(&net.client, "/none", &[])?.0, 404);
    assert_eq!(get(&net.client, "/%2e%2e/%2e%2e/etc/passwd", &["--path-as-is"])?.0, 404);
    assert_eq!(get(&net.client, "/digits", &["--request", "POST"])?.0, 405);
    assert_eq!(get(&net.client, "/cloud-init/user-data", &[])?, (200, "#cloud-config\n".to_owned()));

    // Parts.
    assert_eq!(get(&net.client, "/digits", &["--range", "2-4"])?, (206, "234".to_owned()));
    assert_eq!(get(&net.client, "/digits", &["--range", "-3"])?, (206, "789".to_owned()));
    assert_eq!(get(&net.client, "/digits", &["--range", "10-"])?.0, 416);
    let (code, parts) = get(&net.client, "/digits", &["--range", "0-1,8-9"])?;
    assert_eq!((code, parts.matches("Content-Range: bytes ").count()), (206, 2), "{parts}");

    // A download that broke off goes on.
    let target = images.path().join("resumed");
    fs::write(&target, &content[..1_234_567])?;
    resume(&net.client, &target)?;
    assert!(fs::read(&target)? == content, "the resumed file is another");

    // Conditions.
    let etag_file = images.path().join("etag").display().to_string();
    let (etag_save, etag_compare) = (["--etag-save", etag_file.as_str()], ["--etag-compare", etag_file.as_str()]);
    assert_eq!(get(&net.client, "/digits", &etag_save)?.0, 200);
    assert_eq!(get(&net.client, "/digits", &etag_compare)?.0, 304);
    assert_eq!(get(&net.client, "/digits", &["--time-cond", "Fri, 01 Jan 2100 00:00:00 GMT"])?.0, 304);
    assert_eq!(get(&net.client, "/digits", &["--time-cond", "Thu, 01 Jan 1970 00:00:00 GMT"])?.0, 200);

    // Many files over one connection.
    let urls: Vec<String> = (0..50).map(|_| format!("{URL}/digits")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let connects = curl(&net.client, &[&["--write-out", "\n%{num_connects}\n"], urls.as_slice()].concat())?;
    let made: u32 = connects.lines().filter_map(|line| line.parse::<u32>().ok().filter(|n| *n < 10)).sum();
    assert_eq!((made, connects.matches("0123456789").count()), (1, 50), "{connects}");

    // Whoever is nobody, or says that it is somebody.
    assert_eq!(get(&net.stranger, "/digits", &[])?, (404, "unknown machine\n".to_owned()));
    let forged = ["--header", "X-Forwarded-For: 10.0.0.11"];
    assert_eq!(get(&net.stranger, "/digits", &forged)?.0, 404);
    assert_eq!(get(&net.client, "/digits", &["--header", "X-Forwarded-For: 10.0.0.66"])?.0, 200);
    Ok(())
}

fn resume(from: &Namespace, target: &Path) -> anyhow::Result<()> {
    let target = target.display().to_string();
    curl(from, &["--continue-at", "-", "--fail", "--output", &target, &format!("{URL}/big.img")]).map(drop)
}

#[test]
fn the_operator_sees_what_fails_and_mends_it_at_run_time() -> anyhow::Result<()> {
    let net = Net::new()?;
    let images = tempfile::tempdir()?;
    let metadata: &[u8] = b"dhcpBootImageName: shimx64.efi\n";
    let files = [("metadata.yaml", metadata), ("shimx64.efi", b"x"), ("a.cfg.tmpl", b"ok\n{{.Machine.Nmae}}\n")];
    layout::pack_files(&files, images.path(), "1")?;
    let mut site = Site::start(&net.server, &["--serve-url=http://10.0.0.1:8880"])?;
    let mut asks =
        machine("n1", "02:00:00:00:00:11", "10.0.0.11/24", "10.0.0.1", &format!("oci:{}:1", images.path().display()));
    asks["spec"]["pxe"]["cloudInit"] =
        json!({ "userDataConfigMapRef": { "name": "ud", "namespace": "unbounded-kube" } });
    site.register(&[asks])?;
    site.eventually("image", |_| get(&net.client, "/shimx64.efi", &[]).ok().filter(|(code, _)| *code == 200))?;

    // A template that fails.
    let (code, words) = get(&net.client, "/a.cfg", &[])?;
    assert_eq!(code, 500);
    assert!(words.starts_with("a.cfg.tmpl:2:10: ") && words.contains("can't evaluate field Nmae"), "{words}");
    let message =
        |site: &Site<'_>| site.kubectl(&["get", "machine", "n1", "-o", "jsonpath={.status.message}"], "").ok();
    let said = site.eventually("message", |site| message(site).filter(|text| text.contains("a.cfg.tmpl:2:10: ")))?;
    assert!(said.starts_with("netboot image sha256:"), "{said}");
    let events =
        ["get", "events", "-o", "jsonpath={range .items[*]}{.reason} {.involvedObject.name} {.message}{\"\\n\"}{end}"];
    site.eventually("event", |site| {
        let listed = site.kubectl(&events, "").ok()?;
        listed.lines().any(|line| line.starts_with("TemplateFailed n1 ")).then_some(())
    })?;

    // User-data: a reference that does not resolve is no silent default, and resolves without a restart.
    let user_data = || get(&net.client, "/cloud-init/user-data", &[]).ok();
    let (_, words) = site.eventually("refusal", |_| user_data().filter(|(code, _)| *code == 500))?;
    assert_eq!(words, "spec.pxe.cloudInit.userDataConfigMapRef does not resolve\n");
    site.eventually("word of it", |site| {
        message(site).filter(|text| text.contains("there is no ConfigMap unbounded-kube/ud"))
    })?;
    let map = |text: &str| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "ud", "namespace": "unbounded-kube" },
            "data": { "user-data": text },
        })
    };
    for text in ["#cloud-config\nhostname: first\n", "#cloud-config\nhostname: second\n"] {
        site.apply(&[map(text)])?;
        site.eventually(text, |_| user_data().filter(|(code, body)| *code == 200 && body == text))?;
    }
    site.eventually("message taken back", |site| message(site).filter(|text| !text.contains("there is no ConfigMap")))?;
    assert!(!site.process().lines().iter().any(|line| line.contains("hostname: ")), "user-data is in the log");
    Ok(())
}
