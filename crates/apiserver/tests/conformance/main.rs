//! Conformance of a Kubernetes API server, as its documentation defines it.
//!
//! By default each test starts the embedded server in a temporary folder. With `METALMAN_CONFORMANCE_KUBECONFIG` set (by
//! `script/test api --kubeconfig FILE`) the same tests run against the cluster that the file names, with its administrator's
//! rights: every expectation here comes from Kubernetes' documentation and must hold on both. Names are unique to a run and
//! what was made is removed.
#![allow(clippy::similar_names, reason = "`path` and `patch` is what the tests are about")]

mod cluster;
mod kubectl;
mod wait;

mod authentication;
mod authorization;
mod certificates;
mod crds;
mod discovery;
mod events;
mod evictions;
mod garbage;
mod kubectl_old_and_new;
mod lists;
mod namespaces;
mod objects;
mod patches;
mod server_side_apply;
mod subresources;
mod watches;
