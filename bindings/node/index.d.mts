// The names are the same for import and for require; see index.d.ts.
import * as execkit from './index.js';

export * from './index.js';
export default execkit;
