// An area drawn by hand, the products in it as a list, the list as a file.
const SHOWN = 60;

export function choosing({ plane, told, ask, said, changed }) {
  const button = document.getElementById("lasso");
  const [list, count, lines] = [document.getElementById("list"), document.getElementById("list-count"), document.querySelector("#list .lines")];
  const path = plane.querySelector(".drawn path");
  let edge = [];
  let rows = [];
  const area = { on: false, begin, go, end, draw };

  function set(on) {
    area.on = on;
    button.setAttribute("aria-pressed", String(on));
    plane.classList.toggle("choosing", on);
  }

  function begin(point) {
    edge = [point];
  }

  function go(point) {
    edge.push(point);
  }

  function draw(toPixels) {
    path.setAttribute("d", edge.length > 1 ? `M${edge.map(([x, y]) => toPixels(x, y).map((one) => one.toFixed(1)).join(" ")).join("L")}Z` : "");
  }

  // A point is inside where a ray from it crosses the edge an odd number of times.
  function inside(x, y) {
    let odd = false;
    for (let at = 0, last = edge.length - 1; at < edge.length; last = at++) {
      const [[ax, ay], [bx, by]] = [edge[at], edge[last]];
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
    }
    return odd;
  }

  async function end(data) {
    set(false);
    const [xs, ys] = [0, 1].map((axis) => edge.map((point) => point[axis]));
    const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const chosen = [];
    for (let at = 0; at < data.count; at++) {
      const [x, y] = [data.x[at], data.y[at]];
      if (x >= left && x <= right && y >= low && y <= high && inside(x, y)) chosen.push(at);
    }
    rows = chosen.map((at) => data.rows[at]);
    changed(chosen);
    said(rows.length);
    list.hidden = !rows.length;
    count.textContent = plane.dataset.found.replace("{count}", rows.length.toLocaleString());
    await ask(rows.slice(0, SHOWN));
    lines.replaceChildren(...rows.slice(0, SHOWN).flatMap((row) => {
      const product = told.get(row);
      if (!product) return [];
      const line = document.createElement("li");
      const link = Object.assign(document.createElement("a"), { href: product.href });
      if (product.picture) link.append(Object.assign(new Image(40, 40), { src: product.picture, alt: "", loading: "lazy" }));
      link.append(Object.assign(document.createElement("span"), { textContent: product.title }));
      line.append(link);
      return [line];
    }));
  }

  button.addEventListener("click", () => set(!area.on));
  document.getElementById("drop-list").addEventListener("click", () => {
    [edge, rows] = [[], []];
    list.hidden = true;
    said(0);
    changed([]);
  });
  document.getElementById("export").addEventListener("click", async () => {
    const file = await ask(rows, "text/csv");
    if (!file) return;
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: "products.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
  return area;
}
