import http from 'node:http';
import { tokenOf } from 'nevermind/server';
import { portOf, type Start } from '../site.ts';
import { onRequest } from './node.ts';

export const start: Start = (_, desk) =>
  portOf(
    http.createServer((req, res) => {
      tokenOf(req, res);
      onRequest(req, res, desk);
    }),
  );
