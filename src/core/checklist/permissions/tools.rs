//! Tools that run the content of a directory or a file: whoever can write there decides what runs.

use super::{ContentRun, Permission};

/// A tool, its options for the place, and what it runs from there.
struct KnownTool {
    names: &'static [&'static str],
    /// The options that name the place; by default the tool's working directory.
    options: &'static [&'static str],
    runs: CodeSource,
}

enum CodeSource {
    /// The content of the directory.
    Directory,
    /// The content of the named file; by default the user's own.
    File,
    /// The content of the first argument that is not an option, unless the program is given in an argument.
    Script,
    /// The content of the last argument, and the file of the options; for these subcommands only.
    Build(&'static [&'static str]),
}

/// Options of interpreters for a program in an argument.
const INLINE: &[&str] = &["-c", "-e", "-m", "--eval"];

const TOOLS: &[KnownTool] = &[
    KnownTool {
        names: &["sh", "bash", "dash", "ksh", "zsh", "python", "python3", "node", "ruby", "perl"],
        options: &[],
        runs: CodeSource::Script,
    },
    KnownTool { names: &["terraform", "tofu"], options: &["-chdir", "--chdir"], runs: CodeSource::Directory },
    KnownTool { names: &["pulumi"], options: &["--cwd", "-C"], runs: CodeSource::Directory },
    KnownTool {
        names: &["poetry"],
        options: &["--directory", "-C", "--project", "-P"],
        runs: CodeSource::Directory,
    },
    KnownTool { names: &["make", "gmake"], options: &["--directory", "-C"], runs: CodeSource::Directory },
    KnownTool {
        names: &["npm", "pnpm", "yarn"],
        options: &["--prefix", "--cwd"],
        runs: CodeSource::Directory,
    },
    KnownTool { names: &["kubectl", "helm"], options: &["--kubeconfig"], runs: CodeSource::File },
    KnownTool {
        names: &["docker", "podman", "buildah", "nerdctl"],
        options: &["--file", "-f"],
        runs: CodeSource::Build(&["build", "bud"]),
    },
];

/// The directories and files whose content a command is known to run.
pub(super) fn content(argv: &[String], directory: Option<&str>) -> Vec<Permission> {
    let Some((program, arguments)) = argv.split_first() else { return Vec::new() };
    let name = program.rsplit('/').next().unwrap_or_default();
    let run_of = |path: &str| ContentRun { tool: name.to_owned(), path: below(directory, path) };
    // A program outside PATH is a file that others may be able to write.
    let own = (program.contains('/') && !program.starts_with('/')).then(|| run_of(program));
    let own = own.map(Permission::RunsContentOf).into_iter();
    let Some(tool) = TOOLS.iter().find(|tool| tool.names.contains(&name)) else { return own.collect() };
    let named = values(arguments, tool.options);
    let places = match tool.runs {
        CodeSource::Directory if named.is_empty() => vec!["."],
        CodeSource::Directory | CodeSource::File => named,
        CodeSource::Script => script(arguments).into_iter().collect(),
        CodeSource::Build(commands) if arguments.iter().any(|word| commands.contains(&word.as_str())) => {
            named.into_iter().chain(arguments.last().map(String::as_str)).collect()
        }
        CodeSource::Build(_) => Vec::new(),
    };
    own.chain(places.into_iter().map(|path| Permission::RunsContentOf(run_of(path)))).collect()
}

/// The script of an interpreter.
fn script(arguments: &[String]) -> Option<&str> {
    let mut options = arguments.iter().map(String::as_str).take_while(|word| word.starts_with('-'));
    if options.any(|option| INLINE.contains(&option)) {
        return None;
    }
    arguments.iter().map(String::as_str).find(|word| !word.starts_with('-'))
}

/// The values of options, as `--option value` or `--option=value`.
fn values<'a>(arguments: &'a [String], options: &[&str]) -> Vec<&'a str> {
    let mut values = Vec::new();
    for (index, word) in arguments.iter().enumerate() {
        if options.contains(&word.as_str()) {
            values.extend(arguments.get(index + 1).map(String::as_str));
        }
        let joined = word.split_once('=').filter(|(option, _)| options.contains(option));
        values.extend(joined.map(|(_, value)| value));
    }
    values
}

fn below(directory: Option<&str>, place: &str) -> String {
    match directory {
        Some(directory) if place == "." => directory.to_owned(),
        Some(directory) if !place.starts_with('/') => format!("{directory}/{place}"),
        _ => place.to_owned(),
    }
}
