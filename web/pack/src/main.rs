//! `ottla-web-pack bind WASM DIST`: makes the JavaScript glue, `core.js`, and what it loads,
//! `core_bg.wasm`. `ottla-web-pack finish DIST BUDGETS`: puts that into a script of its own for
//! `./inline`, prints the compressed sizes, and fails if a page would download more than the
//! budget.
//!
//! A program of its own, so that nobody waits for its many dependencies who doesn't build the
//! package.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::{env, fs};

use base64ct::{Base64, Encoding};
use flate2::Compression;
use flate2::write::GzEncoder;
use toml::Table;
use wasm_bindgen_cli_support::Bindgen;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// What a page loads beside glue and module.
const SCRIPTS: [&str; 10] = [
    "bridge.js",
    "browser.js",
    "channel.js",
    "connect.js",
    "errors.js",
    "producer.js",
    "reports.js",
    "slots.js",
    "sockets.js",
    "staging.js",
];

fn main() -> Outcome {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bind", wasm, dist] => bind(Path::new(wasm), Path::new(dist)),
        ["finish", dist, budgets] => finish(Path::new(dist), Path::new(budgets)),
        _ => Err("usage: ottla-web-pack bind WASM DIST | finish DIST BUDGETS".into()),
    }
}

/// The glue for any runtime: its entries load the module themselves.
fn bind(wasm: &Path, dist: &Path) -> Outcome {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(wasm).out_name("core").web(true)?;
    bindgen.omit_default_module_path(true).typescript(false);
    bindgen.remove_name_section(true).remove_producers_section(true);
    bindgen.generate(dist)?;
    Ok(())
}

fn finish(dist: &Path, budgets: &Path) -> Outcome {
    let module = fs::read(dist.join("core_bg.wasm"))?;
    let text = Base64::encode_string(&module);
    fs::write(dist.join("core_inline.js"), format!("export default '{text}';\n"))?;

    let mut scripts = fs::read(dist.join("core.js"))?;
    for script in SCRIPTS {
        scripts.extend(fs::read(dist.join(script))?);
    }
    let (module, scripts) = (compressed(&module)?, compressed(&scripts)?);
    let (total, budget) = (module + scripts, budget(budgets)?);
    println!("gzip: module {module} bytes, scripts {scripts}, together {total} of {budget}");
    if total > budget {
        return Err(format!("{} bytes above web.gzip_bytes", total - budget).into());
    }
    Ok(())
}

fn compressed(bytes: &[u8]) -> std::io::Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

fn budget(file: &Path) -> Outcome<usize> {
    let budgets: Table = fs::read_to_string(file)?.parse()?;
    let budget = budgets.get("web").and_then(|web| web.get("gzip_bytes")?.get("reduced"));
    let bytes = budget.and_then(toml::Value::as_integer).ok_or("no web.gzip_bytes")?;
    Ok(usize::try_from(bytes)?)
}
