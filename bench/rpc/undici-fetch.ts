export { withFetch as peer } from './undici.ts';
