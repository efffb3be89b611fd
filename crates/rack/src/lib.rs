//! A virtual rack for tests, load and the demo: networks of their own ([`netns`]), links as bad as one wants ([`link`]), real
//! programs on them ([`process`]), registries ([`registry`]) and broken lines to them ([`proxy`]), machines with real firmware ([`qemu`]), a metalman that serves them ([`site`]) images from
//! disk ([`layout`]), BMCs in front of machines ([`bmc`]), simulated machines behind those ([`fleet`]), and clients that measure
//! servers ([`load`]).

pub mod bmc;
pub mod fleet;
pub mod layout;
pub mod link;
pub mod load;
pub mod netns;
pub mod process;
pub mod proxy;
pub mod qemu;
pub mod registry;
pub mod site;

use std::path::PathBuf;

/// The path of a binary that this workspace built: beside the test or program that asks.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    // Programs lie in target/debug, tests and examples one folder below.
    let found = here.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| {
        anyhow::anyhow!("{name} is not built: cargo build -p {name}, in the profile of {}", here.display())
    })
}
