// A clock for a replay: what draws or shows follows it without rendering React
// sixty times a second.

import { useEffect, useRef, useState, useSyncExternalStore } from 'react';

export const speeds = [1, 4, 16] as const;

export class Replay {
  private now = 0;
  private running = false;
  private rate = 1;
  private frame = 0;
  private before = 0;
  private readonly listeners = new Set<() => void>();

  constructor(private length: number) {
    this.now = length;
  }

  get time(): number { return this.now; }
  get duration(): number { return this.length; }
  get playing(): boolean { return this.running; }
  get speed(): number { return this.rate; }

  subscribe = (f: () => void): (() => void) => {
    this.listeners.add(f);
    return () => this.listeners.delete(f);
  };

  setDuration(seconds: number): void {
    if (seconds === this.length) return;
    const ended = this.now >= this.length;
    this.length = seconds;
    this.now = ended ? seconds : Math.min(this.now, seconds);
    this.tell();
  }

  setSpeed(rate: number): void {
    this.rate = rate;
    this.tell();
  }

  seek(seconds: number): void {
    this.now = Math.min(Math.max(seconds, 0), this.length);
    this.tell();
  }

  /** From the beginning where it stands at the end. */
  play(): void {
    if (this.running || this.length <= 0) return;
    if (this.now >= this.length) this.now = 0;
    this.running = true;
    this.before = performance.now();
    this.frame = requestAnimationFrame(this.step);
    this.tell();
  }

  pause(): void {
    if (!this.running) return;
    this.running = false;
    cancelAnimationFrame(this.frame);
    this.tell();
  }

  toggle(): void {
    if (this.running) this.pause();
    else this.play();
  }

  private step = (t: number): void => {
    this.now = Math.min(this.length, this.now + (Math.max(0, t - this.before) / 1000) * this.rate);
    this.before = t;
    if (this.now >= this.length) this.running = false;
    else this.frame = requestAnimationFrame(this.step);
    this.tell();
  };

  private tell(): void {
    for (const f of this.listeners) f();
  }
}

export function useReplay(duration: number): Replay {
  const ref = useRef<Replay | null>(null);
  const replay = (ref.current ??= new Replay(duration));
  useEffect(() => replay.setDuration(duration), [replay, duration]);
  useEffect(() => () => replay.pause(), [replay]);
  return replay;
}

/** Whether it plays, and how fast. */
export function usePlaying(r: Replay): { playing: boolean; speed: number } {
  const playing = useSyncExternalStore(r.subscribe, () => r.playing);
  const speed = useSyncExternalStore(r.subscribe, () => r.speed);
  return { playing, speed };
}

/** The moment, at most `hz` times a second while it plays. */
export function useMoment(r: Replay, hz = 20): number {
  const [time, setTime] = useState(r.time);
  useEffect(() => {
    let last = 0;
    const follow = () => {
      const t = performance.now();
      if (r.playing && t - last < 1000 / hz) return;
      last = t;
      setTime(r.time);
    };
    follow();
    return r.subscribe(follow);
  }, [r, hz]);
  return time;
}

/** The keys of a replay; true where the key was one. */
export function replayKey(r: Replay, e: { key: string; shiftKey: boolean }): boolean {
  const step = (e.shiftKey ? 0.1 : 0.01) * r.duration;
  switch (e.key) {
    case ' ': r.toggle(); return true;
    case 'ArrowRight': r.seek(r.time + step); return true;
    case 'ArrowLeft': r.seek(r.time - step); return true;
    case 'Home': r.seek(0); return true;
    case 'End': r.seek(r.duration); return true;
    default: return false;
  }
}
