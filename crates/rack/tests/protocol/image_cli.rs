//! `metalman image …` against Debian's docker-registry, skopeo and buildah.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use rack::process::Process;
use serde_json::Value;

/// How long a registry may take to start on a busy machine.
const START: Duration = Duration::from_mins(1);

fn run(mut command: Command, package: &str) -> Output {
    let shown = format!("{command:?}");
    command.output().unwrap_or_else(|error| panic!("{shown}: {error}; install Debian's {package}"))
}

fn succeeded(command: Command, package: &str) -> String {
    let shown = format!("{command:?}");
    let output = run(command, package);
    assert!(output.status.success(), "{shown}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// metalman, with none of this user's credentials.
fn metalman(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(rack::binary("metalman").expect("metalman"));
    command.args(args).env("HOME", home);
    for name in ["REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DOCKER_CONFIG", "SOURCE_DATE_EPOCH"] {
        command.env_remove(name);
    }
    command
}

fn skopeo(args: &[&str]) -> String {
    let mut command = Command::new("skopeo");
    command.args(args);
    succeeded(command, "skopeo")
}

/// A folder to build from, and where to put things.
struct Workshop {
    dir: tempfile::TempDir,
}

impl Workshop {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let disk = dir.path().join("source/disk");
        fs::create_dir_all(disk.join("boot")).expect("folders");
        let files: [(&str, &[u8]); 4] = [
            ("metadata.yaml", b"bootFiles: {x64-uefi: boot/loader.efi, ipxe: boot.ipxe}\n"),
            ("boot/loader.efi", b"MZ is how a program begins"),
            ("boot.ipxe.tmpl", b"#!ipxe\necho {{.Machine.Name}}\n"),
            ("boot/initrd", &vec![7; 3_000_000]),
        ];
        for (name, content) in files {
            fs::write(disk.join(name), content).expect("a file");
        }
        std::os::unix::fs::symlink("initrd", disk.join("boot/initrd.img")).expect("a link");
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn metalman(&self, args: &[&str]) -> String {
        succeeded(metalman(self.dir.path(), args), "metalman").trim_end().to_owned()
    }

    fn refused(&self, args: &[&str]) -> String {
        let output = run(metalman(self.dir.path(), args), "metalman");
        assert!(!output.status.success(), "{args:?} succeeds");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Builds into the layout `out`, and returns the digest.
    fn build(&self, tag: &str, more: &[&str]) -> String {
        let (source, output) = (self.text("source"), format!("oci:{}", self.text("out")));
        let name = format!("netboot:{tag}");
        self.metalman(&[&["image", "build", &source, "-t", &name, "-o", &output], more].concat())
    }

    fn registry(&self, auth: &str) -> (Process, String) {
        let config = self.path("registry.yml");
        let storage = self.text("registry");
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {storage}}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n{auth}"
        );
        fs::write(&config, text).expect("a file");
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(config);
        let registry = Process::start("docker-registry", command).expect("install Debian's docker-registry");
        let line = registry.wait_for("address", START, |line| line.contains("listening on ")).expect("a registry");
        let after = line.split("listening on ").nth(1).expect("an address");
        let address = after.split(['"', ' ', ',']).next().expect("an address").to_owned();
        (registry, address)
    }
}

#[test]
fn skopeo_and_buildah_take_what_is_built() {
    let shop = Workshop::new();
    for (tag, compression) in [("v1", "gzip"), ("v2", "zstd"), ("v3", "none")] {
        let digest = shop.build(tag, &["--compression", compression, "--label", "purpose=test"]);
        let image = format!("oci:{}:{tag}", shop.text("out"));
        let seen: Value = serde_json::from_str(&skopeo(&["inspect", &image])).expect("JSON");
        assert_eq!(seen["Digest"], digest.as_str());
        assert_eq!((&seen["Architecture"], &seen["Os"]), (&"amd64".into(), &"linux".into()));
        assert_eq!(seen["Labels"]["purpose"], "test");
        // The copy reads and checks every byte, and what it says is the same image.
        let copy = format!("oci:{}:copy", shop.text(&format!("copy-{tag}")));
        skopeo(&["copy", "-q", "--preserve-digests", &image, &copy]);
        let copied: Value = serde_json::from_str(&skopeo(&["inspect", &copy])).expect("JSON");
        assert_eq!(copied["Digest"], digest.as_str());
        // And what it wrote is read here.
        let told: Value =
            serde_json::from_str(&shop.metalman(&["image", "inspect", &copy, "-o", "json"])).expect("JSON");
        assert_eq!(told["digest"], digest.as_str());
        assert_eq!(told["bootFiles"]["x64-uefi"], "boot/loader.efi");
        assert_eq!((&told["templates"][0], &told["fileCount"]), (&"disk/boot.ipxe.tmpl".into(), &5.into()));
    }
    // An unpacker that nobody here wrote. It makes a name of the path, in which capitals are refused: hence a relative one.
    let root = shop.text("buildah");
    let buildah = |args: &[&str]| {
        let mut command = Command::new("buildah");
        command.current_dir(shop.dir.path()).args(["--root", &format!("{root}/root"), "--storage-driver", "vfs"]);
        command.args(["--runroot", &format!("{root}/run")]).args(args);
        succeeded(command, "buildah").trim_end().to_owned()
    };
    let name = buildah(&["from", "oci:out:v1"]);
    let disk = PathBuf::from(buildah(&["mount", &name])).join("disk");
    assert_eq!(fs::read(disk.join("boot/initrd.img")).expect("a file"), vec![7; 3_000_000]);
    buildah(&["rm", &name]);
}

#[test]
fn what_is_pushed_is_what_others_pull() {
    let shop = Workshop::new();
    let (_registry, address) = shop.registry("");
    let digest = shop.build("v1", &[]);
    let name = format!("{address}/netboot/test:v1");
    let image = format!("oci:{}:v1", shop.text("out"));
    assert_eq!(shop.metalman(&["image", "push", &image, &name]), digest);
    let seen: Value =
        serde_json::from_str(&skopeo(&["inspect", "--tls-verify=false", &format!("docker://{name}")])).expect("JSON");
    assert_eq!(seen["Digest"], digest.as_str());
    let back = format!("oci:{}:v1", shop.text("back"));
    skopeo(&["copy", "-q", "--src-tls-verify=false", &format!("docker://{name}"), &back]);
    let (there, here) = (shop.metalman(&["image", "inspect", &name, "-o", "json", "--files"]), &back);
    let there: Value = serde_json::from_str(&there).expect("JSON");
    let here: Value =
        serde_json::from_str(&shop.metalman(&["image", "inspect", here, "-o", "json", "--files"])).expect("JSON");
    for key in ["digest", "layers", "files", "bootFiles", "created"] {
        assert_eq!(there[key], here[key], "{key}");
    }
    // Again, with everything there; and built and pushed in one.
    assert_eq!(shop.metalman(&["image", "push", &image, &name]), digest);
    let source = shop.text("source");
    let other = format!("{address}/other:v2");
    assert_eq!(shop.metalman(&["image", "build", &source, "-t", &other, "--push"]), digest);
    assert_eq!(shop.metalman(&["image", "lint", &other]), "");
}

#[test]
fn an_index_of_skopeos_is_pushed_whole() {
    let shop = Workshop::new();
    let (_registry, address) = shop.registry("");
    shop.build("amd64", &[]);
    shop.build("arm64", &["--platform", "linux/arm64"]);
    let layout = shop.path("out");
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).expect("index")).expect("JSON");
    let images = index["manifests"].as_array().expect("manifests").iter().zip(["amd64", "arm64"]);
    let images = images.map(|(image, architecture)| {
        serde_json::json!({
            "mediaType": image["mediaType"], "digest": image["digest"], "size": image["size"],
            "platform": { "os": "linux", "architecture": architecture },
        })
    });
    let media_type = "application/vnd.oci.image.index.v1+json";
    let both = serde_json::json!({
        "schemaVersion": 2, "mediaType": media_type, "manifests": images.collect::<Vec<_>>(),
    });
    let blob = both.to_string();
    let mut sum = Command::new("sha256sum");
    fs::write(shop.path("both.json"), &blob).expect("a file");
    sum.arg(shop.path("both.json"));
    let sum = succeeded(sum, "coreutils").split(' ').next().expect("a sum").to_owned();
    fs::write(layout.join("blobs/sha256").join(&sum), &blob).expect("a blob");
    let top = serde_json::json!({
        "schemaVersion": 2, "manifests": [{
            "mediaType": media_type, "digest": format!("sha256:{sum}"), "size": blob.len(),
            "annotations": { "org.opencontainers.image.ref.name": "both" },
        }],
    });
    fs::write(layout.join("index.json"), top.to_string()).expect("an index");
    let name = format!("{address}/both:v1");
    let pushed = shop.metalman(&["image", "push", &format!("oci:{}:both", layout.display()), &name]);
    assert_eq!(pushed, format!("sha256:{sum}"));
    skopeo(&[
        "copy",
        "-q",
        "--all",
        "--src-tls-verify=false",
        &format!("docker://{name}"),
        &format!("oci:{}:v1", shop.text("back")),
    ]);
    let arm = shop.metalman(&["image", "inspect", &name, "--architecture", "arm64", "-o", "json"]);
    let arm: Value = serde_json::from_str(&arm).expect("JSON");
    assert_eq!(arm["platform"], "linux/arm64");
    assert_eq!(arm["platforms"], serde_json::json!(["linux/amd64", "linux/arm64"]));
    assert_eq!(arm["indexDigest"], format!("sha256:{sum}"));
}

