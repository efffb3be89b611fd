//! The demo's netboot image, built as its users build it: `images/demo/build` assembles the folder, `metalman image build`
//! makes the image.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use rack::binary;

/// Builds the image into an OCI layout below `folder` and returns the reference that a Machine names it by.
pub(crate) fn build(folder: &Path) -> anyhow::Result<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images/demo/build");
    let assembled = output(Command::new(script))?;
    let layout = folder.join("image");
    let mut command = Command::new(binary("metalman")?);
    command.args(["image", "build", assembled.trim(), "-t", "demo:e2e", "-o"]).arg(oci(&layout));
    output(command)?;
    Ok(format!("{}:e2e", oci(&layout).display()))
}

fn oci(layout: &Path) -> PathBuf {
    PathBuf::from(format!("oci:{}", layout.display()))
}

fn output(mut command: Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed ({}):\n{said}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}
