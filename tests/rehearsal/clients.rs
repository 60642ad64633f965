//! Stock clients work with the embedded servers, and get the error messages of the protocols.

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::need;
use crate::support::served_rehearsal::ServedRehearsal;

#[track_caller]
fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

#[track_caller]
fn output_text(command: &mut Command) -> String {
    let output = run(command);
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        .trim()
        .to_owned()
}

#[test]
fn redis_cli_works_with_both_protocol_versions() {
    need!("redis-cli");
    let served = ServedRehearsal::start(&[]);
    let url = served.value(&["values", "redis", "url"]);
    let port = url.trim_end_matches("/0").rsplit(':').next().unwrap().to_owned();
    let cli = |words: &[&str]| {
        let mut cli = served.sandbox.command("redis-cli");
        output_text(cli.args(["-p", &port, "--no-auth-warning"]).args(words))
    };
    let password = served.secret("redis");
    let with_password = |words: &[&str]| cli(&[&["-a", &password], words].concat());
    assert_eq!(cli(&["PING"]), "NOAUTH Authentication required.");
    assert!(cli(&["-a", "wrong", "PING"]).contains("WRONGPASS"));
    assert_eq!(with_password(&["PING"]), "PONG");
    assert!(with_password(&["-3", "HELLO", "3"]).contains("server redis"));
    assert_eq!(with_password(&["SET", "a", "1", "NX", "EX", "300"]), "OK");
    assert_eq!(with_password(&["SET", "a", "2", "NX"]), "");
    assert_eq!(with_password(&["INCR", "a"]), "2");
    assert_eq!(with_password(&["-n", "2", "GET", "a"]), "", "each database has its own keys");
    assert_eq!(with_password(&["TTL", "a"]), "300");
    assert_eq!(
        with_password(&["CONFIG", "GET", "latency-monitor-threshold"]),
        "latency-monitor-threshold\n100"
    );
    assert!(with_password(&["INFO"]).contains("aof_enabled:1"));
    assert_eq!(with_password(&["PUBSUB", "NUMSUB", "advanced:activity"]), "advanced:activity\n1");
    assert!(
        with_password(&["ZADD", "z", "1", "a"])
            .contains("ERR unknown command 'ZADD', with args beginning with: 'z' '1' 'a'")
    );
    assert!(with_password(&["GET"]).contains("ERR wrong number of arguments for 'get' command"));
    assert!(with_password(&["CLUSTER", "INFO"]).contains("ERR This instance has cluster support disabled"));
    assert!(with_password(&["LATENCY", "GRAPH", "x"]).contains("ERR unknown subcommand 'GRAPH'"));
}

/// Publishes, consumes, rejects, and uses queues and features that do not exist.
const PIKA: &str = r#"
import sys, time, pika
port, password = int(sys.argv[1]), sys.argv[2]
def connect(password=password, vhost="/"):
    login = pika.PlainCredentials("advanced", password)
    return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port, vhost, login))
def describe(error):
    return f"{type(error).__name__} {error.args[0] if error.args else ''} {error.args[1] if len(error.args) > 1 else ''}"
for login in [("wrong", "/"), (password, "/other")]:
    try:
        connect(*login)
        print("accepted")
    except Exception as error:
        print("refused", describe(error))
