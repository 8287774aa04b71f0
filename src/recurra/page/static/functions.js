// What the operations of a cell need and JavaScript's Math has not.

/** The error function: its series where it is small, a continued fraction beyond (Abramowitz & Stegun 7.1.6, 7.1.14). */
export function errorFunction(v) {
  const x = Math.abs(v);
  if (x > 6) return Math.sign(v);
  if (x < 2.5) {
    let [term, total] = [x, x];
    for (let n = 1; Math.abs(term) > 1e-17 * total && n < 200; ++n) total += term *= (2 * x * x) / (2 * n + 1);
    return (Math.sign(v) * 2 * Math.exp(-x * x) * total) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 120; n > 0; --n) fraction = n / 2 / (x + fraction);
  return Math.sign(v) * (1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + fraction)));
}
