// <sosie-similar product="sku-1" key="sosie_…" limit="8"></sosie-similar>: look-alikes of a product, from any page.
(() => {
  if (customElements.get("sosie-similar")) return;
  const HOME = document.currentScript?.src ?? location.href; // the service that this script came from
  const ASKED = ["limit", "where", "weights", "category", "diversity"]; // attributes that the question takes over
  const HEADING = { en: "Similar products", zh: "相似商品" };
  const WIDTHS = [160, 320, 640];

  const style = new CSSStyleSheet(); // not an inline style: a page's content security policy lets it through
  style.replaceSync(`
    :host { display: block; color: var(--sosie-color, inherit); font: var(--sosie-font, inherit); }
    :host([hidden]) { display: none; }
    h2 { margin: 0 0 .75em; font: inherit; font-size: var(--sosie-heading-size, 1.25em); font-weight: 600; }
    ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(var(--sosie-width, 9em), 1fr));
      gap: var(--sosie-gap, 1em); margin: 0; padding: 0; list-style: none; }
    .card { display: block; width: 100%; padding: 0; border: 0; background: none; color: inherit; font: inherit;
      text-align: start; text-decoration: none; cursor: pointer; border-radius: var(--sosie-radius, .375em); }
    .card:focus-visible { outline: .15em solid var(--sosie-accent, currentColor); outline-offset: .2em; }
    .card:hover .title { text-decoration: underline; }
    .picture { display: block; width: 100%; height: auto; aspect-ratio: var(--sosie-ratio, 1); object-fit: cover;
      border-radius: var(--sosie-radius, .375em); background: var(--sosie-empty, rgb(127 127 127 / .12)); }
    .title { display: -webkit-box; overflow: hidden; margin-top: .5em; -webkit-box-orient: vertical;
      -webkit-line-clamp: 2; overflow-wrap: anywhere; }
    .price { display: block; margin-top: .25em; font-weight: 600; }
  `);

  const made = (name, part, more = {}) => Object.assign(document.createElement(name), { className: part, part }, more);

  class Similar extends HTMLElement {
    static observedAttributes = ["product", "key", "service", "heading", "link", "lang", ...ASKED];
    #root = this.attachShadow({ mode: "open" });
    #asking; // stops an answer that nobody waits for any more
    #seen; // tells when the place comes near the window
    #near = false;
    #addresses = []; // of pictures held in memory

    constructor() {
      super();
      this.#root.adoptedStyleSheets = [style];
    }

    connectedCallback() {
      this.#seen = new IntersectionObserver(
        (entries) => {
          if (!entries.some((one) => one.isIntersecting)) return;
          this.#seen.disconnect();
          this.#near = true;
          this.#load();
        },
        { rootMargin: "400px" },
      );
      this.#seen.observe(this);
    }

    disconnectedCallback() {
      this.#seen.disconnect();
      this.#near = false;
      this.#clear();
    }

    attributeChangedCallback(name, before, now) {
      if (before !== now && this.#near) queueMicrotask(() => this.#load());
    }

    async #load() {
      this.#asking?.abort();
      const { signal } = (this.#asking = new AbortController());
      const id = this.getAttribute("product");
      if (!id || !this.isConnected) return this.#clear();
      const asked = ASKED.filter((name) => this.hasAttribute(name)).map((name) => [name, this.getAttribute(name)]);
      const query = new URLSearchParams([["limit", 8], ...asked].filter(([name], at) => at || !this.hasAttribute(name)));
      try {
        const answer = await this.#get(`v1/products/${encodeURIComponent(id)}/similar?${query}`, signal);
        const told = await answer.json();
        if (!answer.ok) throw new Error(told.detail);
        if (!signal.aborted) this.#show(told.hits, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#clear();
        console.warn(`sosie-similar: ${error.message}`); // a shop's page goes on without it
      }
    }

    #get(path, signal) {
      const key = this.getAttribute("key");
      return fetch(this.#address(path), { signal, headers: key ? { Authorization: `Bearer ${key}` } : {} });
    }

    #address(path) {
      return new URL(path.replace(/^\//, ""), this.getAttribute("service") ?? HOME).href;
    }

    #clear() {
      this.#asking?.abort();
      this.#root.replaceChildren();
      this.#addresses.splice(0).forEach((one) => URL.revokeObjectURL(one));
    }

    #show(hits, signal) {
      this.#root.replaceChildren();
      this.#addresses.splice(0).forEach((one) => URL.revokeObjectURL(one));
      if (!hits.length) return;
      const lang = this.closest("[lang]")?.lang || navigator.language;
      const heading = made("h2", "heading", { id: "heading" });
      heading.textContent = this.getAttribute("heading") ?? HEADING[lang.slice(0, 2)] ?? HEADING.en;
      const list = made("ul", "list");
      list.setAttribute("role", "list"); // which some screen readers drop where a list has no bullets
      list.append(...hits.map((hit) => this.#item(hit, lang, signal)));
      const section = made("section", "section");
      section.setAttribute("aria-labelledby", "heading");
      section.append(heading, list);
      this.#root.append(section);
    }

    #item(hit, lang, signal) {
      const href = this.#link(hit);
      const card = href ? made("a", "card", { href }) : made("button", "card", { type: "button" });
      card.addEventListener("click", (event) => {
        const chosen = { detail: hit, bubbles: true, composed: true, cancelable: true };
        if (!this.dispatchEvent(new CustomEvent("sosie-select", chosen))) event.preventDefault();
      });
      const picture = made("img", "picture", { alt: "", width: 320, height: 320, decoding: "async" });
      if (hit.images.length) this.#picture(picture, hit.images[0].split("?")[0], signal);
      card.append(hit.images.length ? picture : made("span", "picture"));
      card.append(made("span", "title", { textContent: hit.title || hit.id }));
      if (hit.price !== null) card.append(made("span", "price", { textContent: price(hit, lang) }));
      const item = made("li", "item");
      item.append(card);
      return item;
    }

    #link(hit) {
      const template = this.getAttribute("link"); // such as /products/{id}
      const told = template ? template.replaceAll("{id}", encodeURIComponent(hit.id)) : hit.url;
      const url = told && URL.canParse(told, document.baseURI) ? new URL(told, document.baseURI) : null;
      return url && /^https?:$/.test(url.protocol) ? url.href : "";
    }

    async #picture(picture, path, signal) {
      if (!this.hasAttribute("key")) {
        const at = (width) => `${this.#address(path)}?w=${width}`;
        picture.sizes = "12em";
        picture.srcset = WIDTHS.map((width) => `${at(width)} ${width}w`).join(", ");
        picture.src = at(320);
        return;
      }
      try { // an <img> can't show a key
        const answer = await this.#get(`${path}?w=320`, signal);
        if (!answer.ok) return;
        picture.src = URL.createObjectURL(await answer.blob());
        this.#addresses.push(picture.src);
      } catch {
        return; // the place stays empty
      }
    }
  }

  const price = ({ price, currency }, lang) => {
    try {
      return new Intl.NumberFormat(lang, currency ? { style: "currency", currency } : {}).format(price);
    } catch {
      return `${price} ${currency}`;
    }
  };

  customElements.define("sosie-similar", Similar);
})();
