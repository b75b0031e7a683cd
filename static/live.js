// Live screens. An element says what it shows, and how it is asked for anew:
//
//   data-live="mine"                what concerns the person themselves
//   data-live="engine"              whether clock and worker are heard
//   data-live="queue"               what concerns their queues; "mine queue" for both
//   data-live-callback="<id>"       one callback
//   hx-get="…" hx-trigger="refresh" fetches it; live.js fires the event
//   data-live-shows                 instead of being fetched, it is only shown: "may have changed"
//
// Give it an id or an address of its own: it is the same element after it was swapped. It is never
// refreshed while it holds what somebody typed; until then it carries data-stale.
(() => {
  "use strict";
  const LIVE = "[data-live], [data-live-callback]";
  const KINDS = ["mine", "queue", "engine", "resync", "ping"];
  const SECOND = 1000;
  const SILENT_AFTER = 25 * SECOND; // two pings were missed
  const POLL_EVERY = 20 * SECOND;
  const LONGEST_PAUSE = 30 * SECOND;
  const REMEMBERED_FOR = 30 * SECOND;
  const all = (selector) => [...document.querySelectorAll(selector)];

  // --- refreshing ------------------------------------------------------------------------------

  const kept = new Map(); // key of an element → when it was and will be refreshed
  const keyOf = (element) => element.id || element.getAttribute("hx-get") || "";
  const find = (key) => all(LIVE).find((element) => keyOf(element) === key);
  const isQuick = (element) => "liveCallback" in element.dataset || element.dataset.live.split(" ").includes("mine");
  const concerns = (element, kind, data) => {
    if (element.dataset.liveCallback && element.dataset.liveCallback === data.callback) return true;
    return (element.dataset.live || "").split(" ").includes(kind);
  };
  const wasTyped = (field) => {
    if (field.type === "hidden" || field.disabled) return false;
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.options) return [...field.options].some((option) => option.selected !== option.defaultSelected) && field.contains(document.activeElement);
    return field.value !== field.defaultValue;
  };
  const holdsTyping = (element) => [...element.querySelectorAll("input, textarea, select")].some(wasTyped);

  // What concerns the person comes at once, then at most twice a second. What concerns a queue comes
  // to many at the same moment: a little apart, and every two to three seconds at most. Whoever is
  // told while a refresh is planned gets that one; the last one is never left out.
  const ask = (element, isUrgent, { within = 0, about = "" } = {}) => {
    const key = keyOf(element);
    const state = kept.get(key) || { last: 0, timer: 0, at: 0, since: 0, again: false, about: "" };
    kept.set(key, state);
    // What concerns both the person and their queue is told as both.
    if (about && state.about === about) return;
    state.about = about;
    const now = Date.now();
    const gap = isUrgent ? 500 : 2000 + Math.random() * SECOND;
    const soon = Math.random() * (isUrgent ? within : within + 300);
    const at = Math.max(now + soon, state.last + gap);
    if (state.timer && state.at <= at) return;
    clearTimeout(state.timer);
    state.timer = 0;
    // No timer where none is needed: those of a hidden tab may be held back for a minute.
    if (at <= now) { refresh(key, isUrgent); return; }
    state.at = at;
    state.timer = setTimeout(() => { state.timer = 0; refresh(key, isUrgent); }, at - now);
  };
  const refresh = (key, isUrgent) => {
    const state = kept.get(key);
    const element = find(key);
    if (!element) { kept.delete(key); return; }
    state.last = Date.now();
    if ("liveShows" in element.dataset) { element.hidden = false; return; }
    if (state.since && Date.now() - state.since < LONGEST_PAUSE) { state.again = true; return; }
    if (holdsTyping(element) || (document.hidden && !isUrgent)) { element.dataset.stale = ""; return; }
    delete element.dataset.stale;
    state.since = Date.now();
    // Not to those around it: one within another is asked for by itself.
    element.dispatchEvent(new CustomEvent("refresh"));
  };
  const askForAll = (within) => all(LIVE).forEach((element) => ask(element, isQuick(element), { within }));
  const askForStale = () => all("[data-stale]").forEach((element) => ask(element, true));

  // The request of an element of ours: where it came from, also when it was swapped meanwhile.
  const ours = (event) => {
    const asked = event.detail.requestConfig;
    return asked?.triggeringEvent?.type === "refresh" && asked.elt.matches(LIVE) ? asked.elt : null;
  };
  document.addEventListener("htmx:afterRequest", (event) => {
    const element = ours(event);
    if (element) {
      const state = kept.get(keyOf(element));
      if (event.detail.successful) seen();
      if (!state) return;
      state.since = 0;
      const present = state.again && find(keyOf(element));
      state.again = false;
      if (present) ask(present, isQuick(present));
    } else setTimeout(askForStale, 0);
  });
  document.addEventListener("focusout", () => setTimeout(askForStale, 0));
  document.addEventListener("reset", () => setTimeout(askForStale, 0));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { askForStale(); tick(); } });

  // Nobody asked for it, so nobody is told when it fails: the light says it. Only what is gone is
  // told, and not asked for again.
  for (const name of ["htmx:sendError", "htmx:responseError"]) {
    document.addEventListener(name, (event) => {
      const element = ours(event);
      if (!element) return;
      if (event.detail.xhr.status === 404) {
        delete element.dataset.live;
        delete element.dataset.liveCallback;
      } else event.stopImmediatePropagation();
    }, true);
  }
  // Logged out elsewhere: an answer that leads to the log-in must not take away what is being typed.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    if (ours(event) && event.detail.xhr.getResponseHeader("HX-Redirect") && holdsTyping(document)) event.preventDefault();
  });

  // Whoever is on a link or a button with the keyboard stays on it, when its like is there again.
  const likeness = (element) => [element.tagName, element.id, element.name, element.getAttribute("href"), element.closest("form")?.getAttribute("action"), element.textContent.trim()].join("\n");
  let focused = "";
  document.addEventListener("htmx:beforeSwap", (event) => {
    const [element, active] = [ours(event), document.activeElement];
    if (element && element !== active && element.contains(active)) focused = likeness(active);
    // On nothing while the swap before this one settles: that one's focus is still to be given back.
    else if (active !== document.body) focused = "";
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (!focused || document.activeElement !== document.body) return;
    all("main a, main button, main summary, main input, main select, main textarea").find((element) => likeness(element) === focused)?.focus({ preventScroll: true });
    focused = "";
  });

  // --- one stream for all tabs -----------------------------------------------------------------

  const channel = window.BroadcastChannel ? new BroadcastChannel("ringback live") : null;
  const tabsShare = Boolean(channel && navigator.locks);
  let since = Number(document.body.dataset.arrivedAt) || 0; // the server's clock: heard or seen up to then
  let recent = []; // what this tab heard of the server, for tabs that open a moment later
  let source = null;
  let isLeading = !tabsShare;
  let leaderHeardAt = Date.now();
  let isLive = false;
  let pause = SECOND;
  let retry = 0;
  let signAt = Date.now(); // the last sign of life: a ping, an event, or a refresh that came back

  const seen = () => { signAt = Date.now(); show(); };
  const say = (message) => { if (tabsShare) channel.postMessage(message); };
  const setLive = (value) => {
    if (isLive !== value) { isLive = value; polledAt = Date.now(); show(); }
    if (isLeading) say({ isLive });
  };
  const heard = (kind, data, id) => {
    since = Math.max(since, id);
    seen();
    if (kind === "ping") return;
    if (kind === "resync") askForAll(2 * SECOND);
    else all(LIVE).filter((element) => concerns(element, kind, data)).forEach((element) => {
      ask(element, kind === "mine" || element.dataset.liveCallback === data.callback, { about: `${id} ${data.callback || data.agent}` });
    });
  };

  const connect = () => {
    clearTimeout(retry);
    source?.close();
    source = new EventSource(`/events?since=${since}`);
    const mine = source;
    mine.addEventListener("open", () => { pause = SECOND; seen(); setLive(true); });
    for (const kind of KINDS) {
      mine.addEventListener(kind, (event) => {
        const message = { kind, data: JSON.parse(event.data), id: Number(event.lastEventId), at: Date.now() };
        setLive(true);
        say(message);
        recent = recent.filter((one) => one.at > Date.now() - REMEMBERED_FOR);
        if (kind !== "ping") recent.push(message);
        heard(kind, message.data, message.id);
      });
    }
    mine.addEventListener("error", () => {
      if (mine !== source) return;
      setLive(false);
      // Refused: logged out, perhaps, which the next answer says; or the server is not well.
      if (mine.readyState === EventSource.CLOSED) tryAgain();
    });
  };
  const tryAgain = () => {
    source?.close();
    clearTimeout(retry);
    if (pause === SECOND) askForAll(SECOND);
    retry = setTimeout(connect, pause * (0.7 + Math.random() * 0.6));
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  };
  const stop = () => { clearTimeout(retry); source?.close(); source = null; };

  // The tab that holds the lock listens for all of them; when it goes, the next one does.
  const stand = (options) => {
    navigator.locks.request("ringback live", options, () => new Promise(() => { isLeading = true; connect(); })).catch(() => {
      // Another tab took it over, because this one was silent.
      isLeading = false;
      leaderHeardAt = Date.now();
      stop();
      stand({});
    });
  };
  if (tabsShare) {
    channel.addEventListener("message", ({ data: message }) => {
      if ("arrivedAt" in message) {
        if (!isLeading) return;
        recent.filter((one) => one.id >= message.arrivedAt).forEach((one) => say({ ...one, to: message.from }));
        say({ isLive });
      } else if (!isLeading && (!message.to || message.to === me)) {
        leaderHeardAt = Date.now();
        if ("isLive" in message) setLive(message.isLive);
        else heard(message.kind, message.data, message.id);
      }
    });
  }
  const me = String(Math.random());

  // --- the light, and what happens every second --------------------------------------------------

  const light = document.getElementById("connection");
  const said = document.getElementById("connection-said");
  const hasLight = Boolean(light && said);
  let shownAs = "";
  const words = () => {
    if (isLive) return "live";
    const age = Math.round((Date.now() - signAt) / SECOND);
    if (age < 10) return shownAs ? "reconnecting" : "connecting";
    return age < 120 ? `data is ${age} s old` : `data is ${Math.floor(age / 60)} min old`;
  };
  const show = () => {
    if (!hasLight) return;
    const text = words();
    const state = isLive ? "live" : text.startsWith("data") ? "old" : "waiting";
    light.hidden = false;
    light.dataset.state = state;
    if (light.lastElementChild.textContent !== text) light.lastElementChild.textContent = text;
    // Read out are only the turns, not the seconds.
    if (state === "old" && !said.textContent.startsWith("The connection")) said.textContent = "The connection is lost. What you see may be old.";
    if (state === "live" && said.textContent.startsWith("The connection")) said.textContent = "Live again.";
    if (isLive) shownAs = text;
  };

  let polledAt = Date.now();
  let toldAt = 0;
  const tick = () => {
    const now = Date.now();
    if (isLeading) {
      if (isLive && now - signAt > SILENT_AFTER) { setLive(false); tryAgain(); }
      if (now - toldAt > 5 * SECOND) { toldAt = now; say({ isLive }); }
    } else if (now - leaderHeardAt > SILENT_AFTER) {
      setLive(false);
      leaderHeardAt = now;
      if (!document.hidden) stand({ steal: true });
    }
    if (!isLive && now - polledAt > POLL_EVERY) {
      polledAt = now;
      all(LIVE).filter((element) => !("liveShows" in element.dataset)).forEach((element) => ask(element, isQuick(element), { within: SECOND }));
    }
    show();
  };

  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => { if (event.persisted && isLeading) connect(); });
  if (tabsShare) {
    say({ arrivedAt: since, from: me });
    stand({});
  } else connect();
  setInterval(tick, SECOND);
  show();
})();
