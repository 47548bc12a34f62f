// The times of a token on a line, with now marked and a slider for another moment.

import { byId, element, fill } from "./dom.js";

const NAMES = { iat: "issued", nbf: "valid from", exp: "valid until" };
const YEARS_IN_DOUBT = 253402300800;

export class Timeline {
  #slider = byId("slider");

  /** `onMoment` is told the moment that was chosen, in seconds since 1970. */
  constructor(onMoment) {
    this.#slider.addEventListener("input", () => onMoment(Number(this.#slider.value)));
  }

  /** Shows the times of a token, and the moment that was decided for. */
  show({ claims, dates }, at, now) {
    const isTime = (name) => Number.isFinite(claims[name]) && claims[name] >= 0 && claims[name] < YEARS_IN_DOUBT;
    const times = Object.keys(NAMES).filter(isTime).map((name) => ({ name, at: claims[name], date: dates[name] }));
    byId("timeline").hidden = times.length === 0;
    if (times.length === 0) return;
    const { from, to } = this.#range([...times.map((time) => time.at), now]);
    // A moment beyond the line, which was typed, is shown at its end.
    const percent = (moment) => `${(100 * (Math.min(Math.max(moment, from), to) - from)) / (to - from)}%`;

    const start = Math.max(...times.filter(({ name }) => name !== "exp").map((time) => time.at), from);
    const begin = isTime("nbf") ? claims.nbf : start;
    const end = isTime("exp") ? claims.exp : to;
    const valid = byId("valid");
    valid.style.left = percent(begin);
    valid.style.right = `calc(100% - ${percent(Math.max(begin, end))})`;
    fill(byId("ticks"), times.map((time) => {
      const tick = element("div", "tick");
      tick.style.left = percent(time.at);
      return tick;
    }));
    byId("now-mark").style.left = percent(now);
    fill(byId("tick-labels"), times.map(({ name, date }) =>
      element("span", "", element("b", "", name), ` ${NAMES[name]} ${date ?? ""}`)));
    Object.assign(this.#slider, { min: from, max: to, step: 1 });
    this.#slider.value = at;
    this.#slider.setAttribute("aria-valuetext", inWords(at));
  }

  /** What the line shows: all times and now, with some room. It stays while the slider moves. */
  #range(moments) {
    const [first, last] = [Math.min(...moments), Math.max(...moments)];
    const room = Math.max(Math.round((last - first) * 0.08), 60);
    return { from: Math.floor(first - room), to: Math.ceil(last + room) };
  }
}

/** A moment as a date. */
export function inWords(seconds) {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString().replace("T", " ").replace(".000Z", " UTC");
}
