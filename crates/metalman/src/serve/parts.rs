//! What the servers share, and the tasks that keep it up to date.

use std::sync::Arc;

use metalman_core::api::Machine;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    boot::{Boot, Journal, Problems, UserData, problems},
    client::Connection,
    config::Config,
    election::{Election, Leadership, new_identity},
    events::Recorder,
    facts::FactFinder,
    health::Readiness,
    images::{self, Images},
    inventory::SharedInventory,
    leases_valid,
    lifecycle::{Lifecycle, NodeObject, Nodes},
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
        let (client, once) = (connection.client.clone(), connection.once.clone());
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
        self.lifecycle((&client, once), &inventory, &writer, &events, &leadership);

        let user_data = Arc::new(UserData::new(self.config.namespace.as_str()));
        let watching = user_data.clone().run(client, inventory.clone(), self.metrics.clone(), self.stop.clone());
        self.tasks.spawn_infallible("user-data", watching);
        let (journal, writing) = Journal::new(self.metrics.clone());
        self.tasks.spawn_infallible("boot journal", writing.run(writer, self.stop.clone()));
        let problems = Arc::new(Problems::new(events.clone(), journal, self.metrics.clone()));
        let boot = Boot::new(inventory, images, user_data, facts, serve_url, problems, self.metrics.clone());
        self.tasks.spawn_infallible("boot problems", problems::run(boot.clone(), self.stop.clone()));
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

    fn lifecycle(
        &mut self,
        (client, once): (&kube::Client, kube::Client),
        inventory: &Arc<SharedInventory>,
        writer: &StatusWriter,
        events: &Recorder,
        leadership: &watch::Receiver<Leadership>,
    ) {
        let nodes = Arc::new(Nodes::default());
        let api: kube::Api<NodeObject> = kube::Api::all(client.clone());
        let follower = Follower::new(api, Selection::default(), "nodes", self.metrics.clone());
        let taker = nodes.clone();
        // Replicas that do not lead follow too: who takes over knows the Nodes at once.
        let following = follower.run(self.stop.clone(), move |change| taker.take(change), |_| {});
        self.tasks.spawn_infallible("node watch", following);
        let lifecycle = Lifecycle {
            config: self.config.lifecycle.clone(),
            selection: self.config.selection.clone(),
            namespace: self.config.namespace.clone(),
            client: client.clone(),
            once,
            inventory: inventory.clone(),
            nodes,
            writer: writer.clone(),
            events: events.clone(),
            metrics: self.metrics.clone(),
        };
        self.tasks.spawn_infallible("lifecycle", lifecycle.run(leadership.clone(), self.stop.clone()));
    }
}
