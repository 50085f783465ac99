// What went wrong, in words for a person, with what to do.

const WORDS = {
  401: "Your session has ended. Sign in, or open your link, again.",
  403: "You may not watch this. That you tried has been logged.",
  404: "The film is not here. It may still be on its way; try again in a minute.",
  410: "This link was ended or has expired, so playing has stopped. Ask whoever shared it for a new one.",
  429: "This was asked for too often in a short time. Wait a little and try again.",
};

export const FINAL = new Set([401, 403, 404, 410]);

export function wordsForStatus(status) {
  if (WORDS[status]) return WORDS[status];
  if (status >= 500) return "The service cannot answer at the moment. The original is safe. Try again in a minute.";
  if (status === 0 || status === undefined) return "The connection was lost. Playing goes on when it is back.";
  return `The film could not be loaded (answer ${status}).`;
}

export const UNPLAYABLE =
  "This browser cannot play the original’s format. The playback copy plays everywhere; it is offered here as soon as it is made.";

export class Refusal extends Error {
  constructor(status, detail, advice) {
    super([detail || wordsForStatus(status), advice].filter(Boolean).join(" "));
    this.status = status;
  }
}
