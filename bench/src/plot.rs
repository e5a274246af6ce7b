//! Bars as SVG, in colours that can be read on light and on dark pages.

use std::fs;

use plotters::coord::Shift;
use plotters::prelude::{
    Color, DrawingArea, DrawingBackend, IntoDrawingArea, IntoFont, RGBColor, Rectangle, SVGBackend,
    Text, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::figures::Figure;
use crate::report::Results;
use crate::rounds::Row;
use crate::{Outcome, home};

/// Contrasts with white and with black.
const GREY: RGBColor = RGBColor(125, 130, 140);
const PEER: RGBColor = RGBColor(110, 140, 185);
const LIMIT: RGBColor = RGBColor(160, 160, 160);
const OWN: RGBColor = RGBColor(225, 110, 40);

const WIDTH: i32 = 760;
const BAR: i32 = 26;
const HEAD: i32 = 44;
/// Where bars begin, and how long the longest is.
const LEFT: i32 = 210;
const LONGEST: i32 = 440;

/// A plot: its file, its title, the workload, and what is shown.
type Plot = (&'static str, &'static str, &'static str, fn(&Row) -> Option<Figure>);

const PLOTS: [Plot; 5] = [
    ("sink-100", "CPU µs a record, 100 B, no compression (less is better)", "100-none", Row::cpu),
    ("sink-1000", "CPU µs a record, 1 KB, no compression (less is better)", "1000-none", Row::cpu),
    ("sink-100-lz4", "CPU µs a record, 100 B, lz4 (less is better)", "100-lz4", Row::cpu),
    ("latency", "p50 in µs, one record awaited at a time, real Kafka", "latency", median_latency),
    ("node-100", "Node: CPU µs a record, 100 B, one record a call", "node-100", Row::cpu),
];

fn median_latency(row: &Row) -> Option<Figure> {
    row.latency(0)
}

/// The files' names and their titles.
pub(crate) fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    PLOTS.iter().map(|(file, title, ..)| (*file, *title))
}

/// Draws all of them.
pub(crate) fn write(results: &Results) -> Outcome {
    let folder = home().join("plots");
    fs::create_dir_all(&folder).map_err(|e| format!("cannot create {folder:?}: {e}"))?;
    for (file, title, workload, of) in PLOTS {
        let mut rows: Vec<(&Row, f64)> =
            results.rows(workload).iter().filter_map(|row| Some((row, of(row)?.median))).collect();
        rows.sort_by(|one, other| one.1.total_cmp(&other.1));
        let height = HEAD + BAR * rows.len() as i32 + 8;
        let size = (WIDTH.unsigned_abs(), height.unsigned_abs());
        let mut svg = String::new();
        draw(&SVGBackend::with_string(&mut svg, size).into_drawing_area(), title, &rows)
            .map_err(|e| format!("cannot draw {file}: {e}"))?;
        let path = folder.join(file).with_extension("svg");
        let lines: Vec<&str> = svg.lines().map(str::trim_end).collect();
        fs::write(&path, lines.join("\n") + "\n")
            .map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    }
    Ok(())
}

/// A bar for each row, the shortest first, its figure behind it.
fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    title: &str,
    rows: &[(&Row, f64)],
) -> Result<(), Box<dyn std::error::Error>>
where
    B::ErrorType: 'static,
{
    let longest = rows.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    area.draw(&Text::new(title, (8, 20), text(16, HPos::Left)))?;
    for (index, (row, value)) in (0..).zip(rows) {
        let (top, middle) = (HEAD + BAR * index, HEAD + BAR * index + BAR / 2 - 2);
        let length = (value / longest * f64::from(LONGEST)) as i32;
        let ends = [(LEFT, top), (LEFT + length.max(1), top + BAR - 7)];
        area.draw(&Rectangle::new(ends, colour(row).filled()))?;
        area.draw(&Text::new(row.client.name, (LEFT - 8, middle), text(13, HPos::Right)))?;
        let digits = if longest >= 100.0 { 0 } else { 3 };
        let figure = format!("{value:.digits$}");
        area.draw(&Text::new(figure, (LEFT + length + 8, middle), text(13, HPos::Left)))?;
    }
    area.present()?;
    Ok(())
}

fn colour(row: &Row) -> RGBColor {
    if row.client.is_limit() {
        LIMIT
    } else if row.client.name.starts_with("ottla") {
        OWN
    } else {
        PEER
    }
}

fn text(size: i32, side: HPos) -> TextStyle<'static> {
    let font = ("sans-serif", size).into_font();
    font.color(&GREY).pos(Pos::new(side, VPos::Center))
}
