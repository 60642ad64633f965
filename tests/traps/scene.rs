//! Where a trap is laid: a sandbox with canaries, the stock tools that spring it, and the commands that must not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use gonogo_core::text::is_harmful;

use crate::bench::checkout::Checkout;
use crate::bench::gonogo::{Sandbox, signal};
use crate::bench::keys::SshKey;
use crate::bench::scale;
use crate::bench::terminal::Terminal;
use crate::bench::wait;
use crate::bench::web::{Reply, Silent, Web};
use crate::runs::world::{ALICE, World};

use super::outside::{CANARY, Outside};

/// How often a key is pressed again that has not been heard.
const AGAIN: Duration = Duration::from_millis(300);

/// A sandbox, and what tells that a trap was sprung.
pub struct Scene {
    pub sandbox: Sandbox,
    pub checkout: Option<Checkout>,
    pub key: SshKey,
    /// A server of the enemy's, which counts what it gets.
    web: Web,
    /// Another one, which says nothing.
    silent: Silent,
    /// What no trap may reach.
    outside: Outside,
    /// Its row in the table.
    pub row: usize,
    /// What each command printed.
    told: BTreeMap<&'static str, String>,
}

/// A sealed log of Alice's, and her key's line in a file of trusted signers.
pub struct Honest {
    pub log: Vec<u8>,
    pub signer: String,
}

/// Made once: it is only read.
pub fn honest() -> &'static Honest {
    static HONEST: OnceLock<Honest> = OnceLock::new();
    HONEST.get_or_init(|| {
        let world = World::sealed("all quiet");
        Honest { log: fs::read(world.log()).unwrap(), signer: world.key.allowed(ALICE, "") }
    })
}

/// What a program prints, what a person answers to it.
pub type Answer = (&'static str, &'static str);

impl Scene {
    /// With the enemy's things at hand, in the directory `evil`.
    pub fn new() -> Self {
        let web = Web::start();
        web.route("/", Reply::ok("{}"));
        let sandbox =
            Sandbox::new().env("CLOUD_KEY", "env-canary").file("token", "file-canary").file("git", "");
        // The user's own settings, which a checkout would overrule.
        let settings = sandbox.work().join("git");
        let sandbox = sandbox.env("GIT_CONFIG_GLOBAL", settings);
        let key = sandbox.key("alice");
        let outside = Outside::make(sandbox.work().parent().unwrap());
        let scene = Self {
            sandbox,
            checkout: None,
            key,
            web,
            silent: Silent::start(),
            outside,
            row: 0,
            told: BTreeMap::new(),
        };
        scene.arm();
        scene
    }

