//! The command line.

mod manual;
mod new;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{NonEmptyStringValueParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand};

use gonogo_core::checklist::check_release;
use gonogo_core::error::EXIT_CODES;
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::time::parse_span;

pub use self::manual::{HelpArgs, ManArgs};
pub use self::new::{InitArgs, NewArgs, NewChecklistArgs, NewCommand, NewProfileArgs};
use self::values::output;
pub use self::values::{CheckFormat, PlainFormat, PointsFormat, ReportFormat, RoleArg, ThemeArg};

/// A go/no-go checklist for deployments: it probes the real stack, asks people to confirm the rest, and keeps a
/// signed run log.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = exit_codes())]
pub struct Cli {
    /// Log more: info (-v), debug (-vv), trace (-vvv). Writes to the diagnostic log, and to standard error if the
    /// command shows no screen; the variable `GONOGO_LOG` sets the level of the log only
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// The command; without one, a start menu on a terminal.
    #[command(subcommand)]
    pub command: Option<CliCommand>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Open a run of an environment, or resume the open one
    #[command(after_help = "Exit codes: 0 sealed GO, 1 sealed and not GO, 5 still open, other: error")]
    Run(RunArgs),
    /// Abandon an open run that will not be sealed: signed, with a reason; then the next run can be opened
    #[command(after_help = "Exit codes: 0 abandoned, 2 or more: nothing changed")]
    Abandon(AbandonArgs),
    /// Run the probes and print their results; needs no key and writes no log
    #[command(
        after_help = "Exit codes: 0 all selected points are done, 1 one has failed or is open, 3 probe error, and nothing failed; 2 or more: error"
    )]
    Check(CheckArgs),
    /// Walk through the whole deployment on a stack within this process: no servers, no keys, no network
    #[cfg(feature = "rehearsal")]
    #[command(after_help = "Exit codes: as for run")]
    Rehearse(RehearseArgs),
    /// Print the state of an open run: what is done, what is left, what runs
    #[command(after_help = "Exit codes: 5 open, 0 sealed GO, 1 sealed and not GO, 2 or more: error")]
    Status(StatusArgs),
    /// Verify a run log: sealed, open or invalid
    #[command(
        after_help = "Exit codes: 0 sealed (with --require-go: and GO), 1 sealed and not GO, 4 invalid, 5 open, other: error"
    )]
    Verify(VerifyArgs),
    /// Review a run log entry by entry; without a log, list the runs on this machine
    Review(ReviewArgs),
    /// Write a report of a run: for a change ticket, a CI server, an attestation
    #[command(after_help = "Exit codes: as for verify; a report is not an approval")]
    Report(ReportArgs),
    /// Compare two runs
    #[command(after_help = "Exit codes: 0 no differences, 1 differences, 2 or more: error")]
    Diff(DiffArgs),
    /// Pack a run log, its attachments and its signatures into one archive
    Bundle(BundleArgs),
    /// Check a profile for missing values and likely mistakes; runs no probe and no command
    #[command(after_help = "Exit codes: 0 nothing missing and no warnings, 1 otherwise, 2 or more: error")]
    Doctor(DoctorArgs),
    /// List the control points, what each one checks, and the minimum rights it needs
    Points(PointsArgs),
    /// Start a profile, a checklist, or your signing key
    #[command(after_help = "Exit codes: 0 written, 2 or more: error")]
    New(NewArgs),
    /// Set up your name and your signing key: the same as `gonogo new key`
    Init(InitArgs),
    /// Show the manual: a topic, a kind of probe, or a command; without a name, list them
    Help(HelpArgs),
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print a man page, or write all of them
    Man(ManArgs),
    /// Supervise an action, or run a program without a terminal; started by gonogo itself
    #[command(hide = true)]
    Supervise {
        /// The program to run without a terminal, and its arguments
        #[arg(last = true)]
        argv: Vec<String>,
    },
    /// Run as the shim of a command-line tool in a rehearsal; started by gonogo itself
    #[cfg(feature = "rehearsal")]
    #[command(hide = true)]
    Shim(ShimArgs),
}

/// All exit codes and their meanings, one a line.
fn exit_codes() -> String {
    let lines = EXIT_CODES.map(|(exit, meaning)| format!("\n  {:<4} {meaning}", exit.code()));
    format!("Exit codes:{}", lines.concat())
}

/// Parses a release tag.
fn tag() -> impl TypedValueParser<Value = String> {
    NonEmptyStringValueParser::new().try_map(|tag| check_release(&tag).map(|()| tag))
}

