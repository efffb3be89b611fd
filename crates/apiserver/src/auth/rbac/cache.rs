//! Keeps a [`View`] in step with the store.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::{CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, View};
use crate::auth::objects::Objects;

const RESOURCES: [&str; 4] = [CLUSTER_ROLES, ROLES, CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS];

/// The newest view, and the revisions it was built at.
pub(crate) struct Cache {
    current: RwLock<Arc<(Option<[u64; 4]>, View)>>,
    /// Held while building, so that a change makes one rebuild and not one for every waiting request.
    building: Mutex<()>,
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self { current: RwLock::new(Arc::new((None, View::default()))), building: Mutex::new(()) }
    }

    fn current(&self) -> Arc<(Option<[u64; 4]>, View)> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The view of the store as it is now.
    pub(crate) fn view(&self, objects: &dyn Objects) -> Arc<(Option<[u64; 4]>, View)> {
        let known = self.current();
        if known.0 == Some(RESOURCES.map(|r| objects.changed(r))) {
            return known;
        }
        let _building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        // Revisions before objects: a write in between makes this view look older than it is, and the next request rebuilds.
        let revisions = Some(RESOURCES.map(|r| objects.changed(r)));
        let known = self.current();
        if known.0 == revisions {
            return known;
        }
        let [cluster_roles, roles, cluster_role_bindings, role_bindings] = RESOURCES.map(|r| objects.list(r, None));
        let fresh = Arc::new((revisions, View::build(&cluster_roles, &roles, &cluster_role_bindings, &role_bindings)));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh.clone();
        fresh
    }
}