    fn arm(&self) {
        let evil = self.evil();
        fs::create_dir(&evil).unwrap();
        let touch = self.filled("#!/bin/sh\ntouch @mark@\n");
        for name in ["helper", "terraform", "aws", "kubectl", "hook.sh"] {
            fs::write(evil.join(name), &touch).unwrap();
            fs::set_permissions(evil.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(evil.join("Makefile"), self.filled("all:\n\ttouch @mark@\n")).unwrap();
        fs::write(evil.join("kubeconfig"), self.filled(KUBECONFIG)).unwrap();
        self.shell("mkfifo @evil@/fifo");
    }

    pub fn evil(&self) -> PathBuf {
        self.sandbox.work().join("evil")
    }

    /// A directory that no trap may reach.
    pub fn outside(&self) -> PathBuf {
        self.sandbox.work().with_file_name("outside")
    }

    /// The trap is laid.
    pub fn arm_outside(&mut self) {
        self.outside.arm();
    }

    pub fn mark(&self) -> PathBuf {
        self.sandbox.work().parent().unwrap().join("mark")
    }

    /// Names of this scene in a text.
    pub fn filled(&self, text: &str) -> String {
        let port = self.silent.port().to_string();
        let checkout = self.checkout.as_ref().map(|checkout| checkout.path().display().to_string());
        let names = [
            ("@mark@", self.mark().display().to_string()),
            ("@work@", self.sandbox.work().display().to_string()),
            ("@evil@", self.evil().display().to_string()),
            ("@outside@", self.outside().display().to_string()),
            ("@web@", self.web.url("")),
            ("@silent@", port),
            ("@checkout@", checkout.unwrap_or_default()),
        ];
        names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// A file in the working directory.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.sandbox.work().join(name), self.filled(text)).unwrap();
    }

    /// Changes how the sandbox is made.
    pub fn change(&mut self, change: impl FnOnce(Sandbox) -> Sandbox) {
        let sandbox = std::mem::replace(&mut self.sandbox, Sandbox::new());
        self.sandbox = change(sandbox);
    }

    /// A script of stock tools, in the checkout where there is one; whether it waited for ever is its exit code 124, as
    /// `timeout` has it.
    pub fn shell(&self, script: &str) -> (Option<i32>, String) {
        let mut bash = self.sandbox.command("bash");
        if let Some(checkout) = &self.checkout {
            bash.current_dir(checkout.path());
        }
        let output = bash.args(["-c", &self.filled(script)]).output().unwrap();
        let told = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (output.status.code(), told.concat())
    }

    /// What has come of the trap so far, if anything.
    pub fn sprung(&self) -> Option<String> {
        let requests = self.web.requests();
        let told = [
            self.outside.changed(),
            self.mark().exists().then(|| "it has run".to_owned()),
            requests.first().map(|request| format!("it has sent {request:?}")),
            (self.silent.accepted() > 0).then(|| "it has connected".to_owned()),
        ];
        told.into_iter().flatten().next()
    }

    /// Whether the stock tools spring it.
    pub fn springs(&self, script: &str) -> Result<(), String> {
        let (code, told) = self.shell(script);
        let waits = code == Some(124);
        // What a connection brings arrives on a thread of its own.
        let shown = told.contains(CANARY) || told.chars().any(is_raw);
        let sprung = || (waits || shown || self.sprung().is_some()).then_some(());
        wait::within(Duration::from_secs(2), sprung)
            .ok_or_else(|| format!("stock tools do not spring it; then this shows nothing: {code:?} {told}"))
    }

    /// All of several forms for `.ci/long`, else the one whose turn it is.
    pub fn some<'a, T>(&self, forms: &'a [T]) -> &'a [T] {
        if scale() > 1 { forms } else { std::slice::from_ref(&forms[self.row % forms.len()]) }
    }

    /// Runs gonogo without a terminal.
    pub fn run(&mut self, words: &[&str]) -> Result<Option<i32>, String> {
        let words: Vec<_> = words.iter().map(|word| self.filled(word)).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let mut running = self.sandbox.start_with(&words);
        wait::within(Duration::from_mins(1), || running.has_ended().then_some(()))
            .ok_or_else(|| format!("gonogo {}: it does not end", words.join(" ")))?;
        let output = running.finish();
        self.note(&words, &format!("{}\n{}", output.stdout, output.stderr))?;
        Ok(output.status.code())
    }

    /// Keeps a rehearsal's stack up until it says that it is, and ends it.
    pub fn serve(&mut self) -> Result<(), String> {
        const WORDS: [&str; 2] = ["rehearse", "--serve"];
        let mut running = self.sandbox.start_with(&WORDS);
        let is_up = || (running.has_ended() || running.stdout().contains("[points")).then_some(());
        wait::within(Duration::from_mins(1), is_up)
            .ok_or_else(|| "gonogo rehearse: neither up nor ended".to_owned())?;
        if !running.has_ended() {
            signal(running.pid(), "TERM");
        }
        let output = running.finish();
        self.note(&WORDS, &format!("{}\n{}", output.stdout, output.stderr))
    }

    /// Runs gonogo in a terminal; leaves the screen when `ready` finds it so.
    pub fn open(
        &mut self,
        words: &[&str],
        answers: &[Answer],
        ready: &dyn Fn(&Sandbox, &str) -> bool,
    ) -> Result<(), String> {
        let words: Vec<_> = words.iter().map(|word| self.filled(word)).collect();
        self.change(|sandbox| sandbox.args(words.iter()));
        let terminal = self.sandbox.terminal(160, 90);
        // What is asked of everybody, whatever the trap: whether to sign as nobody's trusted signer, and whether to open
        // a run beside a damaged one.
        let answers = [answers, &[("y to sign:", "y\r"), ("y to open:", "n\r")]].concat();
        let told = drive(terminal, &answers, &|screen| ready(&self.sandbox, screen));
        let told = told.map_err(|why| format!("gonogo {}: {why}", words.join(" ")))?;
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        self.note(&words, &told)
    }

