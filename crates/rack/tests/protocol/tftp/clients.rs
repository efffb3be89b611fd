//! Real clients over a good wire.

use super::*;

#[test]
fn real_clients_fetch_files_of_their_machines_image() -> anyhow::Result<()> {
    let (wire, kernel) = (Wire::clean()?, content(3_000_000));
    let (mut site, _layout) = wire.site(&[("boot/kernel", &kernel)])?;
    all_clients_fetch(&wire, "boot/kernel", &kernel)?;
    site.metric_reaches("metalman_tftp_transfers_total{outcome=\"completed\"}", 7.0)?;
    assert_eq!(site.metric("metalman_tftp_transfers_total{outcome=\"timed_out\"}"), None);
    Ok(())
}

#[test]
fn templates_are_rendered_and_netascii_is_text() -> anyhow::Result<()> {
    let wire = Wire::clean()?;
    let template = "# for {{ .Machine.Name }}\nset default=0\n";
    let (_site, _layout) = wire.site(&[("grub/grub.cfg.tmpl", template.as_bytes())])?;
    let expected = b"# for m11\nset default=0\n";
    for mode in ["octet", "netascii"] {
        let arguments = ["-m", mode, "SERVER", "-c", "get", "/grub/grub.cfg", "got"];
        let got = wire.fetch("tftp-hpa", "tftp", &arguments)?;
        assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(expected), "{mode}");
    }
    for name in ["\\grub\\grub.cfg", "//grub/./grub.cfg"] {
        assert_eq!(wire.read(SERVER, FIRST_CLIENT, name, &[])?, expected, "{name}");
    }
    Ok(())
}

/// 40 MiB in blocks of 512 bytes: the number of the block begins again at 0.
#[test]
fn real_clients_follow_the_rollover() -> anyhow::Result<()> {
    let (wire, image) = (Wire::clean()?, content(40 << 20));
    let (_site, _layout) = wire.site(&[("small", b"x"), ("image", &image)])?;
    for (package, program, arguments) in [
        ("curl", "curl", &["-sS", "-o", "got", "--tftp-no-options", "tftp://SERVER/image"][..]),
        ("atftp", "atftp", &["--get", "-r", "image", "-l", "got", "SERVER"]),
    ] {
        let got = wire.fetch(package, program, arguments)?;
        assert!(digest(&got) == digest(&image), "{program}: {} bytes", got.len());
    }
    Ok(())
}

#[test]
fn what_is_not_served_is_refused() -> anyhow::Result<()> {
    let wire = Wire::clean()?;
    let (mut site, _layout) = wire.site(&[("file", b"content")])?;
    for name in ["../../etc/passwd", "..\\..\\etc\\passwd", "/../etc/passwd", "file/../../../etc/passwd", "nothing"] {
        let refusal = wire.read(SERVER, FIRST_CLIENT, name, &[]).expect_err(name).to_string();
        assert!(refusal.contains("error 1, no such file"), "{name}: {refusal}");
    }
    wire.client.address("eth0", "10.0.0.99/24")?;
    let refusal = wire.read(SERVER, 99, "file", &[]).expect_err("nobody's address").to_string();
    assert!(refusal.contains("error 2, unknown machine"), "{refusal}");
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("mine"), b"x")?;
    let output = wire.run("tftp-hpa", "tftp", &["SERVER", "-c", "put", "mine", "file"], folder.path())?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("read only"), "{said}");
    site.metric_reaches("metalman_tftp_refused_total{reason=\"not_found\"}", 5.0)?;
    site.metric_reaches("metalman_tftp_refused_total{reason=\"unknown_machine\"}", 1.0)?;
    site.metric_reaches("metalman_tftp_refused_total{reason=\"write\"}", 1.0)
}

#[test]
fn a_template_that_fails_is_told_in_short() -> anyhow::Result<()> {
    let wire = Wire::clean()?;
    let (_site, _layout) = wire.site(&[("file", b"content"), ("bad.tmpl", b"{{ .Nothing.Here }}")])?;
    let refusal = wire.read(SERVER, FIRST_CLIENT, "bad", &[]).expect_err("it cannot be rendered").to_string();
    assert!(refusal.contains("error 0, "), "{refusal}");
    Ok(())
}

#[test]
fn replies_come_from_the_address_that_was_asked() -> anyhow::Result<()> {
    let wire = Wire::clean()?;
    let (_site, _layout) = wire.site(&[("file", b"content")])?;
    for server in [SERVER, SECOND] {
        assert_eq!(wire.read(server, FIRST_CLIENT, "file", &[("tsize", 0)])?, b"content");
        let refusal = wire.read(server, FIRST_CLIENT, "nothing", &[]).expect_err("there is none").to_string();
        assert!(refusal.contains("no such file"), "{refusal}");
    }
    Ok(())
}
