//! Clients that nobody here wrote.

use std::process::{Command, Output};

use metalman_core::tftp::Outcome;

use super::*;

/// Runs a client to its end; fails with what it said.
fn run(package: &str, program: &str, arguments: &[&str], folder: &std::path::Path) -> Output {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    output.unwrap_or_else(|error| panic!("{program} does not start ({error}); install the Debian package {package}"))
}

/// Each client fetches `name` into the file `got`.
fn fetch(fixture: &Fixture, package: &str, program: &str, arguments: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let (host, port) = (fixture.at.ip().to_string(), fixture.at.port().to_string());
    let arguments: Vec<String> =
        arguments.iter().map(|argument| argument.replace("HOST", &host).replace("PORT", &port)).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = run(package, program, &arguments, folder.path());
    std::fs::read(folder.path().join("got")).unwrap_or_else(|error| {
        panic!(
            "{program} {arguments:?} fetched nothing ({error}), {}: {}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

const CURL: (&str, &str) = ("curl", "curl");
const ATFTP: (&str, &str) = ("atftp", "atftp");
const TFTP_HPA: (&str, &str) = ("tftp-hpa", "tftp");
const BUSYBOX: (&str, &str) = ("busybox-static", "busybox");

/// Every client with every option that it has, and sizes around the block's.
#[tokio::test(flavor = "multi_thread")]
async fn real_clients_fetch_the_exact_bytes() {
    let fixture = Fixture::start(|name| {
        let size = name.trim_matches(['/', '\\']).parse().map_err(|_| BootError::NotFound)?;
        Ok(content(size))
    });
    for size in ["0", "1", "511", "512", "513", "1468", "2936", "1000000"] {
        let url = format!("tftp://HOST:PORT/{size}");
        let expected = content(size.parse().expect("a size"));
        for ((package, program), arguments) in [
            (CURL, &["-sS", "-o", "got", "--tftp-blksize", "1468", &url][..]),
            (CURL, &["-sS", "-o", "got", "--tftp-no-options", &url]),
            (CURL, &["-sS", "-o", "got", "--tftp-blksize", "65464", &url]),
            (ATFTP, &["--get", "-r", size, "-l", "got", "HOST", "PORT"]),
            (
                ATFTP,
                &["--get", "--option", "blksize 1024", "--option", "tsize", "-r", size, "-l", "got", "HOST", "PORT"],
            ),
            (
                ATFTP,
                &[
                    "--get",
                    "--option",
                    "windowsize 8",
                    "--option",
                    "timeout 2",
                    "-r",
                    size,
                    "-l",
                    "got",
                    "HOST",
                    "PORT",
                ],
            ),
            (TFTP_HPA, &["-m", "octet", "HOST", "PORT", "-c", "get", size, "got"]),
            (BUSYBOX, &["tftp", "-g", "-r", size, "-l", "got", "HOST", "PORT"]),
            (BUSYBOX, &["tftp", "-g", "-b", "1400", "-r", size, "-l", "got", "HOST", "PORT"]),
        ] {
            if size == "0" && program == "curl" {
                continue; // It makes no file of nothing.
            }
            let got = fetch(&fixture, package, program, arguments);
            assert!(got == expected, "{program} {arguments:?}: {} bytes", got.len());
        }
    }
    fixture.until("all ends", |metrics| metrics.count_active() == 0);
    assert_eq!(fixture.metrics.count(Some(Outcome::TimedOut)), 0, "{:?}", fixture.metrics);
}

#[tokio::test(flavor = "multi_thread")]
async fn netascii_arrives_as_text() {
    let text: Vec<u8> = (0..3000).flat_map(|i| format!("line {i}{}\n", "-".repeat(i % 90)).into_bytes()).collect();
    let sent = text.clone();
    let fixture = Fixture::start(move |_| Ok(sent.clone()));
    let (package, program) = TFTP_HPA;
    let got = fetch(&fixture, package, program, &["-m", "netascii", "HOST", "PORT", "-c", "get", "text", "got"]);
    assert!(got == text, "{} of {} bytes", got.len(), text.len());
}

/// 65536 blocks and more: the number on the wire begins again at 0.
#[tokio::test(flavor = "multi_thread")]
async fn real_clients_follow_the_rollover() {
    let expected = content(8 * 70_000);
    let sent = expected.clone();
    let fixture = Fixture::start(move |_| Ok(sent.clone()));
    for ((package, program), arguments) in [
        (CURL, &["-sS", "-o", "got", "--tftp-blksize", "8", "tftp://HOST:PORT/file"][..]),
        (ATFTP, &["--get", "--option", "blksize 8", "-r", "file", "-l", "got", "HOST", "PORT"]),
    ] {
        let got = fetch(&fixture, package, program, arguments);
        assert!(got == expected, "{program} {arguments:?}: {} bytes", got.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_clients_show_the_refusal() {
    let fixture = Fixture::start(|_| Err(BootError::UnknownMachine));
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("tftp://{}/../../etc/passwd", fixture.at);
    let output = run("curl", "curl", &["-sS", "--path-as-is", "-o", "got", &url], folder.path());
    assert!(!output.status.success() && !folder.path().join("got").exists(), "{output:?}");
    let (host, port) = (fixture.at.ip().to_string(), fixture.at.port().to_string());
    let output = run("tftp-hpa", "tftp", &[&host, &port, "-c", "get", "x", "got"], folder.path());
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("unknown machine"), "{said}");
    std::fs::write(folder.path().join("mine"), b"x").expect("written");
    let output = run("tftp-hpa", "tftp", &[&host, &port, "-c", "put", "mine", "x"], folder.path());
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("read only"), "{said}");
}
