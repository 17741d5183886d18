// What is said beside the pointer, and rows of buttons of which one is pressed.

const tip = document.getElementById("tip");

function showTip(x, y, ...children) {
  tip.replaceChildren(...children);
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = x + 14 + width > innerWidth ? x - 14 - width : x + 14;
  tip.style.left = `${Math.max(4, Math.min(left, innerWidth - width - 4))}px`;
  tip.style.top = `${Math.max(4, Math.min(y + 14, innerHeight - height - 4))}px`;
}
const hideTip = () => (tip.hidden = true);

function press(buttons, pressed) {
  for (const [index, button] of buttons.entries()) button.setAttribute("aria-pressed", index === pressed);
}
