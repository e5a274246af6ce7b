//! `cargo xtask web`: builds the npm package into `web/dist`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::Outcome;
use crate::command::{cargo, execute, exists, root, target_dir};
use crate::toolchain::{Toolchain, rust_lld};

const TARGET: &str = "wasm32-unknown-unknown";

/// Has `wasm-opt`, which makes modules smaller. The package is complete without it.
const BINARYEN: &str = "binaryen@132.0.0";

/// Makes scripts smaller, and fewer. The package is complete without it.
const ESBUILD: &str = "esbuild@0.28.2";

/// The scripts that others name: what `package.json` exports, and workers. Those of one page share
/// what they have in common, and nothing with the others: each thing shared is a file of its own.
const ENTRIES: [&[&str]; 4] = [
    &["loader.js"],
    &["browser.js", "shared_worker.js"],
    &["edge_browser.js"],
    &["edge_node.js", "edge_workerd.js", "inline.js", "node.js", "workerd.js"],
];

/// What editors read.
const TYPES: [&str; 3] = ["edge.d.ts", "index.d.ts", "loader.d.ts"];

/// The modules of the package, and the Cargo features of each: what a page downloads, what it does
/// if its records are to outlive it, and what servers get, who have TCP.
const MODULES: [(&str, &[&str]); 3] = [
    ("core", &["--no-default-features"]),
    ("lasting", &["--no-default-features", "--features", "store"]),
    ("full", &[]),
];

/// What wasm-bindgen makes beside a page's module.
const GLUE: &str = "core_bg.js";

/// With the sources of `core`. A panic is a trap, of which JavaScript makes an error, so no text of
/// one is carried along. Loops keep the variables they have, where more of them would save time
/// elsewhere; nothing is computed in two places to save it in a third, and no branch is copied.
const SMALLEST: &str = "-Zunstable-options -Cpanic=immediate-abort -Cllvm-args=-disable-lsr \
                        -Cllvm-args=-enable-pre=false -Cllvm-args=-bonus-inst-threshold=0";

/// Without them.
const LARGER: &str = "the modules are larger than they could be, and not held to their budget: \
                      that takes the sources of Rust's core (rustup component add rust-src)";

/// What browsers have had for years and Rust makes use of.
const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Control flow anew, then small, twice, as there is more to do after the first time. The lowest
/// addresses are the end of the stack, where nothing else is. What is shorter than a call with its
/// arguments is not called; and what gzip would find itself is no variable.
const WASM_PASSES: [&str; 11] = [
    "--flatten",
    "--rereloop",
    "-Oz",
    "--flatten",
    "--rereloop",
    "-Oz",
    "-Oz",
    "--low-memory-unused",
    "--always-inline-max-function-size=6",
    "--one-caller-inline-max-function-size=60",
    "--skip-pass=local-cse",
];

/// Builds it, and prints the sizes last, which are held to the budgets where the modules are as
/// small as they get.
pub(crate) fn run(prebuilt: bool) -> Outcome {
    let toolchain =
        if prebuilt { Toolchain::find(TARGET, false)? } else { Toolchain::find_smallest(TARGET)? };
    println!("{TARGET} with {toolchain}");
    let (dist, parts) = (root().join("web/dist"), target_dir("web-parts"));
    empty(&dist)?;
    empty(&parts)?;
    for (name, features) in MODULES {
        let module = compile(&toolchain, features)?;
        execute(pack("bind").arg(module).arg(&parts).arg(name))?;
        let module = format!("{name}_bg.wasm");
        optimise(&parts.join(&module))?;
        copy(&parts.join(&module), &dist.join(&module))?;
    }
    let glue = add_scripts(&parts, &dist)?;
    let mut finish = pack("finish");
    finish.arg(&dist).arg(glue);
    match toolchain {
        Toolchain::BuildStd(_) => _ = finish.arg(root().join("tests/budgets.toml")),
        Toolchain::Installed => println!("{LARGER}"),
    }
    execute(&mut finish)
}

