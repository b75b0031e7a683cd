// In another application's frame: tell it that a callback was scheduled, and which. No personal data;
// who may frame the page at all is decided by FRAME_ANCESTORS.
const made = document.querySelector("[data-scheduled]");
if (made && window.parent !== window) {
  const { scheduled: id, requestedTime, uri: selfUri } = made.dataset;
  window.parent.postMessage({ type: "ringback.scheduled", id, requestedTime, selfUri }, "*");
}
