// Comfort only: every page works without this file. Nothing is sent or changed unless the reader asks for it,
// but for the preview, which writes nothing.
(() => {
  "use strict";

  const WAIT_MS = 400; // after the last key, before a preview is asked for
  const form = document.querySelector("#choices, #subscribe");

  document.getElementById("errors")?.focus();
  if (!form) return;

  const voice = document.createElement("p"); // says to a screen reader what changed elsewhere
  voice.className = "away";
  voice.setAttribute("aria-live", "polite");
  document.body.append(voice);
  const say = (text) => { if (voice.textContent !== text) voice.textContent = text; };

  // The zone that the browser is in, while none was chosen.
  const zone = form.elements.namedItem("zone");
  const guess = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && guess && "guessZone" in form.dataset) {
    if (![...zone.options].some((option) => option.value === guess)) zone.add(new Option(guess.replaceAll("_", " "), guess));
    zone.value = guess;
    form.querySelector(".guessed").hidden = false;
  }

  // How many topics of each group are chosen.
  const groups = [...form.querySelectorAll(".group")];
  const count = () => {
    for (const group of groups) {
      const chosen = group.querySelectorAll(":checked").length;
      group.querySelector(".count").textContent = chosen ? `${chosen} chosen` : "";
    }
  };
  count();

  // Search: every word must stand in the topic's name, its line or its group's name.
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const search = form.querySelector("#find");
  const nothing = form.querySelector(".none");
  let before = null; // which groups were open when the search began
  const find = () => {
    const words = fold(search.value).split(/\s+/).filter(Boolean);
    before ??= groups.map((group) => group.open);
    let found = 0;
    groups.forEach((group, place) => {
      const name = fold(group.querySelector("summary span").textContent);
      let hits = 0;
      for (const topic of group.querySelectorAll("li")) {
        const text = `${name} ${fold(topic.textContent)}`;
        topic.hidden = !words.every((word) => text.includes(word));
        hits += !topic.hidden;
      }
      group.hidden = !hits;
      group.open = words.length ? hits > 0 : before[place] || group.querySelector(":checked") !== null;
      found += hits;
    });
    if (!words.length) before = null;
    nothing.hidden = found > 0;
    if (words.length) say(`${found} ${found === 1 ? "topic" : "topics"} found`);
  };
  if (search) {
    search.closest(".find").hidden = false;
    search.addEventListener("input", (event) => { event.stopPropagation(); find(); });
    search.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
  }

  // A field that the browser refuses must be seen, also behind a closed heading.
  form.addEventListener("invalid", (event) => {
    for (let box = event.target.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  }, true);

  // The preview of choices that are not saved yet.
  const unsaved = form.querySelector(".unsaved");
  const button = form.querySelector("[formaction]");
  let timer = 0;
  let running = null;
  const preview = async () => {
    running?.abort();
    const mine = running = new AbortController();
    const panel = document.getElementById("preview");
    panel.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(button.getAttribute("formaction"), {
        method: "POST",
        headers: { "X-Fragment": "preview" },
        body: new URLSearchParams(new FormData(form)),
        signal: mine.signal,
      });
      const text = await answer.text();
      const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("preview");
      if (!answer.ok || !fresh || mine !== running) return;
      panel.replaceChildren(...fresh.childNodes);
      say(panel.querySelector(".tally").textContent);
      // On a phone the panel is far below: the count stands beside the button.
      unsaved.textContent = `${panel.querySelector(".tally b")?.textContent ?? "No papers"}, not saved yet`;
    } catch {
      // Offline, too slow, or overtaken by a newer one: the panel stays as it is.
    } finally {
      if (mine === running) panel.removeAttribute("aria-busy");
    }
  };
  const changed = () => {
    count();
    if (!button) return;
    unsaved.hidden = false;
    clearTimeout(timer);
    timer = setTimeout(preview, WAIT_MS);
  };
  form.addEventListener("input", changed);
  button?.addEventListener("click", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    preview();
    document.getElementById("preview").scrollIntoView();
    document.getElementById("preview").focus({ preventScroll: true });
  });
})();
