// Cases with one token at a time, or a thousand: what a request pays for.
import { keep } from '../harness.ts';
import type { Make } from './make.ts';

/** Several tokens by turns, else V8 would ask one of them once and for all. */
const FEW = 16;
const THIRTY_SECONDS = 30_000;
const IN_FLIGHT = 1000;

const nothing = (): void => {};

export const poll: Make = (peer) => {
  const tokens = Array.from({ length: FEW }, () => peer.token(peer.root()));
  let cancelled = 0;
  return {
    run(ops) {
      for (let i = 0; i < ops; i++) if (peer.poll(tokens[i % FEW] as (typeof tokens)[0])) cancelled++;
      keep(0, cancelled);
    },
  };
};

export const pollChild: Make = (peer) => {
  const parent = peer.token(peer.root());
  const tokens = Array.from({ length: FEW }, () => peer.childToken(peer.child(parent)));
  let cancelled = 0;
  return {
    run(ops) {
      for (let i = 0; i < ops; i++) if (peer.poll(tokens[i % FEW] as (typeof tokens)[0])) cancelled++;
      keep(0, cancelled);
    },
  };
};

export const root: Make = (peer) => ({
  run(ops) {
    for (let i = 0; i < ops; i++) {
      const made = peer.root();
      keep(i, peer.token(made));
      peer.cancel(made);
    }
  },
});

export const rootWithReason: Make = (peer) => ({
  run(ops) {
    for (let i = 0; i < ops; i++) {
      const made = peer.root();
      keep(i, peer.token(made));
      peer.cancelWith(made);
    }
  },
});

export const child: Make = (peer) => {
  const parent = peer.token(peer.root());
  return {
    run(ops) {
      for (let i = 0; i < ops; i++) {
        const made = peer.child(parent);
        keep(i, peer.childToken(made));
        peer.close(made);
      }
    },
  };
};

export const childObserved: Make = (peer) => {
  const parent = peer.token(peer.root());
  return {
    run(ops) {
      for (let i = 0; i < ops; i++) {
        const made = peer.child(parent);
        const token = peer.childToken(made);
        keep(i, token);
        peer.unregister(peer.register(token, nothing), token, nothing);
        peer.close(made);
      }
    },
  };
};

/** Registers and takes back again, with so many others registered all the while. */
export const register =
  (others: number): Make =>
  (peer) => {
    const root = peer.root();
    const token = peer.token(root);
    // A function each: the platform would take the same one twice for one listener.
    for (let i = 0; i < others; i++) peer.register(token, () => keep(i, root));
    return {
      run(ops) {
        for (let i = 0; i < ops; i++) {
          const registration = peer.register(token, nothing);
          keep(i, registration);
          peer.unregister(registration, token, nothing);
        }
      },
    };
  };

/** Begins one operation and ends the one that began a thousand earlier. */
export const inFlight =
  (timed: boolean): Make =>
  (peer) => {
    const parent = peer.token(peer.root());
    const begin = () => {
      const made = timed ? peer.request(parent, THIRTY_SECONDS) : peer.child(parent);
      const token = peer.childToken(made);
      return { made, token, registration: peer.register(token, nothing) };
    };
    const open = Array.from({ length: IN_FLIGHT }, begin);
    return {
      run(ops) {
        for (let i = 0; i < ops; i++) {
          const { made, token, registration } = open[i % IN_FLIGHT] as (typeof open)[0];
          peer.unregister(registration, token, nothing);
          peer.close(made);
          open[i % IN_FLIGHT] = begin();
        }
      },
    };
  };

/** The same, with the callback on the AbortSignal: somebody hands it to the platform. */
export const inFlightWithSignal: Make = (peer) => {
  const parent = peer.token(peer.root());
  const begin = () => {
    const made = peer.request(parent, THIRTY_SECONDS);
    const signal = peer.signal(peer.childToken(made));
    signal.addEventListener('abort', nothing);
    return { made, signal };
  };
  const open = Array.from({ length: IN_FLIGHT }, begin);
  return {
    run(ops) {
      for (let i = 0; i < ops; i++) {
        const { made, signal } = open[i % IN_FLIGHT] as (typeof open)[0];
        signal.removeEventListener('abort', nothing);
        peer.close(made);
        open[i % IN_FLIGHT] = begin();
      }
    },
  };
};

export const deadline: Make = (peer) => ({
  run(ops) {
    for (let i = 0; i < ops; i++) {
      const made = peer.timeout(THIRTY_SECONDS);
      keep(i, made);
      peer.close(made);
    }
  },
});

export const signal: Make = (peer) => ({
  run(ops) {
    for (let i = 0; i < ops; i++) keep(i, peer.signal(peer.token(peer.root())));
  },
});
