//! A newcomer walks the whole deployment, with keys alone.

use std::fs;
use std::path::PathBuf;

use crate::bench::gonogo::Sandbox;
use crate::bench::terminal::{Key, Terminal};
use crate::bench::wait;

/// A machine with nothing on its path.
fn bare() -> Sandbox {
    Sandbox::new().env("PATH", "/nowhere")
}

/// Lets `!` lead, and does what is asked for, until nothing is left to do.
#[track_caller]
fn deploy(terminal: &mut Terminal) {
    terminal.wait_for_text("before you go on").press(Key::Enter).wait_gone("before you go on");
    loop {
        let what = wait::until("something to do, or the end", || {
            let before = terminal.screen_text();
            if before.contains("GO 27/27") {
                return Some("end");
            }
            terminal.send("!").wait_for("an answer", |screen| {
                let text = screen.contents();
                ["NEEDS YOU", "NEEDS PEOPLE", "TO RUN", "nothing needs a human"]
                    .iter()
                    .any(|word| text.contains(word))
            });
            let text = terminal.screen_text();
            ["TO RUN", "NEEDS YOU", "NEEDS PEOPLE 0"].into_iter().find(|word| text.contains(word))
        });
        match what {
            "end" => return,
            "TO RUN" => run(terminal),
            _ => confirm(terminal),
        }
    }
}

#[track_caller]
fn confirm(terminal: &mut Terminal) {
    terminal.send(" ").wait_for_text("y confirm");
    terminal.send("y").wait_gone("y confirm").wait_for_text("confirmed ");
}

#[track_caller]
fn run(terminal: &mut Terminal) {
    // What became due by the step before may still be looked at.
    wait::until("the question", || {
        terminal.send("a").wait_for("the question, or a lock", |screen| {
            let text = screen.contents();
            text.contains("y run it") || text.contains("must be closed first")
        });
        let is_asked = terminal.screen_text().contains("y run it");
        if !is_asked {
            terminal.press(Key::Down).press(Key::Up).wait_gone("must be closed first");
        }
        is_asked.then_some(())
    });
    terminal.send("y").wait_gone("y run it").wait_for_text(": exit code 0");
}

#[track_caller]
fn seal(terminal: &mut Terminal) {
    terminal.send("v").wait_for_text("record this verdict");
    terminal.send("y").wait_for_text("s seal");
    terminal.send("s").wait_for_text("Once it stands");
    // The second seal is the other operator's, who is played.
    terminal.send("y").wait_for_text("SEALED");
}

#[track_caller]
fn log(sandbox: &Sandbox) -> PathBuf {
    let [log] = sandbox.logs("rehearsal").try_into().expect("one log");
    log
}

#[track_caller]
fn to_a_sealed_go(columns: u16, rows: u16) {
    let sandbox = bare().args(["rehearse"]);
    let mut terminal = sandbox.terminal(columns, rows);
    deploy(&mut terminal);
    seal(&mut terminal);
    terminal.send("q");
    let ended = terminal.wait_exit().code(0);
    assert!(ended.screen_text().contains("GO 27/27, sealed"), "{}", ended.screen_text());
    let log = log(&sandbox);
    let path = log.display().to_string();
    let sealed = sandbox.run_with(&["verify", "--rehearsal", &path]).code(0);
    let _ = sealed.stdout_has("sealed by you@rehearsal and played-by-gonogo@rehearsal").stdout_has("27/27");
    // Whoever the signers are, it is no real run.
    let nobody = sandbox.work().join("allowed_signers");
    fs::write(&nobody, "").unwrap();
    let refused = sandbox.run_with(&["verify", &path, "--signers", &nobody.display().to_string()]).code(4);
    let _ = refused.stdout_has("INVALID at line 1").stdout_has("a rehearsal");
    let left: Vec<_> = fs::read_dir(sandbox.work().with_file_name("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn on_a_wide_screen() {
    to_a_sealed_go(120, 40);
}

#[test]
fn on_a_small_one() {
    to_a_sealed_go(80, 24);
}
