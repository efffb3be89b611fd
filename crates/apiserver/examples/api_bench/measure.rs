//! The measurements. Each returns times as a client sees them: from before sending until the answer was read.

use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::BodyExt;
use kube::client::Body;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{api::Api, server::Memory};

/// Nothing here takes longer unless it hangs.
const DEADLINE: Duration = Duration::from_mins(2);

/// All figures of one server.
pub(crate) struct Figures {
    pub(crate) version: String,
    pub(crate) create: Spread,
    pub(crate) list: Spread,
    pub(crate) list_bytes: u64,
    pub(crate) get: Spread,
    pub(crate) patch: Spread,
    pub(crate) patches_per_second: f64,
    pub(crate) watch: Option<Delays>,
    pub(crate) memory: Option<Memory>,
    pub(crate) memory_after_start: Option<u64>,
    pub(crate) cold_start: Option<Spread>,
}

/// How long events took to their watchers.
pub(crate) struct Delays {
    /// Since the patch was sent: with the commit.
    pub(crate) from_send: Spread,
    /// Since the patch was answered; zero for events that overtook the answer.
    pub(crate) from_answer: Spread,
}

/// The distribution of some times.
pub(crate) struct Spread {
    pub(crate) median: Duration,
    p99: Duration,
    max: Duration,
    count: usize,
}

impl Spread {
    /// Of at least one time.
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let count = times.len();
        let at = |percent: usize| times[(count * percent / 100).min(count - 1)];
        Self { median: at(50), p99: at(99), max: times[count - 1], count }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ms ", millis(self.median))?;
        if self.count >= 100 {
            write!(f, "(p99 {:.2}, max {:.2}, n {})", millis(self.p99), millis(self.max), self.count)
        } else {
            write!(f, "(max {:.2}, n {})", millis(self.max), self.count)
        }
    }
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Creates objects 0 to `objects`, shared among the clients.
pub(crate) async fn create(clients: &[Arc<Api>], objects: u32) -> Result<Spread> {
    let step = clients.len();
    let mut tasks = JoinSet::new();
    for (first, api) in clients.iter().cloned().enumerate() {
        tasks.spawn(async move {
            let mut times = Vec::new();
            for number in (0..objects).skip(first).step_by(step) {
                let body = api.templates.object(number);
                let start = Instant::now();
                api.create(body).await?;
                times.push(start.elapsed());
            }
            anyhow::Ok(times)
        });
    }
    Ok(Spread::of(all(tasks).await?))
}

/// The times of all clients; the first error ends the others.
async fn all(mut tasks: JoinSet<Result<Vec<Duration>>>) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    while let Some(part) = tasks.join_next().await {
        times.extend(part??);
    }
    Ok(times)
}

/// Lists everything, one request at a time; also the size.
pub(crate) async fn list(api: &Api, count: u32, objects: u32) -> Result<(Spread, u64)> {
    let first = api.list().await?;
    let found = serde_json::from_slice::<serde_json::Value>(&first)?;
    let found = found["items"].as_array().map_or(0, Vec::len);
    ensure!(found >= objects as usize, "the list has {found} objects, not {objects}");
    let mut times = Vec::new();
    for _ in 0..count {
        let start = Instant::now();
        let page = api.list().await?;
        times.push(start.elapsed());
        ensure!(page.len() >= first.len() / 2, "a short list");
    }
    Ok((Spread::of(times), first.len() as u64))
}

/// Gets objects all over the collection, one request at a time.
pub(crate) async fn get(api: &Api, count: u32, objects: u32) -> Result<Spread> {
    let mut times = Vec::new();
    for i in 0..count {
        let start = Instant::now();
        api.get(scatter(i, objects)).await?;
        times.push(start.elapsed());
    }
    Ok(Spread::of(times))
}

/// A number below `below` that jumps about, the same way in every run.
fn scatter(i: u32, below: u32) -> u32 {
    i.wrapping_mul(2_654_435_761) % below
}

