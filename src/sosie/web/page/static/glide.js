// New answers in place of old ones: cards that stay glide to their new places, with the pictures they have.
const quiet = matchMedia("(prefers-reduced-motion: reduce)");

function cards(root) {
  return new Map([...root.querySelectorAll("li[data-id]")].map((card) => [card.dataset.id, card]));
}

export function glide(old, fresh) {
  const before = cards(old);
  const places = new Map([...before].map(([id, card]) => [id, card.getBoundingClientRect()]));
  for (const [id, card] of cards(fresh)) {
    const [had, has] = [before.get(id)?.querySelector(".frame img"), card.querySelector(".frame img")];
    if (had && has && had.getAttribute("src") === has.getAttribute("src")) has.replaceWith(had); // no flicker
  }
  old.replaceWith(fresh);
  if (quiet.matches || !fresh.animate) return;
  for (const [id, card] of cards(fresh)) {
    const [from, to] = [places.get(id), card.getBoundingClientRect()];
    if (!from) card.animate([{ opacity: 0 }, { opacity: 1 }], 180);
    else if (from.x !== to.x || from.y !== to.y)
      card.animate([{ transform: `translate(${from.x - to.x}px, ${from.y - to.y}px)` }, { transform: "none" }], { duration: 260, easing: "cubic-bezier(.2, .7, .2, 1)" });
  }
}