#[test]
fn a_registry_with_passwords_is_told_them_only_when_named() {
    let shop = Workshop::new();
    let mut htpasswd = Command::new("htpasswd");
    htpasswd.args(["-Bbn", "builder", "correct horse"]);
    fs::write(shop.path("htpasswd"), succeeded(htpasswd, "apache2-utils")).expect("a file");
    let (registry, address) =
        shop.registry(&format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", shop.text("htpasswd")));
    let digest = shop.build("v1", &[]);
    let (image, name) = (format!("oci:{}:v1", shop.text("out")), format!("{address}/netboot:v1"));
    let anonymous = shop.refused(&["image", "push", &image, &name]);
    assert!(anonymous.contains("refuses access") && anonymous.contains("--authfile"), "{anonymous}");

    // As skopeo stores them.
    let auth = shop.text("auth.json");
    skopeo(&["login", "--tls-verify=false", "--authfile", &auth, "-u", "builder", "-p", "correct horse", &address]);
    let unnamed = shop.refused(&["image", "push", &image, &name, "--authfile", &auth]);
    assert!(unnamed.contains("--insecure-registry"), "{unnamed}");
    let insecure = ["--authfile", &auth, "--insecure-registry", &address];
    assert_eq!(shop.metalman(&[&["image", "push", &image, &name], &insecure[..]].concat()), digest);
    let told = shop.metalman(&[&["image", "inspect", &name, "-o", "json"], &insecure[..]].concat());
    assert!(told.contains(&digest), "{told}");

    // Docker's own place for them.
    fs::create_dir(shop.path(".docker")).expect("a folder");
    fs::copy(&auth, shop.path(".docker/config.json")).expect("a copy");
    let named = ["--insecure-registry", &address];
    assert_eq!(shop.metalman(&[&["image", "push", &image, &name], &named[..]].concat()), digest);

    let wrong = fs::read_to_string(&auth).expect("a file").replace("\"auth\": \"", "\"auth\": \"eDp5\", \"was\": \"");
    fs::write(&auth, wrong).expect("a file");
    let wrong = shop.refused(&[&["image", "push", &image, &name], &insecure[..]].concat());
    assert!(wrong.contains("refuses access"), "{wrong}");
    let said = registry.stop().join("\n");
    assert!(!said.contains("correct horse"), "{said}");
}
