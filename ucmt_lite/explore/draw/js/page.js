// An explorer as a page of its own, without a kernel: what Python would hold stands in the page. `page.py`
// writes it.

import { Lab } from "./ema.js";
import stack from "./stack.js";
import { openLab } from "./umix_lab.js";

// The bytes of base64 text; a loop, as there may be millions.
function bytesFrom(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

// The picture that stands in the page for those without JavaScript.
function still() {
  const { textContent } = document.querySelector("noscript");
  return new DOMParser().parseFromString(textContent, "text/html").querySelector("img");
}

// Stands in for the model of anywidget: it keeps what is set, and nobody else changes it.
class Model {
  constructor(traits) {
    this.traits = traits;
  }
  get(name) {
    return this.traits[name];
  }
  set(name, value) {
    this.traits[name] = value;
  }
  on() {}
  off() {}
  save_changes() {}
}

// Tells a page that shows this one in a frame how high it is, so that the frame needs no scroll bar.
function tellHeight(host) {
  const tell = () => parent.postMessage({ ucmtHeight: host.getBoundingClientRect().bottom }, "*");
  if (parent !== window) new ResizeObserver(tell).observe(host);
}

const { kind, data, ...state } = JSON.parse(document.getElementById("ucmt-state").textContent);
const host = document.getElementById("ucmt-explorer");
if (kind === "ema") host.append(new Lab(state, new Float64Array(bytesFrom(data).buffer)).root);
else if (kind === "umix_lab") openLab(state, bytesFrom(data), host, still());
else stack.render({ model: new Model({ ...state, data: bytesFrom(data) }), el: host });
tellHeight(host);
