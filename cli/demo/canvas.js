// What is painted: two boards, and the way of the records between them.

/** The colours as they are now: of records without a partition, then of each partition. */
function palette() {
  // What a custom property holds is text; a real one has the colour of the scheme.
  const probe = document.body.appendChild(document.createElement('i'));
  const colours = ['--faint', '--p0', '--p1', '--p2', '--stop'].map((name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  const stop = colours.pop();
  const of = (partition) => colours[partition === undefined ? 0 : 1 + (partition % 3)];
  return { of, stop };
}

/** A canvas that is as sharp as the screen and repaints itself when something changes. */
class Surface {
  constructor(canvas, repaint) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
    this.repaint = repaint;
    new ResizeObserver(() => this.change()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.change());
  }

  change() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      const { clientWidth: width, clientHeight: height } = this.canvas;
      const ratio = devicePixelRatio;
      this.canvas.width = width * ratio;
      this.canvas.height = height * ratio;
      this.context.scale(ratio, ratio);
      this.repaint(this.context, width, height, palette());
    });
  }
}

/** Strokes, of points from 0 to 1. */
export class Board {
  #strokes = new Map();
  #pen;
  #surface;

  constructor(canvas) {
    this.#surface = new Surface(canvas, (...target) => this.#repaint(...target));
  }

  /** Adds a point `{x, y, partition}` to a stroke; give it a partition later with `change`. */
  add(stroke, point) {
    if (!this.#strokes.has(stroke)) this.#strokes.set(stroke, []);
    this.#strokes.get(stroke).push(point);
    this.change();
  }

  /** Where the keyboard's pen is, and whether it draws; undefined hides it. */
  set pen(pen) {
    this.#pen = pen;
    this.change();
  }

  change() {
    this.#surface.change();
  }

  #repaint(context, width, height, colours) {
    Object.assign(context, { lineCap: 'round', lineJoin: 'round' });
    for (const points of this.#strokes.values()) {
      let from = points[0];
      for (const run of runs(points)) {
        context.strokeStyle = colours.of(run[0].partition);
        context.lineWidth = run[0].partition === undefined ? 1.5 : 5;
        context.beginPath();
        context.moveTo(from.x * width, from.y * height);
        for (const { x, y } of run) context.lineTo(x * width + 0.01, y * height);
        context.stroke();
        from = run.at(-1);
      }
    }
    if (this.#pen) this.#paintPen(context, width, height, colours);
  }

  #paintPen(context, width, height, colours) {
    const { x, y, isDown } = this.#pen;
    context.strokeStyle = context.fillStyle = colours.of(0);
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x * width, y * height, 9, 0, 2 * Math.PI);
    if (isDown) context.fill();
    context.stroke();
  }
}

/** Points of one partition in a row, so that each is one line. */
function runs(points) {
  const runs = [];
  for (const point of points) {
    const last = runs.at(-1);
    if (last && last[0].partition === point.partition) last.push(point);
    else runs.push([point]);
  }
  return runs;
}

/** How long a dot takes from one station to the next. */
const STEP_MS = 350;
/** Dots that are painted; more would only be a bar. */
const MOST = 150;
const STATIONS = ['This page', 'The broker', 'Read back'];

/** Each record as a dot: it waits before the broker until it is acknowledged. */
export class Pipe {
  #dots = [];
  #surface;
  #isStill = matchMedia('(prefers-reduced-motion: reduce)');
  isOff = false;

  constructor(canvas) {
    this.#surface = new Surface(canvas, (...target) => this.#repaint(...target));
  }

  /** A record was sent; change its `station` to 1 and 2, and its `partition`. */
  add() {
    const dot = { station: 0, at: 0, since: performance.now(), lane: Math.random() };
    this.#dots.push(dot);
    if (this.#dots.length > MOST) this.#dots.shift();
    this.change();
    return dot;
  }

  move(dot, station, partition) {
    Object.assign(dot, { station, partition, since: performance.now() });
    this.change();
  }

  change() {
    this.#surface.change();
  }

  #repaint(context, width, height, colours) {
    const now = performance.now();
    const [margin, middle] = [width * 0.12, height * 0.56];
    const x = (at) => margin + (at / 2) * (width - 2 * margin);
    this.#paintStations(context, x, middle, colours);
    let isMoving = false;
    let waiting = 0;
    this.#dots = this.#dots.filter((dot) => dot.station < 2 || now - dot.since < 4 * STEP_MS);
    for (const dot of this.#dots) {
      const goal = dot.station === 0 ? 0.82 - Math.min(waiting++ / 60, 0.7) : dot.station;
      dot.at = this.#isStill.matches ? goal : dot.at + (goal - dot.at) * 0.14;
      isMoving ||= Math.abs(goal - dot.at) > 0.002 || dot.station === 2;
      const age = dot.station === 2 ? (now - dot.since) / (4 * STEP_MS) : 0;
      context.globalAlpha = 1 - Math.min(age * age, 1);
      context.fillStyle = context.strokeStyle = colours.of(dot.partition);
      context.lineWidth = 1.5;
      context.beginPath();
      context.arc(x(dot.at), middle + (dot.lane - 0.5) * height * 0.34, 5, 0, 2 * Math.PI);
      if (dot.station > 0) context.fill();
      context.stroke();
    }
    context.globalAlpha = 1;
    if (isMoving) this.change();
  }

  #paintStations(context, x, middle, colours) {
    context.font = '600 13px system-ui, sans-serif';
    context.textAlign = 'center';
    STATIONS.forEach((name, station) => {
      context.fillStyle = colours.of();
      const isClosed = station === 1 && this.isOff;
      context.fillText(isClosed ? 'The broker (stopped)' : name, x(station), 20);
      context.strokeStyle = isClosed ? colours.stop : colours.of();
      context.lineWidth = isClosed ? 4 : 1;
      context.setLineDash(isClosed ? [] : [3, 5]);
      context.beginPath();
      context.moveTo(x(station), middle - 28);
      context.lineTo(x(station), middle + 28);
      context.stroke();
    });
    context.setLineDash([]);
  }
}
