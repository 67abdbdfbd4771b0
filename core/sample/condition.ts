// Conditions: the door. parseCondition is in acl-parse.ts, which only the supervisor needs.

export { Acl, AclTestRun, CONDITION_FAIL, CONDITION_MISS, CONDITION_PASS, Condition, type Term } from './acl.ts';
export { compileAcl, compileCondition } from './compile.ts';
