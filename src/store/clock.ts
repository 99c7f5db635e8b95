/** Time as a process sees it. One of these is given to store and operations alike, so there is one "now". */
export interface Clock {
  /** Seconds since the epoch, whole: what is signed and what is compared with `exp`. Somebody may set it. */
  now(): number;
  /** Seconds since some moment, with fractions: nobody can set it, and it goes on while the machine sleeps. */
  elapsed(): number;
}
