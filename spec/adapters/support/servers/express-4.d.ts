// What is asked of it here is as in version 5.
declare module 'express-4' {
  export { default } from 'express';
}
