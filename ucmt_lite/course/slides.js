// What does not fit is set smaller; then keys turn the slides.
const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
const slides = [...document.querySelectorAll("section")];
function shrink(element, isTooLarge, least) {
  let size = parseFloat(getComputedStyle(element).fontSize) / rem;
  while (size > least && isTooLarge()) element.style.fontSize = `${(size *= 0.95)}rem`;
}
for (const slide of slides) {
  const body = slide.querySelector(".body");
  for (const wide of body.querySelectorAll(":scope > math, table"))
    shrink(wide, () => wide.scrollWidth > body.clientWidth, 0.9);
  shrink(body, () => body.scrollHeight > body.clientHeight + 1, 0.8);
}
const forward = ["ArrowRight", "ArrowDown", "PageDown", " ", "Enter"];
const back = ["ArrowLeft", "ArrowUp", "PageUp", "Backspace"];
addEventListener("keydown", (event) => {
  const step = forward.includes(event.key) - back.includes(event.key);
  if (!step || event.target.closest("summary")) return;
  event.preventDefault();
  const middle = innerHeight / 2;
  const now = slides.findIndex((slide) => slide.getBoundingClientRect().bottom > middle);
  slides[Math.min(Math.max(now + step, 0), slides.length - 1)].scrollIntoView();
});
