// Ties buttons, fields and keys to what the player does. No decision is taken here.
import { useShortcuts } from "./shortcuts.js";
import { parsePlace } from "./timecode.js";

export function wire(player) {
  const { parts, video, shuttle } = player;
  video.volume = Number(parts.volume.value) / 100;
  video.addEventListener("play", () => player.running(true));
  video.addEventListener("pause", () => player.running(shuttle.back > 0));
  video.addEventListener("click", () => player.toggle());
  video.addEventListener("durationchange", () => {
    if (!player.table) player.bar.scale(null, player.duration);
  });
  wireButtons(player);
  wireFields(player);
  useShortcuts(parts.keys, actionsOf(player));
}

function wireButtons(player) {
  const { parts } = player;
  const presses = {
    begin: () => player.toggle(),
    play: () => player.toggle(),
    back: () => player.step(-1),
    forward: () => player.step(1),
    sound: () => player.sound(),
    full: () => player.full(),
    marks: () => parts.marks.setAttribute("aria-pressed", String(player.overlay.toggle())),
  };
  for (const [name, act] of Object.entries(presses)) parts[name].addEventListener("click", act);
}

function wireFields(player) {
  const { parts, video } = player;
  parts.speed.addEventListener("change", () => player.speed(Number(parts.speed.value)));
  parts.copy.addEventListener("change", () => player.open(parts.copy.value));
  parts.volume.addEventListener("input", () => {
    video.volume = Number(parts.volume.value) / 100;
    player.sound(video.volume > 0);
  });
  parts.goto.addEventListener("submit", (event) => {
    event.preventDefault();
    const place = parsePlace(parts["goto-value"].value);
    if (!place) player.say("Type a frame number such as 1200, or a time such as 1:20.5.", true);
    else player.goTo(place).then(() => player.readout.announce(player.watch.seconds, player.frame));
  });
}

function actionsOf(player) {
  return {
    toggle: () => player.toggle(),
    backwards: () => (player.table ? player.shuttle.backwards() : player.step(-1)),
    forwards: () => player.attempt(() => player.shuttle.faster()),
    frameBack: () => player.step(-1),
    frameForward: () => player.step(1),
    slower: () => player.changeSpeed(-1),
    quicker: () => player.changeSpeed(1),
    sound: () => player.sound(),
    full: () => player.full(),
  };
}
