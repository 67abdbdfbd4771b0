// ACL keywords: short names for a fetch with a way to compare (manual §7.3.7), and the predefined ACLs (manual §7.4).

import type { MatchMethod } from '../model/language.ts';

export interface AclKeyword {
  readonly name: string;
  readonly fetch: string;
  readonly method: MatchMethod;
  readonly byGroup: boolean; // patterns are groups of the user that the fetch names
}

const TEXT_METHODS: readonly MatchMethod[] = ['beg', 'dir', 'dom', 'end', 'len', 'reg', 'sub'];

function keyword(name: string, fetch: string, method: MatchMethod, byGroup = false): AclKeyword {
  return { name, fetch, method, byGroup };
}

/** `path`, `path_beg`, `path_dir` … */
function family(name: string, fetch: string): AclKeyword[] {
  return [keyword(name, fetch, 'str'), ...TEXT_METHODS.map((method) => keyword(`${name}_${method}`, fetch, method))];
}

export const aclKeywords: readonly AclKeyword[] = [
  ...family('base', 'base'),
  ...family('cook', 'req.cook'),
  ...family('hdr', 'req.hdr'),
  keyword('http_auth_group', 'http_auth_group', 'str', true),
  keyword('method', 'method', 'meth'),
  ...family('path', 'path'),
  keyword('payload', 'req.payload', 'bin'),
  keyword('payload_lv', 'req.payload_lv', 'bin'),
  keyword('req.ssl_ver', 'req.ssl_ver', 'ver'),
  keyword('req_rdp_cookie', 'req.rdp_cookie', 'str'),
  keyword('req_rdp_cookie_cnt', 'req.rdp_cookie_cnt', 'int'),
  keyword('req_ssl_sni', 'req.ssl_sni', 'str'),
  keyword('req_ssl_ver', 'req.ssl_ver', 'ver'),
  keyword('req_ver', 'req.ver', 'str'),
  keyword('resp_ver', 'res.ver', 'str'),
  ...family('scook', 'res.cook'),
  ...family('shdr', 'res.hdr'),
  keyword('ssl_fc_sni_end', 'ssl_fc_sni', 'end'),
  keyword('ssl_fc_sni_reg', 'ssl_fc_sni', 'reg'),
  ...family('url', 'url'),
  ...family('urlp', 'urlp'),
];

const byName = new Map(aclKeywords.map((each) => [each.name, each]));

export function aclKeyword(name: string): AclKeyword | undefined {
  return byName.get(name);
}

const PREDEFINED: Record<string, readonly string[]> = {
  TRUE: ['always_true'],
  FALSE: ['always_false'],
  LOCALHOST: ['src', '127.0.0.1/8', '::1'],
  HTTP: ['req.proto_http'],
  'HTTP_1.0': ['req.ver', '1.0'],
  'HTTP_1.1': ['req.ver', '1.1'],
  'HTTP_2.0': ['req.ver', '2.0'],
  'HTTP_3.0': ['req.ver', '3.0'],
  METH_CONNECT: ['method', 'CONNECT'],
  METH_DELETE: ['method', 'DELETE'],
  METH_GET: ['method', 'GET', 'HEAD'],
  METH_HEAD: ['method', 'HEAD'],
  METH_OPTIONS: ['method', 'OPTIONS'],
  METH_POST: ['method', 'POST'],
  METH_PUT: ['method', 'PUT'],
  METH_TRACE: ['method', 'TRACE'],
  HTTP_URL_ABS: ['url_reg', '^[^/:]*://'],
  HTTP_URL_SLASH: ['url_beg', '/'],
  HTTP_URL_STAR: ['url', '*'],
  HTTP_CONTENT: ['req.hdr_val(content-length)', 'gt', '0'],
  RDP_COOKIE: ['req.rdp_cookie_cnt', 'gt', '0'],
  REQ_CONTENT: ['req.len', 'gt', '0'],
  WAIT_END: ['wait_end'],
};

/** The words of a predefined ACL, null when there is none of that name. */
export function predefinedAcl(name: string): readonly string[] | null {
  return Object.hasOwn(PREDEFINED, name) ? PREDEFINED[name]! : null;
}
