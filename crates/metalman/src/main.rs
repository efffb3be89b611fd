//! The `metalman` binary, also the kubectl plugin `kubectl-metalman`.

use std::process::ExitCode;

// musl's allocator takes one lock for all threads.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before any TLS: this build of rustls knows no provider by itself.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    metalman::commands::main(std::env::args_os())
}
