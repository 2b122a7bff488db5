/** The sound of a new call: two soft tones made here, no file. Its switch and volume are
 * remembered in this browser. */

const STORED = "fsapp.sound";
const TONES = [
  { hertz: 659, at: 0, lasts: 0.18 },
  { hertz: 880, at: 0.2, lasts: 0.3 },
];

export class Sounds {
  #context = null;

  constructor() {
    const stored = read();
    this.on = stored.on ?? true;
    this.volume = stored.volume ?? 0.5;
    // Browsers let a page sound only after somebody has touched it.
    for (const touch of ["pointerdown", "keydown"]) {
      window.addEventListener(touch, () => this.#wake(), { passive: true });
    }
  }

  set(on, volume) {
    Object.assign(this, { on, volume });
    try {
      localStorage.setItem(STORED, JSON.stringify({ on, volume }));
    } catch {
      // No storage in this browser: it holds until the page is closed.
    }
  }

  newCall() {
    if (this.on) this.play();
  }

  play() {
    this.#wake();
    const context = this.#context;
    if (!context || context.state !== "running") return;
    for (const { hertz, at, lasts } of TONES) {
      const begin = context.currentTime + at;
      const tone = new OscillatorNode(context, { frequency: hertz });
      const gain = new GainNode(context, { gain: 0 });
      gain.gain.linearRampToValueAtTime(this.volume * 0.3, begin + 0.02);
      gain.gain.linearRampToValueAtTime(0, begin + lasts);
      tone.connect(gain).connect(context.destination);
      tone.start(begin);
      tone.stop(begin + lasts);
    }
  }

  #wake() {
    this.#context ??= new AudioContext();
    if (this.#context.state === "suspended") this.#context.resume().catch(() => {});
  }
}

function read() {
  try {
    return JSON.parse(localStorage.getItem(STORED)) ?? {};
  } catch {
    return {};
  }
}