/// Patches the status of objects from all clients at once, each client its own objects; also the patches a second.
pub(crate) async fn patch(clients: &[Arc<Api>], objects: u32, time: Duration) -> Result<(Spread, f64)> {
    let step = u32::try_from(clients.len())?;
    ensure!(objects >= step, "fewer objects than clients");
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (api, first) in clients.iter().cloned().zip(0..) {
        tasks.spawn(async move {
            let mut times = Vec::new();
            let mut round: u32 = 0;
            while began.elapsed() < time {
                // In steps of the number of clients: no two ever patch one object.
                let number = first + step * scatter(round, objects / step);
                let body = api.templates.status(round.wrapping_mul(step).wrapping_add(first));
                let start = Instant::now();
                api.patch_status(number, body).await?;
                times.push(start.elapsed());
                round += 1;
            }
            anyhow::Ok(times)
        });
    }
    let times = all(tasks).await?;
    let elapsed = began.elapsed().as_secs_f64();
    let count = f64::from(u32::try_from(times.len())?);
    Ok((Spread::of(times), count / elapsed))
}

/// Patches at a calm pace, and times each event at each watcher.
pub(crate) async fn watch(api: &Api, watching: Vec<Api>, events: u32, objects: u32) -> Result<Option<Delays>> {
    if watching.is_empty() {
        return Ok(None);
    }
    let after = api.now().await?;
    let (last, end) = watch::channel(None::<String>);
    let mut watchers = JoinSet::new();
    // All streams are open before the first patch.
    for watcher in watching {
        let stream = watcher.watch(&after).await?.into_body();
        let end = end.clone();
        watchers.spawn(async move {
            let seen = timeout(DEADLINE, receive(stream, end)).await.context("events are missing")?;
            drop(watcher);
            seen
        });
    }
    let mut sent = HashMap::new();
    for i in 0..events {
        let body = api.templates.status(1_000_000_000 + i);
        let start = Instant::now();
        let answer = api.patch_status(scatter(i, objects), body).await?;
        let answered = Instant::now();
        let version = resource_version(&answer).context("an answer without resourceVersion")?;
        if i + 1 == events {
            last.send_replace(Some(version.clone()));
        }
        ensure!(sent.insert(version, (start, answered)).is_none(), "two writes at one resourceVersion");
        sleep(Duration::from_millis(50)).await;
    }
    let (mut from_send, mut from_answer) = (Vec::new(), Vec::new());
    while let Some(seen) = watchers.join_next().await {
        let seen = seen??;
        ensure!(seen.len() == sent.len(), "a watcher saw {} of {} events", seen.len(), sent.len());
        for (version, at) in seen {
            let (start, answered) = sent.get(&version).context("an event that nobody made")?;
            from_send.push(at.duration_since(*start));
            from_answer.push(at.saturating_duration_since(*answered));
        }
    }
    Ok(Some(Delays { from_send: Spread::of(from_send), from_answer: Spread::of(from_answer) }))
}

/// Reads events until the one whose version `end` names, with the time when each had arrived.
async fn receive(mut stream: Body, mut end: watch::Receiver<Option<String>>) -> Result<Vec<(String, Instant)>> {
    let mut seen: Vec<(String, Instant)> = Vec::new();
    let mut rest: Vec<u8> = Vec::new();
    loop {
        let done = |last: &Option<String>| last.is_some() && seen.last().map(|s| &s.0) == last.as_ref();
        if done(&end.borrow()) {
            return Ok(seen);
        }
        let frame = tokio::select! {
            frame = stream.frame() => frame,
            // The last event may have overtaken its answer: look again when the answer is there.
            Ok(()) = end.changed() => continue,
        };
        let at = Instant::now();
        let frame = frame.context("the server ended the watch")??;
        let Some(data) = frame.data_ref() else { continue };
        rest.extend_from_slice(data);
        while let Some(length) = rest.iter().position(|b| *b == b'\n') {
            let line: Bytes = rest.drain(..=length).collect();
            if !line.starts_with(br#"{"type":"BOOKMARK""#) {
                seen.push((resource_version(&line).context("an event without resourceVersion")?, at));
            }
        }
    }
}

/// The first resource version in a JSON text, without parsing it all: 200 parsers would be the bottleneck.
fn resource_version(json: &[u8]) -> Option<String> {
    const FIELD: &[u8] = br#""resourceVersion":""#;
    let start = json.windows(FIELD.len()).position(|w| w == FIELD)? + FIELD.len();
    let length = json[start..].iter().position(|b| *b == b'"')?;
    String::from_utf8(json[start..start + length].to_vec()).ok()
}
