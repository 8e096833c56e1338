import type { Start } from '../site.ts';
import { starting } from './nevermind.ts';

export const start: Start = starting({ fromAmbient: false });