/// A profile, and the release to promote.
#[derive(Debug, Args)]
pub struct PromotionArgs {
    /// The environment's profile, a TOML file
    pub profile: PathBuf,
    /// The release tag to promote
    #[arg(long, value_name = "TAG", value_parser = tag())]
    pub release: Option<String>,
    /// The release tag that runs in the environment now, or `none` for a new environment
    #[arg(long, value_name = "TAG|none", value_parser = tag())]
    pub previous: Option<String>,
    /// Allow what the profile does, until that changes: the commands it runs, the secrets it sends, the changes it
    /// makes; `gonogo doctor --trust-digest PROFILE` prints SHA256
    #[arg(long, value_name = "SHA256")]
    pub trust: Option<Sha256Hex>,
}

/// The operator and their key.
#[derive(Debug, Args)]
pub struct IdentityArgs {
    /// Your name as in the `allowed_signers` file [default: from the settings, else git's user.email]
    #[arg(long = "as", value_name = "PRINCIPAL")]
    pub principal: Option<String>,
    /// Your key: an OpenSSH private key file (ed25519 or ecdsa), or a public key (or its file) whose private key is in your ssh-agent, sk- keys included [default: from the settings, else git's user.signingkey]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// Opening or resuming a run.
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The profile.
    #[command(flatten)]
    pub target: PromotionArgs,
    /// The operator.
    #[command(flatten)]
    pub identity: IdentityArgs,
    /// Your role in this run [default: driver of a run that you open, reviewer of one that you join]
    #[arg(long, value_enum)]
    pub role: Option<RoleArg>,
    /// Replace the plan of the open run by the current profile; the points that change are reset
    #[arg(long)]
    pub replan: bool,
    /// Open a run in which the release is rolled back to the previous one: nothing is deployed in it
    #[arg(long, conflicts_with = "read_only")]
    pub rollback: bool,
    /// Take over the run from the operator who holds it: ends the screen of their session, without asking them, and
    /// records the takeover, signed; a dialog or note that they were typing is lost, nothing signed is
    #[arg(long, conflicts_with = "read_only")]
    pub take_over: bool,
    /// Observe: follow the open run, or run the probes if none is open; signs nothing and keeps nothing
    #[arg(long, conflicts_with = "replan")]
    pub read_only: bool,
    /// Where logs are, and the appearance of the screen.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// Abandoning a run.
#[derive(Debug, Args)]
pub struct AbandonArgs {
    /// The open run's log
    pub log: PathBuf,
    /// Why the run will not be sealed [default: gonogo asks]
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub reason: Option<String>,
    /// The operator.
    #[command(flatten)]
    pub identity: IdentityArgs,
    /// Your role in this run, if you have not joined it yet [default: reviewer]
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
    /// List the drills
    #[arg(long)]
    pub list: bool,
    /// Keep the stack running without the checklist, and print a profile that points to it
    #[arg(long, conflicts_with = "list")]
    pub serve: bool,
    /// Begin with the release deployed; on the screen, a simulated driver deploys it first
    #[arg(long, conflicts_with = "list")]
    pub deployed: bool,
    /// Where logs are, and the appearance of the screen.
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
    /// Colors for a dark or a light terminal
    #[arg(long, value_enum)]
    pub theme: Option<ThemeArg>,
    /// Draw with ASCII only; the default if TERM is dumb or the locale is not UTF-8
    #[arg(long)]
    pub ascii: bool,
}

/// Running the probes without a run.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The profile.
    #[command(flatten)]
    pub target: PromotionArgs,
    /// Output format on standard output
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub format: CheckFormat,
    /// Also write a file in this format; can be repeated
    #[arg(long, value_name = "FORMAT:PATH", value_parser = output::<CheckFormat>)]
    pub output: Vec<(CheckFormat, PathBuf)>,
    /// Only this point or section; can be repeated
    #[arg(long, value_name = "ID|SECTION")]
    pub only: Vec<String>,
    /// Leave out confirmations by people
    #[arg(long)]
    pub machine: bool,
    /// Leave out probes that change something: canary event, test span, upload session
    #[arg(long)]
    pub no_effects: bool,
    /// Check what counts only once the release is out, too: the live application, rollouts, verification
    #[arg(long)]
    pub after_deploy: bool,
}

/// Printing the state of a run.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The environment's profile (.toml), or the run log [default: the only open run on this machine]
    pub run: Option<PathBuf>,
    /// Print one JSON object; each point has the evidence that a confirmation would sign
    #[arg(long)]
    pub json: bool,
    /// Where run logs are kept [default: the user's state directory]
    #[arg(long, value_name = "DIR", env = "GONOGO_LOG_DIR")]
    pub log_dir: Option<PathBuf>,
}

