// @ts-check
/* An experiment of the page as Python, and its results as tables. */

var implicitPython = (() => {
  "use strict";

  // JSON writes strings, and numbers, as Python does.
  const written = (/** @type {any} */ value) => JSON.stringify(value);
  const real = (/** @type {number} */ value) => (Number.isInteger(value) ? `${value}.0` : String(value));

  /** How pandas is told what the page found out. @param {any} table @param {string} encoding */
  function options({ separator, decimal, header }, encoding) {
    return [
      separator === " " ? ', sep=r"\\s+"' : separator !== "," ? `, sep=${written(separator)}` : "",
      decimal === "," ? ', decimal=","' : "",
      header ? "" : ", header=None",
      encoding ? `, encoding=${written(encoding)}` : "",
    ].join("");
  }

  /** The table, from a file or from what was pasted. */
  function table(/** @type {any} */ { name, text, encoding, table, target, classes }) {
    const how = options(table, encoding);
    if (name && !how) return [`table = it.data.read_csv(${written(name)}, target=${written(table.names[target])})`];
    const lines = [];
    if (name) lines.push(`frame = pd.read_csv(${written(name)}${how})`);
    else {
      const pasted = text.replace(/^\ufeff/, "").split(/(?<=\n)/);
      lines.push("text = (", ...pasted.map((/** @type {string} */ one) => `    ${written(one)}`), ")", `frame = pd.read_csv(io.StringIO(text)${how})`);
    }
    lines.push(`y = frame.pop(${table.header ? written(table.names[target]) : target})`);
    if (classes) lines.push(`y = 2 * (y == ${written(classes[1])}) - 1`);
    const both = classes ? `(${classes.map(written).join(", ")})` : "None";
    return [
      ...lines,
      "table = it.data.Table(",
      "    torch.tensor(frame.to_numpy(float)), torch.tensor(y.to_numpy(float)),",
      `    tuple(map(str, frame)), ${both}`,
      ")",
    ];
  }

  /** @param {any} source  an example's lines, or a table with its origin  @param {any} prepared
   * @param {{offset: number, width: number, implicit_scale: number, output_scale: number, seed: number}} settings
   * @param {number} steps @param {boolean} priced  whether the limit's kernel can be solved with */
  function code(source, prepared, settings, steps, priced) {
    const pandas = source.table && !(source.name && !options(source.table, source.encoding));
    const data = source.table
      ? [
          ...table(source),
          `train, test = table.split(${prepared.X.length}, seed=0)`,
          `scaling = it.fit_scaling(train.X, train.y, offset=${real(settings.offset)})`,
          "X, y = scaling(train.X), scaling.labels(train.y)",
          "X_test, y_test = scaling(test.X), scaling.labels(test.y)",
        ]
      : source.code;
    const limit = [
      "limit = it.infinite_width_prediction(",
      `    X, y, X_test, y_test, implicit_scale=${real(settings.implicit_scale)}, centered=True`,
      ")",
      'print(f"price {limit.labels_price}, predicted error {limit.test_error}")',
      "",
    ];
    return [
      ...(pandas && !source.name ? ["import io", ""] : []),
      ...(pandas ? ["import pandas as pd"] : []),
      "import torch",
      "",
      "import implicit_tutorial as it",
      "",
      ...data,
      "",
      ...(priced ? limit : []),
      "net = it.EquilibriumNetwork(",
      `    X.shape[1], ${settings.width}, implicit_scale=${real(settings.implicit_scale)}, output_scale=${real(settings.output_scale)},`,
      `    centered=True, seed=${settings.seed},`,
      ")",
      'print(it.certify(net.A, conditions=("row_sum", "spectral_norm", "monotone")))',
      "history = it.train(",
      `    net, X, y, method=it.SingleSweep(), until=it.Until(steps=${steps}),`,
      "    X_test=X_test, y_test=y_test, record=it.Record(spectrum=True), throw=False,",
      ")",
      'print(history.attrs["message"])',
      'shown = ["step", "time", "train_loss", "test_error", "movement", "lambda_min"]',
      "print(history[shown])",
      "",
    ].join("\n");
  }

  // ---------------------------------------------------------------- tables

  const COLUMNS = ["step", "time", "train_loss", "lazy_loss", "test_error", "lazy_test_error", "movement", "norm_A", "monotone", "row_sum", "lambda_min", "lambda_max"];
  const cell = (/** @type {any} */ value) => (typeof value === "number" && !Number.isFinite(value) ? "" : String(value));
  const csv = (/** @type {string[]} */ head, /** @type {any[][]} */ rows) => [head, ...rows.map((row) => row.map(cell))].map((row) => row.join(",")).join("\n") + "\n";

  const history = (/** @type {any[]} */ rows) => csv(COLUMNS, rows.map((row) => COLUMNS.map((name) => row[name])));

  /** Labels and outputs in the units of the labels. @param {any} prepared @param {any} row @param {any} limit */
  function predictions(prepared, row, limit) {
    const back = (/** @type {number} */ v) => v * prepared.label_scale + prepared.label_mean;
    const part = (/** @type {string} */ name, /** @type {number[]} */ y, /** @type {any} */ f, /** @type {any} */ lazy, /** @type {any} */ ends) =>
      y.map((v, i) => [name, v, back(f[i]), back(lazy[i]), ends ? back(ends[i]) : NaN]);
    return csv(
      ["part", "label", "network", "lazy", "infinite_width"],
      [...part("train", prepared.y, row.f_train, row.f_lazy_train, null), ...part("test", prepared.y_test, row.f, row.f_lazy_seen, limit?.ends)],
    );
  }

  return { code, history, predictions };
})();
