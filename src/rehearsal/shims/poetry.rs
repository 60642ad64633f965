//! The shim of `poetry check --lock` and `poetry export`, for a package with valid metadata.

use super::{ToolCall, ToolResult, ToolStream, unsupported};

const PINNED_REQUIREMENTS: [&str; 7] = [
    "aio-pika==9.5.5 ; python_version >= \"3.12\"",
    "fastapi==0.115.12 ; python_version >= \"3.12\"",
    "opentelemetry-sdk==1.33.1 ; python_version >= \"3.12\"",
    "prometheus-client==0.22.0 ; python_version >= \"3.12\"",
    "redis==6.1.0 ; python_version >= \"3.12\"",
    "uvicorn==0.34.2 ; python_version >= \"3.12\"",
    "websockets==15.0.1 ; python_version >= \"3.12\"",
];

pub(super) async fn run(call: &ToolCall, stream: &mut ToolStream) -> ToolResult {
    match call.args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["check", "--lock"] => stream.stdout("All set!").await.map(|()| 0),
        ["export", "--format=requirements.txt"] => {
            stream.stdout(PINNED_REQUIREMENTS.join("\n")).await.map(|()| 0)
        }
        _ => unsupported(call, stream).await,
    }
}
