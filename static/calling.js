// What rings: the seconds that are left, sound, a notification for a hidden window, the title.
// And what an agent types during a call, kept until the call is finished.
(() => {
  "use strict";
  const title = document.title;
  const ringing = () => document.querySelector("[data-rings]");
  let told = null;

  // --- sound: two soft tones, made here, so that there is no file to load --------------------
  let audio = null;
  const beep = (frequency, from, seconds) => {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.0001, audio.currentTime + from);
    volume.gain.exponentialRampToValueAtTime(0.2, audio.currentTime + from + 0.03);
    volume.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + from + seconds);
    tone.connect(volume).connect(audio.destination);
    tone.start(audio.currentTime + from);
    tone.stop(audio.currentTime + from + seconds);
  };
  const isMuted = () => localStorage.getItem("sound") === "off";
  const sound = () => {
    if (isMuted()) return;
    audio ??= new AudioContext();
    audio.resume().then(() => { beep(660, 0, 0.25); beep(880, 0.28, 0.35); }, () => {});
  };

  // --- once a second while something rings ----------------------------------------------------
  let shownAt = performance.now();
  let beats = 0;
  const tick = () => {
    const offer = ringing();
    if (!offer) {
      if (told) { told = null; document.title = title; }
      return;
    }
    const text = offer.querySelector("[data-counts-down]");
    const left = Math.max(0, Math.round(Number(text.dataset.countsDown) - (performance.now() - shownAt) / 1000));
    text.textContent = left;
    if (told !== offer.dataset.rings) {
      told = offer.dataset.rings;
      beats = 0;
      tell(offer);
      offer.querySelector("button")?.focus({ preventScroll: true });
    }
    document.title = beats % 2 ? title : `☎ ${offer.dataset.title}`;
    if (beats++ % 3 === 0) sound();
  };
  setInterval(tick, 1000);

  const canNotify = () => "Notification" in window && window.isSecureContext;
  const tell = (offer) => {
    if (!document.hidden || !canNotify() || Notification.permission !== "granted") return;
    const note = new Notification("A callback for you", { body: offer.dataset.title, tag: offer.dataset.rings });
    note.onclick = () => { window.focus(); note.close(); };
  };
  const offerToAsk = () => document.querySelectorAll("[data-asks-for-notifications]").forEach((place) => {
    place.hidden = !canNotify() || Notification.permission !== "default";
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-asks-for-notifications] button")) Notification.requestPermission().then(offerToAsk);
    const mute = event.target.closest("[data-sound]");
    if (mute) { localStorage.setItem("sound", isMuted() ? "on" : "off"); showSound(); }
  });
  const showSound = () => document.querySelectorAll("[data-sound]").forEach((button) => {
    button.hidden = false;
    button.setAttribute("aria-pressed", String(!isMuted()));
  });

  // --- reminders come by themselves -------------------------------------------------------------
  let reminder = 0;
  const remind = () => {
    clearTimeout(reminder);
    const seconds = Number(document.getElementById("now")?.dataset.remindIn);
    if (seconds > 0 && seconds < 86400) reminder = setTimeout(() => htmx.trigger("#now", "refresh"), seconds * 1000);
  };

  // --- what is typed during a call survives whatever happens to the window ----------------------
  const kept = (form) => `wrap-up ${form.dataset.keeps}`;
  const restore = () => {
    const form = document.querySelector("[data-keeps]");
    if (!form || form.dataset.restored) return;
    form.dataset.restored = "yes";
    const fields = JSON.parse(localStorage.getItem(kept(form)) ?? "{}");
    for (const [name, value] of Object.entries(fields)) {
      const field = form.elements.namedItem(name);
      if (field && !field.value) field.value = value;
      if (value && field?.closest?.("details")) field.closest("details").open = true;
    }
  };
  document.addEventListener("input", (event) => {
    const form = event.target.closest("[data-keeps]");
    if (!form) return;
    const fields = {};
    for (const name of ["outcome", "notes", "task"]) fields[name] = form.elements.namedItem(name)?.value ?? "";
    localStorage.setItem(kept(form), JSON.stringify(fields));
  });
  const forget = () => {
    const open = document.querySelector("[data-keeps]");
    for (const name of Object.keys(localStorage)) {
      if (name.startsWith("wrap-up ") && (!open || name !== kept(open))) localStorage.removeItem(name);
    }
  };

  const arrived = () => { shownAt = performance.now(); tick(); offerToAsk(); remind(); restore(); };
  document.addEventListener("DOMContentLoaded", () => { arrived(); showSound(); if (document.querySelector("#now.large")) forget(); });
  document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target.id === "now") arrived(); });
  // An answer changes more than the place that it was given in.
  document.addEventListener("live:mine", () => document.querySelectorAll("[data-live~=mine]").forEach((element) => htmx.trigger(element, "refresh")));
})();
