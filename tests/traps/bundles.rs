//! Bundles out of which stock tools take something else than what was packed.

use std::fs;
use std::sync::Arc;

use super::base::Base;
use super::scene::Scene;
use super::{Kind, Trap};

/// Makes `run.tar.gz` another one, in place.
const FORGE: &str = r"
import gzip, io, sys, tarfile, zlib
CANARY = b'outside-canary\n'
change, outside = sys.argv[1:]
packed = open('run.tar.gz', 'rb').read()
raw = gzip.decompress(packed)
members = [(info, tar.extractfile(info).read()) for tar in [tarfile.open(fileobj=io.BytesIO(raw))] for info in tar]
log, stem = members[0][0].name, members[0][0].name.split('/')[0]
def packing(data):
    return gzip.compress(data, mtime=0)
def archive(members, end=True):
    out = io.BytesIO()
    tar = tarfile.open(fileobj=out, mode='w', format=tarfile.GNU_FORMAT)
    for info, data in members:
        tar.addfile(info, io.BytesIO(data))
    size = tar.offset
    tar.close()
    return out.getvalue() if end else out.getvalue()[:size]
def member(name, data=CANARY, kind=tarfile.REGTYPE, link=''):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    return (info, data)
def zeros(megabytes):
    # One flushed piece over and over: nothing before it is needed to read it.
    piece, size = bytes(1 << 24), megabytes << 20
    info = tarfile.TarInfo(log)
    info.size = size
    head = info.tobuf()
    checksum = zlib.crc32(head)
    for _ in range(0, size, len(piece)):
        checksum = zlib.crc32(piece, checksum)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    begin = deflate.compress(head) + deflate.flush(zlib.Z_FULL_FLUSH)
    one = deflate.compress(piece) + deflate.flush(zlib.Z_FULL_FLUSH)
    end = deflate.compress(b'') + deflate.flush()
    total = len(head) + size
    header = b'\x1f\x8b\x08' + bytes(5) + b'\x00\xff'
    tail = checksum.to_bytes(4, 'little') + (total % (1 << 32)).to_bytes(4, 'little')
    return header + begin + one * (size // len(piece)) + end + tail
more = {
    'duplicate': [member(log)],
    'unlisted': [member(f'{stem}/evil')],
    'attachment': [member(f'{stem}/{log.split(chr(47))[1]}.d/evil')],
    'absolute': [member(f'{outside}/evil')],
    'up': [member('../outside/evil')],
    'link': [member(f'{stem}/d', b'', tarfile.SYMTYPE, f'{outside}/dir'), member(f'{stem}/d/evil')],
    'hard': [member(f'{stem}/evil', b'', tarfile.LNKTYPE, f'{outside}/canary')],
    'fifo': [member(f'{stem}/evil', b'', tarfile.FIFOTYPE)],
    'escape': [member(f'{stem}/\x1b[2Jevil')],
}
if change in more:
    new = packing(archive(members + more[change]))
elif change == 'second':
    new = packing(archive(members, end=False)) + packing(archive([member(log)]))
elif change == 'junk':
    new = packed + CANARY
elif change == 'checksum':
    new = packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]
elif change == 'after':
    new = packing(raw + archive([member(log)]))
elif change == 'changed':
    at = next(at for at, (info, _) in enumerate(members) if info.name.split('/')[1].endswith('.d'))
    members[at] = (members[at][0], b'evil')
    new = packing(archive(members))
elif change in ('zeros', 'line'):
    new = zeros(3 << 10 if change == 'zeros' else 192)
open('run.tar.gz', 'wb').write(new)
";

/// A bundle that is forged, and is refused in these words by all that read one.
fn forged(
    base: &Arc<Base>,
    name: &'static str,
    change: &'static str,
    stock: &'static str,
    words: &'static str,
) -> Trap {
    let base = Arc::clone(base);
    let lay = move |scene: &mut Scene| {
        place(&base, scene);
        fs::write(scene.sandbox.work().join("forge.py"), FORGE).unwrap();
        let script = match change {
            "sparse" => SPARSE.to_owned(),
            change => format!("python3 forge.py {change} @outside@"),
        };
        let (code, told) = scene.shell(&script);
        assert_eq!(code, Some(0), "{name}: {told}");
    };
    let named = ["verify", "review", "report", "diff", "bundle"].map(|command| (command, words));
    Trap {
        name: name.into(),
        kind: Kind::Bundle,
        needs: &[],
        lay: Box::new(lay),
        stock,
        named: named.to_vec(),
    }
}

