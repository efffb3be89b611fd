//! A transfer has a socket, and a service manager gives a process room for a thousand: takes what the system allows.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::debug;

/// Raises the soft limit on open descriptors to the hard one. Nothing here uses select(2), for which the soft limit is kept low.
pub(super) fn raise_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(soft, hard)| if soft < hard { setrlimit(Resource::RLIMIT_NOFILE, hard, hard) } else { Ok(()) });
    if let Err(error) = raised {
        debug!(%error, "the limit on open files stays as it is");
    }
}
