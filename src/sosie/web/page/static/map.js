// The map: all products as points, drawn by WebGL; moved and zoomed by two numbers and a factor alone.
import { painter } from "./points.js";
import { choosing } from "./lasso.js";

const plane = document.getElementById("plane");
const canvas = plane.querySelector("canvas");
const [overlay, tip] = [plane.querySelector(".overlay"), plane.querySelector(".tip")];
const said = document.getElementById("map-said");
const select = document.querySelector("select[name=colour]");
const legend = JSON.parse(plane.dataset.legend);
const MOST = 400; // how far one can zoom in
const PICTURES = 60; // at once
const FEW = 160; // points in view from which on pictures appear

const view = { x: 0, y: 0, zoom: 1 };
const told = new Map(); // rows to what is known of their products
let data = null;
let paint = null;
let due = false;
let resting = 0;

function read(buffer) {
  const count = new DataView(buffer).getUint32(0, true);
  let at = 4;
  const take = (Kind, size = count) => {
    const part = new Kind(buffer.slice(at, at + size * Kind.BYTES_PER_ELEMENT));
    at += size * Kind.BYTES_PER_ELEMENT;
    return part;
  };
  const [rows, xs, ys] = [take(Uint32Array), take(Uint16Array), take(Uint16Array)];
  const codes = { category: take(Uint8Array), cluster: take(Uint8Array), price: take(Uint8Array) };
  const [x, y] = [xs, ys].map((some) => Float32Array.from(some, (one) => (one / 65535) * 2 - 1));
  return { count, rows, x, y, codes };
}

// Points of the plane (-1..1) to pixels of the view, and back.
const half = () => Math.min(canvas.clientWidth, canvas.clientHeight) / 2;
const toPixels = (x, y) => [canvas.clientWidth / 2 + (x - view.x) * half() * view.zoom, canvas.clientHeight / 2 - (y - view.y) * half() * view.zoom];
const toPlane = (px, py) => [view.x + (px - canvas.clientWidth / 2) / (half() * view.zoom), view.y - (py - canvas.clientHeight / 2) / (half() * view.zoom)];

function draw() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    paint.frame(view);
    for (const one of overlay.children) put(one);
    area.draw(toPixels);
  });
}

function put(picture) {
  const [px, py] = toPixels(Number(picture.dataset.x), Number(picture.dataset.y));
  picture.style.transform = `translate(${px - 32}px, ${py - 32}px)`;
}

function rest() {
  clearTimeout(resting);
  resting = setTimeout(settled, 160);
}

async function settled() {
  const query = new URLSearchParams(location.search);
  query.set("colour", select.value);
  if (view.zoom === 1 && !view.x && !view.y) query.delete("at");
  else query.set("at", [view.x, view.y, view.zoom].map((one) => +one.toFixed(4)).join(","));
  history.replaceState(null, "", `/map?${query}`);
  const [left, top] = toPlane(0, 0);
  const [right, bottom] = toPlane(canvas.clientWidth, canvas.clientHeight);
  const seen = [];
  for (let at = 0; at < data.count && seen.length <= FEW * 4; at++)
    if (data.x[at] > left && data.x[at] < right && data.y[at] < top && data.y[at] > bottom) seen.push(at);
  if (seen.length > FEW && view.zoom < MOST / 2) return overlay.replaceChildren();
  const taken = new Set(); // no picture covers another
  let room = PICTURES;
  const shown = seen.filter((at) => {
    const [px, py] = toPixels(data.x[at], data.y[at]).map((one) => Math.round(one / 72));
    if (taken.has(`${px} ${py}`) || !room) return false;
    for (const dx of [-1, 0, 1]) for (const dy of [-1, 0, 1]) taken.add(`${px + dx} ${py + dy}`);
    room--;
    return true;
  });
  await ask(shown.map((at) => data.rows[at]));
  const there = new Map([...overlay.children].map((one) => [one.dataset.at, one]));
  overlay.replaceChildren(...shown.flatMap((at) => {
    const product = told.get(data.rows[at]);
    if (!product?.picture) return [];
    const picture = there.get(String(at)) ?? Object.assign(new Image(64, 64), { src: product.picture, alt: "" });
    Object.assign(picture.dataset, { at, x: data.x[at], y: data.y[at] });
    put(picture);
    return [picture];
  }));
}

async function ask(rows, accept = "application/json") {
  const unknown = accept === "text/csv" ? [...rows] : [...rows].filter((row) => !told.has(row)).slice(0, 200);
  if (!unknown.length) return null;
  const response = await fetch(plane.dataset.products, { method: "POST", body: new Uint32Array(unknown), headers: { Accept: accept, "Content-Type": "application/octet-stream" } });
  if (response.status === 410) return location.reload();
  if (accept === "text/csv") return response.blob();
  const { products } = await response.json();
  const byPlace = products.length === unknown.length;
  unknown.forEach((row, at) => told.set(row, byPlace ? products[at] : null)); // some may be gone
  return null;
}

