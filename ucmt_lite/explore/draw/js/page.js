// An explorer as a page of its own, without a kernel: what Python would hold stands in the page. `page.py`
// writes it.

import { Lab } from "./ema.js";
import stack from "./stack.js";

// The bytes of base64 text.
function bytesFrom(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
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
else stack.render({ model: new Model({ ...state, data: bytesFrom(data) }), el: host });
tellHeight(host);
