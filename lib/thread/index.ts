export { type SharedToken, shareToken } from './publish.ts';
export { tokenFromCell } from './follow.ts';
