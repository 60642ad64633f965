//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{NonEmptyStringValueParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::checklist::{Role, check_release};
use crate::outcome::Sha256Hex;
use crate::time::parse_span;

/// A go/no-go checklist for deployments: it probes the real stack, asks people for the rest, and keeps a
/// signed run log.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 GO, good or sealed · 1 NO-GO · 2 usage or configuration · 3 could not look · \
4 log invalid · 5 log open · 69 environment: something that gonogo needs is missing · 70 gonogo crashed · \
74 input or output: disk, file, terminal · 130 interrupted"
)]
pub struct Cli {
    /// Log more: what is done (-v), details too (-vv, -vvv). Into the diagnostic log, and to standard error where no
    /// screen is shown; the variable `GONOGO_LOG` says the same of the log alone
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// What to do; without one, what there is to do is shown on a terminal.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Open a run of an environment, or go on with the one that is open
    Run(RunArgs),
    /// End an open run that will not be sealed: signed, with the reason; the next one can be opened then
    #[command(after_help = "Exit codes: 0 it is abandoned, 2 or more it is as it was")]
    Abandon(AbandonArgs),
    /// Run the probes and tell what they saw; needs no key and writes no log
    Check(CheckArgs),
    /// Walk through the whole deployment on a stack within this process: no servers, no keys, no network
    #[cfg(feature = "rehearsal")]
    #[command(after_help = "Exit codes: as for run")]
    Rehearse(RehearseArgs),
    /// Tell whether a run log is sealed, open or invalid
    Verify(VerifyArgs),
    /// Look through a run log, entry by entry; without one, list the runs of this machine
    Review(ReviewArgs),
    /// Write a run up as a document: for a change ticket, a CI server, an attestation
    #[command(after_help = "Exit codes: as for verify; a report is no approval")]
    Report(ReportArgs),
    /// Tell what is different between two runs
    #[command(after_help = "Exit codes: 0 nothing is different, 1 something is, 2 or more trouble")]
    Diff(DiffArgs),
    /// Pack a run log, its side files and its signatures into one archive
    Bundle(BundleArgs),
    /// Tell what is missing or doubtful in a profile; nothing is probed, nothing is run
    #[command(after_help = "Exit codes: 0 nothing is missing or doubtful, 1 something is, 2 or more trouble")]
    Doctor(DoctorArgs),
    /// List the control points, what each looks at, and the least rights that it needs
    Points(PointsArgs),
    /// Set up who you are and the key that you sign with
    Init(InitArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
    /// Stand between an action and whoever watches it, or run a program without a terminal; started by gonogo itself
    #[command(hide = true)]
    Supervise {
        /// The program that is run without a terminal, and its arguments
        #[arg(last = true)]
        argv: Vec<String>,
    },
    /// Run as the shim of a command-line tool in a rehearsal; started by gonogo itself
    #[cfg(feature = "rehearsal")]
    #[command(hide = true)]
    Shim(ShimArgs),
}

/// Takes what can be a release's tag.
fn tag() -> impl TypedValueParser<Value = String> {
    NonEmptyStringValueParser::new().try_map(|tag| check_release(&tag).map(|()| tag))
}

/// A profile, and what is promoted.
#[derive(Debug, Args)]
pub struct Target {
    /// The environment's profile, a TOML file
    pub profile: PathBuf,
    /// The release tag that is promoted
    #[arg(long, value_name = "TAG", value_parser = tag())]
    pub release: Option<String>,
    /// The release tag that runs there now, or `none` for a new environment
    #[arg(long, value_name = "TAG|none", value_parser = tag())]
    pub previous: Option<String>,
    /// Allow what the profile makes happen, now and until it makes something else happen: commands that run, secrets
    /// that are sent, what is changed; SHA256 is what `gonogo doctor --trust-digest PROFILE` prints
    #[arg(long, value_name = "SHA256")]
    pub trust: Option<Sha256Hex>,
}

/// Who acts.
#[derive(Debug, Args)]
pub struct Identity {
    /// Your name as `allowed_signers` has it [default: from the settings, else git's user.email]
    #[arg(long = "as", value_name = "PRINCIPAL")]
    pub principal: Option<String>,
    /// Your key: an OpenSSH key file (ed25519 or ecdsa), or a public key (or its file) that your ssh-agent holds, sk- keys included [default: from the settings, else git's user.signingkey]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// Opening or resuming a run.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The profile.
    #[command(flatten)]
    pub target: Target,
    /// Who.
    #[command(flatten)]
    pub identity: Identity,
    /// What you do in this run [default: driver of a run that you open, reviewer of one that you join]
    #[arg(long, value_enum)]
    pub role: Option<RoleArg>,
    /// Take the profile as it is now into the open run; the points that it changes start anew
    #[arg(long)]
    pub replan: bool,
    /// Take the run over from whoever holds it: they are asked to leave, and it is put on record
    #[arg(long, conflicts_with = "read_only")]
    pub take_over: bool,
    /// Look on: the run as it is written, or a look of one's own where none is open; nothing is acted, nothing kept
    #[arg(long, conflicts_with = "replan")]
    pub read_only: bool,
    /// Where logs are, and how it looks.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// Ending a run without its seals.
#[derive(Debug, Args)]
pub struct AbandonArgs {
    /// The open run's log
    pub log: PathBuf,
    /// Why it will not be sealed [default: asked for]
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub reason: Option<String>,
    /// Who.
    #[command(flatten)]
    pub identity: Identity,
    /// What you do in this run, if you take no part in it yet [default: reviewer]
    #[arg(long, value_enum)]
    pub role: Option<RoleArg>,
}

/// Rehearsing.
#[cfg(feature = "rehearsal")]
#[derive(Debug, Args)]
pub struct RehearseArgs {
    /// Break something, for you to find: a drill's name, or `random[:SEED]`; can be given several times
    #[arg(long, value_name = "NAME")]
    pub drill: Vec<String>,
    /// Tell which drills there are
    #[arg(long)]
    pub list: bool,
    /// Keep the stack up without the checklist, and print a profile that leads to it
    #[arg(long, conflicts_with = "list")]
    pub serve: bool,
    /// The release is out already, as after a deployment
    #[arg(long, requires = "serve")]
    pub deployed: bool,
    /// Where logs are, and how it looks.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// Running as a tool's shim.
#[cfg(feature = "rehearsal")]
#[derive(Debug, Args)]
pub struct ShimArgs {
    /// Where the rehearsal listens, and its key.
    pub config: PathBuf,
    /// The tool.
    pub tool: String,
    /// The tool's arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub args: Vec<String>,
}

/// Where logs are, and how the screen looks.
#[derive(Debug, Default, Args)]
pub struct ScreenArgs {
    /// Where run logs are kept [default: the user's state directory]
    #[arg(long, value_name = "DIR", env = "GONOGO_LOG_DIR")]
    pub log_dir: Option<PathBuf>,
    /// Colours for a dark or a light terminal
    #[arg(long, value_enum)]
    pub theme: Option<ThemeArg>,
    /// Draw with ASCII only
    #[arg(long)]
    pub ascii: bool,
}

/// The roles.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RoleArg {
    /// Runs the deployment
    Driver,
    /// Looks on and confirms what needs two
    Reviewer,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Driver => Self::Driver,
            RoleArg::Reviewer => Self::Reviewer,
        }
    }
}

