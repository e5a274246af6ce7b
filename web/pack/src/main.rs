//! `ottla-web-pack bind WASM DIST NAME`: makes the JavaScript glue, `NAME_bg.js`, and the module,
//! `NAME_bg.wasm`. `ottla-web-pack finish DIST GLUE [BUDGETS]`: puts the page's module into a
//! script of its own for `./inline`, prints the compressed sizes, also of the module's glue alone,
//! which is in the file GLUE, and fails if one is above its budget.
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

fn main() -> Outcome {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bind", wasm, dist, name] => bind(Path::new(wasm), Path::new(dist), name),
        ["finish", dist, glue] => finish(Path::new(dist), Path::new(glue), None),
        ["finish", dist, glue, budgets] => {
            finish(Path::new(dist), Path::new(glue), Some(Path::new(budgets)))
        }
        _ => Err("usage: ottla-web-pack bind WASM DIST NAME | finish DIST GLUE [BUDGETS]".into()),
    }
}

/// The glue for any runtime: its entries load the module themselves.
fn bind(wasm: &Path, dist: &Path, name: &str) -> Outcome {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(wasm).out_name(name).bundler(true)?;
    bindgen.typescript(false);
    bindgen.remove_name_section(true).remove_producers_section(true);
    bindgen.generate(dist)?;
    let glue = dist.join(format!("{name}_bg.js"));
    fs::write(&glue, prune(fs::read_to_string(&glue)?)?)?;
    // It loads the module as bundlers might, some day.
    fs::remove_file(dist.join(format!("{name}.js")))?;
    Ok(())
}

/// What the glue can do without, from where to where: the faster of two ways for texts, which are
/// few; stand-ins for what every runtime has that can run the rest of the package; and what nobody
/// calls.
const NEEDLESS: [(&str, &str); 9] = [
    ("    if (realloc === undefined) {", "\n"),
    ("    }\n\n    let len = arg.length;", "\n    return ptr;"),
    (", wasm.__wbindgen_realloc", ""),
    ("if (!('encodeInto' in cachedTextEncoder))", "\n}\n"),
    ("(typeof FinalizationRegistry === 'undefined')", "\n    : "),
    ("if (Symbol.dispose)", "\n"),
    ("    __destroy_into_raw() {", "\n    }\n"),
    ("    free() {", "\n    }\n"),
    ("        _assertClass(", "\n"),
];

/// The glue without that. Fails where wasm-bindgen has come to write something else.
fn prune(mut glue: String) -> Outcome<String> {
    for (from, to) in NEEDLESS {
        if !glue.contains(from) {
            return Err(format!("the glue has no {from:?} any more").into());
        }
        while let Some(begin) = glue.find(from) {
            let after = begin + from.len();
            let end = glue[after..].find(to).ok_or_else(|| format!("no end of {from:?}"))?;
            glue.replace_range(begin..after + end + to.len(), "");
        }
    }
    Ok(glue)
}

fn finish(dist: &Path, glue: &Path, budgets: Option<&Path>) -> Outcome {
    let text = Base64::encode_string(&fs::read(dist.join("lasting_bg.wasm"))?);
    fs::write(dist.join("lasting_inline.js"), format!("export default '{text}';\n"))?;

    let budgets = budgets.map(fs::read_to_string).transpose()?;
    let budgets: Option<Table> = budgets.map(|text| text.parse()).transpose()?;
    let module = compressed_file(&dist.join("core_bg.wasm"))?;
    // What is downloaded: scripts, and the module where that comes at once; and the section of the
    // budgets that limits it.
    let downloads = [
        ("core_bg.wasm's glue", compressed_file(glue)?, module, "module"),
        ("browser.js", compressed_scripts("browser.js", dist)?, module, "web"),
        ("loader.js", compressed_scripts("loader.js", dist)?, 0, "loader"),
    ];
    for (name, scripts, module, section) in downloads {
        let total = module + scripts;
        println!("gzip: {name} {scripts} bytes, module {module}, together {total}");
        let Some(budgets) = &budgets else { continue };
        let budget = budget(budgets, section)?;
        if total > budget {
            let above = total - budget;
            return Err(format!("{above} bytes above {section}.gzip_bytes, {budget}").into());
        }
    }
    Ok(())
}

