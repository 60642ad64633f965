//! Launching a supervisor for an action. Afterwards the action has started, or it is known that it never will.

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

/// How long a supervisor may take to start its action.
const LIMIT: Duration = Duration::from_secs(10);

/// The result of a launch.
pub(super) enum HandedOver {
    /// The action has started and continues when this program ends. With the supervisor's process, if it is a child
    /// that can be waited for.
    Begun(Option<Child>),
    /// The action has not started and never will, and why.
    NotBegun(String),
    /// Not known yet: the files will tell.
    Unclear(Option<Child>),
}

/// Why a supervisor did not report a start.
enum Silence {
    /// It could not be started, or it has exited.
    Gone(String),
    /// It may still start the action.
    Late(String),
}

/// Starts a supervisor, sends it the launch spec, and waits until it has started the action or refused.
pub(super) async fn hand_over(order: &Order, program: &Path, permit: &Permit) -> HandedOver {
    let mut child = match spawn(program, permit) {
        Ok(child) => child,
        Err(error) => return HandedOver::NotBegun(format!("no supervisor: {error}")),
    };
    let silence = match timeout(LIMIT, tell(&mut child, order)).await {
        Ok(Ok(true)) => return HandedOver::Begun(Some(child)),
        Ok(said) => match timeout(LIMIT, child.wait()).await {
            Ok(_) => Silence::Gone(last_words(&mut child).await.unwrap_or_default()),
            Err(_) => Silence::Late(format!("its supervisor did not start it: {said:?}")),
        },
        Err(_) => Silence::Late(format!("its supervisor did not start it within {}", span(LIMIT))),
    };
    let files = order.files.clone();
    let given_up = timeout(LIMIT, blocking(move || files.give_up())).await.map_err(io::Error::from).flatten();
    match (given_up, silence) {
        (Ok(true), Silence::Gone(why) | Silence::Late(why)) | (Err(_), Silence::Gone(why)) => {
            // A late supervisor finds that its action was given up; nobody needs to wait for it.
            let _ = child.start_kill();
            HandedOver::NotBegun(why)
        }
        (Ok(false), _) | (Err(_), Silence::Late(_)) => HandedOver::Unclear(Some(child)),
    }
}

/// Starts a supervisor, which continues when this program ends.
fn spawn(program: &Path, permit: &Permit) -> io::Result<Child> {
    let supervisor = Launch::new(program).args(["supervise"]);
    supervisor.streams(Stdio::piped(), Stdio::piped(), Stdio::piped()).spawn_detached(permit)
}

/// Sends the launch spec. Returns whether the supervisor reports a start.
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
