//! The sandbox and the terminal run a program as a user does.

use crate::support::gonogo::{GONOGO, Sandbox, is_private, signal};
use crate::support::keys::{self, SshKey};
use crate::support::supervisor::{Supervised, is_running};
use crate::support::terminal::Key;
use crate::support::{need, wait};

const TUI: &str = r#"
settings=$(stty -g); stty raw -echo
printf '\033[?1049h\033[?25l\033[?2004hhello '; stty size
while key=$(dd bs=64 count=1 2>/dev/null | od -An -c | tr -d ' \n'); do
  case $key in
    q) break ;;
    s) printf '\033[2J\033[H'; stty size ;;
    *) printf '<%s>' "$key" ;;
  esac
done
printf '\033[?2004l\033[?25h\033[?1049l'; stty "$settings"; echo bye; exit 3
"#;

#[test]
fn a_sandbox_hides_the_home_and_environment_of_the_user() {
    let sandbox =
        Sandbox::new().program("sh").env("BOARD", "7").args(["-c", "env; pwd; cat; echo oops >&2; exit 5"]);
    let output = sandbox.stdin("from stdin").run().code(5).stdout_has("BOARD=7\n").stdout_has("from stdin");
    let output = output.stderr_has("oops").lacks("CARGO");
    assert!(output.stdout.lines().any(|line| line.starts_with("HOME=") && line.contains("tmp")), "{output}");
}

