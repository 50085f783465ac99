// Times as text and back. A timecode is hours, minutes, seconds and thousandths from frame 0: 0:01:20.480.

export function timecode(seconds) {
  const thousandths = Math.max(0, Math.round(seconds * 1000));
  const whole = Math.floor(thousandths / 1000);
  const two = (number) => String(number).padStart(2, "0");
  const rest = String(thousandths % 1000).padStart(3, "0");
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}.${rest}`;
}

// What a person typed to go to: {frame} for a whole number, {seconds} for a time with a colon, a dot or an "s"; null for neither.
export function parsePlace(text) {
  const plain = text.trim().toLowerCase().replace(/^frame\s*/, "");
  if (/^\d+$/.test(plain)) return { frame: Number(plain) };
  const found = /^(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d+)?)\s*s?$/.exec(plain);
  if (!found) return null;
  const [, hours = "0", minutes = "0", seconds] = found;
  return { seconds: Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds.replace(",", ".")) };
}

// The time of day of a frame, in UTC, to the thousandth: the evidence's own clock, not the viewer's.
export function timeOfDay(startedAt, seconds) {
  const at = new Date(startedAt.getTime() + Math.round(seconds * 1000)).toISOString();
  return `${at.slice(0, 10)} ${at.slice(11, 23)} UTC`;
}
