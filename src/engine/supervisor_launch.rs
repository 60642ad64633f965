//! Launching a supervisor for an action. Afterwards the action has started, or it is known that it never will.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::action_watch::{final_message, run_blocking};
use super::supervisor::{LaunchSpec, STARTED};
use crate::process::{Child, Launch, Permit, Stdio};
use gonogo_core::time::span;

/// How long a supervisor may take to start its action.
const LAUNCH_TIMEOUT: Duration = Duration::from_secs(10);

/// The result of a launch.
pub(super) enum SupervisorLaunch {
    /// The action has started and continues when this program ends. With the supervisor's process, if it is a child
    /// that can be waited for.
    Started(Option<Child>),
    /// The action has not started and never will, and why.
    NotStarted(String),
    /// Not known yet: the files will show it.
    Unknown(Option<Child>),
}

/// Why a supervisor did not report a start.
enum NoReply {
    /// It could not be started, or it has exited.
    Exited(String),
    /// It may still start the action.
    TimedOut(String),
}

/// Starts a supervisor, sends it the launch spec, and waits until it has started the action or refused.
pub(super) async fn launch_supervisor(
    spec: &LaunchSpec,
    program: &Path,
    permit: &Permit,
) -> SupervisorLaunch {
    let mut child = match spawn_supervisor(program, permit) {
        Ok(child) => child,
        Err(error) => return SupervisorLaunch::NotStarted(format!("no supervisor: {error}")),
    };
    let no_reply = match timeout(LAUNCH_TIMEOUT, send_spec(&mut child, spec)).await {
        Ok(Ok(true)) => return SupervisorLaunch::Started(Some(child)),
        Ok(reply) => match timeout(LAUNCH_TIMEOUT, child.wait()).await {
            Ok(_) => NoReply::Exited(final_message(&mut child).await.unwrap_or_default()),
            Err(_) => NoReply::TimedOut(format!("its supervisor did not start it: {reply:?}")),
        },
        Err(_) => {
            NoReply::TimedOut(format!("its supervisor did not start it within {}", span(LAUNCH_TIMEOUT)))
        }
    };
    let files = spec.files.clone();
    let given_up = timeout(LAUNCH_TIMEOUT, run_blocking(move || files.prevent_start()))
        .await
        .map_err(io::Error::from)
        .flatten();
    match (given_up, no_reply) {
        (Ok(true), NoReply::Exited(why) | NoReply::TimedOut(why)) | (Err(_), NoReply::Exited(why)) => {
            // A late supervisor finds that its action was given up, so nothing waits for it.
            let _ = child.start_kill();
            SupervisorLaunch::NotStarted(why)
        }
        (Ok(false), _) | (Err(_), NoReply::TimedOut(_)) => SupervisorLaunch::Unknown(Some(child)),
    }
}

/// Starts a supervisor, which continues when this program ends.
fn spawn_supervisor(program: &Path, permit: &Permit) -> io::Result<Child> {
    let supervisor = Launch::new(program).args(["supervise"]);
    supervisor.streams(Stdio::piped(), Stdio::piped(), Stdio::piped()).spawn_detached(permit)
}

/// Sends the launch spec. Returns whether the supervisor reports a start.
async fn send_spec(child: &mut Child, spec: &LaunchSpec) -> io::Result<bool> {
    let spec = Zeroizing::new(serde_json::to_vec(spec).map_err(io::Error::other)?);
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&spec).await?;
        stdin.shutdown().await?;
    }
    let Some(stdout) = child.stdout.take() else { return Ok(false) };
    let mut reply = String::new();
    BufReader::new(stdout).read_line(&mut reply).await?;
    Ok(reply.trim_end() == STARTED)
}
