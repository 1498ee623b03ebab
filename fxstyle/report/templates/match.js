// Keys 1, 2 and 3 switch between before, after and reference wherever the page has the focus.
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const button = document.querySelectorAll(".listen .states button")[Number(event.key) - 1];
  if (button) button.click();
});
