// The entry of the player's bundle: one player an element, so that several films of an incident can stand on one page.
import { Player } from "./player/player.js";

for (const root of document.querySelectorAll('[data-module="dockline-player"]')) {
  const player = new Player(root);
  root.docklinePlayer = player;
  player.start();
}
