//! A rehearsal on a machine with other users: the permissions of its files, and the authentication of its tools.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::thread;

use serde_json::{Value, json};

use crate::support::gonogo::{GONOGO, Sandbox, signal};
use crate::support::served_rehearsal::ServedRehearsal;
use crate::support::wait;

/// The directories in a tree that other users can access.
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

fn served_with_umask(sandbox: Sandbox, umask: &str) -> ServedRehearsal {
    let script = format!("umask {umask}; exec \"$0\" rehearse --serve");
    let sandbox = sandbox.program("sh").args(["-c", &script, GONOGO]);
    let running = sandbox.start();
    ServedRehearsal::of(sandbox, running)
}

#[test]
fn the_files_of_a_rehearsal_are_private_under_any_umask() {
    for umask in ["000", "022"] {
        let served = served_with_umask(Sandbox::new(), umask);
        let home = served.sandbox.state().join("gonogo/rehearsals");
        assert_eq!(served.dir.parent(), Some(&*home));
        assert_eq!(open_to_others(&home), Vec::<PathBuf>::new(), "umask {umask}");
    }
}

/// The signal handler is installed before any file is created.
#[test]
fn a_rehearsal_interrupted_at_its_start_leaves_no_files() {
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

/// `XDG_RUNTIME_DIR` must be private, as its specification requires.
#[test]
fn the_session_directory_is_used_if_it_is_private() {
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
fn a_directory_prepared_by_other_users_is_rejected() {
    let foreign = tempfile::tempdir().unwrap();
    for (prepare, why) in [
        ((|home, foreign| symlink(foreign, home).unwrap()) as fn(&Path, &Path), "it is a symbolic link"),
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
        prepare(&state.join("rehearsals"), foreign.path());
        let refused = sandbox.run_with(&["rehearse", "--serve"]);
        let _ = refused.stderr_has("the rehearsal's own files cannot be written").stderr_has(why);
        assert_eq!(fs::read_dir(foreign.path()).unwrap().count(), 0);
    }
}

/// The printed command runs gonogo with the tools of the rehearsal.
#[test]
fn the_with_command_finds_the_tools_only_during_the_rehearsal() {
    let served = ServedRehearsal::start(&[]);
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
    let ServedRehearsal { sandbox, running, .. } = served;
    let _ = running.finish().code(0);
    assert!(sandbox.command(&with).args(["true"]).output().is_err());
}

/// Serves one connection of a tool in place of the rehearsal; returns the lines that the tool sent.
fn serve_one(listener: &UnixListener, proof: &str, messages: &[Value]) -> Vec<String> {
    let (mut stream, _) = listener.accept().unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut received = vec![lines.next().unwrap().unwrap()];
    writeln!(stream, "{proof}").unwrap();
    received.extend(lines.next().and_then(Result::ok));
    for one in messages {
        let _ = writeln!(stream, "{one}");
    }
    received
}

struct Impostor {
    sandbox: Sandbox,
    config: PathBuf,
}

impl Impostor {
    /// Runs a tool whose socket this process listens on; returns its output, and the lines that it sent.
    fn run_tool(&self, proof: &str, messages: &[Value], args: &[OsString]) -> (Output, Vec<String>) {
        let socket = self.sandbox.work().join("socket");
        let _ = fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        fs::write(&self.config, json!({"socket": socket, "key": "the key"}).to_string()).unwrap();
        thread::scope(|scope| {
            let answering = scope.spawn(|| serve_one(&listener, proof, messages));
            let mut tool = self.sandbox.command(GONOGO);
            tool.arg("shim").arg(&self.config).args(["docker", "--", "build"]).args(args);
            (tool.output().unwrap(), answering.join().unwrap())
        })
    }
}

/// HMAC-SHA256 of the nonce, computed by Python.
fn proof(nonce: &str) -> String {
    let script = "import hmac, sys; print(hmac.new(b'the key', sys.argv[1].encode(), 'sha256').hexdigest())";
    let ran = std::process::Command::new("python3").args(["-c", script, nonce]).output().unwrap();
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_tool_neither_trusts_nor_sends_data_to_a_process_without_the_key() {
    let sandbox = Sandbox::new();
    let impostor = Impostor { config: sandbox.work().join("shim.json"), sandbox };
    let (output, input) = (impostor.sandbox.work().join("id"), impostor.sandbox.work().join("input"));
    fs::write(&input, "of the user").unwrap();
    let args = [OsString::from("--iidfile"), output.clone().into(), input.into()];
    let messages = [json!({"file": {"path": &output, "text": "evil"}}), json!({"exit": 0})];
    let (ran, received) = impostor.run_tool(&proof("another nonce"), &messages, &args);
    assert!(!ran.status.success() && !output.exists());
    let why = String::from_utf8_lossy(&ran.stderr);
    assert!(
        why.contains("the process on the socket is not the rehearsal that this tool belongs to"),
        "{why}"
    );
    assert_eq!(received.len(), 1, "{received:?}");
    assert!(!received[0].contains("the key") && !received[0].contains("of the user"), "{received:?}");
}
