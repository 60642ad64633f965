//! A stranger with stock tools reaches the same answer.

use super::world::{ALICE, World, confirm, leave_with, seal, select};
use crate::bench::gonogo::Sandbox;
use crate::bench::need;

/// Every line of a log, with `sed`, `jq`, `sha256sum` and `ssh-keygen`: the chain, and every signature.
const STOCK: &str = r#"
set -eu
log=$1 signers=$2
n=0 prev=0000000000000000000000000000000000000000000000000000000000000000
while IFS= read -r line; do
  n=$((n + 1))
  sed -n ${n}p "$log" >line
  [ "$(jq -r .prev line)" = "$prev" ] || { echo "line $n: chain broken"; exit 4; }
  prev=$(sha256sum <line | cut -d' ' -f1)
  [ "$(jq -r '.sig // empty' line)" ] || continue
  sed -E 's/,"sig":"[A-Za-z0-9+\/=]+"\}$/}/' line >msg
  { echo '-----BEGIN SSH SIGNATURE-----'; jq -r .sig line | fold -w70; echo '-----END SSH SIGNATURE-----'; } >sig
  namespace=gonogo-entry-v1
  [ "$(jq -r .kind line)" = sealed ] && namespace=gonogo-seal-v1
  at=$(jq -r .t line | sed -E 's/[-:T]|\.[0-9]+//g')
  ssh-keygen -Y verify -f "$signers" -I "$(jq -r .by line)" -n $namespace -s sig -Overify-time="$at" <msg >/dev/null ||
    { echo "line $n: bad signature"; exit 4; }
done <"$log"
echo "all $n lines hold; the last is $(jq -r .kind line)"
"#;

#[track_caller]
fn stock(world: &mut World, log: &std::path::Path) -> crate::bench::gonogo::Output {
    let signers = world.sandbox.allowed_signers(&[(ALICE, &world.key)]);
    Sandbox::new()
        .program("bash")
        .args(["-c", STOCK, "stock", log.to_str().unwrap(), signers.to_str().unwrap()])
        .run()
}

#[test]
fn stock_tools_agree_that_it_holds_and_where_it_does_not() {
    need!("ssh-keygen", "jq", "sha256sum", "bash");
    let mut world = World::new();
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3");
    select(&mut terminal, '2', 0);
    confirm(&mut terminal, "people.told");
    seal(&mut terminal, "PENDING");
    leave_with(terminal, 1);
    let log = world.log();
    let lines = world.entries().len();
    let _ = world.verify(&log, &[]).code(0);
    let _ =
        stock(&mut world, &log).code(0).stdout_has(&format!("all {lines} lines hold; the last is sealed"));

    // A signed line that is changed, and one whose chain is mended after it: both find the same line.
    let text = std::fs::read_to_string(&log).unwrap();
    let changed = world.sandbox.work().join("changed.jsonl");
    std::fs::write(&changed, text.replacen("\"point\":\"people.told\"", "\"point\":\"people.sold\"", 1))
        .unwrap();
    let line = text.lines().position(|line| line.contains("\"kind\":\"confirmed\"")).unwrap() + 1;
    let _ = world.verify(&changed, &[]).code(4).stdout_has(&format!("INVALID at line {line}"));
    let _ = stock(&mut world, &changed).code(4).stdout_has(&format!("line {line}: bad signature"));
    // An unsigned line that is changed breaks the chain after it.
    std::fs::write(&changed, text.replacen("\"took_ms\":", "\"took_ms\":9", 1)).unwrap();
    let line = text.lines().position(|line| line.contains("\"took_ms\":")).unwrap() + 2;
    let _ = world.verify(&changed, &[]).code(4).stdout_has(&format!("INVALID at line {line}"));
    let _ = stock(&mut world, &changed).code(4).stdout_has(&format!("line {line}: chain broken"));
}