/// The themes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThemeArg {
    /// For dark backgrounds
    Dark,
    /// For light backgrounds
    Light,
}

/// Looking without a run.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The profile.
    #[command(flatten)]
    pub target: Target,
    /// How to tell it on standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Write it into a file too, in this format; can be given several times
    #[arg(long, value_name = "FORMAT:PATH", value_parser = output::<Format>)]
    pub output: Vec<(Format, PathBuf)>,
    /// Only this point or section; can be given several times
    #[arg(long, value_name = "ID|SECTION")]
    pub only: Vec<String>,
    /// Leave out what needs a person
    #[arg(long)]
    pub machine: bool,
    /// Leave out what changes anything: canary event, test span, upload session
    #[arg(long)]
    pub no_effects: bool,
}

fn output<F: ValueEnum>(text: &str) -> Result<(F, PathBuf), String> {
    let expected = || format!("expected FORMAT:PATH such as junit:report.xml, found {text:?}");
    let (format, path) = text.split_once(':').filter(|(_, path)| !path.is_empty()).ok_or_else(expected)?;
    Ok((F::from_str(format, true)?, PathBuf::from(path)))
}

/// How to tell what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people
    Human,
    /// One JSON object
    Json,
    /// JUnit XML
    Junit,
    /// TAP version 14
    Tap,
}

