// Thumbs on hits are kept without loading the page anew.
document.addEventListener("submit", async (event) => {
  const form = event.target.closest(".thumbs[action='/judgements']");
  if (!form) return;
  event.preventDefault();
  const pressed = event.submitter;
  const fields = new URLSearchParams(new FormData(form, pressed));
  const response = await fetch(form.action, { method: "POST", body: fields, headers: { Accept: "application/json" } }).catch(() => null);
  if (!response?.ok) return form.submit(); // the server says what is wrong
  const said = fields.get("grade");
  for (const [at, button] of [...form.querySelectorAll("button")].entries()) {
    const own = at === 0 ? "1" : "0";
    button.setAttribute("aria-pressed", String(said === own));
    button.value = said === own ? "" : own;
  }
});
