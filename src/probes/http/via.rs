//! A request sent by `curl` on another host. It is passed as curl's input: no argument shows a secret.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{StatusCode, Url};
use zeroize::Zeroizing;

use super::super::content::ReadBody;
use super::super::deadline::Deadline;
use super::super::error::{ProbeError, ProbeResult};
use super::super::http_client;
use super::super::process::{self, Program, ProgramResult};
use super::{HttpAnswer, method};
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::{HttpSpec, remote_curl};
use gonogo_core::text;

/// How long before the deadline curl gives up, so that it reports what it waited for.
const CURL_MARGIN: Duration = Duration::from_millis(200);
/// The most of a body that is read, in bytes.
const MAX_BODY: usize = 1 << 20;
/// The longest piece of an error message from there, in bytes.
const MAX_REASON: usize = 300;
/// The exit code of a shell, or of its equivalent, for a program that it does not find.
const COMMAND_NOT_FOUND: [i32; 2] = [126, 127];
/// The exit code of curl when it got no configuration.
const CURL_USAGE_ERROR: i32 = 2;

pub(super) async fn visit(
    spec: &HttpSpec,
    url: &Url,
    argv: &[String],
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> ProbeResult<HttpAnswer> {
    let headers = http_client::headers(&spec.headers, deadline, secret_store).await?;
    let argv = remote_curl(argv);
    let program = Program { argv: &argv, cwd: None, env: BTreeMap::new() };
    let input = config(spec, url, &headers, deadline.remaining().saturating_sub(CURL_MARGIN))?;
    let result = process::run_with_input(program, input.as_bytes(), secret_store.permit(), deadline).await?;
    match result.status.code() {
        Some(0) => answer(result),
        code => Err(failed(code, &result)),
    }
}

/// The configuration for curl. In double quotes a backslash begins an escape; a line end that is not escaped
/// would begin another option.
fn config(
    spec: &HttpSpec,
    url: &Url,
    headers: &HeaderMap,
    within: Duration,
) -> ProbeResult<Zeroizing<String>> {
    let quoted = |text: &str| {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        text.replace('\n', "\\n").replace('\r', "\\r")
    };
    let mut config = Zeroizing::new(String::from("silent\nshow-error\ninclude\nsuppress-connect-headers\n"));
    let method = method(spec.method);
    let request =
        if method == reqwest::Method::HEAD { "head".into() } else { format!("request = \"{method}\"") };
    let _ = writeln!(
        config,
        "{request}\nmax-time = {:.3}\nurl = \"{}\"",
        within.as_secs_f64(),
        quoted(url.as_str())
    );
    let files = [("cacert", &spec.tls.roots), ("cert", &spec.tls.certificate), ("key", &spec.tls.key)];
    for (option, file) in files.iter().filter_map(|(option, file)| Some((option, file.as_ref()?))) {
        let _ = writeln!(config, "{option} = \"{}\"", quoted(file));
    }
    for (name, value) in headers {
        let value = value.to_str().map_err(|_| ProbeError::new(format!("header {name}: not plain text")))?;
        let _ = writeln!(config, "header = \"{name}: {}\"", quoted(value));
    }
    Ok(config)
}

fn failed(code: Option<i32>, result: &ProgramResult) -> ProbeError {
    let message = text::excerpt(&result.stderr.bytes, MAX_REASON);
    ProbeError::new(match code {
        Some(code) if COMMAND_NOT_FOUND.contains(&code) => {
            format!("curl is not installed on the remote side: {message}")
        }
        Some(CURL_USAGE_ERROR) => {
            format!(
                "the exec command does not pass standard input on (kubectl and docker exec need -i): {message}"
            )
        }
        Some(code) => format!("remote curl: exit code {code}: {message}"),
        None => format!("remote curl: ended by a signal: {message}"),
    })
}

/// The last head that curl prints, and what comes after it: there may be heads of 1xx before.
fn answer(result: ProgramResult) -> ProbeResult<HttpAnswer> {
    let foreign = || ProbeError::new("the output of the remote curl is not an HTTP response");
    let mut rest = result.stdout.bytes.as_slice();
    loop {
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(foreign)?;
        let (status, headers) = head(&rest[..end]).ok_or_else(foreign)?;
        rest = &rest[end + 4..];
        if status.is_informational() {
            continue;
        }
        let long = (rest.len() > MAX_BODY)
            .then(|| ProbeError::new("body longer than 1 MiB: only the first 1 MiB was read"));
        let body =
            ReadBody { bytes: rest[..rest.len().min(MAX_BODY)].to_vec(), cut: long.or(result.stdout.cut) };
        return Ok(HttpAnswer { way: Vec::new(), status, headers, body, took: result.took });
    }
}

fn head(head: &[u8]) -> Option<(StatusCode, HeaderMap)> {
    let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/")?.split(' ').nth(1)?;
    let headers = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((HeaderName::try_from(name).ok()?, HeaderValue::from_str(value.trim()).ok()?))
    });
    Some((StatusCode::from_bytes(status.as_bytes()).ok()?, headers.collect()))
}
