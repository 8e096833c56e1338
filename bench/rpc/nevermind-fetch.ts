export { overFetch as peer } from './nevermind.ts';
