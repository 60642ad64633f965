//! The shims of `docker build`, `docker tag`, `docker push`, and `trivy image`.

use std::time::Duration;

use serde_json::json;

use super::{ToolCall, ToolResult, ToolStream, take_option, unsupported};
use crate::servers::registry::Image;
use crate::stack::Services;

const STEP_DELAY: Duration = Duration::from_millis(250);

pub(super) async fn run(call: &ToolCall, services: &Services, stream: &mut ToolStream) -> ToolResult {
    let mut args = call.args.clone();
    match args.first().map(String::as_str) {
        Some("build") => build(&mut args, services, stream).await,
        Some("tag") if args.len() == 3 => match services.local_image(&args[1]) {
            Some(image) => {
                services.store_image(&args[2], image);
                Ok(0)
            }
            None => no_such_image(&args[1], stream).await,
        },
        Some("push") if args.len() == 2 => push(&args[1], services, stream).await,
        _ => unsupported(call, stream).await,
    }
}

async fn no_such_image(name: &str, stream: &mut ToolStream) -> ToolResult {
    stream.stderr(format!("Error response from daemon: No such image: {name}")).await?;
    Ok(1)
}

async fn build(args: &mut Vec<String>, services: &Services, stream: &mut ToolStream) -> ToolResult {
    let (file, tag, id) = (
        take_option(args, &["-f", "--file"]),
        take_option(args, &["-t", "--tag"]),
        take_option(args, &["--iidfile"]),
    );
    let Some(tag) = tag else {
        stream.stderr("ERROR: -t is required in a rehearsal").await?;
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
    stream.stderr_lines(&lines, STEP_DELAY).await?;
    let image = services.build_image();
    stream.stderr(format!("#8 writing image {} done", image.id())).await?;
    stream.stderr(format!("#8 naming to docker.io/library/{tag} done")).await?;
    if let Some(file) = id {
        stream.write_file(&file, image.id()).await?;
    }
    services.store_image(&tag, image);
    Ok(0)
}

async fn push(name: &str, services: &Services, stream: &mut ToolStream) -> ToolResult {
    let Some(image) = services.local_image(name) else { return no_such_image(name, stream).await };
    let Some((repository, tag)) = services.repository_and_tag(name) else {
        stream
            .stderr(format!("in a rehearsal images can only be pushed to {}", services.registry.host()))
            .await?;
        return Ok(1);
    };
    stream
        .stdout(format!("The push refers to repository [{}/{repository}]", services.registry.host()))
        .await?;
    for layer in ["5f70bf18a086: Preparing", "5f70bf18a086: Pushed"] {
        stream.stdout(layer).await?;
        tokio::time::sleep(STEP_DELAY).await;
    }
    match services.registry.push(repository, tag, &image) {
        Ok(()) => {
            stream
                .stdout(format!("{tag}: digest: {} size: {}", image.digest(), image.manifest_len()))
                .await?;
            Ok(0)
        }
        Err(error) => {
            stream.stderr(error).await?;
            Ok(1)
        }
    }
}

pub(super) async fn run_trivy(call: &ToolCall, services: &Services, stream: &mut ToolStream) -> ToolResult {
    let mut args = call.args.clone();
    let (format, output) =
        (take_option(&mut args, &["--format", "-f"]), take_option(&mut args, &["--output", "-o"]));
    let ([kind, name], Some("json")) = (args.as_slice(), format.as_deref()) else {
        return unsupported(call, stream).await;
    };
    if kind != "image" {
        return unsupported(call, stream).await;
    }
    let Some(image) = services.local_image(name) else {
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
    stream.stderr_lines(&lines, STEP_DELAY).await?;
    let report = trivy_report(name, &image, services.has_critical_finding());
    match output {
        Some(file) => stream.write_file(&file, report).await?,
        None => stream.stdout(report).await?,
    }
    Ok(0)
}

/// The report that Trivy writes for an image.
pub(crate) fn trivy_report(name: &str, image: &Image, critical: bool) -> String {
    let finding = |id: &str, package: &str, version: &str, fixed: &str, severity: &str| {
        json!({
            "VulnerabilityID": id, "PkgName": package, "InstalledVersion": version, "FixedVersion": fixed,
            "Severity": severity,
        })
    };
    let mut all = vec![
        finding("CVE-2011-3374", "apt", "2.6.1", "", "LOW"),
        finding("CVE-2022-0563", "util-linux", "2.38.1-5", "", "LOW"),
    ];
    if critical {
        all.push(finding("CVE-2026-31337", "libssl3", "3.0.15-1", "3.0.16-1", "CRITICAL"));
    }
    let results =
        json!([{"Target": format!("{name} (debian 12.10)"), "Class": "os-pkgs", "Vulnerabilities": all}]);
    let created = jiff::Timestamp::now().to_string();
    json!({
        "SchemaVersion": 2, "CreatedAt": created, "ArtifactName": name, "ArtifactType": "container_image",
        "Metadata": {"ImageID": image.id(), "RepoTags": [name]}, "Results": results,
    })
    .to_string()
}