#[test]
fn a_sandbox_writes_files_and_lists_run_logs() {
    let sandbox =
        Sandbox::new().profile("a = 1").checklist("b = 2").file("c.json", r#"{"c": 3}"#).program("sh");
    let dir = sandbox.state().join("gonogo/runs/prod");
    std::fs::create_dir_all(&dir).unwrap();
    for name in ["2.jsonl", "1.jsonl", "1.txt"] {
        std::fs::write(dir.join(name), "").unwrap();
    }
    assert_eq!(sandbox.logs("prod"), [dir.join("1.jsonl"), dir.join("2.jsonl")]);
    assert!(sandbox.logs("staging").is_empty() && sandbox.config().is_dir());
    let sandbox = sandbox.args(["-c", "cat profile.toml checklist.toml >&2; cat c.json; chmod 600 c.json"]);
    let output = sandbox.run().code(0).stderr_has("a = 1b = 2");
    assert_eq!(output.json()["c"], 3);
    assert!(is_private(&sandbox.work().join("c.json")) && !is_private(&sandbox.work().join("profile.toml")));
}

#[test]
fn a_running_program_can_be_read_and_signalled_and_is_killed_on_drop() {
    let sandbox = Sandbox::new()
        .program("sh")
        .args(["-c", "trap 'echo caught; exit 7' TERM; echo up; while :; do :; done"]);
    let [caught, dropped] = [(); 2].map(|()| sandbox.start());
    wait::until("both to be up", || (caught.stdout() == "up\n" && dropped.stdout() == "up\n").then_some(()));
    signal(caught.pid(), "TERM");
    let _ = caught.finish().code(7).stdout_has("caught");
    let pid = dropped.pid();
    drop(dropped);
    assert!(!is_running(pid));
}

#[test]
fn the_program_under_test_exists() {
    assert!(std::path::Path::new(GONOGO).is_file());
}

#[test]
fn keys_pastes_and_resizes_reach_a_program_in_a_terminal() {
    let sandbox = Sandbox::new().program("sh").args(["-c", TUI]);
    let mut terminal = sandbox.terminal(40, 10);
    terminal.wait_for_text("hello 10 40").wait_for("the alternate screen", vt100::Screen::alternate_screen);
    terminal.press(Key::Up).wait_for_text(r"<033[A>");
    terminal.press(Key::Ctrl('c')).wait_for_text("<003>").press(Key::Enter).wait_for_text(r"<\r>");
    terminal.press(Key::F(1)).wait_for_text("<033OP>").press(Key::F(5)).wait_for_text("<033[15~>");
    terminal.paste("ab").wait_for_text("<033[200~ab033[201~>");
    terminal.resize(60, 12).press(Key::Char('s')).wait_for_text("12 60").wait_gone("hello");
    assert!(terminal.screen().hide_cursor() && terminal.screen_text().starts_with("12 60"));
    terminal.send("q");
    let ended = terminal.wait_exit().code(3).left_clean();
    assert!(ended.signal.is_none() && ended.screen_text().contains("bye"));
}

#[test]
fn keys_send_xterm_sequences() {
    use Key::{BackTab, Backspace, Delete, Down, End, Esc, Home, Left, PageDown, PageUp, Right, Tab};
    let mut terminal = Sandbox::new().program("sh").args(["-c", TUI]).terminal(80, 10);
    terminal.wait_for_text("hello");
    for (key, shown) in [(Tab, r"<\t>"), (BackTab, "<033[Z>"), (Backspace, "<177>"), (Delete, "<033[3~>")] {
        terminal.press(key).wait_for_text(shown);
    }
    for (key, shown) in [(Down, "<033[B>"), (Right, "<033[C>"), (Left, "<033[D>"), (Esc, "<033>")] {
        terminal.press(key).wait_for_text(shown);
    }
    for (key, shown) in [(Home, "<033[H>"), (End, "<033[F>"), (PageUp, "<033[5~>"), (PageDown, "<033[6~>")] {
        terminal.press(key).wait_for_text(shown);
    }
}

#[test]
#[should_panic(expected = "still on the alternate screen")]
fn a_terminal_that_is_not_restored_is_detected() {
    let sandbox = Sandbox::new().program("sh").args(["-c", "printf '\\033[?1049h'"]);
    let _ = sandbox.terminal(40, 10).wait_exit().left_clean();
}

#[test]
fn a_program_in_a_terminal_is_killed_on_drop() {
    let mut terminal =
        Sandbox::new().program("sh").args(["-c", "trap '' HUP; echo up; cat"]).terminal(40, 10);
    let pid = terminal.wait_for_text("up").pid();
    drop(terminal);
    assert!(!is_running(pid));
}

#[test]
fn ssh_keys_are_real_and_listed_in_allowed_signers() {
    need!(keys::KEYGEN);
    let sandbox = Sandbox::new().program("sh");
    let (bob, eve) = (sandbox.key("bob"), sandbox.key_with_passphrase("eve", "pw"));
    let signers = sandbox.allowed_signers(&[("bob@deck.example", &bob), ("eve@deck.example", &eve)]);
    assert_eq!(std::fs::read_to_string(signers).unwrap().lines().count(), 2);
    let sign = |key: &SshKey, pw: &str| {
        format!("ssh-keygen -y -P '{pw}' -f {} | cut -d' ' -f1-2", key.path.display())
    };
    let shown = sandbox.args(["-c", &[sign(&bob, ""), sign(&eve, "pw")].join(";")]).run().code(0).stdout;
    let lines = bob.allowed("b", "") + &eve.allowed("e", "namespaces=\"n\"");
    assert!(shown.lines().zip(lines.lines()).all(|(public, line)| line.ends_with(public)), "{shown}{lines}");
}

#[test]
fn a_server_is_killed_with_its_children_and_its_directory_is_removed() {
    let mut server = std::process::Command::new("sh");
    server.args(["-c", "sleep 1000 & echo $!; wait"]);
    let server = Supervised::spawn(&server, tempfile::tempdir().unwrap(), &[]);
    let child: u32 = server.wait_ready(wait::TIMEOUT, || server.log().trim().parse().ok());
    let (pid, dir) = (server.pid(), server.dir().to_owned());
    assert!(is_running(pid) && is_running(child) && dir.is_dir());
    drop(server);
    assert!(!is_running(pid) && !is_running(child) && !dir.exists());
}

#[test]
#[should_panic(expected = "no such option")]
fn a_server_that_dies_at_start_is_reported_with_its_output() {
    let mut server = std::process::Command::new("sh");
    server.args(["-c", "echo no such option; exit 1"]);
    Supervised::spawn(&server, tempfile::tempdir().unwrap(), &[]).wait_ready(wait::TIMEOUT, || None::<()>);
}
