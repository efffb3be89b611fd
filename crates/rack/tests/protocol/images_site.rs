//! What the tests of images share: a site with addresses for machines, and looks at Machines and at what they are served.

use std::path::Path;

use rack::{
    netns::Namespace,
    site::{Site, machine},
};
use serde_json::Value;

/// Where the site, its registries and its machines are.
pub(crate) const SERVER: &str = "10.0.0.1";

/// A namespace with an address for the server and for each of these machines, `10.0.0.1N`.
pub(crate) fn network(machines: u8) -> anyhow::Result<Namespace> {
    let namespace = Namespace::new("images")?;
    namespace.ip("link add eth0 type dummy").or_else(|_| namespace.ip("link add eth0 type bridge"))?;
    namespace.address("eth0", &format!("{SERVER}/24"))?;
    for n in 1..=machines {
        namespace.address("eth0", &format!("10.0.0.1{n}/24"))?;
    }
    namespace.up("eth0")?;
    Ok(namespace)
}

/// The flags of such a site, with more.
pub(crate) fn flags<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["--serve-url=http://10.0.0.1:8880"], more].concat()
}

/// Machine number `n`, which boots that image.
pub(crate) fn boots(n: u8, image: &str) -> Value {
    machine(&format!("m{n}"), &format!("02:00:00:00:00:0{n}"), &format!("10.0.0.1{n}/24"), SERVER, image)
}

/// The image's files, one of them of that content.
pub(crate) fn pack(layout: &Path, tag: &str, content: &[u8]) -> anyhow::Result<String> {
    let files: &[(&str, &[u8])] =
        &[("metadata.yaml", b"dhcpBootImageName: grub.efi\n"), ("grub.efi", b"GRUB"), ("kernel", content)];
    Ok(rack::layout::pack_files(files, layout, tag)?)
}

/// The `ImageReady` condition of machine `n` as `status/reason: message`.
pub(crate) fn image_ready(site: &Site<'_>, n: u8) -> Option<String> {
    let text = site.kubectl(&["get", "machine", &format!("m{n}"), "-o", "json"], "").ok()?;
    let machine: Value = serde_json::from_str(&text).ok()?;
    let conditions = machine["status"]["conditions"].as_array()?;
    let condition = conditions.iter().find(|condition| condition["type"] == "ImageReady")?;
    let word = |key: &str| condition[key].as_str().unwrap_or_default().to_owned();
    Some(format!("{}/{}: {}", word("status"), word("reason"), word("message")))
}

/// Waits until the condition of machine `n` has these words in it.
pub(crate) fn wait(site: &mut Site<'_>, n: u8, words: &str) -> anyhow::Result<()> {
    let mut seen = None;
    let outcome = site.eventually(&format!("ImageReady of m{n} with {words:?}"), |site| {
        seen = image_ready(site, n);
        seen.as_ref().filter(|text| text.contains(words)).map(drop)
    });
    outcome.map_err(|error| error.context(format!("it was {seen:?}")))
}

/// What machine `n` is served.
pub(crate) fn fetch(site: &Site<'_>, n: u8, path: &str) -> anyhow::Result<Vec<u8>> {
    let mut curl = site.namespace().command("curl");
    curl.args(["--silent", "--show-error", "--fail", "--interface", &format!("10.0.0.1{n}")]);
    let output = curl.arg(format!("http://{SERVER}:8880/{path}")).output()?;
    anyhow::ensure!(output.status.success(), "curl as m{n}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

/// Bytes that do not compress, the same each time.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}
