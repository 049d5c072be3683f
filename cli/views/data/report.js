"use strict";
(() => {
  const cards = [...document.querySelectorAll(".card[data-reason]")];
  const byId = (id) => document.getElementById(id);
  const root = document.documentElement;
  const store = {
    get() { try { return localStorage.getItem("g2-theme"); } catch { return null; } },
    set(value) { try { localStorage.setItem("g2-theme", value); } catch { /* a page from disk may have no storage */ } },
  };
  if (store.get()) root.dataset.theme = store.get();
  const turn = () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    store.set(root.dataset.theme);
  };
  addEventListener("beforeprint", () => cards.forEach((card) => {
    card.dataset.was = card.open ? "open" : "";
    card.open = true;
  }));
  addEventListener("afterprint", () => cards.forEach((card) => { card.open = card.dataset.was === "open"; }));
  const follow = () => {
    const card = /^#place-\d+$/.test(location.hash) && byId(location.hash.slice(1));
    if (card) { card.open = true; card.scrollIntoView(); }
  };
  addEventListener("hashchange", follow);
  follow();
  if (!cards.length) return;

  const search = byId("search"), mine = byId("mine"), count = byId("count"), nothing = byId("nothing");
  const chips = [...document.querySelectorAll(".chip")];
  byId("filter").hidden = byId("keys").hidden = false;
  const texts = new Map();
  const text = (card) => {
    if (!texts.has(card)) texts.set(card, card.textContent.toLowerCase());
    return texts.get(card);
  };
  const shown = () => cards.filter((card) => !card.hidden);
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(chips.filter((c) => c.getAttribute("aria-pressed") === "true").map((c) => c.dataset.reason));
    let number = 0;
    for (const card of cards) {
      const fits = (!wanted.size || wanted.has(card.dataset.reason)) && (!mine.checked || "mine" in card.dataset)
        && words.every((word) => text(card).includes(word));
      card.hidden = !fits;
      number += fits;
    }
    for (const section of ["places", "recompiles"]) {
      const part = byId(section);
      if (part) part.hidden = ![...part.querySelectorAll(".card")].some((card) => !card.hidden);
    }
    count.textContent = number === cards.length ? "" : `${number} of ${cards.length}`;
    nothing.hidden = number > 0;
  };
  const press = (button, on) => button.setAttribute("aria-pressed", String(on));
  const pressed = (button) => button.getAttribute("aria-pressed") === "true";
  let at = -1;
  const move = (step) => {
    const list = shown();
    if (!list.length) return;
    const from = list.indexOf(cards[at]);
    const next = list[Math.min(Math.max(from + step, 0), list.length - 1)];
    cards[at]?.classList.remove("at");
    at = cards.indexOf(next);
    next.classList.add("at");
    next.querySelector("summary").focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };
  const expand = () => {
    const button = byId("expand"), on = !pressed(button);
    press(button, on);
    for (const card of shown()) card.open = on;
  };
  const reset = () => {
    search.value = "";
    mine.checked = false;
    chips.forEach((chip) => press(chip, false));
    filter();
  };
  byId("filter").addEventListener("submit", (event) => event.preventDefault());
  search.addEventListener("input", filter);
  mine.addEventListener("change", filter);
  chips.forEach((chip) => chip.addEventListener("click", () => { press(chip, !pressed(chip)); filter(); }));
  byId("expand").addEventListener("click", expand);
  byId("theme").addEventListener("click", turn);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") { reset(); search.blur(); return; }
    if (event.target === search) return;
    const keys = {
      "/": () => search.focus(), j: () => move(1), k: () => move(-1), e: expand, t: turn,
      o: () => { if (at >= 0) cards[at].open = !cards[at].open; },
    };
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });
})();