/// Whom to believe.
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// Whom you trust: an OpenSSH `allowed_signers` file [default: from the settings, else git's
    /// gpg.ssh.allowedSignersFile]
    #[arg(long, value_name = "FILE")]
    pub signers: Option<PathBuf>,
    /// Keys that are revoked: public keys, one a line, or a list that `ssh-keygen -k` made [default: from the
    /// settings, else git's gpg.ssh.revocationFile]
    #[arg(long, value_name = "FILE")]
    pub revoked: Option<PathBuf>,
    /// The log is a rehearsal's: take it as that, and nothing else. Its keys are made up, and are believed unless
    /// --signers is given
    #[arg(long)]
    pub rehearsal: bool,
}

/// Looking through a log.
#[derive(Debug, Args)]
pub struct ReviewArgs {
    /// The run log, or a bundle of one
    pub log: Option<PathBuf>,
    /// Whom to believe.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Where logs are, and how it looks.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// Writing a run up.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The run log, or a bundle of one
    pub log: PathBuf,
    /// How to write it on standard output [default: markdown, unless --output is given]
    #[arg(long, value_enum)]
    pub format: Option<ReportFormat>,
    /// Write it into a file, in this format; can be given several times
    #[arg(long, value_name = "FORMAT:PATH", value_parser = output::<ReportFormat>)]
    pub output: Vec<(ReportFormat, PathBuf)>,
    /// Whom to believe.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Who signs a dsse envelope.
    #[command(flatten)]
    pub identity: Identity,
    /// With dsse: a signed envelope to which your signature is added
    #[arg(long, value_name = "ENVELOPE")]
    pub add: Option<PathBuf>,
}

/// The formats of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Markdown, as forges render it
    Markdown,
    /// One HTML page, without scripts, without the network
    Html,
    /// One JSON object
    Json,
    /// JUnit XML: a case per control point, and one for the log
    Junit,
    /// An in-toto statement about the log, signed with your key, in a DSSE envelope
    Dsse,
}

/// Comparing two runs.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The older run's log, or a bundle of it
    pub old: PathBuf,
    /// The newer one's
    pub new: PathBuf,
    /// How to tell it
    #[arg(long, value_enum, default_value_t = PlainFormat::Human)]
    pub format: PlainFormat,
    /// Whom to believe.
    #[command(flatten)]
    pub trust: TrustArgs,
}

/// The formats of what is told once: for people, or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlainFormat {
    /// Lines for people
    Human,
    /// One JSON object
    Json,
}

/// Looking at a profile.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The environment's profile, a TOML file
    pub profile: PathBuf,
    /// How to tell it
    #[arg(long, value_enum, default_value_t = PlainFormat::Human)]
    pub format: PlainFormat,
    /// Print the digest of what the profile makes happen, for --trust, and nothing else
    #[arg(long, conflicts_with = "format")]
    pub trust_digest: bool,
}

/// Listing the control points.
#[derive(Debug, Args)]
pub struct PointsArgs {
    /// The profile whose names are meant [default: the example for production]
    pub profile: Option<PathBuf>,
    /// How to tell it
    #[arg(long, value_enum, default_value_t = PlainFormat::Human)]
    pub format: PlainFormat,
}

/// Packing a log.
#[derive(Debug, Args)]
pub struct BundleArgs {
    /// The run log
    pub log: PathBuf,
    /// The archive to be made [default: the log's name with .tar.gz, in the current directory]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Judging a log.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The run log, or a bundle of one
    pub log: PathBuf,
    /// Whom.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Exit with 1 unless the sealed verdict is GO
    #[arg(long)]
    pub require_go: bool,
    /// With --require-go: these roles must have sealed it, whatever its plan asks for
    #[arg(long, value_name = "ROLE", value_enum, value_delimiter = ',', requires = "require_go")]
    pub seals: Vec<RoleArg>,
    /// With --require-go: the edition of its checklist, as `verify` and `points` print it
    #[arg(long, value_name = "SHA256", requires = "require_go")]
    pub checklist_sha256: Option<Sha256Hex>,
    /// With --require-go: how old the verdict may be, such as 2h
    #[arg(long, value_name = "TIME", value_parser = parse_span, requires = "require_go")]
    pub max_age: Option<Duration>,
    /// Another copy of this log, or a bundle of it: say whether the two agree, and exit with 4 where they fork or are of
    /// different runs
    #[arg(long, value_name = "LOG")]
    pub against: Option<PathBuf>,
}

/// Setting up.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Your name as others will know it, usually a mail address [default: git's user.email]
    #[arg(long = "as", value_name = "PRINCIPAL")]
    pub principal: Option<String>,
    /// Where the key is, or is to be made
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Make the key without a passphrase, and do not ask for one
    #[arg(long)]
    pub no_passphrase: bool,
}
