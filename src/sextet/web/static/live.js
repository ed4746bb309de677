// Keeps a page current: one EventSource, fragments with stable ids, and a chip that says how old the page is.
"use strict";
(() => {
  const STALE_MS = 7000; // the server speaks at least every 3 s; two silences are a coincidence, then it is stale
  const chip = document.getElementById("live-chip");
  const announcer = document.getElementById("announcer");
  const body = document.body;
  const words = JSON.parse(body.dataset.words || "{}"); // what is said here, in the language of the page
  const say = (text, values = {}) => (words[text] || text).replace(/\{(\w+)\}/g, (_, name) => values[name]);
  let heard = performance.now();
  let state = "";
  let source = null;

  const show = (name, text) => {
    if (!chip) return;
    if (chip.textContent !== text) chip.textContent = text;
    if (state === name) return;
    chip.className = `chip ${name}`;
    if (state && announcer) announcer.textContent = text; // say a change of state once, not every second
    state = name;
  };

  const busy = (element) => {
    const focused = document.activeElement;
    return element.contains(focused) && focused.matches("input, select, textarea, button, a, summary");
  };

  const replace = (id, html) => {
    const old = document.getElementById(id);
    if (!old) return;
    if (old.querySelector("form input:not([type=hidden]), form select, form textarea")) return; // never under somebody's hands
    if (busy(old)) { // focus is kept by waiting: the fragment comes again when the user has moved on
      old.addEventListener("focusout", () => setTimeout(() => replace(id, html), 0), { once: true });
      return;
    }
    const open = [...old.querySelectorAll("details[id][open]")].map((details) => details.id);
    const scroll = [...old.querySelectorAll(".table")].map((table) => table.scrollLeft);
    const ticked = new Set([...old.querySelectorAll("input[type=checkbox]:checked")].map((box) => box.name));
    old.innerHTML = html; // rendered and escaped by the same templates as the page
    old.querySelectorAll("input[type=checkbox]").forEach((box) => { box.checked = ticked.has(box.name); });
    document.dispatchEvent(new Event("change"));
    open.forEach((name) => document.getElementById(name)?.setAttribute("open", ""));
    old.querySelectorAll(".table").forEach((table, index) => { table.scrollLeft = scroll[index] || 0; });
  };

  const connect = () => {
    source = new EventSource(`/events?page=${encodeURIComponent(location.pathname + location.search)}`);
    const alive = () => { heard = performance.now(); show("live", say("Live")); };
    source.addEventListener("tick", alive);
    source.addEventListener("fragment", (event) => {
      alive();
      const { id, html } = JSON.parse(event.data);
      replace(id, html);
    });
    source.addEventListener("bye", (event) => {
      source.close();
      if (event.data === "login") { show("stale", say("Logged out")); return; }
      show("reconnecting", say("Peer restarting"));
      setTimeout(connect, 2000);
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) { show("reconnecting", say("Reconnecting")); setTimeout(connect, 3000); }
    });
  };

  const watch = () => {
    if (document.hidden) return;
    const silent = performance.now() - heard;
    if (state === "stale" && !source) return;
    if (silent > STALE_MS) show("stale", say("Stale {n} s", { n: Math.round(silent / 1000) }));
    else if (source && source.readyState !== EventSource.OPEN && state !== "reconnecting") show("reconnecting", say("Reconnecting"));
    body.classList.toggle("stale", silent > STALE_MS);
  };

  const returning = async () => { // the restart page: wait until another instance answers, or this one clearly stayed
    const { instance, back } = body.dataset;
    let answers = 0;
    for (;;) {
      await new Promise((done) => setTimeout(done, 1000));
      try {
        const answer = await fetch("/livez", { cache: "no-store" });
        const now = (await answer.text()).trim().split(" ").pop();
        answers = answer.ok ? answers + 1 : 0;
        if (answer.ok && (now !== instance || answers > 8)) { location.replace(back); return; }
      } catch { answers = 0; }
    }
  };

  const fitting = () => { // a form shows what counts; without this script it shows everything
    document.querySelectorAll("[data-when]").forEach((field) => {
      const chosen = document.getElementById(`f-${field.dataset.when}`);
      if (!chosen) return;
      const beside = chosen.closest("[data-when]"); // what depends on a field that does not count, does not count
      field.hidden = Boolean(beside && beside.hidden) || !field.dataset.values.split("|").includes(chosen.value);
    });
  };
  document.addEventListener("change", fitting);
  fitting();

  const finding = () => { // the menu's search; without this script there is none, and every part still opens
    const box = document.getElementById("menu-find");
    if (!box) return;
    const parts = [...document.querySelectorAll(".menu .part")];
    const atFirst = parts.map((part) => part.open);
    box.hidden = false;
    const input = box.querySelector("input");
    input.addEventListener("input", () => {
      const words = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
      let found = 0;
      parts.forEach((part, index) => {
        const lines = [...part.querySelectorAll("li")];
        const name = part.querySelector("h2").textContent;
        let here = 0;
        let heading = null; // shown with the first page below it that is
        lines.forEach((line) => {
          const link = line.querySelector("a");
          if (!link) { heading = line; line.hidden = words.length > 0; return; }
          if (!link.classList.contains("sub")) heading = null;
          const text = `${name} ${link.textContent}`.toLowerCase();
          line.hidden = !words.every((word) => text.includes(word));
          if (line.hidden) return;
          here += 1;
          if (heading) heading.hidden = false;
        });
        part.hidden = here === 0;
        part.open = words.length ? here > 0 : atFirst[index];
        found += here;
      });
      document.getElementById("menu-none").hidden = found > 0;
    });
    input.addEventListener("keydown", (event) => {
      const link = event.key === "Enter" && document.querySelector(".menu .part:not([hidden]) li:not([hidden]) a");
      if (link && input.value.trim()) link.click();
    });
    document.querySelector(".menu [aria-current]")?.scrollIntoView({ block: "nearest" });
  };
  finding();

  const ticking = () => { // every box of a form at once; without this script each is ticked by itself
    const label = document.querySelector("[data-tick-all]");
    if (!label) return;
    label.hidden = false;
    const all = label.querySelector("input");
    const boxes = () => [...all.form.elements].filter((box) => box.type === "checkbox" && box !== all && !box.disabled);
    all.addEventListener("change", () => boxes().forEach((box) => { box.checked = all.checked; }));
    document.addEventListener("change", () => { all.checked = boxes().length > 0 && boxes().every((box) => box.checked); });
  };
  ticking();

  const first = document.querySelector("[data-problems]");
  if (first) first.focus();
  if (body.dataset.instance) returning();
  else if (body.dataset.live !== undefined && window.EventSource) {
    connect();
    setInterval(watch, 1000);
    document.addEventListener("visibilitychange", () => { // a browser has six connections to a peer: hidden pages need none
      source.close();
      if (!document.hidden) { heard = performance.now(); connect(); }
    });
  }
})();
