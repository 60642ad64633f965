//! What properties say about the run: that a part of the suite was left out, or that the suite failed.

/// Properties that hold a selection of tests if they are not empty. Surefire writes the options of Maven as system
/// properties, Ginkgo its own (<https://onsi.github.io/ginkgo/#generating-reports>).
const SELECTIONS: [&str; 11] = [
    "test",
    "it.test",
    "groups",
    "excludedgroups",
    "labelfilter",
    "focusstrings",
    "skipstrings",
    "focusfiles",
    "skipfiles",
    "semverfilter",
    "deselected",
];
/// Properties that hold the arguments of pytest.
const ARGUMENTS: [&str; 5] = ["pytest.args", "pytest_args", "pytest_addopts", "addopts", "invocation_params"];
/// Pytest's options that leave tests out.
const LEAVING_OUT: [&str; 7] =
    ["-k", "-m", "--deselect", "--lf", "--last-failed", "--ignore", "--ignore-glob"];

/// The part of the suite that was not run, if this property says so.
pub(super) fn left_out(name: &str, value: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let value = value.trim();
    let is_nothing =
        matches!(value.to_ascii_lowercase().as_str(), "" | "0" | "[]" | "none" | "null" | "false" | "{}");
    let is_selection = SELECTIONS.contains(&&*lower) && !is_nothing;
    let is_focused = lower == "suitehasprogrammaticfocus" && value.eq_ignore_ascii_case("true");
    let is_argument = ARGUMENTS.contains(&&*lower) && leaves_out(value);
    (is_selection || is_focused || is_argument).then(|| format!("{name} = {value}"))
}

fn leaves_out(arguments: &str) -> bool {
    let words =
        arguments.split(|c: char| c.is_whitespace() || "[]',\"".contains(c)).filter(|word| !word.is_empty());
    let words: Vec<_> = words.collect();
    let is_option = |at: usize, word: &str| {
        let option = word.split_once('=').map_or(word, |(option, _)| option);
        // `python -m pytest` selects nothing.
        let is_module = option == "-m" && words.get(at + 1) == Some(&"pytest");
        LEAVING_OUT.contains(&option) && !is_module
    };
    words.iter().enumerate().any(|(at, word)| is_option(at, word))
}

/// What pytest prints at its end: `5 passed, 3 deselected in 0.12s`.
pub(super) fn deselected(output: &str) -> Option<String> {
    let before = output.split_once(" deselected")?.0;
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next().filter(|digits| !digits.is_empty())?;
    left_out("deselected", digits)
}

/// Ginkgo says so when the suite failed outside of its tests.
pub(super) fn failure(name: &str, value: &str) -> Option<String> {
    let is_failed = name.eq_ignore_ascii_case("SuiteSucceeded") && value.trim().eq_ignore_ascii_case("false");
    is_failed.then(|| format!("the suite ({name} is false)"))
}
