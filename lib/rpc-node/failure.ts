import type { ClientHttp2Stream } from 'node:http2';
import { RpcError } from '../rpc/index.ts';
import { failureOfNodeError, failureOfReset, reasonOfCode } from '../wire/index.ts';
import type { Session } from './session.ts';

/** The codes that Node gives the streams of a session that has died: they say nothing by themselves. */
const IMPLIED: ReadonlySet<number> = new Set([0, 2, 8]);

/**
 * Why a stream has closed before its answer was whole.
 *
 * @param error what the stream has emitted, if anything
 */
export function failureOf(
  path: string,
  { rstCode = 0, id }: ClientHttp2Stream,
  session: Session,
  error: NodeJS.ErrnoException | undefined,
): RpcError {
  if (error !== undefined && failureOfNodeError(error.code ?? '', false).neverProcessed) return unsent(path, error);
  if (session.dead && IMPLIED.has(rstCode)) return session.lost(id);
  const { code, neverProcessed, name } = failureOfReset(rstCode);
  const message = `${named(path)}: the peer reset it with ${name}.`;
  return new RpcError(code, message, { reason: reasonOfCode(code), neverProcessed, remote: true, cause: error });
}

/** A call that Node did not take, as the session is closed or going away. */
export function unsent(path: string, error: NodeJS.ErrnoException): RpcError {
  const { code, neverProcessed, name } = failureOfNodeError(error.code ?? error.message, false);
  return new RpcError(code, `${named(path)} could not be sent: ${name}.`, { neverProcessed, cause: error });
}

/** A call whose headers Node did not send: its limit of 64 KiB keeps a session from being ended for them. */
export function tooLarge(path: string): RpcError {
  return new RpcError('resource_exhausted', `${named(path)}: its headers are too large.`, { neverProcessed: true });
}

/** The query of a GET is the request, which is nothing for a log. */
function named(path: string): string {
  return `Call to ${path.split('?', 1)[0]}`;
}
