//! Secrets that an action prints are not on the screen, not in the log and not in its attachments.

use super::scenario::{Scenario, run_action, select_deploy_point};
use crate::support::need;
use crate::support::terminal::Key;

const SECRET: &str = "s3cr3t/with+every=thing&more";

#[test]
fn secrets_are_redacted_in_every_encoding_and_at_every_split() {
    need!("ssh-keygen", "python3");
    let values = "[values]\nbuild.env = { TOKEN = { secret = { env = \"SHIP_TOKEN\" } } }\n";
    let mut scenario = Scenario::with(values);
    // One byte at a time, unbuffered: the output is split at every position.
    let program = r#"
import base64, binascii, json, os, sys, time, urllib.parse
s = os.environ["TOKEN"]
b = s.encode()
texts = [s, json.dumps(s), urllib.parse.quote(s, safe=""), urllib.parse.quote(s), b.hex(), b.hex().upper(),
         base64.b64encode(b).decode(), base64.urlsafe_b64encode(b).decode(), base64.b64encode(b"user:" + b).decode(),
         "https://u:" + urllib.parse.quote(s, safe="") + "@host/", "Bearer " + s]
for text in texts:
    for c in text + "\n":
        os.write(1, c.encode())
        time.sleep(0.0005)
os.write(2, (s * 3 + "\n").encode())
os.write(1, b"end of it\n")
"#;
    std::fs::write(scenario.sandbox.work().join("print.py"), program).unwrap();
    scenario.script("build", "exec python3 print.py");
    let sandbox = std::mem::replace(&mut scenario.sandbox, crate::support::gonogo::Sandbox::new());
    scenario.sandbox = sandbox.env("SHIP_TOKEN", SECRET);
    let mut terminal = scenario.open();
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    terminal.send("a").wait_for_text("run deploy.ship/build").wait_for_text("TOKEN=\"$SHIP_TOKEN\"");
    terminal.press(Key::Esc).wait_gone("run deploy.ship/build");
    run_action(&mut terminal, "deploy.ship/build");
    let ended = scenario.wait_for("action-finished", 1);
    terminal.send("o").wait_for_text("following").wait_for_text("end of it");
    let shown = terminal.screen_text();
    let redactions = ended[0]["output"]["redacted"]["env SHIP_TOKEN"].as_u64().unwrap();
    assert!(redactions >= 14, "{redactions} redactions");
    terminal.press(Key::Esc).wait_gone("following");
    terminal.press(Key::Char('q'));
    let _ = terminal.wait_exit().code(5);
    let mut files = vec![("the screen".to_owned(), shown)];
    let mut directories = vec![scenario.log().parent().unwrap().to_owned()];
    while let Some(directory) = directories.pop() {
        for item in std::fs::read_dir(directory).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                files.push((
                    path.display().to_string(),
                    String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into(),
                ));
            }
        }
    }
    assert!(files.len() >= 5, "{files:?}");
    let pieces = [SECRET, "s3cr3t", "733363723374", "czNjcjN0L3", "s3cr3t%2F"];
    for (name, text) in &files {
        for piece in pieces {
            assert!(!text.contains(piece), "{piece} is in {name}: {text}");
        }
    }
}
