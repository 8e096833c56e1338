import {
  codeOfHttp,
  decodeError,
  isJsonType,
  isMetadataName,
  isMetadataValue,
  JSON_TYPE,
  reasonOfCode,
} from '../wire/index.ts';
import { decodeJson } from './codec.ts';
import { RpcError } from './error.ts';
import type { UnaryReply } from './transport.ts';

/**
 * The message in a response.
 *
 * @throws RpcError for a response that is an error, CodecError for one that is no JSON
 */
export function messageOf(reply: UnaryReply): unknown {
  if (reply.status !== 200) throw errorOf(reply);
  const type = reply.header('content-type');
  if (isJsonType(type)) return decodeJson(reply.body);
  // Another codec is a peer that speaks the protocol badly; anything else is not a peer of ours at all.
  const code = type?.startsWith('application/') ? 'internal' : 'unknown';
  throw new RpcError(code, `Expected an answer of content type \`${JSON_TYPE}\`, got \`${type ?? 'none'}\`.`, {
    remote: true,
  });
}

function errorOf(reply: UnaryReply): RpcError {
  const { code, message, details } = decodeError(bodyOf(reply), codeOfHttp(reply.status));
  const metadata = metadataOf(reply);
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

function metadataOf(reply: UnaryReply): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [name, value] of reply.headers()) {
    if (isMetadataName(name) && isMetadataValue(value)) metadata[name] = value;
  }
  return metadata;
}
