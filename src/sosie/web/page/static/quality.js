// Both sides are answered anew while a slider moves; older answers are dropped.
const form = document.getElementById("twice");
let asking = null;
let waiting = 0;

function address() {
  const pairs = [...new FormData(form)].filter(([name, value]) => {
    const input = form.elements[name];
    return value !== "" && !(input.type === "range" && Number(input.value) === Number(input.dataset.default));
  });
  return `/quality?${new URLSearchParams(pairs)}`;
}

async function show() {
  asking?.abort();
  const mine = (asking = new AbortController());
  try {
    const response = await fetch(address(), { signal: mine.signal, headers: { Accept: "text/html" } });
    if (!response.ok) return location.assign(address());
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    if (mine.signal.aborted) return null;
    history.replaceState(null, "", address());
    for (const id of ["hits-a", "hits-b", "both"]) document.getElementById(id).replaceWith(fresh.getElementById(id));
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
  return null;
}

form.addEventListener("input", ({ target }) => {
  if (target.type !== "range") return;
  target.parentElement.querySelector("output").value = Number(target.value).toFixed(2);
  clearTimeout(waiting);
  waiting = setTimeout(show, 80);
});
form.addEventListener("change", ({ target }) => {
  if (target.tagName === "SELECT") location.assign(address()); // another state may have other signals
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  location.assign(address());
});
