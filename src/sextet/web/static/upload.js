// Sends a large file in pieces and shows how far it is; without this script the form sends it whole.
"use strict";
(() => {
  const PIECE = 512 * 1024; // bytes: one of them is here within the server's 15 s also over a slow line
  const PATIENCE = 20; // times that a lost connection is tried again, a second apart
  const form = document.querySelector("form[data-pieces]");
  if (!form) return;
  const bar = form.querySelector("progress");
  const words = form.querySelector("[role=status]");
  const button = form.querySelector("button");
  const texts = JSON.parse(document.body.dataset.words || "{}"); // what is said here, in the language of the page
  const say = (text, values = {}) => (texts[text] || text).replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const pause = () => new Promise((done) => setTimeout(done, 1000));

  const post = async (file, at) => {
    const data = new FormData();
    data.set("csrf", form.elements.csrf.value);
    data.set("at", String(at));
    data.set("file", file.slice(at, at + PIECE), file.name);
    for (let tries = 0; ; tries += 1) {
      try {
        const answer = await fetch(form.dataset.pieces, { method: "POST", body: data });
        const said = await answer.json();
        // An answer that was lost on its way: the piece is here all the same.
        if (answer.ok || (tries && said.received === Math.min(at + PIECE, file.size))) return said.received;
        throw Object.assign(new Error(said.problem || say("This peer did not take it.")), { refused: true });
      } catch (problem) {
        if (problem.refused || tries >= PATIENCE) throw problem;
        words.textContent = say("The connection was lost; trying again.");
        await pause();
      }
    }
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const file = form.elements.file.files[0];
    if (!file) { words.textContent = say("Choose a package first."); return; }
    button.disabled = true;
    bar.hidden = false;
    bar.max = file.size;
    try {
      for (let at = 0; at < file.size || at === 0;) {
        at = await post(file, at);
        bar.value = at;
        words.textContent = say("{n} % of {size} MB", { n: Math.floor((100 * at) / file.size), size: (file.size / 1048576).toFixed(1) });
        if (!file.size) break;
      }
      words.textContent = say("Uploaded; it is being read.");
      const finish = document.getElementById("finish");
      finish.elements.sha256.value = form.elements.sha256.value;
      finish.submit();
    } catch (problem) {
      words.textContent = problem.refused ? problem.message : say("It was not uploaded: {problem}", { problem: problem.message });
      button.disabled = false;
    }
  });
})();
