// One viewing: asked for by POST, and granted only once its entry is in the ledger. The answer names everything that may be fetched;
// what is still being made is asked after now and then.
import { Refusal } from "./failure.js";

const FIRST_WAIT = 2000;
const LONGEST_WAIT = 15000;
const EXTRAS_TRIES = 30; // thumbnails and suggestions may never come; the playback copy is waited for as long as it takes

async function answerOf(request) {
  let answer;
  try {
    answer = await request;
  } catch {
    throw new Refusal(0);
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refusal(answer.status, body.detail, body.advice);
  return body;
}

export class Viewing {
  constructor(address, formToken) {
    this.address = address;
    this.formToken = formToken;
    this.facts = null;
    this.timer = null;
  }

  // Begin, or begin anew with the other copy. Raises Refusal with words to show.
  async begin(rendition = "") {
    clearTimeout(this.timer);
    const body = new URLSearchParams({ form_token: this.formToken });
    if (rendition) body.set("rendition", rendition);
    const request = fetch(this.address, { method: "POST", body, headers: { Accept: "application/json" } });
    this.facts = await answerOf(request);
    return this.facts;
  }

  // Ask again until nothing more is to come; calls back with every answer.
  follow(onChange, onRefusal) {
    clearTimeout(this.timer);
    let wait = FIRST_WAIT;
    this.tries = 0;
    const ask = async () => {
      try {
        this.facts = await answerOf(fetch(this.facts.status, { headers: { Accept: "application/json" } }));
        onChange(this.facts);
      } catch (refusal) {
        onRefusal(refusal);
        if (refusal.status !== 0 && refusal.status < 500) return;
      }
      this.tries += 1;
      wait = Math.min(wait * 1.3, LONGEST_WAIT);
      if (this.#open()) this.timer = setTimeout(ask, wait);
    };
    if (this.#open()) this.timer = setTimeout(ask, wait);
  }

  #open() {
    const { status, playback, suggestions, sprite } = this.facts;
    if (!status) return false;
    if (!playback?.frames || playback.rendition !== "proxy") return true;
    return (!suggestions || !sprite) && this.tries < EXTRAS_TRIES;
  }
}
