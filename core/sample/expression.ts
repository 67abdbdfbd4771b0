// Expressions: the door. parseExpression is in expression-parse.ts, which only the supervisor needs.

export { compileExpression } from './compile.ts';
export { Expression, type Step } from './expression-run.ts';
export { valueText } from './sample-text.ts';
