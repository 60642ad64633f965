//! `docker build`, `tag` and `push`, and `trivy image`.

use std::time::Duration;

use serde_json::json;

use super::{ToolCall, ToolResult, ToolStream, not_offered, take};
use crate::servers::registry::Image;
use crate::stack::Parts;

const STEP: Duration = Duration::from_millis(250);

pub(super) async fn run(call: &ToolCall, parts: &Parts, stream: &mut ToolStream) -> ToolResult {
    let mut args = call.args.clone();
    match args.first().map(String::as_str) {
        Some("build") => build(&mut args, parts, stream).await,
        Some("tag") if args.len() == 3 => match parts.built(&args[1]) {
            Some(image) => {
                parts.keep(&args[2], image);
                Ok(0)
            }
            None => unknown(&args[1], stream).await,
        },
        Some("push") if args.len() == 2 => push(&args[1], parts, stream).await,
        _ => not_offered(call, stream).await,
    }
}

async fn unknown(name: &str, stream: &mut ToolStream) -> ToolResult {
    stream.stderr(format!("Error response from daemon: No such image: {name}")).await?;
    Ok(1)
}

async fn build(args: &mut Vec<String>, parts: &Parts, stream: &mut ToolStream) -> ToolResult {
    let (file, tag, id) =
        (take(args, &["-f", "--file"]), take(args, &["-t", "--tag"]), take(args, &["--iidfile"]));
    let Some(tag) = tag else {
        stream.stderr("ERROR: in a rehearsal a build needs -t").await?;
        return Ok(1);
    };
    let file = file.unwrap_or_else(|| "Dockerfile".into());
    let load = format!("#1 [internal] load build definition from {file}");
    let lines = [
        load.as_str(),
        "#2 [1/6] FROM docker.io/library/python:3.12-slim",
        "#3 [2/6] RUN pip install poetry==2.1.3 poetry-plugin-export",
        "#4 [3/6] COPY pyproject.toml poetry.lock ./",
        "#5 [4/6] RUN poetry export --format=requirements.txt | pip install -r /dev/stdin",
        "#6 [5/6] COPY projects/03-advanced /app",
        "#7 [6/6] RUN useradd --system advanced",
        "#8 exporting to image",
    ];
    stream.work(&lines, STEP).await?;
    let image = parts.make_image();
    stream.stderr(format!("#8 writing image {} done", image.id())).await?;
    stream.stderr(format!("#8 naming to docker.io/library/{tag} done")).await?;
    if let Some(file) = id {
        stream.write(&file, image.id()).await?;
    }
    parts.keep(&tag, image);
    Ok(0)
}

async fn push(name: &str, parts: &Parts, stream: &mut ToolStream) -> ToolResult {
    let Some(image) = parts.built(name) else { return unknown(name, stream).await };
    let Some((repository, tag)) = parts.own_name(name) else {
        stream.stderr(format!("in a rehearsal images are pushed to {} only", parts.registry.host())).await?;
        return Ok(1);
    };
    stream.stdout(format!("The push refers to repository [{}/{repository}]", parts.registry.host())).await?;
    for layer in ["5f70bf18a086: Preparing", "5f70bf18a086: Pushed"] {
        stream.stdout(layer).await?;
        tokio::time::sleep(STEP).await;
    }
    match parts.registry.push(repository, tag, &image) {
        Ok(()) => {
            stream
                .stdout(format!("{tag}: digest: {} size: {}", image.digest(), image.manifest_len()))
                .await?;
            Ok(0)
        }
        Err(why) => {
            stream.stderr(why).await?;
            Ok(1)
        }
    }
}

pub(super) async fn scan(call: &ToolCall, parts: &Parts, stream: &mut ToolStream) -> ToolResult {
    let mut args = call.args.clone();
    let (format, output) = (take(&mut args, &["--format", "-f"]), take(&mut args, &["--output", "-o"]));
    let ([kind, name], Some("json")) = (args.as_slice(), format.as_deref()) else {
        return not_offered(call, stream).await;
    };
    if kind != "image" {
        return not_offered(call, stream).await;
    }
    let Some(image) = parts.built(name) else {
        stream.stderr(format!("FATAL\tFatal error\tunable to find the specified image \"{name}\"")).await?;
        return Ok(1);
    };
    let lines = [
        "INFO\t[vuln] Vulnerability scanning is enabled",
        "INFO\tDetected OS\tfamily=\"debian\" version=\"12.10\"",
        "INFO\t[debian] Detecting vulnerabilities...\tos_version=\"12\" pkg_num=105",
        "INFO\tNumber of language-specific files\tnum=1",
        "INFO\t[python-pkg] Detecting vulnerabilities...",
    ];
    stream.work(&lines, STEP).await?;
    let report = report(name, &image, parts.has_critical());
    match output {
        Some(file) => stream.write(&file, report).await?,
        None => stream.stdout(report).await?,
    }
    Ok(0)
}

/// What Trivy writes of an image.
pub(crate) fn report(name: &str, image: &Image, critical: bool) -> String {
    let found = |id: &str, package: &str, version: &str, fixed: &str, severity: &str| {
        json!({
            "VulnerabilityID": id, "PkgName": package, "InstalledVersion": version, "FixedVersion": fixed,
            "Severity": severity,
        })
    };
    let mut all = vec![
        found("CVE-2011-3374", "apt", "2.6.1", "", "LOW"),
        found("CVE-2022-0563", "util-linux", "2.38.1-5", "", "LOW"),
    ];
    if critical {
        all.push(found("CVE-2026-31337", "libssl3", "3.0.15-1", "3.0.16-1", "CRITICAL"));
    }
    let results =
        json!([{"Target": format!("{name} (debian 12.10)"), "Class": "os-pkgs", "Vulnerabilities": all}]);
    let made = jiff::Timestamp::now().to_string();
    json!({
        "SchemaVersion": 2, "CreatedAt": made, "ArtifactName": name, "ArtifactType": "container_image",
        "Metadata": {"ImageID": image.id(), "RepoTags": [name]}, "Results": results,
    })
    .to_string()
}
