import { channel } from 'node:diagnostics_channel';
import { beforeEach, describe, expect, it } from 'vitest';
import { expectStreams, withCancelCode } from '../../lib/fetch/index.ts';

const codes: unknown[] = [];
class ClientStream {
  close(code?: number): void {
    codes.push(code);
  }
}

const created = channel('http2.client.stream.created');
const plain = ClientStream.prototype.close;

beforeEach(() => void codes.splice(0));

describe('withCancelCode', () => {
  // Node 20 does not tell of its streams; to be told in its place shows that the rest holds there too.
  it('changes nothing before there is a stream', () => {
    expectStreams();
    expectStreams();
    const stream = new ClientStream();
    expect(withCancelCode(() => stream.close())).toBeUndefined();
    expect(withCancelCode(() => 'done')).toBe('done');
    expect(codes).toEqual([undefined]);
    expect(created.hasSubscribers).toBe(true);
  });

  it('listens no longer than to the first stream', () => {
    created.publish({ stream: new (class extends ClientStream {})() });
    expect(created.hasSubscribers).toBe(false);
    expectStreams();
    expect(created.hasSubscribers).toBe(false);
  });

  it('lets close() mean CANCEL while it runs, and leaves every other code as it is', () => {
    const stream = new ClientStream();
    withCancelCode(() => {
      stream.close();
      stream.close(7);
      stream.close(0);
    });
    stream.close();
    expect(codes).toEqual([8, 7, 0, undefined]);
    expect(ClientStream.prototype.close).toBe(plain);
  });

  it('puts things back after what throws, and inside of another', () => {
    const stream = new ClientStream();
    const failing = () => {
      throw new Error('mine');
    };
    withCancelCode(() => {
      expect(() => withCancelCode(failing)).toThrow('mine');
      stream.close();
    });
    expect(() => withCancelCode(failing)).toThrow('mine');
    stream.close();
    expect(codes).toEqual([8, undefined]);
    expect(ClientStream.prototype.close).toBe(plain);
  });
});
