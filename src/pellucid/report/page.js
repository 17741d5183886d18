// What every page has: elements made of attributes and texts, and buttons that copy.

const SVG = "http://www.w3.org/2000/svg";

// Only attributes and texts, never markup: what a user wrote stays text.
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("--")) element.style.setProperty(name, value);
    else if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}
const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

// Copy buttons: each copies the code beside it, or its own data.
async function copy(button) {
  const text = button.dataset.command ?? button.parentElement.querySelector("code").textContent;
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = html("textarea", { class: "off" });
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  button.textContent = "copied";
  setTimeout(() => (button.textContent = label), 1200);
}
document.addEventListener("click", (event) => event.target.matches?.("button.copy") && copy(event.target));
