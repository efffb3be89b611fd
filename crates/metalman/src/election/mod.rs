//! Who of several replicas acts: leader election on a `coordination.k8s.io/v1` Lease, one for each site.
//!
//! [`decide`] is the state machine, a function of what was observed and of local time; [`Election`] sends, waits and
//! publishes. What holds, given that clocks run at the same rate within a few per cent:
//!
//! - Two replicas never lead at once. A leader's term counts from when it *sent* a renewal that succeeded and lasts
//!   the renew deadline; another takes over only the longer lease duration after it *saw* that renewal, measured on its own
//!   monotonic clock. No timestamp of another host is ever compared with a local clock.
//! - Every write is guarded by the `resourceVersion` that was read.
//! - A term that ends is over for its holder at once: [`Term::is_valid`] compares clocks and needs no task to wake up.

pub mod decide;
mod lead;
mod run;

pub use self::{
    lead::while_leading,
    run::{Election, Leadership, Term, boot_time, new_identity},
};