connection = connect()
channel = connection.channel()
channel.confirm_delivery()
channel.exchange_declare("boards", "topic", durable=True)
channel.queue_declare("dead", durable=True)
channel.queue_declare("own", durable=True, arguments={"x-message-ttl": 60000, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"})
channel.queue_bind("own", "boards", "boards.*")
channel.basic_publish("boards", "boards.activity", b"x" * 300000, pika.BasicProperties(correlation_id="c", headers={"n": 1}))
method, properties, body = channel.basic_get("own")
print("got", len(body), properties.correlation_id, properties.headers, method.redelivered)
channel.basic_nack(method.delivery_tag, requeue=True)
method, properties, body = channel.basic_get("own")
print("again", method.redelivered)
channel.basic_reject(method.delivery_tag, requeue=False)
connection.process_data_events(0.1)
method, properties, body = channel.basic_get("dead", auto_ack=True)
print("dead", properties.headers["x-death"][0]["reason"], properties.headers["x-first-death-queue"])
channel.basic_qos(prefetch_count=2)
for n in range(5):
    channel.basic_publish("boards", "boards.a", str(n).encode())
seen = []
for method, properties, body in channel.consume("own", inactivity_timeout=5):
    seen.append(body.decode())
    channel.basic_ack(method.delivery_tag)
    if len(seen) == 5:
        break
channel.cancel()
print("consumed", "".join(seen))
try:
    channel.basic_publish("boards", "nowhere", b"", mandatory=True)
except pika.exceptions.UnroutableError:
    print("returned")
def refused(what):
    try:
        what(connect().channel())
        print("done")
    except pika.exceptions.ChannelClosedByBroker as error:
        print("channel closed", error.reply_code, error.reply_text)
    except pika.exceptions.ConnectionClosedByBroker as error:
        print("connection closed", error.reply_code, error.reply_text)
refused(lambda channel: channel.queue_declare("missing", passive=True))
refused(lambda channel: channel.queue_declare("own", durable=False))
refused(lambda channel: channel.basic_publish("missing", "", b"") or channel.queue_declare("own", passive=True))
refused(lambda channel: channel.exchange_declare("h", "headers"))
refused(lambda channel: channel.tx_select())
refused(lambda channel: channel.queue_declare("q", arguments={"x-max-length": 3}))
"#;

#[test]
fn a_python_client_works_with_rabbitmq() {
    need!("poetry");
    let served = ServedRehearsal::start(&[]);
    let url = served.value(&["values", "rabbitmq", "url"]);
    let port = url.rsplit(':').next().unwrap().to_owned();
    let output = crate::reports::python(PIKA, &[&port, &served.secret("rabbitmq")]);
    let expected = [
        "refused ProbableAuthenticationError",
        "refused ProbableAccessDeniedError",
        "got 300000 c {'n': 1} False",
        "again True",
        "dead rejected own",
        "consumed 01234",
        "returned",
        "channel closed 404 NOT_FOUND - no queue 'missing' in vhost '/'",
        "channel closed 406 PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'own' in vhost '/'",
        "channel closed 404 NOT_FOUND - no exchange 'missing' in vhost '/'",
        "connection closed 540 NOT_IMPLEMENTED - headers exchanges",
        "connection closed 540 NOT_IMPLEMENTED - transactions",
        "connection closed 540 NOT_IMPLEMENTED - queue argument x-max-length",
    ];
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{output}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{expected}\n{output}");
    }
}

#[test]
fn curl_gets_the_responses_of_the_real_products() {
    need!("curl");
    let served = ServedRehearsal::start(&[]);
    let value = |path: &[&str]| served.value(&[&["values"], path].concat());
    let curl = |words: &[&str]| {
        let mut curl = served.sandbox.command("curl");
        output_text(curl.args(["-s", "-w", " %{http_code}"]).args(words))
    };
    let (prometheus, rabbit) = (value(&["prometheus", "url"]), value(&["rabbitmq", "management"]));
    let login = format!("advanced:{}", served.secret("rabbitmq"));
    let deploy = format!("deploy-bot:{}", served.secret("registry"));
    let vault = format!("X-Vault-Token: {}", served.secret("vault"));
    let otlp = format!("Authorization: Bearer {}", served.secret("otlp"));
    let (registry, secrets, collector) =
        (value(&["registry", "url"]), value(&["vault", "url"]), value(&["otlp", "endpoint"]));
    let bad_query = format!("{prometheus}/api/v1/query?query=rate(");
    let unknown = format!("{prometheus}/api/v1/query?query=deriv(up%5B5m%5D)");
    let traces = format!("{collector}/v1/traces");
    for (words, expected) in [
        (vec![format!("{prometheus}/api/v1/query?query=up")], "\"job\":\"advanced-app\""),
        (vec![bad_query], "\"errorType\":\"bad_data\""),
        (vec![unknown], "function `deriv` is not supported\""),
        (vec![format!("{rabbit}/api/whoami")], "Login failed"),
        (
            vec!["-u".into(), login.clone(), format!("{rabbit}/api/queues/%2f/advanced.board.events.retry")],
            "\"x-message-ttl\":5000",
        ),
        (vec!["-u".into(), login, format!("{rabbit}/api/nodes")], "Object Not Found"),
        (vec![format!("{registry}/v2/")], "UNAUTHORIZED"),
        (
            vec!["-u".into(), deploy.clone(), format!("{registry}/v2/platform/advanced-app/tags/list")],
            "[\"v1.4.0\"]",
        ),
        (
            vec!["-u".into(), deploy, "-X".into(), "DELETE".into(), format!("{registry}/v2/a/manifests/x")],
            "UNSUPPORTED",
        ),
        (vec![format!("{secrets}/v1/secret/data/advanced/realtime-token")], "permission denied\"]} 403"),
        (
            vec!["-H".into(), vault.clone(), format!("{secrets}/v1/secret/metadata/advanced/realtime-token")],
            "\"current_version\":2",
        ),
        (vec!["-H".into(), vault, format!("{secrets}/v1/transit/keys/x")], "no handler for route\"]} 404"),
        (vec!["-X".into(), "POST".into(), traces.clone()], "unauthorized 401"),
        (
            vec![
                "-H".into(),
                otlp,
                "-H".into(),
                "Content-Type: application/json".into(),
                "-d".into(),
                "{\"resourceSpans\":[]}".into(),
                traces,
            ],
            "{\"partialSuccess\":{}} 200",
        ),
    ] {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = curl(&words);
        assert!(output.contains(expected), "{words:?}: {output}");
    }
}

#[test]
fn kubectl_reads_the_cluster() {
    need!("kubectl");
    let served = ServedRehearsal::start(&["--deployed"]);
    let config = served.dir.join("kubeconfig").display().to_string();
    let kubectl = |words: &[&str]| {
        let mut kubectl = served.sandbox.command("kubectl");
        output_text(kubectl.args(["--kubeconfig", &config, "--namespace", "realtime"]).args(words))
    };
    let found: Value =
        serde_json::from_str(&kubectl(&["get", "deployment", "advanced-app", "-o", "json"])).unwrap();
    let image = &found["spec"]["template"]["spec"]["containers"][0]["image"];
    assert!(image.as_str().unwrap().ends_with("/platform/advanced-app:v1.5.0"), "{found}");
    assert!(
        kubectl(&["rollout", "status", "deployment/advanced-worker"]).contains("successfully rolled out")
    );
    assert!(kubectl(&["get", "deployment", "other"]).contains("(NotFound)"));
    assert!(kubectl(&["get", "secrets"]).contains("the server doesn't have a resource type \"secrets\""));
}

#[test]
fn skopeo_inspects_and_copies_images() {
    need!("skopeo");
    let served = ServedRehearsal::start(&["--deployed"]);
    let registry = served.value(&["values", "registry", "url"]).replace("http://", "");
    let login = format!("deploy-bot:{}", served.secret("registry"));
    let image = |tag: &str| format!("docker://{registry}/platform/advanced-app:{tag}");
    let skopeo = |words: &[&str]| {
        let mut skopeo = served.sandbox.command("skopeo");
        skopeo.args(["--tmpdir", &served.sandbox.work().display().to_string(), "--insecure-policy"]);
        output_text(skopeo.args(words))
    };
    let output = skopeo(&["inspect", "--tls-verify=false", "--creds", &login, &image("v1.5.0")]);
    let output: Value = serde_json::from_str(&output).unwrap_or_else(|_| panic!("{output}"));
    assert_eq!(output["RepoTags"], serde_json::json!(["v1.4.0", "v1.5.0"]));
    let copy = [
        "copy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        "--src-creds",
        &login,
        "--dest-creds",
        &login,
        &image("v1.5.0"),
        &format!("docker://{registry}/elsewhere/app:copy"),
    ];
    let copied = skopeo(&copy);
    let elsewhere = format!("docker://{registry}/elsewhere/app:copy");
    let again = skopeo(&["inspect", "--tls-verify=false", "--creds", &login, &elsewhere]);
    let again: Value = serde_json::from_str(&again).unwrap_or_else(|_| panic!("{copied}\n{again}"));
    assert_eq!(again["Digest"], output["Digest"]);
    let rejected =
        skopeo(&["inspect", "--tls-verify=false", "--creds", "deploy-bot:wrong", &image("v1.5.0")]);
    assert!(rejected.contains("unauthorized"), "{rejected}");
    let missing = skopeo(&["inspect", "--tls-verify=false", "--creds", &login, &image("v9")]);
    assert!(missing.contains("manifest unknown"), "{missing}");
}

/// The shim of the demo script goes where the script would: an event only comes back through the right application, with
/// its token.
#[test]
fn the_demo_script_goes_to_the_address_of_its_environment() {
    let served = ServedRehearsal::start(&["--deployed"]);
    let url = served.value(&["values", "app", "url"]).replace("http://", "");
    let (host, port) = url.split_once(':').unwrap();
    let token = served.secret("token");
    let demo = |port: &str, token: &str| {
        let mut script = served.command(&served.dir.join("bin/python3").display().to_string());
        script.arg("scripts/advanced_pipeline_demo.py");
        script.env("ADVANCED_APP_HOST", host).env("ADVANCED_APP_PORT", port);
        output_text(script.env("ADVANCED_REALTIME_TOKEN", token))
    };
    let received = demo(port, &token);
    assert!(received.contains("received: data:") && received.contains("board_event"), "{received}");
    assert!(demo(port, "another").contains("401"));
    assert!(demo("1", &token).contains("the demo failed: "));
}
