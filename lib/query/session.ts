/** What a driver lets one do to the server's side of one connection. */
export interface Session {
  /** Asks the server to stop what the connection runs; resolves when the server has acknowledged that. */
  cancel(): Promise<void>;
  /** As {@link cancel}, and ends the session if the server can do both at once. */
  kill(): Promise<void>;
  /** One round trip of the connection, which does nothing. */
  probe(): Promise<unknown>;
  /** Ends a transaction that may be open on the connection, which is idle. */
  clear(): Promise<unknown>;
  /** Closes the connection; resolves when nothing needs it any more. */
  destroy(): Promise<void> | void;
  /**
   * Whether an error of the driver is the server's word that it has stopped a query as it was asked to.
   *
   * @param killed by {@link kill}
   */
  isStop(error: unknown, killed: boolean): boolean;
}

/** Closes a connection that is not used again, whether or not that can be done. */
export async function abandon(session: Session): Promise<void> {
  try {
    await session.destroy();
  } catch {
    // It is lost all the same.
  }
}

/** Begins a query. @param told what the caller is to hear of an error, for drivers that tell it before the promise can */
export type Begin<T> = (told: (error: unknown) => unknown) => Promise<T>;
