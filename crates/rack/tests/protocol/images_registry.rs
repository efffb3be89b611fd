//! Images that skopeo and buildah pushed to Debian's registry, pulled and served to machines.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, ensure};
use nix::sys::signal::Signal;
use rack::{
    netns::Namespace,
    registry::{Protection, Registry},
    site::Site,
};
use serde_json::{Value, json};

use crate::images_site::{boots, fetch, flags, image_ready, network, pack, wait};

/// buildah with storage of its own.
struct Buildah<'n> {
    namespace: &'n Namespace,
    dir: tempfile::TempDir,
}

impl<'n> Buildah<'n> {
    fn new(namespace: &'n Namespace) -> anyhow::Result<Self> {
        Ok(Self { namespace, dir: tempfile::tempdir()? })
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command: Command = self.namespace.command("buildah");
        command.arg("--root").arg(self.dir.path().join("root")).arg("--runroot").arg(self.dir.path().join("run"));
        let output = command.args(["--storage-driver", "vfs"]).args(arguments).output();
        let output = output.context("buildah does not start; install the Debian package buildah")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "buildah {}: {said}", arguments.join(" "));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// An image of two layers, of which the upper removes a file, empties a folder and replaces a file of the lower.
    fn layered(&self) -> anyhow::Result<()> {
        let folder = self.dir.path().join("folder/disk");
        fs::create_dir_all(folder.join("old"))?;
        fs::write(folder.join("metadata.yaml"), "dhcpBootImageName: grub.efi\n")?;
        for (name, content) in [("grub.efi", "GRUB"), ("kernel", "first"), ("gone", "x"), ("old/a", "x")] {
            fs::write(folder.join(name), content)?;
        }
        std::os::unix::fs::symlink("kernel", folder.join("link"))?;
        fs::hard_link(folder.join("kernel"), folder.join("hard"))?;
        let lower = self.run(&["from", "scratch"])?;
        self.run(&["copy", &lower, &self.dir.path().join("folder").display().to_string(), "/"])?;
        self.run(&["commit", "--quiet", &lower, "lower"])?;
        let upper = self.run(&["from", "--pull-never", "localhost/lower"])?;
        let mounted = self.run(&["mount", &upper])?;
        let disk = Path::new(&mounted).join("disk");
        fs::remove_file(disk.join("gone"))?;
        fs::remove_dir_all(disk.join("old"))?;
        fs::create_dir(disk.join("old"))?;
        fs::write(disk.join("old/b"), "new")?;
        fs::remove_file(disk.join("kernel"))?;
        fs::write(disk.join("kernel"), "second")?;
        self.run(&["umount", &upper])?;
        self.run(&["commit", "--quiet", &upper, "upper"]).map(drop)
    }
}

#[test]
fn what_skopeo_and_buildah_push_is_served() -> anyhow::Result<()> {
    let namespace = network(5)?;
    let registry = Registry::start(&namespace, "10.0.0.1:5000", Protection::default())?;
    let dir = tempfile::tempdir()?;
    pack(dir.path(), "v1", b"by skopeo")?;
    let oci = registry.push(dir.path(), "v1", "net/oci:v1", &[])?;
    registry.push(dir.path(), "v1", "net/docker:v1", &["--format", "v2s2"])?;
    registry.push(dir.path(), "v1", "net/zstd:v1", &["--dest-compress-format", "zstd"])?;
    let buildah = Buildah::new(&namespace)?;
    buildah.layered()?;
    for (image, flags) in [("gzip", &[][..]), ("docker", &["--format", "v2s2"][..])] {
        let to = format!("docker://10.0.0.1:5000/built/{image}:v1");
        buildah.run(&[&["push", "--quiet", "--tls-verify=false"], flags, &["localhost/upper", &to]].concat())?;
    }

    let mut site = Site::start(&namespace, &flags(&[]))?;
    site.register(&[
        boots(1, &format!("10.0.0.1:5000/net/oci@{oci}")),
        boots(2, "10.0.0.1:5000/net/docker:v1"),
        boots(3, "10.0.0.1:5000/net/zstd:v1"),
        boots(4, "10.0.0.1:5000/built/gzip:v1"),
        boots(5, "10.0.0.1:5000/built/docker:v1"),
    ])?;
    for n in 1..=5 {
        wait(&mut site, n, "True/Pulled: sha256:")?;
    }
    assert_eq!(image_ready(&site, 1), Some(format!("True/Pulled: {oci}")));
    for n in 1..=3 {
        assert_eq!(fetch(&site, n, "kernel")?, b"by skopeo", "m{n}");
    }
    for n in 4..=5 {
        assert_eq!(fetch(&site, n, "kernel")?, b"second", "m{n}");
        assert_eq!(fetch(&site, n, "link")?, b"second", "m{n}: a link to what was replaced");
        assert_eq!(fetch(&site, n, "hard")?, b"first", "m{n}: a name of what was replaced");
        assert_eq!(fetch(&site, n, "old/b")?, b"new", "m{n}");
        for hidden in ["gone", "old/a"] {
            assert!(fetch(&site, n, hidden).is_err(), "m{n} is served {hidden}, which a later layer hid");
        }
    }
    let status = site.kubectl(&["get", "machine", "m1", "-o", "jsonpath={.status.image.digest}"], "")?;
    assert_eq!(status, oci);
    Ok(())
}

