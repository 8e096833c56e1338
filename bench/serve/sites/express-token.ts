import http from 'node:http';
import express from 'express';
import { cancellation } from 'nevermind/adapters/express';
import { portOf, type Start } from '../site.ts';
import { routed } from './express.ts';

export const start: Start = (_, desk) => portOf(http.createServer(routed(express().use(cancellation()), desk)));
