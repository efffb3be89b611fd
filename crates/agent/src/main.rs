//! The static binary inside the netboot image: it will install the disk image in the initramfs, and attest and join on the
//! installed host.
//!
//! In this release it does neither, and says so with an exit code that no script can take for success.

use std::{
    io::{self, Write},
    process::ExitCode,
};

const NAME: &str = env!("CARGO_PKG_NAME");
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() -> ExitCode {
    let argument = std::env::args_os().nth(1);
    match argument.as_ref().and_then(|a| a.to_str()) {
        Some("--version" | "-V") => print(&format!("{NAME} {VERSION}\n")),
        Some("--help" | "-h") => print(&format!(
            "{NAME} {VERSION}: the agent inside metalman's netboot images\n\n\
             Usage: {NAME} [--help | --version]\n\n\
             Installing, attesting and joining are not implemented in this release.\n"
        )),
        _ => {
            // Standard error may be closed in an initramfs; the exit code says it too.
            let _ = writeln!(io::stderr(), "{NAME}: not implemented in this release; see --help");
            ExitCode::from(2)
        }
    }
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
