//! Handing an action to its supervisor: when this is done, the action has begun, or it is known that it never does.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::supervisor::{BEGUN, Order};
use super::watch::{blocking, last_words};
use crate::process::{Child, Launch, Permit, Stdio};
use crate::time::span;

/// How long a supervisor may take to begin what it is told to.
const LIMIT: Duration = Duration::from_secs(10);

/// What came of a hand-over.
pub(super) enum HandedOver {
    /// It has begun, and goes on when this program ends. What was started for it here, if that can be waited for.
    Begun(Option<Child>),
    /// It has not begun and never will, and why.
    NotBegun(String),
    /// Neither is known yet: the files tell.
    Unclear(Option<Child>),
}

/// Why a supervisor did not say that it has begun.
enum Silence {
    /// It was not started, or has ended.
    Gone(String),
    /// It may still begin.
    Late(String),
}

/// Starts a supervisor, tells it what to do, and waits until it has begun or has refused.
pub(super) async fn hand_over(order: &Order, program: &Path, permit: &Permit) -> HandedOver {
    let mut child = match spawn(program, permit) {
        Ok(child) => child,
        Err(error) => return HandedOver::NotBegun(format!("no supervisor: {error}")),
    };
    let silence = match timeout(LIMIT, tell(&mut child, order)).await {
        Ok(Ok(true)) => return HandedOver::Begun(Some(child)),
        Ok(said) => match timeout(LIMIT, child.wait()).await {
            Ok(_) => Silence::Gone(last_words(&mut child).await.unwrap_or_default()),
            Err(_) => Silence::Late(format!("its supervisor does not begin it: {said:?}")),
        },
        Err(_) => Silence::Late(format!("its supervisor did not begin it within {}", span(LIMIT))),
    };
    let files = order.files.clone();
    let given_up = timeout(LIMIT, blocking(move || files.give_up())).await.map_err(io::Error::from).flatten();
    match (given_up, silence) {
        (Ok(true), Silence::Gone(why) | Silence::Late(why)) | (Err(_), Silence::Gone(why)) => {
            // One that comes late finds that it was given up; it need not come.
            let _ = child.start_kill();
            HandedOver::NotBegun(why)
        }
        (Ok(false), _) | (Err(_), Silence::Late(_)) => HandedOver::Unclear(Some(child)),
    }
}

/// A supervisor, which goes on when this program ends.
fn spawn(program: &Path, permit: &Permit) -> io::Result<Child> {
    let supervisor = Launch::new(program).args(["supervise"]);
    supervisor.streams(Stdio::piped(), Stdio::piped(), Stdio::piped()).spawn_detached(permit)
}

/// Tells it what to do. Whether it says that it has begun.
async fn tell(child: &mut Child, order: &Order) -> io::Result<bool> {
    let order = Zeroizing::new(serde_json::to_vec(order).map_err(io::Error::other)?);
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&order).await?;
        stdin.shutdown().await?;
    }
    let Some(stdout) = child.stdout.take() else { return Ok(false) };
    let mut said = String::new();
    BufReader::new(stdout).read_line(&mut said).await?;
    Ok(said.trim_end() == BEGUN)
}
