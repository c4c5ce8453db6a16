// A rectangle on a photo, in thousandths of its width and height: dragged by pointer, moved and sized by arrow keys.
const WHOLE = 1000;
const LEAST = 40; // no part is narrower
const STEP = 20;

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

export function cropper(dialog, source, given, use) {
  const [image, svg, said] = ["img", "svg", "#crop-said"].map((one) => dialog.querySelector(one));
  const [shade, cut, ...corners] = svg.children;
  let [x, y, w, h] = given ? given.split(",").map(Number) : [150, 150, 700, 700];

  function draw() {
    const { width, height } = svg.getBoundingClientRect();
    const [left, top, wide, high] = [(x * width) / WHOLE, (y * height) / WHOLE, (w * width) / WHOLE, (h * height) / WHOLE];
    shade.setAttribute("d", `M0 0H${width}V${height}H0ZM${left} ${top}h${wide}v${high}h${-wide}Z`);
    for (const [name, value] of Object.entries({ x: left, y: top, width: wide, height: high })) cut.setAttribute(name, value);
    corners.forEach((corner, at) => {
      corner.setAttribute("cx", at % 2 ? left + wide : left);
      corner.setAttribute("cy", at > 1 ? top + high : top);
    });
  }

  function tell() {
    const percent = { x: x / 10, y: y / 10, w: w / 10, h: h / 10 };
    said.textContent = said.dataset.frame.replace(/\{(\w)\}/g, (_, name) => Math.round(percent[name]));
  }

  function at(event) {
    const box = svg.getBoundingClientRect();
    return [clamp(((event.clientX - box.x) / box.width) * WHOLE, 0, WHOLE), clamp(((event.clientY - box.y) / box.height) * WHOLE, 0, WHOLE)];
  }

  function span(fromX, fromY, toX, toY) {
    x = Math.round(clamp(Math.min(fromX, toX), 0, WHOLE - LEAST));
    y = Math.round(clamp(Math.min(fromY, toY), 0, WHOLE - LEAST));
    w = Math.round(clamp(Math.abs(toX - fromX), LEAST, WHOLE - x));
    h = Math.round(clamp(Math.abs(toY - fromY), LEAST, WHOLE - y));
    draw();
  }

  let drag = null;
  svg.onpointerdown = (event) => {
    const [px, py] = at(event);
    const corner = corners.indexOf(event.target);
    svg.setPointerCapture(event.pointerId);
    if (corner >= 0) {
      const [fixedX, fixedY] = [corner % 2 ? x : x + w, corner > 1 ? y : y + h];
      drag = (toX, toY) => span(fixedX, fixedY, toX, toY);
    } else if (event.target === cut) {
      const [dx, dy] = [px - x, py - y];
      drag = (toX, toY) => {
        [x, y] = [Math.round(clamp(toX - dx, 0, WHOLE - w)), Math.round(clamp(toY - dy, 0, WHOLE - h))];
        draw();
      };
    } else drag = (toX, toY) => span(px, py, toX, toY);
  };
  svg.onpointermove = (event) => drag?.(...at(event));
  svg.onpointerup = svg.onpointercancel = () => {
    drag = null;
    tell();
  };
  svg.onkeydown = (event) => {
    const [dx, dy] = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key] ?? [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    if (event.shiftKey) [w, h] = [clamp(w + dx, LEAST, WHOLE - x), clamp(h + dy, LEAST, WHOLE - y)];
    else [x, y] = [clamp(x + dx, 0, WHOLE - w), clamp(y + dy, 0, WHOLE - h)];
    draw();
    tell();
  };

  dialog.onclose = () => {
    if (dialog.returnValue === "part") use([x, y, w, h].join(","));
    if (dialog.returnValue === "whole") use("");
    dialog.returnValue = "";
  };
  image.onload = draw;
  image.src = source;
  new ResizeObserver(draw).observe(svg);
  dialog.showModal();
  svg.focus();
  draw();
}
