// Settings that suit a text's length and the time, as recurra.tasks.language.recipe chooses them, without dropout, which the
// module does not have: a short text stops by its held-out part instead. And the learning rate's way over a training.

export const WINDOW = 64;
const LONG = 500_000;
const SPEED = 2.1e5; // tokens a second and processor that a layer of 128 units is trained on
export const POWER = 0.3; // of a processor, that this page has

const speed = (units) => SPEED * (128 / units) ** 1.5;
const rounded = (units) => Math.min(512, Math.max(64, Math.round(units / 32) * 32));
const unitsOf = (tokens) => rounded(192 * Math.cbrt(tokens / 45_000));
const unitsIn = (seconds) => rounded(144 * (seconds / 10) ** 0.25);
const epochsOf = (tokens) => Math.max(8, Math.min(60, Math.round(8 * (900_000 / tokens) ** 0.44)));

/** {hidden_size, embedding_size, batch_size, lr, warmup, epochs}: epochs where the time is more than the text can use. */
export function recipe(tokens, minutes, power = POWER, mine = {}) {
  const epochs = epochsOf(tokens);
  let units = mine.hidden_size || unitsOf(tokens);
  const fits = (60 * minutes * power * speed(units)) / (epochs * tokens);
  if (fits < 0.8) units = mine.hidden_size || Math.min(units, unitsIn(60 * minutes * power));
  const batch = tokens < 20_000 ? 4 : tokens < 200_000 ? 8 : fits >= 0.8 && tokens >= LONG ? 32 : 16;
  return {
    hidden_size: units,
    embedding_size: units < 256 ? 64 : 128,
    batch_size: batch,
    lr: Number((0.02 * Math.min(1, (192 / units) ** (fits < 0.8 ? 1 : 1.4134))).toFixed(4)),
    warmup: units < 400 ? 0.2 : 0.1,
    epochs: fits >= 3 ? epochs : 0,
  };
}

/** One cycle: up from 1/25 by half a cosine, down to 0 by half a cosine. done: from 0 to 1. */
export function rate(lr, warmup, done) {
  const up = warmup ? Math.min(done / warmup, 1) : 1;
  const down = Math.max(done - warmup, 0) / (1 - warmup);
  const fall = (x) => (1 + Math.cos(Math.PI * x)) / 2;
  return lr * (up < 1 ? 1 - 0.96 * fall(up) : fall(down));
}

/** How many streams a text is cut into: batch, or fewer, a power of two, so that each has about 8 windows. */
export function streamsOf(batch, tokens, window = WINDOW) {
  const enough = Math.floor(tokens / (8 * window));
  if (enough >= batch) return batch;
  return Math.min(batch, 2 ** Math.floor(Math.log2(Math.max(enough, 1))));
}
