// The VRRP thread's entry.
//
// A thread that gets ready shares locks with the one that is the router: of memory, of V8's pages. Were it to lose its
// processor to a busy proxy while it holds one, the router would wait with it. So it hurries from its first line on;
// privileges.ts then gives it the standing that the file asks for.

import { hurry } from './privileges.ts';

hurry();
await import('./thread.ts');
