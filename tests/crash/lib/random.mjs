// Random numbers that can be had again. With the same seed a campaign makes the same choices; what
// they hit depends on the machine's timing.

/** xorshift32 (Marsaglia, "Xorshift RNGs", 2003): enough for choosing. */
export class Random {
  #state;

  constructor(seed) {
    this.seed = seed;
    this.#state = (seed >>> 0) || 1;
    for (let i = 0; i < 8; i++) this.unit(); // small seeds begin with small numbers
  }

  /** In [0, 1). */
  unit() {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state / 2 ** 32;
  }

  /** An integer in [from, to]. */
  int(from, to) {
    return from + Math.floor(this.unit() * (to - from + 1));
  }

  chance(probability) {
    return this.unit() < probability;
  }

  pick(list) {
    return list[this.int(0, list.length - 1)];
  }

  /** One of [[weight, value], …]. */
  weighted(choices) {
    let left = this.unit() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of choices) {
      left -= weight;
      if (left < 0) return value;
    }
    return choices.at(-1)[1];
  }

  bytes(length) {
    const bytes = Buffer.alloc(length);
    for (let i = 0; i < length; i++) bytes[i] = this.int(0, 255);
    return bytes;
  }
}
