// Turns each row of players into one player with a button per state, all at the same time position.
for (const row of document.querySelectorAll(".sound")) {
  const players = [...row.querySelectorAll("audio")];
  if (players.length < 2) continue;
  const bar = row.querySelector(".states");
  let heard = players[0];
  const buttons = players.map((player) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = player.dataset.state;
    button.addEventListener("click", () => choose(player));
    bar.append(button);
    return button;
  });
  const show = () => players.forEach((player, place) => {
    player.hidden = player !== heard;
    player.parentElement.querySelector(".name").hidden = true;
    buttons[place].setAttribute("aria-pressed", String(player === heard));
  });
  const choose = (player) => {
    if (player === heard) return;
    const before = heard;
    const playing = !before.paused && !before.ended;
    heard = player;
    player.currentTime = before.ended ? 0 : before.currentTime;
    player.volume = before.volume;
    before.pause();
    show();
    if (playing) player.play();
  };
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "Listen to");
  bar.hidden = false;
  show();
}
document.addEventListener("play", (event) => {
  for (const player of document.querySelectorAll("audio")) {
    if (player === event.target) continue;
    player.pause();
    // Its row is being listened to: have the other states ready before the listener switches.
    if (player.closest(".sound") === event.target.closest(".sound")) player.preload = "auto";
  }
}, true);
