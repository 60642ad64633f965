//! The table of accidents: what happens to the program, its terminal, its disk, its clock and its log, what
//! is told of it, and that nothing acknowledged is lost. To read the table, and that of hostile servers:
//!
//!     tests/run --nocapture accidents hostile

mod rows;
mod scene;

use crate::bench::need;
use crate::runs::world::leave;
use rows::{Ends, Resume, Row};
use scene::Scene;

#[test]
fn nothing_acknowledged_is_lost_and_everything_is_told() {
    need!("ssh-keygen", "bash", "script", "strace", "unshare");
    let rows = rows::rows();
    let wrong: Vec<String> = rows.into_iter().filter_map(|row| walk(&row).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A row that goes wrong says which it is, and does not keep the others from being walked.
fn walk(row: &Row) -> Result<(), String> {
    let walked = std::panic::catch_unwind(|| happen(row));
    let told = walked.map_err(|why| {
        let why =
            why.downcast_ref::<String>().cloned().or(why.downcast_ref::<&str>().map(ToString::to_string));
        format!("{}: {}", row.accident, why.unwrap_or_default())
    })?;
    println!("{} · {told}", row.accident);
    Ok(())
}

/// The row as it is printed.
fn happen(row: &Row) -> String {
    let mut scene = Scene::new(row.launch);
    scene.open(&["--release", "v1.4.0", "--previous", "v1.3.0"]);
    let shown = row.acts.then(|| {
        scene.act();
        last_shown(&scene.terminal().screen_text())
    });
    (row.happens)(&mut scene);
    let ended = end(row, &mut scene);
    for words in row.told {
        assert!(is_in(&scene.heard, words), "expected\n{words}\nin\n{}", scene.heard);
    }
    (row.mend)(&scene);
    let told = row.told.join(" … ");
    let told = if told.is_empty() { "nobody is there to be told".into() } else { told };
    let Some(shown) = shown else { return format!("{ended} · {told}") };
    let answer = verify(row, &mut scene);
    assert!(scene.entries().len() > shown, "entry {shown} was shown, and is lost");
    assert!(scene.entries().iter().any(|entry| entry["kind"] == "confirmed"), "a confirmation is lost");
    format!("{ended} · {told} · verify: {answer} · {}", resume(row, &mut scene))
}

/// Lets the program end as it is to; what it has said is added to what was heard.
fn end(row: &Row, scene: &mut Scene) -> String {
    let mut terminal = scene.terminal.take().unwrap();
    match row.ends {
        Ends::GoesOn => {
            terminal.wait_for_text("2/3");
            scene.heard += &terminal.screen_text();
            leave(terminal);
            "goes on".into()
        }
        Ends::Killed => {
            scene.heard += &terminal.wait_exit().screen_text();
            "killed".into()
        }
        Ends::With(code) => {
            scene.heard += &terminal.wait_exit().code(code).left_clean().screen_text();
            format!("ends with {code}")
        }
    }
}

/// Whether words stand on a screen, however they are broken into lines.
fn is_in(screen: &str, words: &str) -> bool {
    let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    bare(screen).contains(&bare(words))
}

/// The last position that stands on the screen.
fn last_shown(screen: &str) -> usize {
    let after = ["seq ", "entry "].into_iter().flat_map(|word| screen.split(word).skip(1));
    let numbers = after.filter_map(|after| after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
    numbers.max().unwrap_or(0)
}

fn verify(row: &Row, scene: &mut Scene) -> &'static str {
    let log = scene.log();
    let told = scene.world.verify(&log, &[]).code(5);
    let _ = row.verify.iter().fold(told, |told, words| told.stdout_has(words));
    "open"
}

fn resume(row: &Row, scene: &mut Scene) -> String {
    scene.open(&[]);
    let mut terminal = scene.terminal.take().unwrap();
    let words = match row.resume {
        Resume::Refused(words) => {
            let told = terminal.wait_exit().left_clean().screen_text();
            assert!(is_in(&told, words), "expected\n{words}\nin\n{told}");
            return format!("not resumed: {words}");
        }
        Resume::Told(words) => {
            terminal.wait_for_text(words).wait_for_text("before you continue").send("\r");
            format!("resumed: {words}")
        }
        Resume::Plain => "resumed".into(),
    };
    terminal.wait_for_text("2/3");
    leave(terminal);
    words
}
