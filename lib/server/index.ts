export { type Server, serve } from './serve.ts';
export type { ServeOptions } from './options.ts';
export { FastResponse } from './fast-response.ts';
export type { Abandoned, HandlerContext, WebHandler } from './web-handler.ts';
export type { DrainOptions, DrainReport } from './drain.ts';
export type { Peer } from './peer.ts';
export { type Mountable, mount } from './mount.ts';
export { tokenOf } from './request.ts';
// What an adapter for the server of somebody else's is made of.
export { Reception, type ReceptionDrainOptions } from './reception.ts';
export type { ReceptionOptions } from './options.ts';
export type { Visit } from './visit.ts';
export { respond, Voice } from './voice.ts';
export type { Form, Refusal } from './refusal.ts';
export { NodeLine, type NodeRequest, type NodeResponse } from './node-line.ts';
export { SignalLine } from './signal-line.ts';
export { SocketLine } from './socket-line.ts';
export type { Closable } from './guest-lines.ts';
