"""LSTM, GRU and RNN in JAX, written for speed: the input's product for all steps at once, then lax.scan, under jit.

Weights and gate order are torch.nn's, so that results can be compared.
"""

import jax
import jax.numpy as jnp
from jax import lax


def _lstm(w_h, b_h, carry, a):
    h, c = carry
    i, f, g, o = jnp.split(a + h @ w_h + b_h, 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def _gru(w_h, b_h, carry, a):
    (h,) = carry
    x_r, x_z, x_n = jnp.split(a, 3, axis=-1)
    h_r, h_z, h_n = jnp.split(h @ w_h + b_h, 3, axis=-1)
    r, z = jax.nn.sigmoid(x_r + h_r), jax.nn.sigmoid(x_z + h_z)
    n = jnp.tanh(x_n + r * h_n)
    h = n + z * (h - n)
    return (h,), h


def _rnn(w_h, b_h, carry, a):
    (h,) = carry
    h = jnp.tanh(a + h @ w_h + b_h)
    return (h,), h


STEPS = {"LSTM": (_lstm, 2), "GRU": (_gru, 1), "RNN": (_rnn, 1)}


def functions(kind: str, unroll: int = 1):
    """(forward, train): forward(weights, x) → y (time, batch, hidden); train(weights, x, dy) → y and the gradients.

    weights: W_x, W_h, b_x, b_h as torch.nn's layer lists them.
    """
    step, states = STEPS[kind]

    def layer(weights, x):
        w_x, w_h, b_x, b_h = weights
        a = jnp.einsum("tbi,gi->tbg", x, w_x) + b_x
        zeros = jnp.zeros((x.shape[1], w_h.shape[1]), x.dtype)
        _, y = lax.scan(lambda carry, a: step(w_h.T, b_h, carry, a), (zeros,) * states, a, unroll=unroll)
        return y

    def loss(weights, x, dy):
        y = layer(weights, x)
        return (y * dy).sum(), y

    return jax.jit(layer), jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))
