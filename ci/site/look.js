// What is wrong with the page as it is drawn now: a list of sentences. Run by browser.py in each page, width and theme.
() => {
  const found = new Set();
  const root = document.documentElement;
  const name = (element) => {
    const classes = typeof element.className === "string" ? element.className.trim().split(/\s+/).slice(0, 2) : [];
    return [element.tagName.toLowerCase(), ...classes.filter(Boolean)].join(".");
  };
  const seen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });

  // Width. The page stays as wide as its window; what is wider scrolls by itself, within the window.
  if (root.scrollWidth > root.clientWidth + 1) {
    found.add(`the page is ${root.scrollWidth} wide in a window of ${root.clientWidth}`);
  }
  const scrolls = (element) => {
    for (let at = element.parentElement; at && at !== document.body; at = at.parentElement) {
      const { overflowX } = getComputedStyle(at);
      if (overflowX === "auto" || overflowX === "scroll") return true;
    }
    return false;
  };
  for (const element of document.body.querySelectorAll("main *")) {
    const box = element.getBoundingClientRect();
    if (box.width > 1 && box.height > 1 && box.right > root.clientWidth + 1 && seen(element) && !scrolls(element)) {
      found.add(`${name(element)} ends at ${Math.round(box.right)} in a window of ${root.clientWidth}`);
    }
  }

  // Pictures.
  for (const picture of document.images) {
    if (picture.complete && picture.naturalWidth === 0) found.add(`picture without pixels: ${picture.src}`);
  }

  // Contrast of text (WCAG 2, AA): 4.5, of large letters 3. Colours are mixed as they lie upon each other.
  const painter = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const cache = new Map();
  const parse = (colour) => {
    if (!cache.has(colour)) {
      painter.clearRect(0, 0, 1, 1);
      painter.fillStyle = colour;
      painter.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = painter.getImageData(0, 0, 1, 1).data;
      cache.set(colour, [r, g, b, a / 255]);
    }
    return cache.get(colour);
  };
  const over = (top, below) => [0, 1, 2].map((k) => top[k] * top[3] + below[k] * (1 - top[3])).concat(1);
  const probe = document.body.appendChild(document.createElement("div"));
  probe.style.backgroundColor = "Canvas"; // the browser's own, light or dark
  const canvasColour = parse(getComputedStyle(probe).backgroundColor);
  probe.remove();
  const grounds = new Map();
  const ground = (element) => {
    if (!element) return canvasColour;
    if (!grounds.has(element)) {
      const own = parse(getComputedStyle(element).backgroundColor);
      grounds.set(element, own[3] === 1 ? own : over(own, ground(element.parentElement)));
    }
    return grounds.get(element);
  };
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const looked = new Set();
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (looked.has(element) || !texts.currentNode.data.trim() || element.closest("script, style, noscript, svg")) continue;
    looked.add(element);
    if (!seen(element)) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const below = ground(element);
    const [first, second] = [light(over(parse(style.color), below)), light(below)];
    const ratio = (Math.max(first, second) + 0.05) / (Math.min(first, second) + 0.05);
    if (ratio < (large ? 3 : 4.5) - 0.005) {
      found.add(`contrast ${ratio.toFixed(2)} of ${name(element)} in ${name(element.parentElement)}: `
        + JSON.stringify(texts.currentNode.data.trim().slice(0, 30)));
    }
  }
  return [...found];
}
