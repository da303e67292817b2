/* Drawing what moves and nothing else: plotly's own update lays out axes, legend and margins anew, whatever changed, which
 * takes several times as long as drawing the traces.
 */

Object.assign(implicitTutorial, (() => {
  "use strict";

  const KINDS = { scatter: ["x", "y", "text", "angle"], bar: ["x", "y", "text"], heatmap: ["z"] }; // what may move of a trace

  const plain = (node) => node?.constructor === Object || Array.isArray(node);

  /* Whether two pieces of a figure are alike; to compare long arrays is nothing beside drawing them. */
  const alike = (one, other) =>
    one === other ||
    (ArrayBuffer.isView(one) && ArrayBuffer.isView(other) && one.length === other.length && one.every((v, i) => Object.is(v, other[i]))) ||
    (plain(one) && plain(other) && one.length === other.length &&
      Object.keys({ ...one, ...other }).every((key) => alike(one[key], other[key])));

  /* A trace with what may turn beside what may move. */
  const flat = (trace) => (trace.marker?.angle ? { ...trace, marker: { ...trace.marker, angle: 0 }, angle: trace.marker.angle } : trace);

  /* Whether axes, legend and colours stay as they are when an attribute of a trace changes. */
  function stays({ type, error_x, error_y, showlegend, zauto, zorder, visible, ...trace }, key, layout) {
    if (visible !== true || zorder || !KINDS[type]?.includes(key) || error_x?.visible || error_y?.visible) return false;
    if (key === "text") return true;
    if (key === "angle") return !showlegend;
    if (key === "z") return zauto === false;
    const axis = layout[trace[`${key}axis`].replace(/^./, "$&axis")];
    return !axis.autorange && axis.type !== "category";
  }

  /* Put the traces of a drawn plot where `data` has them. If more than that has changed, or what is around them may have
   * to, it does nothing and says so. */
  function move(plot, data) {
    const { _fullData: full, _fullLayout: layout, calcdata } = plot;
    const moved = new Map(); // attributes that changed, by trace
    for (const [i, trace] of data.entries()) {
      const [was, is] = [flat(plot.data[i]), flat(trace)];
      const keys = Object.keys({ ...was, ...is }).filter((key) => !alike(was[key], is[key]));
      const longer = keys.filter((key) => was[key]?.length !== is[key]?.length);
      if (longer.length && !(is.type === "scatter" && longer.length === 2 && is.x?.length && is.x.length === is.y?.length)) return false;
      if (!keys.every((key) => stays(full[i], key, layout))) return false;
      if (keys.length) moved.set(i, keys);
    }
    for (const [i, keys] of moved) {
      const [{ t }] = calcdata[i], before = plot.data[i].marker?.angle;
      for (const key of keys) {
        for (const trace of [plot.data[i], full[i]]) {
          if (key === "angle") trace.marker.angle = data[i].marker.angle;
          else trace[key] = data[i][key];
        }
      }
      if (full[i].type === "scatter" && data[i].x) full[i]._length = Math.min(data[i].x.length, data[i].y.length);
      calcdata[i] = full[i]._module.calc(plot, full[i]);
      const [first] = calcdata[i];
      Object.assign(first, { t: { ...t, ...first.t }, trace: full[i], before });
    }
    const modules = new Set([...moved.keys()].map((i) => full[i]._module));
    for (const { crossTraceCalc } of modules) for (const axes of Object.values(layout._plots)) crossTraceCalc?.(plot, axes);
    for (const axes of Object.values(layout._plots)) draw(plot, axes, moved);
    for (const { name, style } of modules) if (name !== "scatter") style(plot); // its plot has done so
    return true;
  }

  /* Draw the moved traces of a pair of axes: points and lines one by one, and of other kinds all, for these take away what
   * they are not told to draw. So do lines that are filled up to their neighbours. */
  function draw(plot, axes, moved) {
    const here = plot.calcdata.filter(([{ trace }]) => trace.visible === true && trace.xaxis + trace.yaxis === axes.id);
    const anew = here.filter(([{ trace }]) => moved.has(trace.index));
    for (const module of new Set(anew.map(([{ trace }]) => trace._module))) {
      const among = (traces) => traces.filter(([{ trace }]) => trace._module === module);
      const layer = axes.plot.select(`.${module.layerName ?? `${module.name}layer`}`);
      if (module.name === "scatter" && among(here).every(([{ trace }]) => ["none", "toself"].includes(trace.fill))) {
        for (const one of among(anew)) {
          const places = !moved.get(one[0].trace.index).includes("text");
          drawOne(axes, one, layer.node(), places, () => module.plot(plot, axes, [one], layer, { duration: 0 }));
        }
      } else module.plot(plot, axes, among(here), layer);
    }
  }

  /* Draw a trace; where its points only go to other `places` and turn, without plotly, which dresses each of them anew and
   * takes as long for it as for all else together. New ones look like those that are there. */
  function drawOne({ xaxis, yaxis, layerClipId }, one, layer, places, drawing) {
    const [{ trace, before }] = one, { mode, marker } = trace;
    if (!places || marker?.angleref !== "up") return drawing();
    const group = layer.querySelector(`.trace${trace.uid} > .points`), points = [...(group?.children ?? [])];
    const to = one.map((point) => [point, xaxis.c2p(point.x), yaxis.c2p(point.y)]).filter(([, x, y]) => isFinite(x + y));
    const differ = Object.values({ ...marker, ...marker.line }).some((look) => look?.map);
    if (!(differ ? points.length + to.length === 2 * one.length : points.length)) return drawing();
    if (mode !== "markers") {
      group.classList.replace("points", "kept"); // hides them from plotly, which takes away what it finds
      trace.mode = mode.replace(/\+?markers/, "");
      drawing();
      trace.mode = mode;
      group.parentNode.lastChild.remove(); // where it looked for them
      group.classList.replace("kept", "points");
    }
    group.__data__ = one;
    for (const node of points.splice(to.length)) node.remove();
    to.forEach(([point, x, y], i) => {
      const node = (points[i] ??= group.appendChild(points[0].cloneNode()));
      let turned = "";
      if (before?.map) {
        if (!node.getAttribute("transform").includes("rotate")) node.drawn = before[i]; // by plotly, in its path
        turned = `rotate(${marker.angle[i] - node.drawn})`;
      }
      put(node, "transform", `translate(${x},${y})${turned}`);
      if (layerClipId) put(node, "display", xaxis.isPtWithinRange(point) && yaxis.isPtWithinRange(point) ? "" : "none");
      node.__data__ = point;
    });
  }

  /* Set an attribute; one that is as it was stays, for a browser styles anew whatever is touched. */
  const put = (node, name, value) => node.getAttribute(name) === value || node.setAttribute(name, value);

  return { alike, move };
})());
