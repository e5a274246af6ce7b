//! The page's files, and the npm package as it was when this command was compiled.

/// Name and content of each file of the package that a page loads.
static PACKAGE: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/package.rs"));

static PAGE: [(&str, &[u8]); 5] = [
    ("/", include_bytes!("../../demo/index.html")),
    ("/demo.css", include_bytes!("../../demo/demo.css")),
    ("/demo.js", include_bytes!("../../demo/demo.js")),
    ("/canvas.js", include_bytes!("../../demo/canvas.js")),
    ("/icon.svg", include_bytes!("../../demo/icon.svg")),
];

pub(super) fn has_package() -> bool {
    !PACKAGE.is_empty()
}

/// The file of a path, and its media type.
pub(super) fn find(path: &str) -> Option<(&'static [u8], &'static str)> {
    let (name, content) = match path.strip_prefix("/ottla/") {
        Some(name) => PACKAGE.iter().find(|(known, _)| *known == name)?,
        None => PAGE.iter().find(|(known, _)| *known == path)?,
    };
    Some((content, media_type(name)))
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("wasm") => "application/wasm",
        _ => "text/html; charset=utf-8",
    }
}
