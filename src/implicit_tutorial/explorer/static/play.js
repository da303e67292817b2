/* A button that lets a figure's time run, in pages and in notebooks. */

Object.assign(implicitTutorial, (() => {
  "use strict";

  const WAY = 4; // seconds from the first stop to the last
  const CALM = 6; // jumps on the way, for readers who want no motion

  /** `moved` is called with each move. @param {any} explorer @param {(e: any) => void} [moved] */
  function play(explorer, moved) {
    const button = explorer.figure.querySelector("button.it-play");
    if (!button) return;
    const { source } = explorer, k = source.controls.findIndex(({ name }) => name === source.clock);
    const end = source.controls[k].texts.length - 1;
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    let running = false, visible = true, before = 0, waited = 0;

    const show = () => {
      button.ariaPressed = String(running);
      button.firstElementChild.textContent = running ? "Pause" : explorer.position[k] >= end ? "Play again" : "Play";
    };
    const stop = () => {
      running = false;
      show();
    };
    const tick = (now) => {
      if (!running || explorer.gone) return;
      requestAnimationFrame(tick);
      const passed = Math.min(Math.max(now - before, 0), 100) / 1000; // a frame may begin before the click that it follows
      before = now;
      // No time passes while nobody sees it, or while the network is behind.
      if (!visible || document.hidden || explorer.frame.unfinished || explorer.pending || source.asked) return;
      waited += (passed * end) / WAY;
      const whole = calm.matches || !source.continuous;
      if (waited < (calm.matches ? Math.max(Math.round(end / CALM), 1) : whole ? 1 : 0)) return;
      const at = explorer.position[k];
      explorer.position[k] = Math.min(whole ? Math.floor(at) + Math.floor(waited) : at + waited, end);
      waited = 0;
      if (explorer.position[k] >= end) stop();
      explorer.refresh();
      moved?.(explorer);
    };
    button.addEventListener("click", () => {
      running = !running;
      if (running && explorer.position[k] >= end) explorer.position[k] = 0;
      show();
      before = performance.now();
      requestAnimationFrame(tick);
    });
    explorer.inputs[k].addEventListener("input", stop);
    new IntersectionObserver((entries) => (visible = entries.at(-1).isIntersecting)).observe(explorer.figure);
    show();
  }

  return { play };
})());
