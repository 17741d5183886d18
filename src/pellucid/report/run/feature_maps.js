// Layer by layer: one image, one layer at a time.

const featureMaps = document.getElementById("feature_maps");
if (featureMaps) {
  const layers = [...featureMaps.querySelectorAll(".layer")],
    chooser = [...featureMaps.querySelectorAll(".chooser button")],
    images = [...featureMaps.querySelectorAll(".seen")],
    slider = featureMaps.querySelector(".slider");
  const [input, output] = slider.children;
  const choose = (image) => {
    press(chooser, image);
    for (const element of images) element.hidden = Number(element.dataset.image) !== image;
  };
  const go = () => {
    const index = Number(input.value);
    for (const [number, layer] of layers.entries()) layer.hidden = number !== index;
    output.textContent = `layer ${index + 1} of ${layers.length}`;
  };
  for (const [image, button] of chooser.entries()) button.addEventListener("click", () => choose(image));
  input.addEventListener("input", go);
  slider.hidden = false;
  choose(0);
  go();
}
