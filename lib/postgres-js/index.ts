export { type Face, isQuery, type Method, type Query } from './driver.ts';
export { Seat, type Send } from './seat.ts';
export { WaitingRoom } from './waiting-room.ts';