/// Trusted signers and revoked keys.
#[derive(Clone, Debug, Args)]
pub struct TrustArgs {
    /// The trusted signers: an OpenSSH `allowed_signers` file [default: from the settings, else git's
    /// gpg.ssh.allowedSignersFile]
    #[arg(long, value_name = "FILE")]
    pub signers: Option<PathBuf>,
    /// The revoked keys: public keys, one per line, or a list made by `ssh-keygen -k` [default: from the
    /// settings, else git's gpg.ssh.revocationFile]
    #[arg(long, value_name = "FILE")]
    pub revoked: Option<PathBuf>,
    /// Expect the log of a rehearsal, and accept no other. Its keys are generated for the rehearsal; they are trusted
    /// unless --signers is given
    #[arg(long)]
    pub rehearsal: bool,
}

impl TrustArgs {
    /// The same for a run that is a rehearsal, or is not.
    #[must_use]
    pub fn for_run(&self, is_rehearsal: bool) -> Self {
        Self { rehearsal: self.rehearsal || is_rehearsal, ..self.clone() }
    }
}

/// Reviewing a log.
#[derive(Debug, Args)]
pub struct ReviewArgs {
    /// The run log, or a bundle of one
    pub log: Option<PathBuf>,
    /// Trusted signers and revoked keys.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Where logs are, and the appearance of the screen.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// Writing a report.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The run log, or a bundle of one
    pub log: PathBuf,
    /// Output format on standard output [default: markdown, unless --output is given]
    #[arg(long, value_enum)]
    pub format: Option<ReportFormat>,
    /// Write a file in this format; can be repeated
    #[arg(long, value_name = "FORMAT:PATH", value_parser = output::<ReportFormat>)]
    pub output: Vec<(ReportFormat, PathBuf)>,
    /// Trusted signers and revoked keys.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// The signer of a dsse envelope.
    #[command(flatten)]
    pub identity: IdentityArgs,
    /// With dsse: a signed envelope to add your signature to
    #[arg(long, value_name = "ENVELOPE")]
    pub add: Option<PathBuf>,
}

/// Comparing two runs.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The log of the older run, or a bundle of it
    pub old: PathBuf,
    /// The log of the newer run, or a bundle of it
    pub new: PathBuf,
    /// Output format
    #[arg(long, value_enum, default_value_t = PlainFormat::Human)]
    pub format: PlainFormat,
    /// Trusted signers and revoked keys.
    #[command(flatten)]
    pub trust: TrustArgs,
}

/// Checking a profile.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The environment's profile, a TOML file
    pub profile: PathBuf,
    /// Output format
    #[arg(long, value_enum, default_value_t = PlainFormat::Human)]
    pub format: PlainFormat,
    /// Print only the digest of what the profile does, for --trust
    #[arg(long, conflicts_with = "format")]
    pub trust_digest: bool,
}

/// Listing the control points.
#[derive(Debug, Args)]
pub struct PointsArgs {
    /// The profile [default: the production example]
    pub profile: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = PointsFormat::Human)]
    pub format: PointsFormat,
}

/// Packing a log.
#[derive(Debug, Args)]
pub struct BundleArgs {
    /// The run log
    pub log: PathBuf,
    /// The archive to write [default: the log's name with .tar.gz, in the current directory]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the archive if it exists
    #[arg(long)]
    pub force: bool,
}

/// Verifying a log.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The run log, or a bundle of one
    pub log: PathBuf,
    /// Trusted signers and revoked keys.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Exit with 1 unless the sealed verdict is GO
    #[arg(long)]
    pub require_go: bool,
    /// With --require-go: these roles must have sealed the log, whatever its plan requires
    #[arg(long, value_name = "ROLE", value_enum, value_delimiter = ',', requires = "require_go")]
    pub seals: Vec<RoleArg>,
    /// With --require-go: the required edition of the checklist, as `verify` and `points` print it
    #[arg(long, value_name = "SHA256", requires = "require_go")]
    pub checklist_sha256: Option<Sha256Hex>,
    /// With --require-go: the maximum age of the verdict, such as 2h
    #[arg(long, value_name = "TIME", value_parser = parse_span, requires = "require_go")]
    pub max_age: Option<Duration>,
    /// Another copy of this log, or a bundle of it: report whether the two agree; exit with 4 if they fork or belong to
    /// different runs
    #[arg(long, value_name = "LOG")]
    pub against: Option<PathBuf>,
}
