//! On a machine with others: where a rehearsal keeps its files, and whom its tools believe.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::thread;

use serde_json::{Value, json};

use crate::bench::gonogo::{GONOGO, Sandbox, signal};
use crate::bench::served::Served;
use crate::bench::wait;

/// What others may do with a directory and all that is in it.
fn open_to_others(dir: &Path) -> Vec<PathBuf> {
    let inside = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut open: Vec<_> = inside
        .flat_map(|path| if path.is_dir() && !path.is_symlink() { open_to_others(&path) } else { vec![] })
        .collect();
    if fs::metadata(dir).unwrap().permissions().mode() & 0o077 != 0 {
        open.push(dir.to_owned());
    }
    open
}

fn served_with_umask(sandbox: Sandbox, umask: &str) -> Served {
    let script = format!("umask {umask}; exec \"$0\" rehearse --serve");
    let sandbox = sandbox.program("sh").args(["-c", &script, GONOGO]);
    let running = sandbox.start();
    Served::of(sandbox, running)
}

#[test]
fn nobody_else_may_enter_whatever_the_umask() {
    for umask in ["000", "022"] {
        let served = served_with_umask(Sandbox::new(), umask);
        let home = served.sandbox.state().join("gonogo/rehearsals");
        assert_eq!(served.dir.parent(), Some(&*home));
        assert_eq!(open_to_others(&home), Vec::<PathBuf>::new(), "umask {umask}");
    }
}

/// However early it is asked to end: nothing is made before that is heard.
#[test]
fn one_that_is_ended_at_its_begin_leaves_nothing() {
    for _ in 0..10 {
        let sandbox = Sandbox::new();
        let home = sandbox.state().join("gonogo/rehearsals");
        let running = sandbox.start_with(&["rehearse", "--serve"]);
        let made = || fs::read_dir(&home).ok()?.next();
        let _ = wait::until("the directory of the rehearsal", made);
        signal(running.pid(), "INT");
        let _ = running.finish().code(0);
        assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
    }
}

/// A session's own directory is taken where it is what its standard says.
#[test]
fn a_sessions_directory_is_taken_where_it_is_the_users_alone() {
    let session = tempfile::tempdir().unwrap();
    let in_session = |mode: u32| {
        fs::set_permissions(session.path(), fs::Permissions::from_mode(mode)).unwrap();
        let sandbox = Sandbox::new().env("XDG_RUNTIME_DIR", session.path());
        let served = served_with_umask(sandbox, "000");
        let home = served.dir.parent().unwrap();
        assert_eq!(open_to_others(home), Vec::<PathBuf>::new());
        home.starts_with(session.path())
    };
    assert!(in_session(0o700));
    assert!(!in_session(0o755));
}

#[test]
fn a_place_that_others_have_prepared_is_refused() {
    let others = tempfile::tempdir().unwrap();
    for (prepare, told) in [
        ((|home, others| symlink(others, home).unwrap()) as fn(&Path, &Path), "it is a symbolic link"),
        (
            |home, _| {
                fs::create_dir(home).unwrap();
                fs::set_permissions(home, fs::Permissions::from_mode(0o777)).unwrap();
            },
            "other users can enter it",
        ),
        (|home, _| fs::write(home, "").unwrap(), "expected a directory"),
    ] {
        let sandbox = Sandbox::new();
        let state = sandbox.state().join("gonogo");
        fs::create_dir_all(&state).unwrap();
        prepare(&state.join("rehearsals"), others.path());
        let refused = sandbox.run_with(&["rehearse", "--serve"]);
        let _ = refused.stderr_has("the rehearsal's own files cannot be written").stderr_has(told);
        assert_eq!(fs::read_dir(others.path()).unwrap().count(), 0);
    }
}

/// What is printed leads to the tools, and away from them when the rehearsal has ended.
#[test]
fn one_command_finds_the_tools_and_only_while_the_rehearsal_is_there() {
    let served = Served::start(&[]);
    let with = served.dir.join("with");
    let which = || served.sandbox.command(&with).args(["sh", "-c", "command -v docker"]).output();
    let found = String::from_utf8(which().unwrap().stdout).unwrap();
    assert_eq!(Path::new(found.trim()), served.dir.join("bin/docker"));
    let printed = served.running.stdout();
    assert!(!printed.contains("PATH"), "{printed}");
    let line = printed.lines().find_map(|line| line.strip_prefix("#     ")).unwrap().to_owned();
    let check = served
        .sandbox
        .command("sh")
        .args(["-c", &line.replace("/with gonogo ", &format!("/with {GONOGO} "))])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&check.stdout).contains("infra.redis"), "{check:?}");
    signal(served.running.pid(), "TERM");
    let Served { sandbox, running, .. } = served;
    let _ = running.finish().code(0);
    assert!(sandbox.command(&with).args(["true"]).output().is_err());
}

/// Answers one tool's process in the rehearsal's place; gives what it was told.
fn answer(listener: &UnixListener, proof: &str, said: &[Value]) -> Vec<String> {
    let (mut stream, _) = listener.accept().unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut told = vec![lines.next().unwrap().unwrap()];
    writeln!(stream, "{proof}").unwrap();
    told.extend(lines.next().and_then(Result::ok));
    for one in said {
        let _ = writeln!(stream, "{one}");
    }
    told
}

struct Stranger {
    sandbox: Sandbox,
    config: PathBuf,
}

impl Stranger {
    /// Somebody who listens on the socket that a tool's process is pointed at. Gives what they were told, too.
    fn asked(&self, proof: &str, said: &[Value], args: &[OsString]) -> (Output, Vec<String>) {
        let socket = self.sandbox.work().join("socket");
        let _ = fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        fs::write(&self.config, json!({"socket": socket, "key": "the key"}).to_string()).unwrap();
        thread::scope(|scope| {
            let answering = scope.spawn(|| answer(&listener, proof, said));
            let mut tool = self.sandbox.command(GONOGO);
            tool.arg("shim").arg(&self.config).args(["docker", "--", "build"]).args(args);
            (tool.output().unwrap(), answering.join().unwrap())
        })
    }
}

/// HMAC-SHA256 of the nonce in a greeting, by a tool that is none of ours.
fn proof(nonce: &str) -> String {
    let script = "import hmac, sys; print(hmac.new(b'the key', sys.argv[1].encode(), 'sha256').hexdigest())";
    let ran = std::process::Command::new("python3").args(["-c", script, nonce]).output().unwrap();
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

#[test]
fn who_answers_without_the_key_is_told_nothing_and_believed_nothing() {
    let sandbox = Sandbox::new();
    let stranger = Stranger { config: sandbox.work().join("shim.json"), sandbox };
    let (named, given) = (stranger.sandbox.work().join("id"), stranger.sandbox.work().join("given"));
    fs::write(&given, "of the user").unwrap();
    let args = [OsString::from("--iidfile"), named.clone().into(), given.into()];
    let said = [json!({"file": {"path": &named, "text": "evil"}}), json!({"exit": 0})];
    let (ran, told) = stranger.asked(&proof("another nonce"), &said, &args);
    assert!(!ran.status.success() && !named.exists());
    let why = String::from_utf8_lossy(&ran.stderr);
    assert!(
        why.contains("the process on the socket is not the rehearsal that this tool belongs to"),
        "{why}"
    );
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(!told[0].contains("the key") && !told[0].contains("of the user"), "{told:?}");
}