/// The size of an entry and of what that imports before it runs.
fn compressed_scripts(entry: &str, dist: &Path) -> Outcome<usize> {
    let scripts = scripts_of(entry, dist)?;
    scripts.iter().map(|script| compressed_file(&dist.join(script))).sum()
}

/// An entry, and what that imports before it runs.
fn scripts_of(entry: &str, dist: &Path) -> Outcome<Vec<String>> {
    let mut scripts = vec![entry.to_owned()];
    let mut read = 0;
    while let Some(script) = scripts.get(read) {
        let text = fs::read_to_string(dist.join(script))?;
        for import in static_imports(&text) {
            if !scripts.iter().any(|known| known == import) {
                scripts.push(import.to_owned());
            }
        }
        read += 1;
    }
    Ok(scripts)
}

/// The files that `import … from "./FILE"`, `export … from "./FILE"` and `import "./FILE"` name.
fn static_imports(text: &str) -> impl Iterator<Item = &str> {
    let parts = ["\"./", "'./"].into_iter().flat_map(move |open| {
        let ends = text.match_indices(open);
        ends.map(|(at, open)| (&text[..at], &text[at + open.len()..]))
    });
    parts.filter_map(|(before, after)| {
        let before = before.trim_end();
        let is_import = before.ends_with("from") || before.ends_with("import");
        after.split(['"', '\'']).next().filter(|_| is_import)
    })
}

fn compressed(bytes: &[u8]) -> std::io::Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

fn compressed_file(file: &Path) -> Outcome<usize> {
    Ok(compressed(&fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?)?)
}

fn budget(budgets: &Table, section: &str) -> Outcome<usize> {
    let budget = budgets.get(section).and_then(|section| section.get("gzip_bytes")?.get("reduced"));
    let bytes = budget.and_then(toml::Value::as_integer);
    let bytes = bytes.ok_or_else(|| format!("no {section}.gzip_bytes"))?;
    Ok(usize::try_from(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needless_is_left_out_and_missed() {
        let glue = |inside: &str, rest: &str, realloc: &str, more: &str| {
            format!(
                "function pass(arg, malloc, realloc) {{\n{inside}    return 1;\n{rest}\n}}\n\
                     pass(a, wasm.__wbindgen_malloc{realloc});\n{more}let last;\n"
            )
        };
        let more = "if (!('encodeInto' in cachedTextEncoder)) {\n    x = {\n    };\n}\n\
                    const a = (typeof FinalizationRegistry === 'undefined')\n    ? { a: 1 }\n    : {};\n\
                    if (Symbol.dispose) A[Symbol.dispose] = A.free;\n\
                    class A {\n    __destroy_into_raw() {\n        x();\n    }\n\
                    \x20   free() {\n        y();\n    }\n    stays() {\n        _assertClass(a, A);\n    }\n}\n";
        let inside = "    if (realloc === undefined) {\n";
        let rest = "    }\n\n    let len = arg.length;\n    loop();\n    return ptr;";
        let written = glue(inside, rest, ", wasm.__wbindgen_realloc", more);
        let left = "const a = {};\nclass A {\n    stays() {\n    }\n}\n";
        assert_eq!(prune(written.clone()).unwrap(), glue("", "", "", left));
        let other = written.replace("Symbol.dispose", "Symbol.other");
        assert!(prune(other).unwrap_err().to_string().contains("Symbol.dispose"));
    }

    #[test]
    fn what_is_imported_at_once_is_found_and_nothing_else() {
        let text = "import{a as b}from\"./one.js\";import './two.js';\n\
                    export { E } from './three.js';\nimport(\"./later.js\");\n\
                    new URL(\"./core_bg.wasm\", import.meta.url)";
        let mut found: Vec<_> = static_imports(text).collect();
        found.sort_unstable();
        assert_eq!(found, ["one.js", "three.js", "two.js"]);
    }
}
