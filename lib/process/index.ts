export { Output, type Printed } from './output.ts';
export { type Exit, type Limits, Watch } from './watch.ts';
