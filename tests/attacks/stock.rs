//! The verifier of a stranger who has nothing but stock tools: the chain, and every signature.

use std::path::Path;

use crate::bench::gonogo::{Output, Sandbox};

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

/// What the stranger finds: 0 or 4, and words.
#[track_caller]
pub fn verify(log: &Path, signers: &Path) -> Output {
    let words = ["-c", STOCK, "stock", log.to_str().unwrap(), signers.to_str().unwrap()];
    Sandbox::new().program("bash").args(words).run()
}
