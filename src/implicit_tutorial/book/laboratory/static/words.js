// @ts-check
/* What the bench says of an experiment: sentences before and in training, the conditions, and the table as it is taken.
 * Whatever a file holds reaches the page as text, never as markup. */

var implicitWords = (() => {
  "use strict";

  const SHOWN = { columns: 12, rows: 4 }; // of the table

  const say = (/** @type {number} */ v, form = ".3g") => implicitComputed.number(v, form);

  /** What is known before training. @param {any} limit @param {any} prepared @param {boolean} unit  whether labels were
   * divided by their deviation @param {number} moves  how far lazy training would move A */
  function foreseen(limit, prepared, unit, moves) {
    if (limit.same) {
      const [i, j] = limit.same.map((k) => k + 1);
      return `Samples ${i} and ${j} are the same input once they are on the sphere, so the kernel is singular: no finite price buys two answers for one input. Nothing is predicted.`;
    }
    return (
      `At infinite width the labels cost ${say(limit.price)}; the same labels in another order would cost ${say(limit.other_price)}. ` +
      `Trained to the end, the infinitely wide network errs on the ${prepared.y_test.length} rows held out by ${say(limit.predicted_error)}${unit ? " of the labels' variance" : ""}. ` +
      `Lazy training would move A by ${say(moves)}.`
    );
  }

  /** What a row of the history says. @param {any} row @param {any} prepared @param {string[]} [classes] */
  function told(row, prepared, classes) {
    const n = prepared.y.length;
    const line = `Step ${row.step}, time ${say(row.time)}. Mean square error on the samples ${say((2 * row.train_loss) / n)}, lazy ${say((2 * row.lazy_loss) / n)}; on the rows held out ${say(row.test_error)}, lazy ${say(row.lazy_test_error)}.`;
    if (Number.isNaN(row.test_error)) return `${line} Beside the samples some sweeps do not settle: there is no function.`;
    if (!classes) return line;
    const middle = -prepared.label_mean / prepared.label_scale; // of −1 and 1
    const right = prepared.labels_test.filter((y, i) => y > middle === row.f[i] > middle).length;
    return `${line} Held out, ${right} of ${prepared.labels_test.length} are told right (+1: ${classes[1].trim()}).`;
  }

  /** Where training stopped, for its sweeps find no equilibrium any more. @param {{step: number}} lost */
  const lost = ({ step }) =>
    step
      ? `In step ${step} the sweeps no longer settle on the samples, so training ends. A wider network or a larger output_scale helps.`
      : "From the start the sweeps of this network do not settle, so there is nothing to train; another solver may find equilibria that it has. A smaller implicit_scale helps.";

  /** The conditions of C5 as items of a list, with their values in a row if there is one. @param {any} [row] */
  function conditions(row) {
    const list = [["‖A‖", "2", "", "norm_A"], ["λ", "max", "((A + Aᵀ)/2)", "monotone"], ["‖A‖", "∞", "", "row_sum"]];
    return list.map(([letter, index, of, name]) => {
      const item = document.createElement("li"), small = document.createElement("sub");
      const holds = row && row[name] < 1;
      small.textContent = index;
      // Near 1 it takes more digits to see on which side.
      const value = row && (Math.abs(row[name] - 1) < 0.005 ? row[name].toFixed(5) : say(row[name]));
      item.append(row ? `${holds ? "✓" : "✗"} ${letter}` : letter, small, of);
      item.append(row ? ` = ${value}, ${holds ? "below 1: exactly one equilibrium, whatever the input" : "not below 1: promises nothing"}` : ": not measured");
      return item;
    });
  }

  /** The rows of the table as the network takes it. @param {any} source @param {any} prepared @param {number} offset */
  function table(source, prepared, offset) {
    const cell = (/** @type {string} */ kind, /** @type {string} */ text) => Object.assign(document.createElement(kind), { textContent: text, ...(kind === "th" && { scope: "row" }) });
    const head = document.createElement("tr");
    const rows = prepared.X.slice(0, SHOWN.rows);
    head.append(...["column", "mean", "deviation", ...rows.flatMap((_, i) => [`row ${i + 1}`, "scaled"])].map((text) => Object.assign(cell("th", text), { scope: "col" })));
    const line = (name, mean, scale, raw, scaled) => {
      const tr = document.createElement("tr");
      tr.append(cell("th", name), cell("td", say(mean)), cell("td", scale === Infinity ? "constant, left out" : say(scale)), ...raw.flatMap((v, i) => [cell("td", Number.isNaN(v) ? "" : say(v)), cell("td", say(scaled[i]))]));
      return tr;
    };
    const body = source.columns.slice(0, SHOWN.columns).map((name, k) => line(name.trim(), prepared.mean[k], prepared.scale[k], rows.map((row) => row[k]), rows.map((_, i) => prepared.Z[i][k])));
    const rest = source.columns.length - SHOWN.columns;
    if (rest > 0) body.push(line(`and ${rest} more`, NaN, NaN, rows.map(() => NaN), rows.map(() => NaN)));
    if (offset) body.push(line("offset", NaN, NaN, rows.map(() => offset), rows.map((_, i) => prepared.Z[i].at(-1))));
    body.push(line(`${source.table.names[source.target].trim()} (to learn)`, prepared.label_mean, prepared.label_scale, prepared.y.slice(0, SHOWN.rows), prepared.labels.slice(0, SHOWN.rows)));
    return [head, ...body];
  }

  return { conditions, foreseen, lost, table, told };
})();
