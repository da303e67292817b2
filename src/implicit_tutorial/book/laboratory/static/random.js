// @ts-check
/* Torch's own random numbers on the CPU: the Mersenne Twister, and what torch makes of it. */

var implicitRandom = (function random() {
  "use strict";

  const SIZE = 624, FAR = 397, BLOCK = 16;

  class Generator {
    /** @param {number} seed */
    constructor(seed) {
      this.state = new Uint32Array(SIZE);
      this.state[0] = seed;
      for (let i = 1; i < SIZE; i++) {
        const before = this.state[i - 1];
        this.state[i] = Math.imul(1812433253, before ^ (before >>> 30)) + i;
      }
      this.at = SIZE;
    }

    /** Whole numbers below 2³². */
    next() {
      const { state } = this;
      if (this.at === SIZE) {
        for (let i = 0; i < SIZE; i++) {
          const y = (state[i] & 0x80000000) | (state[(i + 1) % SIZE] & 0x7fffffff);
          state[i] = state[(i + FAR) % SIZE] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
        }
        this.at = 0;
      }
      let y = state[this.at++];
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      return (y ^ (y >>> 18)) >>> 0;
    }

    /** Between 0 and 1, with 53 bits. */
    uniform() {
      const high = this.next() & 0x1fffff;
      return (high * 2 ** 32 + this.next()) / 2 ** 53;
    }
  }

  /** `torch.randn(length, generator=…, dtype=torch.float64)`, by Box and Muller in blocks of 16.
   * @param {Generator} generator @param {number} length  at least 16 */
  function normals(generator, length) {
    if (length < BLOCK) throw new Error(`torch draws ${length} numbers, fewer than ${BLOCK}, in another way`);
    const x = Float64Array.from({ length }, () => generator.uniform());
    const turn = (/** @type {number} */ from) => {
      for (let j = from; j < from + BLOCK / 2; j++) {
        const radius = Math.sqrt(-2 * Math.log(1 - x[j])), angle = 2 * Math.PI * x[j + BLOCK / 2];
        x[j] = radius * Math.cos(angle);
        x[j + BLOCK / 2] = radius * Math.sin(angle);
      }
    };
    for (let i = 0; i + BLOCK <= length; i += BLOCK) turn(i);
    if (length % BLOCK) {
      for (let i = length - BLOCK; i < length; i++) x[i] = generator.uniform();
      turn(length - BLOCK);
    }
    return x;
  }

  /** `torch.randperm(length, generator=…)`. @param {Generator} generator @param {number} length */
  function permutation(generator, length) {
    const order = Array.from({ length }, (_, i) => i);
    for (let i = 0; i < length - 1; i++) {
      const j = i + (generator.next() % (length - i));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  return { Generator, normals, permutation, random };
})();
