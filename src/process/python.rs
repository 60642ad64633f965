//! Python's modules, without running what they hold.

use std::path::Path;

use super::Launch;

/// Exits with 1 if there is no such module. A top-level module is found without being imported.
const FIND: &str = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)";

/// The command that looks a module up by its top-level name. It runs where no file of a checkout is in Python's path.
#[must_use]
pub fn find_python_module(interpreter: &str, module: &str) -> Launch {
    let top = module.split('.').next().unwrap_or(module);
    Launch::new(interpreter).args(["-c", FIND, top]).directory(Path::new("/"))
}
