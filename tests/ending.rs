//! The end comes soon after it was asked for, whatever blocks then.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::bench::gonogo::{Sandbox, signal};
use crate::bench::need;
use crate::bench::terminal::Terminal;
use crate::bench::wait;
use crate::runs::agent::{SshAgent, open};
use crate::runs::world::{World, select};

/// Puts another file in the place of the system's settings of the resolver, for one process.
const RESOLVER: &str = "mount --bind resolv.conf /etc/resolv.conf && exec \"$0\" \"$@\"";

/// A check whose one probe asks for a name; the name server says nothing for minutes.
#[test]
fn a_check_does_not_wait_for_a_name_server() {
    need!("unshare");
    let Ok(server) = UdpSocket::bind("127.0.0.77:53") else {
        assert!(std::env::var_os("CI").is_none(), "only root listens on the port of name servers");
        return;
    };
    let sandbox = Sandbox::new()
        .file("resolv.conf", "nameserver 127.0.0.77\noptions timeout:30 attempts:5\n")
        .profile("environment = \"t\"\nchecklist = \"checklist.toml\"\n")
        .file(
            "checklist.toml",
            "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.p\"\ntitle = \"P\"\n\
             why = \"W\"\nprobe = [{ id = \"p\", title = \"p\", kind = \"http\", deadline = \"1s\", \
             with = { url = \"http://nobody.example/\" } }]\n",
        );
    let program = env!("CARGO_BIN_EXE_gonogo");
    let mut check = sandbox.command("unshare");
    let digest = sandbox.digest("profile.toml");
    check.args(["-m", "sh", "-c", RESOLVER, program, "check", "profile.toml", "--trust", &digest]);
    let mut running = check.stdout(Stdio::null()).spawn().unwrap();
    let mut asked = [0; 512];
    server.recv(&mut asked).unwrap();
    let ended = wait::within(wait::PATIENCE, || running.try_wait().unwrap());
    let _ = running.kill();
    assert_eq!(ended.and_then(|status| status.code()), Some(3));
}

/// An agent asks before each signature, as one does whose key is to be touched.
struct Touched {
    agent: SshAgent,
    asking: std::path::PathBuf,
}

impl Touched {
    /// It asks for nothing yet.
    fn with(key: &Path, work: &Path) -> Self {
        let (program, asking) = (work.join("ask"), work.join("asking"));
        let wait = format!("[ -e {0} ] || exit 0\necho $$ >{0}\nexec sleep 600\n", asking.display());
        fs::write(&program, format!("#!/bin/sh\n{wait}")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let agent = SshAgent::asking_with(&program);
        agent.add_to_be_confirmed(key);
        Self { agent, asking }
    }

    /// The process that asks, and waits for an answer.
    #[track_caller]
    fn asks(&self) -> u32 {
        wait::until("the question", || fs::read_to_string(&self.asking).unwrap().trim().parse().ok())
    }
}

/// A point is confirmed, and the key waits to be touched.
#[track_caller]
fn touch_awaited(leave: impl FnOnce(&mut Terminal), code: u32) {
    let mut world = World::new();
    let touched = Touched::with(&world.key.path, &world.sandbox.work());
    let public = world.key.public.clone();
    let mut terminal = open(&mut world, Some(&touched.agent), Some(&public));
    terminal.wait_for_text("1/3");
    fs::write(&touched.asking, "").unwrap();
    select(&mut terminal, '2', 0);
    terminal.send(" ").wait_for_text("y confirm").send("y");
    let asks = touched.asks();
    leave(&mut terminal);
    let ended = terminal.wait_exit();
    signal(asks, "TERM");
    let told = ended.code(code).screen_text();
    assert!(told.contains("what waited for the key of alice@deck.example was not logged"), "{told}");
    let log = world.log();
    let _ = world.verify(&log, &[]).code(5).stdout_has("1 act by");
}

#[test]
fn who_leaves_does_not_wait_for_a_key_to_be_touched() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    touch_awaited(
        |terminal| {
            terminal.send("q");
        },
        5,
    );
}

#[test]
fn a_signal_does_not_wait_for_a_key_to_be_touched() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    touch_awaited(|terminal| signal(terminal.pid(), "TERM"), 130);
}

/// Nobody reads what the program writes, as at the end of a dead connection.
#[test]
fn a_signal_does_not_wait_for_a_terminal_that_takes_no_more() {
    let sandbox = Sandbox::new();
    // One frame is larger than what the terminal holds for its reader.
    let size = PtySize { rows: 300, cols: 600, ..PtySize::default() };
    let pty = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_gonogo"));
    command.args(["rehearse"]);
    command.env_clear();
    for (name, value) in sandbox.command("true").get_envs() {
        command.env(name, value.unwrap());
    }
    command.env("TERM", "xterm-256color");
    command.cwd(sandbox.work());
    let mut child = pty.slave.spawn_command(command).unwrap();
    let pid = child.process_id().unwrap();
    wait::until("the program to be kept by the terminal", || is_writing(pid).then_some(()));
    signal(pid, "TERM");
    let ended = wait::within(wait::PATIENCE, || child.try_wait().unwrap());
    let _ = child.kill();
    assert_eq!(ended.map(|status| status.exit_code()), Some(130));
}

/// Whether a program's main thread waits in `write` (number 1 on x86-64, 64 on arm64), as the kernel shows it.
fn is_writing(pid: u32) -> bool {
    let seen = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    ["1 0x1 ", "64 0x1 "].iter().any(|writes| seen.starts_with(writes))
}
