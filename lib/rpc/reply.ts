import { codeOfHttp, decodeError, isJsonType, JSON_TYPE, reasonOfCode, STREAM_TYPE } from '../wire/index.ts';
import { decodeJson } from './codec.ts';
import { metadataIn, RpcError } from './error.ts';
import type { ReplyHead, UnaryReply } from './transport.ts';

/**
 * The message in a response.
 *
 * @throws RpcError for a response that is an error, CodecError for one that is no JSON
 */
export function messageOf(reply: UnaryReply): unknown {
  if (reply.status !== 200) throw errorOf(reply);
  const type = reply.header('content-type');
  if (isJsonType(type)) return decodeJson(reply.body);
  throw wrongType(type, JSON_TYPE);
}

/** @throws RpcError for a head that does not begin the answer to a stream; a whole `body` of an error is asked for */
export async function checkStreamHead(reply: ReplyHead, body: () => Promise<Uint8Array>): Promise<void> {
  const type = reply.header('content-type');
  if (reply.status === 200 && type === STREAM_TYPE) return;
  if (reply.status === 200) throw wrongType(type, STREAM_TYPE);
  throw errorOf({
    status: reply.status,
    header: (name) => reply.header(name),
    headers: () => reply.headers(),
    body: await body(),
  });
}

function wrongType(type: string | undefined, expected: string): RpcError {
  // Another codec is a peer that speaks the protocol badly; anything else is not a peer of ours at all.
  const code = type?.startsWith('application/') ? 'internal' : 'unknown';
  return new RpcError(code, `Expected an answer of content type \`${expected}\`, got \`${type ?? 'none'}\`.`, {
    remote: true,
  });
}

function errorOf(reply: UnaryReply): RpcError {
  const { code, message, details } = decodeError(bodyOf(reply), codeOfHttp(reply.status));
  const metadata = metadataIn(reply.headers());
  return new RpcError(code, message === '' ? `HTTP ${reply.status}` : message, {
    details,
    metadata,
    reason: reasonOfCode(code),
    remote: true,
  });
}

/** The body of an error, or nothing: an error page of a proxy is no reason to hide the status it came with. */
function bodyOf(reply: UnaryReply): unknown {
  if (!isJsonType(reply.header('content-type'))) return undefined;
  try {
    return decodeJson(reply.body);
  } catch {
    return undefined;
  }
}
