// The download entries save the file; without this a notebook opens as raw JSON in a new tab.
document.addEventListener("DOMContentLoaded", () => {
  for (const link of document.querySelectorAll("a.btn-download-source-button")) {
    link.setAttribute("download", "");
    link.removeAttribute("target");
  }
});

// A formula in running text that is wider than its line scrolls in a box of its own. Only such a formula gets the
// box, because a box moves it off the line of the text. A displayed one has its box, and is broken at wide spaces.
function boxWideFormulas() {
  for (const formula of document.querySelectorAll('.bd-article mjx-container[display="true"]')) {
    formula.classList.remove("wide");
    formula.classList.toggle("wide", formula.scrollWidth > formula.clientWidth + 1);
  }
  for (const formula of document.querySelectorAll('.bd-article mjx-container:not([display="true"])')) {
    formula.classList.remove("wide");
    const block = formula.closest("p, li, td, dd, h1, h2, h3, figcaption, summary") ?? formula.parentElement;
    formula.classList.toggle("wide", formula.getBoundingClientRect().width > block.clientWidth + 1);
  }
}
// What scrolls sideways shows at its edge that there is more.
const SCROLLING =
  'mjx-container[display="true"], .pst-scrollable-table-container, div.cell_output .text_html:has(> table, > div > table)';
function markMore() {
  for (const box of document.querySelectorAll(`.bd-article :is(${SCROLLING})`)) {
    // A wide figure does not scroll: it takes the margin.
    const scrolls = getComputedStyle(box).overflowX !== "visible";
    const mark = () =>
      box.classList.toggle("it-more", scrolls && box.scrollWidth - box.clientWidth - box.scrollLeft > 2);
    box.onscroll = mark;
    mark();
  }
}
function fitColumn() {
  boxWideFormulas();
  markMore();
}
window.addEventListener("load", async () => {
  markMore();
  await window.MathJax?.startup?.promise;
  const column = document.querySelector(".bd-article");
  if (!column) return;
  // The window's width says too little: the column narrows later, when the sidebars have come.
  let width = 0;
  new ResizeObserver(() => {
    if (column.clientWidth !== width) fitColumn();
    width = column.clientWidth;
  }).observe(column);
  // What was folded away had no width.
  column.addEventListener("toggle", fitColumn, true);
});
