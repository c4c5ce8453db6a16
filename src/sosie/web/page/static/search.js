// Search without loading the page anew: the address stays the state, the server renders every answer.
import { choosePhotos } from "./photo.js";
import { glide } from "./glide.js";
import "./thumbs.js";

const form = document.getElementById("ask");
const main = document.getElementById("main");
let asking = null; // of the question under way: a newer one ends it
let waiting = 0;

function addressOfForm() {
  const pairs = [...new FormData(form)].filter(([name, value]) => {
    if (value === "") return false;
    const input = form.elements[name];
    return !(input instanceof HTMLInputElement && input.type === "range" && Number(input.value) === Number(input.dataset.default));
  });
  const query = new URLSearchParams(pairs).toString();
  return query ? `/?${query}` : "/";
}

async function show(address, { push = true, keep = null } = {}) {
  asking?.abort();
  const mine = (asking = new AbortController());
  const busy = setTimeout(() => document.getElementById("answers").setAttribute("aria-busy", "true"), 180);
  try {
    const response = await fetch(`${address}${address.includes("?") ? "&" : "?"}part`, { signal: mine.signal, headers: { Accept: "text/html" } });
    const text = await response.text();
    if (mine.signal.aborted) return;
    const fresh = new DOMParser().parseFromString(text, "text/html");
    if (push) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    put(fresh, keep);
  } catch (error) {
    if (error.name !== "AbortError") location.assign(address); // the server says what is wrong, as a page
  } finally {
    clearTimeout(busy);
    if (asking === mine) asking = null;
  }
}

function put(fresh, keep) {
  document.querySelector(".welcome")?.remove();
  document.querySelector(".columns").classList.remove("bare");
  for (const id of ["chips", "kept", "sliders", "facets"]) {
    const [old, now] = [document.getElementById(id), fresh.getElementById(id)];
    if (!old || !now) continue;
    if (id === "sliders" && keep?.type === "range") marks(old, now);
    else if (!(id === "facets" && old.contains(keep))) {
      const open = [...old.querySelectorAll("details")].map((one) => one.open);
      old.replaceWith(now);
      if (id !== "facets") continue;
      now.querySelectorAll("details").forEach((one, at) => (one.open ||= open[at] ?? false));
    }
  }
  glide(document.getElementById("answers"), fresh.getElementById("answers"));
}

// While a slider is held its siblings stay; only which of them the question speaks to is told anew.
function marks(old, now) {
  const fresh = [...now.querySelectorAll(".slide")];
  [...old.querySelectorAll(".slide")].forEach((one, at) => (one.className = fresh[at]?.className ?? one.className));
}

function soon(keep, delay, push) {
  clearTimeout(waiting);
  waiting = setTimeout(() => show(addressOfForm(), { keep, push }), delay);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(waiting);
  show(addressOfForm());
});
main.addEventListener("input", ({ target }) => {
  if (target.form !== form) return;
  if (target.type === "range") {
    target.parentElement.querySelector("output").value = Number(target.value).toFixed(2);
    soon(target, 60, false);
  } else if (target.type === "number") soon(target, 400, false);
});
main.addEventListener("change", ({ target }) => {
  if (target.form === form && target.name === "where") soon(target, 0, true);
});
main.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-ask]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  const words = new URL(link.href).searchParams.get("text") ?? "";
  form.elements.text.value = words;
  const where = link.closest("#answers") ? "answers" : link.closest("#facets") ? "facets" : "chips";
  const label = link.textContent.trim();
  show(link.getAttribute("href")).then(() => refocus(where, label));
});

// What was clicked may be gone: the focus goes to its successor, or to the answers' heading.
function refocus(where, label) {
  if (document.activeElement !== document.body) return;
  const links = [...document.querySelectorAll(`#${where} a[data-ask]`)];
  const same = where === "facets" && links.find((one) => one.textContent.trim().split(/\s/)[0] === label.split(/\s/)[0]);
  const told = document.getElementById("told");
  if (same) same.focus({ preventScroll: true });
  else if (told) {
    told.tabIndex = -1;
    told.focus({ preventScroll: true });
  }
}

window.addEventListener("popstate", () => {
  if (![...new URLSearchParams(location.search).keys()].some((name) => name !== "lang")) return location.reload(); // the welcome
  form.elements.text.value = new URLSearchParams(location.search).get("text") ?? "";
  show(location.pathname + location.search, { push: false });
});

choosePhotos(main, (picture, crop = "") => {
  const query = new URLSearchParams(addressOfForm().split("?")[1] ?? "");
  for (const name of ["picture", "crop", "limit"]) query.delete(name);
  query.set("picture", picture);
  if (crop) query.set("crop", crop);
  return show(`/?${query}`);
});
