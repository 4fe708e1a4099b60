// The names are the same for import and for require; see index.d.ts.
export * from './index.js';
