// The recipe `classic` in TensorFlow.js on its CPU backend: seconds a training batch. Used by bench_language.py --tfjs.
//   node tfjs_classic.mjs SECONDS      prints: version, batches measured, seconds a batch (median)
// One LSTM of 128 units on an embedding of 64, batch 64, windows of 100 of 65 characters; Adam; the softmax of the last step.
import * as tf from "@tensorflow/tfjs";

const [CHARACTERS, WINDOW, BATCH] = [65, 100, 64];

await tf.setBackend("cpu");
await tf.ready();
const model = tf.sequential({
  layers: [
    tf.layers.embedding({ inputDim: CHARACTERS, outputDim: 64, inputLength: WINDOW }),
    tf.layers.lstm({ units: 128 }),
    tf.layers.dense({ units: CHARACTERS, activation: "softmax" }),
  ],
});
model.compile({ optimizer: tf.train.adam(1e-3), loss: "sparseCategoricalCrossentropy" });
const inputs = tf.randomUniform([BATCH, WINDOW], 0, CHARACTERS, "int32").toFloat();
const targets = tf.randomUniform([BATCH, 1], 0, CHARACTERS, "int32").toFloat();

const times = [];
const start = performance.now();
for (let first = true; first || performance.now() - start < 1000 * Number(process.argv[2]); first = false) {
  const before = performance.now();
  await model.trainOnBatch(inputs, targets);
  times.push((performance.now() - before) / 1000);
}
const counted = times.length > 1 ? times.slice(1) : times; // the first one warms the engine up
counted.sort((a, b) => a - b);
console.log(tf.version.tfjs, counted.length, counted[counted.length >> 1].toFixed(3));
