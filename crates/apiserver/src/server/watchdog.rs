//! Background work that lives as long as the server.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    controllers::{self, Tasks},
    kinds::Registry,
    pki::Pki,
    store::Store,
};

/// How often the serving certificate is looked at.
const DAY: Duration = Duration::from_hours(24);

/// Starts the controllers and the renewal of the serving certificate.
pub(super) fn start(store: &Store, registry: &Arc<Registry>, pki: &Arc<Pki>, stop: &CancellationToken) -> Tasks {
    let mut tasks = Tasks::default();
    controllers::spawn(&mut tasks, store, registry, pki.ca_pem(), stop);
    tasks.spawn("certificate signer", controllers::csr::run(store.clone(), Arc::clone(pki), stop.clone()));
    tasks.spawn("certificate renewal", renew(Arc::clone(pki), stop.clone()));
    tasks
}

async fn renew(pki: Arc<Pki>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(DAY) => {}
        }
        let pki = Arc::clone(&pki);
        let renewed = tokio::task::spawn_blocking(move || pki.renew_serving(jiff::Timestamp::now())).await;
        match renewed {
            Ok(Ok(true)) => tracing::info!("serving certificate renewed"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::error!(%error, "serving certificate not renewed"),
            Err(error) => tracing::error!(%error, "serving certificate not renewed"),
        }
    }
}
