export { type Server, serve } from './serve.ts';
export type { ServeOptions } from './options.ts';
export { FastResponse } from './fast-response.ts';
export type { Abandoned, HandlerContext, WebHandler } from './web-handler.ts';
export type { DrainOptions, DrainReport } from './drain.ts';
export type { Peer } from './peer.ts';
export { type Mountable, mount } from './mount.ts';
export { tokenOf } from './request.ts';
