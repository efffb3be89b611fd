//! What the servers share, and the tasks that keep it up to date.

use std::sync::Arc;

use metalman_core::api::Machine;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    boot::{Boot, Problems, UserData},
    client::Connection,
    config::Config,
    election::{Election, Leadership, new_identity},
    events::Recorder,
    facts::FactFinder,
    health::Readiness,
    images::{self, Images},
    inventory::SharedInventory,
    leases_valid,
    metrics::Metrics,
    status::StatusWriter,
    supervise::Supervisor,
    watch::{Follower, Selection},
};

/// The check in `/readyz`: the inventory was filled once.
const SYNCED: &str = "machines-synced";

/// What every task is given.
pub(super) struct Starter<'a> {
    pub(super) config: &'a Config,
    pub(super) metrics: Arc<Metrics>,
    pub(super) readiness: Readiness,
    pub(super) tasks: &'a mut Supervisor,
    pub(super) stop: CancellationToken,
}

/// What the servers share.
pub(super) struct Parts {
    pub(super) boot: Boot,
    pub(super) leadership: watch::Receiver<Leadership>,
    pub(super) events: Recorder,
}

impl Starter<'_> {
    /// Starts everything that learns, leads and tells. Machines are told to boot from `serve_url`.
    pub(super) fn start(
        mut self,
        connection: Connection,
        (images, cache): (Images, images::Cache),
        serve_url: &str,
    ) -> Parts {
        let client = connection.client.clone();
        let inventory = self.inventory(&client);
        let finder =
            FactFinder::new(connection, self.config.overrides.clone(), self.metrics.clone(), self.readiness.clone());
        let facts = finder.subscribe();
        self.tasks.spawn_infallible("cluster facts", finder.run(self.stop.clone()));
        let (leadership, events) = self.election(&client);
        let writer = StatusWriter::new(client.clone(), self.metrics.clone());
        let judging = leases_valid::run(inventory.clone(), writer.clone(), leadership.clone(), self.stop.clone());
        self.tasks.spawn_infallible("lease conditions", judging);
        self.follow_images(&client, &images, cache, &inventory, &writer, &leadership);

        let user_data = Arc::new(UserData::new(self.config.namespace.as_str()));
        let watching = user_data.clone().run(client, inventory.clone(), self.metrics.clone(), self.stop.clone());
        self.tasks.spawn_infallible("user-data", watching);
        let (problems, problem_writer) = Problems::new(events.clone(), self.metrics.clone());
        let boot = Boot::new(inventory, images, user_data, facts, serve_url, Arc::new(problems), self.metrics.clone());
        let telling = problem_writer.run(writer, boot.sessions.clone(), self.stop.clone());
        self.tasks.spawn_infallible("boot problems", telling);
        Parts { boot, leadership, events }
    }

    fn inventory(&mut self, client: &kube::Client) -> Arc<SharedInventory> {
        let inventory = Arc::new(SharedInventory::new(self.config.selection.clone()));
        let machines: kube::Api<Machine> = kube::Api::all(client.clone());
        let selection = Selection { labels: self.config.selection.label_selector(), ..Selection::default() };
        let follower = Follower::new(machines, selection, "machines", self.metrics.clone());
        self.readiness.expect(SYNCED);
        let (taker, ready) = (inventory.clone(), self.readiness.clone());
        let take = move |change| {
            taker.take(change);
            ready.pass(SYNCED);
        };
        self.tasks.spawn_infallible("machine watch", follower.run(self.stop.clone(), take, |_| {}));
        inventory
    }

    fn election(&mut self, client: &kube::Client) -> (watch::Receiver<Leadership>, Recorder) {
        let identity = new_identity();
        let (events, write_events) = Recorder::new(client.clone(), identity.clone(), self.metrics.clone());
        self.tasks.spawn_infallible("events", write_events(self.stop.clone()));
        let election = Election::new(client.clone(), &self.config.namespace, &self.config.election, identity);
        let leadership = election.subscribe();
        self.tasks.spawn_infallible("leader election", election.run(self.stop.clone()));
        (leadership, events)
    }

    fn follow_images(
        &mut self,
        client: &kube::Client,
        images: &Images,
        cache: images::Cache,
        inventory: &Arc<SharedInventory>,
        writer: &StatusWriter,
        leadership: &watch::Receiver<Leadership>,
    ) {
        let follower = cache.follower(client.clone(), inventory.clone(), self.metrics.clone());
        self.readiness.expect(images::LOADED);
        self.tasks.spawn_infallible("images", follower.run(self.readiness.clone(), self.stop.clone()));
        let telling = images::image_ready::run(
            images.clone(),
            inventory.clone(),
            writer.clone(),
            leadership.clone(),
            self.stop.clone(),
        );
        self.tasks.spawn_infallible("image conditions", telling);
    }
}