function zoomAt(factor, px = canvas.clientWidth / 2, py = canvas.clientHeight / 2) {
  const [x, y] = toPlane(px, py);
  view.zoom = Math.min(Math.max(view.zoom * factor, 0.6), MOST);
  const [nowX, nowY] = toPlane(px, py);
  view.x += x - nowX;
  view.y += y - nowY;
  tip.hidden = true;
  draw();
  rest();
}

function shift(px, py) {
  view.x -= px / (half() * view.zoom);
  view.y += py / (half() * view.zoom);
  tip.hidden = true;
  draw();
  rest();
}

function nearest(px, py) {
  const [x, y] = toPlane(px, py);
  const reach = 12 / (half() * view.zoom);
  let [best, least] = [-1, reach * reach];
  for (let at = 0; at < data.count; at++) {
    const [dx, dy] = [data.x[at] - x, data.y[at] - y];
    const square = dx * dx + dy * dy;
    if (square < least) [best, least] = [at, square];
  }
  return best;
}

async function point(px, py) {
  const at = nearest(px, py);
  if (at < 0) return (tip.hidden = true);
  await ask([data.rows[at]]);
  const product = told.get(data.rows[at]);
  if (!product) return null;
  tip.replaceChildren(...(product.picture ? [Object.assign(new Image(56, 56), { src: product.picture, alt: "" })] : []));
  tip.append(Object.assign(document.createElement("b"), { textContent: product.title }), Object.assign(document.createElement("span"), { textContent: product.price }));
  tip.href = product.href;
  const [x, y] = toPixels(data.x[at], data.y[at]);
  tip.hidden = false;
  tip.style.transform = `translate(${Math.min(x + 10, canvas.clientWidth - tip.offsetWidth - 6)}px, ${Math.min(y + 10, canvas.clientHeight - tip.offsetHeight - 6)}px)`;
  return null;
}

function hands() {
  const fingers = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
    moved = 0;
    if (area.on && fingers.size === 1) area.begin(toPlane(event.offsetX, event.offsetY));
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") hover(event.offsetX, event.offsetY);
      return;
    }
    const now = [event.offsetX, event.offsetY];
    moved += Math.abs(now[0] - before[0]) + Math.abs(now[1] - before[1]);
    if (area.on && fingers.size === 1) {
      area.go(toPlane(...now));
      draw();
    } else if (fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
      zoomAt(Math.hypot(now[0] - other[0], now[1] - other[1]) / Math.max(1, Math.hypot(before[0] - other[0], before[1] - other[1])), ...other);
    } else shift(now[0] - before[0], now[1] - before[1]);
    fingers.set(event.pointerId, now);
  });
  const up = (event) => {
    if (!fingers.delete(event.pointerId)) return;
    if (area.on && !fingers.size) area.end(data);
    else if (moved < 5) point(event.offsetX, event.offsetY);
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomAt(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), event.offsetX, event.offsetY);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    const factor = { "+": 1.4, "=": 1.4, "-": 1 / 1.4 }[event.key];
    if (!step && !factor) return;
    event.preventDefault();
    if (step) shift(...step);
    else zoomAt(factor);
  });
  let hovering = 0;
  function hover(px, py) {
    clearTimeout(hovering);
    hovering = setTimeout(() => point(px, py), 90);
  }
}

function colour() {
  const names = legend[select.value];
  paint.colour(data.codes[select.value], select.value === "price");
  document.getElementById("legend").replaceChildren(...names.map((name, at) => {
    const line = document.createElement("li");
    const swatch = Object.assign(document.createElement("i"), { className: "swatch" });
    swatch.style.background = select.value === "price" ? paint.ramp(at / Math.max(names.length - 1, 1)) : paint.palette(at);
    line.append(swatch, name);
    return line;
  }));
  draw();
  rest();
}

const area = choosing({
  plane,
  told,
  ask,
  said: (count) => {
    said.textContent = plane.dataset.found.replace("{count}", count.toLocaleString());
  },
  changed: (chosen) => {
    paint.choose(chosen);
    draw();
  },
});

const answer = await fetch(plane.dataset.points);
if (answer.status === 410) location.reload();
data = read(await answer.arrayBuffer());
paint = painter(canvas, data);
if (!paint) said.textContent = plane.dataset.failed;
else {
  const at = new URLSearchParams(location.search).get("at")?.split(",").map(Number) ?? [];
  if (at.length === 3 && at.every(Number.isFinite)) Object.assign(view, { x: at[0], y: at[1], zoom: Math.min(Math.max(at[2], 0.6), MOST) });
  new ResizeObserver(() => {
    paint.size();
    draw();
    rest();
  }).observe(plane);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", colour);
  select.addEventListener("change", colour);
  document.getElementById("whole").addEventListener("click", () => {
    Object.assign(view, { x: 0, y: 0, zoom: 1 });
    draw();
    rest();
  });
  hands();
  colour();
  plane.dataset.ready = data.count;
}