/// A pull secret of metalman's namespace.
fn secret(name: &str, registry: &str, user: &str, password: &str) -> Value {
    let config = json!({ "auths": { registry: { "username": user, "password": password } } }).to_string();
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name, "namespace": "unbounded-kube" },
        "type": "kubernetes.io/dockerconfigjson", "stringData": { ".dockerconfigjson": config },
    })
}

fn with_secret(mut machine: Value, name: &str) -> Value {
    machine["spec"]["pxe"]["imagePullSecretRef"] = json!({ "name": name });
    machine
}

#[test]
fn private_registries_want_the_right_secret_and_the_right_ca() -> anyhow::Result<()> {
    let namespace = network(6)?;
    let user = Some(("rack", "s3cret-word"));
    let tls = Registry::start(&namespace, "10.0.0.1:5001", Protection { user, tls: true })?;
    let other_ca = Registry::start(&namespace, "10.0.0.1:5002", Protection { user: None, tls: true })?;
    let plain = Registry::start(&namespace, "10.0.0.1:5003", Protection { user, tls: false })?;
    let named = Registry::start(&namespace, "10.0.0.1:5004", Protection { user, tls: false })?;
    let dir = tempfile::tempdir()?;
    pack(dir.path(), "v1", b"private")?;
    let credentials = ["--dest-creds", "rack:s3cret-word"];
    tls.push(dir.path(), "v1", "p:v1", &credentials)?;
    other_ca.push(dir.path(), "v1", "p:v1", &[])?;
    plain.push(dir.path(), "v1", "p:v1", &credentials)?;
    named.push(dir.path(), "v1", "p:v1", &credentials)?;

    let bundle = format!("--registry-ca-bundle={}", tls.ca().display());
    let mut site = Site::start(&namespace, &flags(&[&bundle, "--insecure-registry=10.0.0.1:5004"]))?;
    let mut secrets: Vec<Value> = ["5001", "5003", "5004"]
        .map(|port| secret(&format!("s{port}"), &format!("https://10.0.0.1:{port}/v1/"), "rack", "s3cret-word"))
        .into();
    secrets.push(secret("wrong", "10.0.0.1:5001", "rack", "wr0ng-word"));
    site.apply(&secrets)?;
    site.register(&[
        with_secret(boots(1, "10.0.0.1:5001/p:v1"), "s5001"),
        boots(2, "10.0.0.1:5001/p:v1"),
        with_secret(boots(3, "10.0.0.1:5001/p:v1"), "wrong"),
        boots(4, "10.0.0.1:5002/p:v1"),
        with_secret(boots(5, "10.0.0.1:5003/p:v1"), "s5003"),
        with_secret(boots(6, "10.0.0.1:5004/p:v1"), "s5004"),
    ])?;
    wait(&mut site, 1, "True/Pulled")?;
    wait(&mut site, 2, "authentication required; if the image is there, name a Secret")?;
    wait(&mut site, 3, "check the credentials in the pull secret")?;
    wait(&mut site, 4, "shows a certificate that is not trusted; give its CA with --registry-ca-bundle")?;
    wait(&mut site, 5, "credentials are not sent over plain HTTP")?;
    wait(&mut site, 6, "True/Pulled")?;
    for n in [1, 6] {
        assert_eq!(fetch(&site, n, "kernel")?, b"private");
    }
    let refused = "metalman_image_pulls_total{outcome=\"failed\",reason=\"unauthorized\"}";
    assert!(site.metric(refused).is_some_and(|count| count >= 3.0));
    let log = site.process().lines().join("\n");
    assert!(!log.contains("s3cret-word") && !log.contains("wr0ng-word"), "a password is in the log");

    // A Secret that is mended is read again, without anybody telling.
    site.apply(&[secret("wrong", "10.0.0.1:5001", "rack", "s3cret-word")])?;
    wait(&mut site, 3, "True/Pulled")?;
    Ok(())
}

#[test]
fn a_restart_without_the_registry_serves_everything() -> anyhow::Result<()> {
    let namespace = network(3)?;
    let mut registry = Registry::start(&namespace, "10.0.0.1:5000", Protection::default())?;
    let dir = tempfile::tempdir()?;
    pack(dir.path(), "v1", b"kept")?;
    let digest = registry.push(dir.path(), "v1", "net/boot:v1", &[])?;
    let mut site = Site::start(&namespace, &flags(&[]))?;
    site.register(&[
        boots(1, "10.0.0.1:5000/net/boot:v1"),
        boots(2, &format!("10.0.0.1:5000/net/boot@{digest}")),
        boots(3, "10.0.0.1:5000/net/never:v1"),
    ])?;
    wait(&mut site, 1, "True/Pulled")?;
    wait(&mut site, 2, "True/Pulled")?;
    wait(&mut site, 3, "False/PullFailed: registry 10.0.0.1:5000: manifest unknown")?;

    registry.process().signal(Signal::SIGKILL);
    let mut site = site.restart(Signal::SIGKILL, &flags(&[]), |_| Ok(()))?;
    for n in 1..=2 {
        site.eventually("the image", |site| fetch(site, n, "kernel").ok().filter(|content| content == b"kept"))?;
    }
    wait(
        &mut site,
        1,
        &format!("True/Pulled: {digest}; the reference could not be resolved again: registry 10.0.0.1:5000"),
    )?;
    wait(&mut site, 3, "False/PullFailed: registry 10.0.0.1:5000 cannot be reached")?;
    assert_eq!(image_ready(&site, 2), Some(format!("True/Pulled: {digest}")), "a digest is not resolved again");
    assert_eq!(site.metric("metalman_image_pulled_bytes_total"), Some(0.0));
    Ok(())
}