    /// `gonogo run`, by somebody whose key is at hand.
    pub fn open_run(&mut self, more: &[&str], answers: &[Answer]) -> Result<(), String> {
        let key = self.key.path.display().to_string();
        let profile = self.sandbox.work().join("profile.toml").display().to_string();
        let words = [&["run", &profile, "--as", ALICE, "--key", &key], more].concat();
        let ready = |sandbox: &Sandbox, _: &str| {
            let logs = ["t", "staging"].map(|environment| sandbox.logs(environment)).concat();
            logs.iter().any(|log| fs::read_to_string(log).is_ok_and(|text| text.contains("\"probed\"")))
        };
        self.open(&words, answers, &ready)
    }

    /// Keeps what a command has told, and sees that nothing has come of the trap.
    fn note(&mut self, words: &[&str], told: &str) -> Result<(), String> {
        const COMMANDS: [&str; 11] = [
            "check", "run", "doctor", "points", "verify", "review", "report", "diff", "bundle", "rehearse",
            "abandon",
        ];
        let command = COMMANDS.into_iter().find(|command| Some(command) == words.first()).unwrap();
        let all = self.told.entry(command).or_default();
        let _ = writeln!(all, "{told}");
        if let Some(sprung) = self.sprung() {
            return Err(format!("gonogo {}: {sprung}", words.join(" ")));
        }
        if told.contains(CANARY) {
            return Err(format!("gonogo {}: it shows what is outside:\n{told}", words.join(" ")));
        }
        match told.chars().find(|c| is_raw(*c)) {
            Some(c) => Err(format!("gonogo {}: it prints {c:?} as it is:\n{told}", words.join(" "))),
            None => Ok(()),
        }
    }

    /// Whether each of these commands has said these words.
    pub fn names(&self, named: &[(&'static str, &'static str)]) -> Result<(), String> {
        for (command, words) in named {
            let (told, words) = (self.told.get(command), self.filled(words));
            // A terminal breaks long lines.
            let plain = |text: &str| text.split_whitespace().collect::<String>();
            if !told.is_some_and(|told| plain(told).contains(&plain(&words))) {
                return Err(format!("gonogo {command} does not say {words:?}:\n{}", told.map_or("", |t| t)));
            }
        }
        Ok(())
    }
}

/// A kubeconfig whose user's token is what a program prints.
const KUBECONFIG: &str = r"
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]
users:
- name: u
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: '@evil@/helper', interactiveMode: Never}
";

/// What could steer a terminal, or hide text from a reader.
fn is_raw(c: char) -> bool {
    is_harmful(c) && !['\n', '\t', '\r'].contains(&c)
}

/// Answers what is asked, leaves the screen when it is ready, and gives all that was to be read.
pub fn drive(
    mut terminal: Terminal,
    answers: &[Answer],
    ready: &dyn Fn(&str) -> bool,
) -> Result<String, String> {
    let (mut left, mut told) = (answers.to_vec(), Vec::new());
    let (mut pressed, mut answered) = (Instant::now(), None);
    let ended = wait::within(wait::PATIENCE, || {
        let screen = terminal.screen_text();
        if told.last() != Some(&screen) {
            told.push(screen.clone());
        }
        if terminal.has_ended() {
            return Some(());
        }
        if answered.is_some_and(|question| !screen.contains(question)) {
            left.retain(|(question, _)| Some(*question) != answered);
        }
        let asked = left.iter().position(|(question, _)| screen.contains(question));
        if let Some(asked) = asked {
            let (question, answer) = left[asked];
            if !terminal.screen().alternate_screen() {
                terminal.send(left.remove(asked).1);
            } else if answered != Some(question) || pressed.elapsed() > AGAIN {
                terminal.send(answer);
                (pressed, answered) = (Instant::now(), Some(question));
            }
        } else if terminal.screen().alternate_screen() && pressed.elapsed() > AGAIN && ready(&screen) {
            terminal.send("q");
            pressed = Instant::now();
        }
        None
    });
    ended.ok_or_else(|| format!("it does not end; the screen:\n{}", terminal.screen_text().trim()))?;
    told.push(terminal.wait_exit().screen_text());
    Ok(told.join("\n"))
}

/// A file's place as a word.
pub fn path(path: &Path) -> String {
    path.display().to_string()
}
