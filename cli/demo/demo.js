// The demo: what is drawn and typed is sent, acknowledged, and read back from the log.

import { Board, Pipe } from './canvas.js';

const LOOK_MS = 200;
/** A stopped broker is waited for as long as somebody may play with it. */
const PATIENCE_MS = 3_600_000;
const STEP = 0.03;

const $ = (id) => document.getElementById(id);
const me = Math.random().toString(36).slice(2);
const mine = new Board($('mine'));
const log = new Board($('log'));
const pipe = new Pipe($('pipe'));
const counts = { sent: 0, acknowledged: 0, read: 0, lost: 0 };
/** Own records that were not yet read back, by id. */
const open = new Map();

let producer;
let topic;
let next = [];

async function start() {
  const state = await (await fetch('/state')).json();
  show(state);
  topic = state.topic;
  if (!state.hasPackage) {
    tell('This command was built without the npm package: run `cargo xtask web`, then build it again.');
    return;
  }
  const { connect } = await import('/ottla/browser.js');
  producer = await connect({
    url: state.bridge,
    config: { 'delivery.timeout.ms': PATIENCE_MS, 'max.block.ms': PATIENCE_MS },
  });
  $('switch').disabled = false;
  document.body.dataset.ready = '';
  look();
}

/** Sends what `shown` stands for; `shown.tell(text, partition)` hears what becomes of it. */
function send(key, content, shown) {
  if (!producer) return;
  counts.sent += 1;
  const id = `${me}-${counts.sent}`;
  const dot = pipe.add();
  open.set(id, { dot, shown });
  producer.send({ topic, key, value: JSON.stringify({ id, ...content }) }).then(
    ({ partition, offset }) => {
      counts.acknowledged += 1;
      // It may have been read back already.
      if (dot.station === 0) pipe.move(dot, 1, partition);
      shown.tell(`partition ${partition}, offset ${offset}`, partition);
      count();
    },
    (error) => {
      counts.lost += 1;
      shown.tell(`${error.code}: ${error.message}`);
      count();
    },
  );
  count();
}

function count() {
  for (const [name, value] of Object.entries(counts)) $(name).textContent = value;
  $('waiting').textContent = counts.sent - counts.acknowledged - counts.lost;
}

/** Reads what is new in the log, again and again. */
async function look() {
  try {
    const answer = await fetch(`/log?from=${next}`);
    if (answer.ok) {
      const found = await answer.json();
      next = found.next;
      for (const record of found.records) take(record);
      if (found.records.length > 0) count();
    }
  } catch {
    // The command has ended; it may be started again.
  }
  setTimeout(look, LOOK_MS);
}

function take({ partition, offset, key, value }) {
  const { id, x, y, text } = JSON.parse(value);
  if (x !== undefined) log.add(key, { x, y, partition });
  const own = open.get(id);
  if (own) {
    open.delete(id);
    counts.read += 1;
    pipe.move(own.dot, 2, partition);
    own.shown.tell(`partition ${partition}, offset ${offset}, read back`, partition);
  } else if (text !== undefined) {
    message(text).tell(`partition ${partition}, offset ${offset}, found in the log`, partition);
  }
}

// Drawing.

let stroke;
let strokes = 0;

function draw(x, y) {
  const point = { x, y };
  mine.add(stroke, point);
  const tell = (_, partition) => {
    point.partition = partition;
    mine.change();
  };
  send(stroke, { x: round(x), y: round(y) }, { tell });
}

const round = (number) => Math.round(number * 1000) / 1000;
const begin = () => (stroke = `${me}/${(strokes += 1)}`);

function drawAt({ offsetX, offsetY }) {
  const { clientWidth, clientHeight } = $('mine');
  draw(offsetX / clientWidth, offsetY / clientHeight);
}

$('mine').addEventListener('pointerdown', (event) => {
  $('mine').setPointerCapture(event.pointerId);
  begin();
  drawAt(event);
});
$('mine').addEventListener('pointermove', (event) => {
  if (event.buttons > 0) drawAt(event);
});

const pen = { x: 0.5, y: 0.5, isDown: false };
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

$('mine').addEventListener('keydown', (event) => {
  const move = MOVES[event.key];
  if (event.key === ' ') {
    pen.isDown = !pen.isDown;
    if (pen.isDown) begin();
  } else if (move) {
    pen.x = Math.min(Math.max(pen.x + move[0] * STEP, 0), 1);
    pen.y = Math.min(Math.max(pen.y + move[1] * STEP, 0), 1);
  } else {
    return;
  }
  event.preventDefault();
  mine.pen = pen;
  if (pen.isDown) draw(pen.x, pen.y);
});
$('mine').addEventListener('blur', () => (mine.pen = undefined));

// Messages.

$('form').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('text').value.trim();
  if (text === '') return;
  $('text').value = '';
  send(me, { text }, message(text));
});

function message(text) {
  const item = document.createElement('li');
  const [words, state] = [document.createElement('b'), document.createElement('span')];
  words.textContent = text;
  state.textContent = 'waiting';
  item.append(words, state);
  $('messages').prepend(item);
  while ($('messages').children.length > 8) $('messages').lastChild.remove();
  return {
    tell(outcome, partition) {
      state.textContent = outcome;
      if (partition !== undefined) item.style.borderColor = `var(--p${partition % 3})`;
    },
  };
}

// The broker.

function show({ isOn }) {
  pipe.isOff = !isOn;
  pipe.change();
  document.body.classList.toggle('is-off', !isOn);
  $('broker-state').textContent = isOn ? 'Broker running' : 'Stopped: records wait here';
  $('switch').textContent = isOn ? 'Stop the broker' : 'Start the broker';
}

$('switch').addEventListener('click', async () => {
  const isOff = document.body.classList.contains('is-off');
  $('switch').setAttribute('aria-busy', 'true');
  try {
    const headers = { 'x-ottla-demo': '1' };
    const answer = await fetch(`/broker/${isOff ? 'on' : 'off'}`, { method: 'POST', headers });
    const state = await answer.json();
    if (answer.ok) show(state);
    else tell(state.error);
  } catch (error) {
    tell(error.message);
  } finally {
    $('switch').removeAttribute('aria-busy');
  }
});

function tell(text) {
  $('notice').textContent = text;
  $('notice').hidden = false;
}

start().catch((error) => tell(`${error.code ?? ''} ${error.message}`));
