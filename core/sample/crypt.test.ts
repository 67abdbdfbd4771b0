// Goal: passwords are verified as crypt(3) does. Method: vectors of the algorithms' papers and of libcrypt, kept in full.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { credentialsOf } from './credentials.ts';
import { crypt, cryptMatches, isForeignHash, lighterSetting } from './crypt.ts';

const VECTORS: readonly (readonly [password: string, hash: string])[] = [
  [
    'Hello world!',
    '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
  ],
  ['U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['', '$1$abcdefgh$M55TzYaaccxVGbptZWaxX/'],
  ['éx', '$1$abcdefgh$1WG9gZadWzl4Kcp4QFAOP.'],
  ['.j@"~<UD8R5*2ppY', '$1$abcdefgh$uIz2EuNgSX5aulo.oilsD1'],
  [",;LboO3LDzf,HxIH7+q4}yH^5}'+meT%?mMA[tV3(r%`K;1~i1qU.6XP4(VF3[p6", '$1$abcdefgh$DkKCIgReYvWcTNNMkD6pi1'],
  ['H_E3^$0upY@F&2S"^ehD@]%@_C4}EF`n]csn0#1GEe{LoF~d$\\MOxl1%!Ag[x.xf9"WWmjy{q', '$1$abcdefgh$n/yDshf0e30HC/RrWbL9V0'],
  ['', '$1$x$fwjfZtMwarkdetsjiQreU1'],
  ['éx', '$1$x$jyv.s1UjT9myOCKGjzykj/'],
  ['$j>u+pT{OxH8\\OE)', '$1$x$9sjpvPkspgBy9KNhmMwbL1'],
  ["}\"HyZ=g/2H^,BTI11e+]@z+Wjv@D(`z@'{:EP-*VIQh!Et1j$Y3yt#~'zWC.Qh1J", '$1$x$9PriLVZ68PPh2kB2DKIsl.'],
  ['ygy|P@-<FHCp*6*qU8=t)iiqrf~UV>W^dm@GVD+nK8V$4/Fihni8X9Jm.syK~*(_2c*I9\\sR>', '$1$x$wizxFYzSqGRYKIqXs5VVB.'],
  ['', '$1$$qRPK7m23GJusamGpoGLby/'],
  ['éx', '$1$$rgfJ2v0pX5QzRkaUPu5a31'],
  ['#hGYZ.t0PidD|kmR', '$1$$pKkhsIbk9STJ6ZZYHRb/71'],
  ['Yoj=ez/{)}xl,&)|[Gtdf})sxC0THB[GG!Jcu`\\Q4t<BIo;[,4N+rWYpctS7:2_6', '$1$$raQ9w3L.cVa2eTmUKfh/J.'],
  ['%!_5HVuEVlw\\L~daJ|yo"5j`t!e^\\P&>e!^0:66a?vTt.RVs>sD";u?k)aPXkH=-PhmgYx~(B', '$1$$R5vNXhPkMxt8aywPAhOeg.'],
  ['', '$5$saltstring$FdNfA4gXqvCeO6iZs7G/.wwwoywYZqo0l1pwmfWaBA7'],
  ['éx', '$5$saltstring$NQMED1y5cE.K52S7/12X/gL1j3mOqoIbNH9AwVGlg7.'],
  ['HOVnl.7"Z3~H&i.l', '$5$saltstring$yklzTD2v2sluDACRMW49JR4HMWc8EI46V61o5bdxRr9'],
  [
    '/gH-LLoM5"&:`%C]d;&=KI=P[#%z09.yH0@)r/kMLAU6CH)S7?}_"H]>(~~h<Rvj',
    '$5$saltstring$aciDGfdlus5imEJUAuejKCei8Nz0y6gIs4I72nqyeX/',
  ],
  [
    '"_zowz2/&)WY80#KXevcrL|=5`b`uhJ\'lI"`&;9gADG>v?Yv)i`^>KVB<OX!I04?IE?N@F.qh',
    '$5$saltstring$XfaeYFPXYccvQe0ZTlF1an7RayZEyqMVAHJe4NxyVV.',
  ],
  ['', '$5$rounds=1001$abc$0ndI7RV.VHFE1lZyWnrwh1ZnCTfeUwMNGn9uz9kdSz8'],
  ['éx', '$5$rounds=1001$abc$XTHSrLz2bTDUya.bQJ1EF6eniSpGbdaMXL7Dzet4IAB'],
  ['xjKzA$#vhNXxw/zd', '$5$rounds=1001$abc$iOIt5gkQH8Llq.mbONHfFFE6O8k5c2bY5N/eoAavId2'],
  [
    'Z*<vYz*C!-lc;lnv>k~Xak`G/>2g_nPtn`#t2qUqC2x%R%V6Nlx[t^_V>JM]wW0}',
    '$5$rounds=1001$abc$/Nb1f0k6EiPk1xwquWYIh3P2htJpjIZFp2ilDiJNkd8',
  ],
  [
    'ybxn0L[{`Rg+m}Hvk_<WA&*OLWPhA:-A1B3+9+6Pp*1htnB}k~CrW0QESYX@q+1;jP>a@CQ5[',
    '$5$rounds=1001$abc$cJjyFyJilegL8MzQ1GWyrn/2D1nlaa/zTa.LU02bJ59',
  ],
  ['', '$5$$3c2QQ0KjIU1OLtB29cl8Fplc2WN7X89bnoEjaR7tWu.'],
  ['éx', '$5$$Utn6ivQZsenUMI4J5NfifgQmJ5dmKKMwzUciUfyj1O5'],
  [';y#z]L4cPS%6EHY+', '$5$$BFP2eSL03XxaLvuXXgDabVLMpDy2D6NujFyQPKgbKq0'],
  [
    '%s8mqG_[(qCoC_Hs\'"},}>:9_C;5>:K8T\\$M70s5{qNzmS5Vu@qidj![C@U|**3m',
    '$5$$8jEPNJVV81CqefQAsuca0nCYnu/Q0B1FDwMoVy3dSn0',
  ],
  [
    "r=-f]6d:du]r'ck~\\a?M/%:%6]+TY0Lj?x9kA79?QofW8[Ri<t|)vWxao(}QT+9`~nFXBcAIx",
    '$5$$rPl7yrYpILHOKBze/dBAKW.05QgmTC2pgmpVYSTZ7O2',
  ],
  [
    '',
    '$6$rounds=1234$abcdefghijklmnop$Uwe1VZ9Q4kpta2ZyxJpEJjtOqTAGofcRoEKGjhF5zNwKyIzvZk7gCoj271SIhQdwlCJaaJgqZBaeM5wEXP8vb.',
  ],
  [
    'éx',
    '$6$rounds=1234$abcdefghijklmnop$JYDDDFBBfO/M9r55/ho1QYn.bbBEF4N7ES6nYzOhCF0ORcAgU3mtsEh7bTBA6NcaxJ71PS3.Nw8v3HyiZzVfe0',
  ],
  [
    'Fi/V7%FUx\\ZXl2`=',
    '$6$rounds=1234$abcdefghijklmnop$1mp0/wjusmA8B7wMSvYOG9oIV5/uygLEVRMkvYblGuISCzZAfZ3ay4CtXtLAg4WXlD1Iry.Dp/3CtMTFGfYq21',
  ],
  [
    'L>?\\;^H"o\'l&\\yl.nE,\\Rr*)+JG~E$,Zq-Zzj=9<~/mcMSgL7a,vGaC1uow2tK"i',
    '$6$rounds=1234$abcdefghijklmnop$jOUN5twiZB3GOa5KGWsb6cxQeNmWQ7hVwDglFkbUx9q66jsmHEN..anJAs/iYWw8FN4Y1Y6hYigedK8mXF8Nl0',
  ],
  [
    "]3Ia+`{:Kb6p|mP?N5'.V,4zH+BoMseH:~qfvc$:/y+V4ZZ@R#~{u?na\\l%,_9W@(+Rln@Y&e",
    '$6$rounds=1234$abcdefghijklmnop$f0xbHdPJ3dhBqQWmb1rOeDYhzrQVy5NLbZd35mIsBXFpvWacvLtv2SLrMtGk6ityeKfYlWH7y9llZDtGYzK5J0',
  ],
  ['', '$6$$/chiBau24cE26QQVW3IfIe68Xu5.JQ4E8Ie7lcRLwqxO5cxGuBhqF2HmTL.zWJ9zjChg3yJYFXeGBQ2y3Ba1d1'],
  ['éx', '$6$$dLBLZkNqWWHr9d2RHzX1QPUKYNTiuxZzSi.SE2IXV5V6BA.pBLLRK1dzh4Kp2mv/Ww8C8NtgPHfb1O7eDR4zj.'],
  ['Ic]$U{Q!#s/NX/P7', '$6$$X19nYBOW.HyZeh/MS3xhOzbT0TnqG78JXoEzsAOY389Jc6Mv.ys.s7vcrqsOrmUGug6HR5oHlN5OKr.WY6/If0'],
  [
    ".B'HDke]>*fBrL?^?9:\"(YiLrA'aKuE6n%v2eIKga`o4fe{b8}6g/Jb7r;}j?o$4",
    '$6$$i4JB3wWAWehsqV5BfLk2oxdOKOe4Wz9qy8HcM28JDDNU5cncpyaV7SGkmuOB6iI1Fy0bvj9FnIgXDOihU1rnA.',
  ],
  [
    '>WwbCp$-}:TMxo`-lW[=IUc&Ez^pjK#Za3Y$6qQ/;G}<)]u3/#.nFp_%W;bm4@f!=XgqfdnYt',
    '$6$$vdloTnr7uNANqBFPWnTEmQIN0BiMWLlCG41PWnmLZkO7j84qoEEylPOby3jSJTguvxmj7l0nRCOnnjboV2DRn1',
  ],
  ['', '$6$a$Z6IPkDduHdwavesVY2NFMpOHkigshxPYdhfLg0D3A7/XFQcso9RV2E8qczyJ2su.dj6RRLaTpvgwN1rZfK0I9.'],
  ['éx', '$6$a$UGRT4nc4MP7znlqFXhrs5N/hvDbgWlDIJWrBpNEpX58cX.BGcLh432mPcM4oexRgTybxwhKXpU3fdNZZVWjbL1'],
  ["y'c$6RMU`JW5*YL'", '$6$a$THhQ0gLZu6S1ViV43mKrozJA1EBxhgygYpV5UhRfo8vA1mskDpK8ldhDbJe5Rkk8Q9OHSjrCi6DRJ6YCg9dwM1'],
  [
    'aS{v,{Fc,"0YH=fYqPk`=KKJ(5|lf`Q6W*9W/*A<)Vm`sfRW_:)jt9;g}hEI$ZB>',
    '$6$a$beVRxgXC/8FcHL0k29vkh2yjvLOQkQNf9haTwO8MmJAkE7B2Y5TrRAaam1qlv/pxQynUiqwod2.ODoikEden1.',
  ],
  [
    '{d~HGL$:4T#-}OJ_>;Fd9!^cUb&&N\\.Ykt\\Q[U4fGAf&2a"1q,R/Ra<6IcSghM~nTPd\'{H/*(',
    '$6$a$KbvEvYKXhw7HcMU/BJA1kbXyu8FlwnT8rBanM.Dx5wb0XqTmthYLJ0R.husUJWKbyrg1YmxHAg9POZo26unv81',
  ],
  ['', '$2a$04$CCCCCCCCCCCCCCCCCCCCC.Cg0ly9t/KVBCBYYDfOmZKwry9JuXClC'],
  ['éx', '$2a$04$CCCCCCCCCCCCCCCCCCCCC.oVdg5TlMi9hmJLf9DpnMPAVKgZc9to6'],
  [')W%HcAB,qvE2hk:r', '$2a$04$CCCCCCCCCCCCCCCCCCCCC.GX8RSvit1evZO.n/yHW5mRm2lglgs7K'],
  [
    'MCWOwtm!lgP0f$:;"M|cF[YNJ\\i"[ay1OXiq\\?}8tE=S(&A_IBor/0[HfSel/7/B',
    '$2a$04$CCCCCCCCCCCCCCCCCCCCC.BGJMLs.Vl3FdwB3.W9yg11YHzFCOWu.',
  ],
  [
    'j>&Tn.-i:vtN?QDB\'zf_brFs`%iH$k*};0Z`a$K<zR7"Jzk-9Hly"rh_V>DGi[Gzr@2p;x|LV',
    '$2a$04$CCCCCCCCCCCCCCCCCCCCC.C23SEY5M.qwDAVB.dWLzX38sCER6vKW',
  ],
  ['', '$2b$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq'],
  ['éx', '$2b$04$abcdefghijklmnopqrstuuQaV/9ydF1UX1z9lwig4eXxwgstKxh5G'],
  ["7cM;CJwE<.*'WZQr", '$2b$04$abcdefghijklmnopqrstuu5cwqGzG8VSg.bpgUH7jDyL3xUFGOEcW'],
  [
    "n-rI-Ddwz>x`2D#j+PZF@'-pAHW8`^?^]/;nw-tM91P,0?df|@r}os|T;&kElkI|",
    '$2b$04$abcdefghijklmnopqrstuuXhY5EzHZ/8B3ibbqxMGVozpAowUrOT6',
  ],
  [
    '=jl1N&kbij3t*oi_|.1O!]@4`]s.upv/-=9:OWtGtT,`(9a)K\'"B`S,al*"[BOZRI8rh$F=i5',
    '$2b$04$abcdefghijklmnopqrstuuVhizZxhn3vGacN2O/Lmiomic5Yvdyo.',
  ],
  ['', '$2y$04$......................w74bL5gU7LSJClZClCa.Pkz14aTv/XO'],
  ['éx', '$2y$04$......................7uXEdtrCp9Q1MHXUCJYZsRq9koP2d5K'],
  ['-.-D!4m9Z_O)+1#?', '$2y$04$......................pZPyM8s7vd6tt5c09ukNVUGssKs2foy'],
  [
    'o78-*mw{EkKa5>D,QGQ,]de33YzN[k[I"/q!=sQs\\*)GericBQ5XPj,NvB98neK2',
    '$2y$04$......................PounUsBlTPsJncFBM8htMGI.rjGMnxq',
  ],
  [
    "45auMCjSoC0$d[rNG8.B.0',zVAy[jg{bbr74{nx<S7S:V:4R{Ct<hHL[V,s@'%WiVz0.f4tP",
    '$2y$04$......................SpAeV7AJGUhtBjfIFXixEVJVhXuQVyO',
  ],
  ['lf1', 'jwL3Kt.rqnuq6'],
  ['k)n"]Bg>9|', 'wwibwFsIAvqio'],
  ['r4>r4c', 'l/1GXWSMIDxsM'],
  [')5l&G$C]m}', 'lqPnTfgVHpp.2'],
  ['~jY2O-', '2Fm7F5d4KTs4g'],
  ['<BwXqGV', 'lgZvB9rkPc9wc'],
];

test('every form of hash is made as libcrypt makes it', () => {
  for (const [password, hash] of VECTORS) assert.equal(crypt(Buffer.from(password, 'utf8'), hash), hash, hash);
});

test('another password, salt or cost is another hash', () => {
  for (const [password, hash] of VECTORS.slice(0, 12)) {
    assert.equal(cryptMatches(Buffer.from(`${password}x`, 'utf8').subarray(0, 60), hash), false, hash);
    assert.equal(cryptMatches(Buffer.from(password, 'utf8'), hash.slice(0, -1)), false, hash);
  }
});

test('what is no hash never matches', () => {
  const texts = [
    '',
    'x',
    '*0',
    '!',
    '$6',
    '$6$',
    '$6$rounds=1$a$b',
    '$6$rounds=$a$b',
    '$6$rounds=999$a$',
    '$9$a$b',
    '$2a$04$short',
    '$1$a:b$c',
  ];
  texts.push('$2a$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', '$5$a b$c', '$6$rounds=01000$a$b');
  for (const text of texts) assert.equal(cryptMatches(Buffer.from('x'), text), false, text);
  assert.equal(crypt(new Uint8Array(512), '$6$a'), null, 'no work is done for endless passwords');
});

test('hashes of other kinds are known as such, and those of uncommon work', () => {
  for (const text of ['$y$j9T$abc$def', '_J9..rasmBYk8r9AiWNc', '$7$x', '$sha1$1$a$b', '$md5$a']) {
    assert.equal(isForeignHash(text), true, text);
  }
  for (const text of ['*0', 'xx!', '$6$a$b', '$9$abc', 'x']) assert.equal(isForeignHash(text), false, text);
  assert.deepEqual(lighterSetting('$2a$10$salt'), { setting: '$2a$06$salt', factor: 16 });
  assert.deepEqual(lighterSetting('$6$rounds=9000$x'), { setting: '$6$rounds=2000$x', factor: 4.5 });
  assert.equal(lighterSetting('$6$x'), null);
});

function check(list: Parameters<typeof credentialsOf>[0], name: string, password: string): boolean {
  const bytes = Buffer.from(`??${name}:${password}??`, 'latin1');
  return credentialsOf(list).check(bytes, 2, name.length, 3 + name.length, password.length);
}

test('a userlist knows who has which password', () => {
  const [hashedPassword, hash] = VECTORS[0]!;
  const list = {
    name: 'l',
    users: [
      { name: 'plain', password: 'secret', isHashed: false, groups: ['g'] },
      { name: 'hashed', password: hash, isHashed: true, groups: [] },
      { name: 'none', password: '', isHashed: true, groups: [] },
      { name: 'open', password: '', isHashed: false, groups: [] },
    ],
  };
  assert.equal(check(list, 'plain', 'secret'), true);
  assert.equal(check(list, 'plain', 'secre'), false);
  assert.equal(check(list, 'plain', 'secrets'), false);
  assert.equal(check(list, 'plain', ''), false);
  assert.equal(check(list, 'hashed', hashedPassword), true);
  assert.equal(check(list, 'hashed', hash), false, 'the hash itself is not the password');
  assert.equal(check(list, 'none', ''), false);
  assert.equal(check(list, 'open', ''), true);
  assert.equal(check(list, 'nobody', 'secret'), false);
  assert.equal(check(list, 'plai', 'n:secret'), false);
  assert.equal(credentialsOf(list), credentialsOf(list));
});

test('a verified password costs its milliseconds once, a wrong one too, and neither pushes the other out', () => {
  // Thirty thousand rounds, so that a single second computation would be seen.
  const password = 'slow';
  const hash = crypt(Buffer.from(password), '$5$rounds=30000$salt');
  assert.ok(hash !== null);
  const list = { name: 's', users: [{ name: 'u', password: hash, isHashed: true, groups: [] }] };
  const before = performance.now();
  assert.equal(check(list, 'u', password), true);
  assert.equal(check(list, 'u', 'wrong'), false);
  const firstMs = performance.now() - before;
  const again = performance.now();
  for (let round = 0; round < 10; round++) {
    assert.equal(check(list, 'u', password), true);
    assert.equal(check(list, 'u', 'wrong'), false);
  }
  assert.ok(performance.now() - again < firstMs, 'twenty answers from memory are faster than two computed ones');
});
