import http from 'node:http';
import express, { type Express } from 'express';
import { type Desk, greet, HOLD, PATH, portOf, type Start } from '../site.ts';

export const start: Start = (_, desk) => portOf(http.createServer(routed(express(), desk)));

export function routed(app: Express, desk: Desk): Express {
  app.disable('x-powered-by').disable('etag');
  app.get(PATH, (_req, res) => void res.json(greet('Ada')));
  app.post(PATH, express.json(), (req, res) => void res.json(greet(req.body.name)));
  app.get(HOLD, (_req, res) => {
    res.on('close', () => res.writableEnded || desk.left());
    desk.held();
  });
  return app;
}