fn compile(toolchain: &Toolchain, features: &[&str]) -> Outcome<PathBuf> {
    let mut build = toolchain.cargo("rustc", TARGET);
    let dir = match toolchain {
        Toolchain::Installed => target_dir("web"),
        Toolchain::BuildStd(_) => {
            build.arg("-Zbuild-std-features=optimize_for_size").env("RUSTFLAGS", SMALLEST);
            build.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", rust_lld()?);
            target_dir("web-build-std")
        }
    };
    // As a `cdylib` alone: beside an `rlib` Cargo would not optimise across crates.
    build.args(["--locked", "--package", "ottla-web", "--profile", "web"]);
    build.args(["--crate-type", "cdylib"]).args(features);
    execute(build.env("CARGO_TARGET_DIR", &dir))?;
    Ok(dir.join(TARGET).join("web/ottla_web.wasm"))
}

fn pack(step: &str) -> Command {
    let package = ["run", "--quiet", "--locked", "--package", "ottla-web-pack", "--"];
    let mut command = cargo(&package);
    command.arg(step);
    command
}

/// In place, if npm can fetch what that needs.
fn optimise(module: &Path) -> Outcome {
    let Some(wasm_opt) = tool(BINARYEN, "binaryen/bin/wasm-opt")? else {
        println!("without wasm-opt, which npm would bring: the module is some 5 % larger");
        return Ok(());
    };
    let mut command = Command::new("node");
    command.arg(wasm_opt).args(WASM_PASSES).args(WASM_FEATURES).arg(module).arg("-o").arg(module);
    execute(&mut command)
}

/// A program of an npm package, if npm can fetch it.
fn tool(package: &str, program: &str) -> Outcome<Option<PathBuf>> {
    let dir = cache_dir()?.join(package);
    let program = dir.join("node_modules").join(program);
    Ok((program.exists() || install(package, &dir)).then_some(program))
}

fn install(package: &str, dir: &Path) -> bool {
    if !exists("npm") || fs::create_dir_all(dir).is_err() {
        return false;
    }
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(dir);
    npm.arg(package).status().is_ok_and(|status| status.success())
}

/// Where the tests keep what they fetch.
fn cache_dir() -> Outcome<PathBuf> {
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache"));
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    base.map(|base| base.join("ottla"))
        .ok_or_else(|| "neither XDG_CACHE_HOME nor HOME is set".into())
}

/// The scripts, whose glue lies in `parts` already: what the entries share is in files of its own.
/// Returns where the glue of a page's module is by itself, to be measured.
fn add_scripts(parts: &Path, dist: &Path) -> Outcome<PathBuf> {
    let scripts = root().join("web/js");
    for types in TYPES {
        copy(&scripts.join(types), &dist.join(types))?;
    }
    copy_all(&scripts, parts)?;
    let Some(esbuild) = tool(ESBUILD, "esbuild/bin/esbuild")? else {
        println!("without esbuild, which npm would bring: the scripts are twice as large");
        copy_all(parts, dist)?;
        return Ok(parts.join(GLUE));
    };
    for entries in ENTRIES {
        execute(&mut bundle(&esbuild, entries, parts, dist))?;
    }
    let alone = target_dir("web-glue");
    execute(&mut bundle(&esbuild, &[GLUE], parts, &alone))?;
    Ok(alone.join(GLUE))
}

fn bundle(esbuild: &Path, entries: &[&str], parts: &Path, dist: &Path) -> Command {
    let mut command = Command::new(esbuild);
    command.args(["--bundle", "--splitting", "--minify", "--format=esm", "--log-level=warning"]);
    // What the runtime has, and what is no script or is not there yet.
    command.args(["--external:node:*", "--external:cloudflare:*"]);
    command.args(["--external:*.wasm", "--external:./lasting_inline.js"]);
    command.arg(format!("--outdir={}", dist.display()));
    command.args(entries).current_dir(parts);
    command
}

fn empty(dir: &Path) -> Outcome {
    let failed = |e: std::io::Error| format!("cannot empty {}: {e}", dir.display());
    if dir.exists() {
        fs::remove_dir_all(dir).map_err(failed)?;
    }
    fs::create_dir_all(dir).map_err(failed)
}

fn copy_all(from: &Path, to: &Path) -> Outcome {
    let files = fs::read_dir(from).map_err(|e| format!("cannot list {}: {e}", from.display()))?;
    for file in files {
        let file = file.map_err(|e| format!("cannot list {}: {e}", from.display()))?;
        copy(&file.path(), &to.join(file.file_name()))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Outcome {
    fs::copy(from, to).map_err(|e| format!("cannot copy {}: {e}", from.display()))?;
    Ok(())
}
