// `stick-table` lines as plain data (manual §11).

export type TableKeyType = 'ip' | 'ipv6' | 'integer' | 'string' | 'binary';

/** What a table keeps with each key; the words are the manual's. */
export type TableDataType =
  | 'server_id'
  | 'gpt'
  | 'gpt0'
  | 'gpc'
  | 'gpc_rate'
  | 'gpc0'
  | 'gpc0_rate'
  | 'gpc1'
  | 'gpc1_rate'
  | 'conn_cnt'
  | 'conn_rate'
  | 'conn_cur'
  | 'sess_cnt'
  | 'sess_rate'
  | 'http_req_cnt'
  | 'http_req_rate'
  | 'http_err_cnt'
  | 'http_err_rate'
  | 'http_fail_cnt'
  | 'http_fail_rate'
  | 'bytes_in_cnt'
  | 'bytes_in_rate'
  | 'bytes_out_cnt'
  | 'bytes_out_rate'
  | 'glitch_cnt'
  | 'glitch_rate';

export interface TableColumn {
  type: TableDataType;
  count: number; // elements: `gpc(n)`, `gpt(n)`; else 1
  periodMs: number; // of rates; 0 for others
}

export interface StickTableModel {
  index: number; // in Model.tables
  name: string; // the section's
  proxyIndex: number;
  keyType: TableKeyType;
  keyBytes: number; // most bytes of a key; ip 4, ipv6 16, integer 4
  size: number; // entries
  expireMs: number; // 0: entries stay
  nopurge: boolean;
  columns: readonly TableColumn[];
  file: string;
  line: number;
}