/// The log's file with a hole, as tar itself packs one.
const SPARSE: &str = "tar xzf run.tar.gz && cd $STEM && truncate -s +1M $STEM.jsonl && echo outside-canary >>$STEM.jsonl \
    && cd .. && tar --format=pax --sparse -czf run.tar.gz $STEM/$STEM.jsonl $STEM/*.d/* $STEM/signatures/* && rm -r $STEM";

/// A good bundle, beside the log that is in it.
pub fn place(base: &Base, scene: &mut Scene) {
    base.lay(scene);
    let log = base.named(scene);
    let stem = log.file_stem().unwrap().to_owned();
    scene.change(|sandbox| sandbox.env("STEM", stem));
    let packed = ["bundle", log.to_str().unwrap(), "--output", "run.tar.gz"];
    let _ = scene.sandbox.run_with(&packed).code(0);
}

pub fn traps(base: &Arc<Base>) -> Vec<Trap> {
    const LAST: &str = "tar xzf run.tar.gz; cat $STEM/$STEM.jsonl";
    const NEW: &str = "tar xzf run.tar.gz && cat $STEM/evil";
    const ENDLESS: &str =
        "(ulimit -f 65536; tar xzf run.tar.gz); find $STEM -size +60M | grep -q . && touch @mark@";
    const ODD: &str = "is not a regular file in its directory";
    let trap = |name, change, stock, words| forged(base, name, change, stock, words);
    vec![
        trap("a second gzip member", "second", LAST, "it differs from the bundle of this log"),
        trap(
            "junk after gzip",
            "junk",
            "tar xzf run.tar.gz; tail -c 15 run.tar.gz",
            "data after the end of gzip",
        ),
        trap(
            "another checksum",
            "checksum",
            "tar xzf run.tar.gz; test -s $STEM/$STEM.jsonl && touch @mark@",
            "gzip: corrupt",
        ),
        trap(
            "another archive after its end",
            "after",
            "tar xizf run.tar.gz && cat $STEM/$STEM.jsonl",
            "there is data after the end of the archive",
        ),
        trap("a sparse log", "sparse", LAST, "its first file is not the log"),
        trap("a log in it twice", "duplicate", LAST, "it holds "),
        trap("a file that the log does not name", "unlisted", NEW, "does not belong there"),
        trap(
            "an attachment that the log does not name",
            "attachment",
            "tar xzf run.tar.gz && cat $STEM/$STEM.jsonl.d/evil",
            "does not belong there",
        ),
        trap(
            "an attachment with other bytes",
            "changed",
            "tar xzf run.tar.gz && grep -q evil $STEM/$STEM.jsonl.d/* && touch @mark@",
            "it differs from the bundle of this log",
        ),
        trap("an absolute path", "absolute", "tar xPzf run.tar.gz", ODD),
        trap("a path that leads out", "up", "tar xPzf run.tar.gz", ODD),
        trap("a path through a link in it", "link", "tar xPzf run.tar.gz", ODD),
        trap("a hard link to what is elsewhere", "hard", "tar xPzf run.tar.gz && cat $STEM/evil", ODD),
        trap("a FIFO in it", "fifo", "tar xzf run.tar.gz && timeout 1 cat $STEM/evil", ODD),
        trap(
            "a name with escapes",
            "escape",
            "tar tzf run.tar.gz --quoting-style=literal",
            "does not belong there",
        ),
        trap("3 GiB of zeros", "zeros", ENDLESS, "it unpacks to more than 2048 MiB"),
        trap("a line of 192 MiB", "line", ENDLESS, "line 1 of its log exceeds the line limit"),
    ]
}

/// All that reads a bundle; what it unpacks is gone when it has ended.
pub fn walk(scene: &mut Scene) -> Result<(), String> {
    const SIGNERS: [&str; 2] = ["--signers", "signers"];
    let with = |words: &[&'static str]| [words, &SIGNERS].concat();
    scene.run(&with(&["verify", "run.tar.gz"]))?;
    scene.run(&with(&["verify", "honest.jsonl", "--against", "run.tar.gz"]))?;
    scene.run(&with(&["report", "run.tar.gz", "--format", "json"]))?;
    scene.run(&with(&["diff", "honest.jsonl", "run.tar.gz"]))?;
    scene.run(&with(&["diff", "run.tar.gz", "honest.jsonl"]))?;
    scene.run(&["bundle", "run.tar.gz"])?;
    scene.open(&with(&["review", "run.tar.gz"]), &[], &|_, screen| screen.contains("OPEN"))?;
    let (_, left) = scene.shell("find $STATE/unpacked $TMPDIR -mindepth 1");
    if left.is_empty() { Ok(()) } else { Err(format!("it leaves {left}")) }
}
