//! What only the leader does, for as long as it leads.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Leadership, Term};

/// Runs the work in each term of this replica, one term after the other, until stopped. The work is made anew for a term,
/// which it is given to guard its effects with ([`Term::is_valid`]).
///
/// The work is dropped when its term ends, and the Lease is released only after that; so it is when this is stopped or
/// dropped: whoever stops the process also stops the election. Work that returns is not run again in the same term;
/// its panic is this one's.
pub async fn while_leading<Work>(
    mut leadership: watch::Receiver<Leadership>,
    stop: CancellationToken,
    mut work: impl FnMut(Term) -> Work,
) where
    Work: Future<Output = ()> + Send + 'static,
{
    let terms = async {
        loop {
            // Fails when the election is over.
            let Ok(term) = leadership.wait_for(Leadership::leads).await.map(|l| l.term.clone()) else { return };
            let Some(term) = term else { continue };
            // A leader that does nothing would be worse than none: the supervisor ends the process, and another leads.
            if let Err(error) = term.spawn(work(term.clone())).await
                && let Ok(panic) = error.try_into_panic()
            {
                std::panic::resume_unwind(panic);
            }
            term.ended().cancelled().await;
        }
    };
    let _ = stop.run_until_cancelled(terms).await;
}

#[cfg(test)]
mod tests;
