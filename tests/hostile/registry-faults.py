#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs place-tool against a registry that misbehaves as scripts say.

usage: registry-faults.py PLACE-TOOL SCRIPTS [CASE...]
SCRIPTS holds one folder a case with script.json (a list of rules: which requests, what goes wrong) and expect.json (verdict, limits,
things that must hold). Without such a folder the test is skipped (77). Cases run side by side: most of them wait.
"""
import base64, concurrent.futures, datetime, fnmatch, glob, gzip, hashlib, json, os, random, re, shutil, socket, ssl, struct
import subprocess, sys, tempfile, threading, time

RND = random.Random(1)
BLOB, OTHER_BLOB = RND.randbytes(300000), RND.randbytes(300000)
sha = lambda b: 'sha256:' + hashlib.sha256(b).hexdigest()
OCI = 'application/vnd.oci.image.'
CONFIG = json.dumps({'architecture': 'amd64', 'os': 'linux', 'config': {}, 'rootfs': {'type': 'layers', 'diff_ids': [sha(BLOB)]}}).encode()


def manifest_of(layer, note):
    d = lambda t, b: {'mediaType': OCI + t, 'digest': sha(b), 'size': len(b)}
    return json.dumps({'schemaVersion': 2, 'mediaType': OCI + 'manifest.v1+json', 'config': d('config.v1+json', CONFIG),
                       'layers': [d('layer.v1.tar', layer)], 'annotations': {'note': note}}).encode()


MANIFEST, OTHER_MANIFEST = manifest_of(BLOB, 'a'), manifest_of(BLOB, 'b')
FIXTURES = {'@blob': BLOB, '@otherblob': OTHER_BLOB, '@blobgz': gzip.compress(BLOB), '@manifest': MANIFEST, '@othermanifest': OTHER_MANIFEST}


class Answer:
    def __init__(self, status=200, headers=None, body=b''):
        self.status, self.headers, self.body = status, dict(headers or {}), body


class Server:
    """A registry with one repository of good content, and rules that spoil some of its answers."""

    def __init__(self, rules, tls=None, host='127.0.0.1'):
        self.rules, self.tls, self.host, self.other, self.port2 = rules, tls, host, None, None
        self.log, self.counts, self.blobs, self.lock = [], {}, {sha(BLOB): BLOB, sha(CONFIG): CONFIG}, threading.Lock()
        self.manifests = {'latest': MANIFEST, sha(MANIFEST): MANIFEST}
        self.sock = socket.create_server((host if host != 'localhost' else '127.0.0.1', 0), backlog=64)
        self.port = self.sock.getsockname()[1]
        self.stop = False
        threading.Thread(target=self.accept, daemon=True).start()

    def base(self):
        return '%s://%s:%d' % ('https' if self.tls else 'http', self.host, self.port)

    def accept(self):
        while not self.stop:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def close(self):
        self.stop = True
        self.sock.close()

    def serve(self, c):
        try:
            if self.tls:
                c = self.tls.wrap_socket(c, server_side=True)
            f = c.makefile('rb')
            while self.one(c, f):
                pass
        except (OSError, ValueError):
            pass
        finally:
            try:
                c.close()
            except OSError:
                pass

    def one(self, c, f):
        line = f.readline(65536).decode('latin1').split()
        if len(line) != 3:
            return False
        method, path, _ = line
        headers = {}
        while (h := f.readline(65536).strip()):
            k, _, v = h.decode('latin1').partition(':')
            headers[k.lower()] = v.strip()
        with self.lock:
            self.log.append((time.time(), method, path, headers))
            rule = self.rule(method, path, headers)
        n = int(headers.get('content-length', 0))
        if rule and 'reset_after' in rule and method in ('PUT', 'PATCH'):
            f.read(int(n * rule['reset_after']))
            return self.reset(c)
        body = f.read(n)
        answer = self.good(method, path, headers, body)
        if rule:
            return self.spoil(c, rule, answer, method, path)
        return self.send(c, answer, method)

    def rule(self, method, path, headers):
        if path == '/v2/' and not any('raw' in r for r in self.rules):
            return None     # the probe for the scheme
        found = None
        for i, r in enumerate(self.rules):
            m, _, pattern = r.get('on', '*').partition(' ')
            if m not in ('*', method) or (pattern and not fnmatch.fnmatchcase(path, pattern) and
                                          not fnmatch.fnmatchcase(path.partition('?')[0], pattern)):
                continue
            if 'unless_header' in r and r['unless_header'].lower() in headers:
                continue
            self.counts[i] = self.counts.get(i, 0) + 1
            nth = r.get('nth')
            if not found and (nth is None or self.counts[i] in (nth if isinstance(nth, list) else [nth])):
                found = r
        return found

    def good(self, method, path, headers, body):
        bare, _, query = path.partition('?')
        args = dict(a.partition('=')[::2] for a in query.split('&') if a)
        m = re.fullmatch(r'/v2/(.+)/(blobs|manifests)/([^/]+)', bare)
        if bare == '/v2/':
            return Answer(200, {}, b'{}')
        if bare == '/token':
            return Answer(200, {'Content-Type': 'application/json'}, b'{"token":"good"}')
        if '/blobs/uploads' in bare or bare == '/u':
            if method == 'POST':
                return Answer(202, {'Location': '/v2/x/y/blobs/uploads/1?_state=abc'})
            if method == 'PUT':
                d = args.get('digest', '').replace('%3A', ':')
                if sha(body) != d:
                    return Answer(400, {}, b'digest')
                self.blobs[d] = body
                return Answer(201, {'Docker-Content-Digest': d})
            return Answer(404)
        if bare == '/blob':
            return self.ranged(BLOB, headers)
        if not m:
            return Answer(404)
        what, name = m.group(2), m.group(3)
        if what == 'manifests' and method == 'PUT':
            self.manifests[name] = body
            return Answer(201, {'Docker-Content-Digest': sha(body)})
        store = self.manifests if what == 'manifests' else self.blobs
        if name not in store:
            return Answer(404, {'Content-Type': 'application/json'}, b'{"errors":[{"code":"UNKNOWN","message":"unknown"}]}')
        a = self.ranged(store[name], headers)
        a.headers['Docker-Content-Digest'] = sha(store[name])
        a.headers['Content-Type'] = OCI + 'manifest.v1+json' if what == 'manifests' else 'application/octet-stream'
        return a

    @staticmethod
    def ranged(data, headers):
        m = re.fullmatch(r'bytes=(\d+)-', headers.get('range', ''))
        if not m:
            return Answer(200, {}, data)
        at = int(m.group(1))
        return Answer(206, {'Content-Range': 'bytes %d-%d/%d' % (at, len(data) - 1, len(data))}, data[at:])

    def fill(self, text, path):
        if text.startswith('@date+'):
            return (datetime.datetime.utcnow() + datetime.timedelta(seconds=int(text[6:]))).strftime('%a, %d %b %Y %H:%M:%S GMT')
        if self.other:
            text = text.replace('://@other', '://%s:%d' % (self.other.host, self.other.port)).replace('@other', self.other.base())
        if self.port2:
            text = text.replace('@selfotherport', self.port2.base())
        for k, v in {'@self': self.base(), '@scope': 'repository:x/y:pull', '@same': path, '@u': '/v2/x/y/blobs/uploads/2',
                     '@asked': path.rsplit('/', 1)[1]}.items():
            text = text.replace(k, v)
        return text

    def spoil(self, c, r, answer, method, path):
        if 'raw' in r:
            c.sendall(r['raw'].encode('latin1'))
            return False
        if 'status' in r and (r['status'] != answer.status or r['status'] >= 300):
            partial = r['status'] == 206 or answer.status == 206 and r['status'] == 200
            answer = Answer(r['status'], answer.headers if partial else {}, answer.body if partial else b'')
            if r['status'] == 200:
                answer.headers.pop('Content-Range', None)
        if 'body' in r:
            data = FIXTURES.get(r['body'], r['body'].encode())
            if r['status'] == 206 and 'Content-Range' in answer.headers:    # the part that was asked for, of other bytes
                at = int(re.search(r'\d+', answer.headers['Content-Range']).group())
                data = data[at:]
            answer.body = data
        answer.headers.update({k: self.fill(v, path) for k, v in r.get('headers', {}).items()})
        return self.spoil_bytes(c, r, answer, method)

    def reset(self, c):
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        return False

    def spoil_bytes(self, c, r, a, method):
        length = len(a.body) + r.get('append_zeros', 0) + r.get('body_zeros', 0)
        if 'content_length' in r:
            length += int(r['content_length'])
        head = self.head(a, None if r.get('chunked_endless') else length)
        if 'headers_bytes' in r:
            head = head[:-2] + b''.join(b'X-%d: %s\r\n' % (i, b'y' * 1000) for i in range(r['headers_bytes'] // 1000)) + b'\r\n'
        if 'drip_headers_bps' in r:
            for b in head:
                c.sendall(bytes([b]))
                time.sleep(1 / r['drip_headers_bps'])
            return False
        c.sendall(head)
        if method == 'HEAD':
            return True
        if r.get('chunked_endless'):
            while True:
                c.sendall(b'10000\r\n' + b' ' * 65536 + b'\r\n')
        if 'reset_after' in r or 'reset_after_bytes' in r:
            c.sendall(a.body[:r.get('reset_after_bytes', int(len(a.body) * r.get('reset_after', 0)))])
            time.sleep(0.1)
            return self.reset(c)
        if 'stall_after' in r:
            c.sendall(a.body[:int(len(a.body) * r['stall_after'])])
            time.sleep(300)
            return False
        if 'drip_body_bps' in r:
            for b in a.body:
                c.sendall(bytes([b]))
                time.sleep(1 / r['drip_body_bps'])
        else:
            c.sendall(a.body)
        left = r.get('append_zeros', 0) + r.get('body_zeros', 0)
        while left > 0:
            c.sendall(bytes(min(left, 65536)))
            left -= 65536
        return 'content_length' not in r

    def send(self, c, a, method):
        c.sendall(self.head(a, len(a.body)) + (b'' if method == 'HEAD' else a.body))
        return True

    @staticmethod
    def head(a, length):
        lines = ['HTTP/1.1 %d X' % a.status] + ['%s: %s' % kv for kv in a.headers.items()]
        lines.append('Transfer-Encoding: chunked' if length is None else 'Content-Length: %d' % length)
        return ('\r\n'.join(lines) + '\r\n\r\n').encode('latin1')


# --- certificates ---

def make_certs(folder):
    def run(*a):
        subprocess.run(a, check=True, capture_output=True, cwd=folder)
    run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=ca', '-days', '30')
    for name, san, days in (('good', 'DNS:localhost,IP:127.0.0.1', '30'), ('wrong-host', 'DNS:elsewhere.example', '30'),
                            ('expired', 'DNS:localhost,IP:127.0.0.1', '-1')):
        with open(os.path.join(folder, name + '.ext'), 'w') as f:
            f.write('subjectAltName=' + san + '\n')
        run('openssl', 'req', '-newkey', 'rsa:2048', '-nodes', '-keyout', name + '.key', '-out', name + '.csr', '-subj', '/CN=localhost')
        if days == '-1':
            run('openssl', 'x509', '-req', '-in', name + '.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile',
                name + '.ext', '-out', name + '.pem', '-days', '-1')
        else:
            run('openssl', 'x509', '-req', '-in', name + '.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile',
                name + '.ext', '-out', name + '.pem', '-days', days)
    run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'self-signed.key', '-out', 'self-signed.pem', '-subj',
        '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-days', '30')


def context(folder, name):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(os.path.join(folder, name + '.pem'), os.path.join(folder, name + '.key'))
    return c


# --- one case ---

def outside_address():
    """An address of this machine that is not loopback, or None."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        s.connect(('192.0.2.1', 9))
        a = s.getsockname()[0]
        return None if a.startswith('127.') else a
    except OSError:
        return None
    finally:
        s.close()


def choose(cid, rules):
    """Which command shows the fault."""
    text = json.dumps(rules)
    if cid.startswith(('upload', 'mount', 'put')):
        return 'push'
    return 'pull' if '/manifests/' in text or 'HEAD' in text else 'blob'


def fsck(store):
    for f in glob.glob(store + '/blobs/sha256/*'):
        with open(f, 'rb') as b:
            if hashlib.sha256(b.read()).hexdigest() != os.path.basename(f):
                return 'blob %s is not what its name says' % f
    return None


def make_layout(folder):
    os.makedirs(folder + '/blobs/sha256')
    for b in (BLOB, CONFIG, MANIFEST):
        with open(folder + '/blobs/sha256/' + sha(b)[7:], 'wb') as f:
            f.write(b)
    entry = {'mediaType': OCI + 'manifest.v1+json', 'digest': sha(MANIFEST), 'size': len(MANIFEST),
             'annotations': {'org.opencontainers.image.ref.name': 'app:1'}}
    with open(folder + '/index.json', 'w') as f:
        json.dump({'schemaVersion': 2, 'manifests': [entry]}, f)
    with open(folder + '/oci-layout', 'w') as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')


class Case:
    def __init__(self, tool, folder, certs, work):
        self.tool, self.certs, self.id = tool, certs, os.path.basename(folder)
        self.work = os.path.join(work, self.id)
        os.makedirs(self.work + '/home')
        with open(folder + '/script.json') as f:
            self.rules = json.load(f)
        if self.id.startswith('token-'):    # tokens have to be asked for
            self.rules.append({'on': 'GET /v2/*', 'unless_header': 'Authorization', 'status': 401,
                               'headers': {'WWW-Authenticate': 'Bearer realm="@self/token",service="s"'}})
        with open(folder + '/expect.json') as f:
            self.expect = json.load(f)

    def servers(self):
        kind = next((r['tls'] for r in self.rules if 'tls' in r), None)
        tls_wanted = self.id in ('401-realm-http', 'redirect-downgrade')
        if kind == 'refuse':
            address = outside_address()
            server = Server([], None, address) if address else None
        else:
            name = kind or ('good' if tls_wanted else None)
            server = Server([r for r in self.rules if 'tls' not in r and 'host' not in r], context(self.certs, name) if name else None,
                            'localhost' if name else '127.0.0.1')
        if server:
            server.other, server.port2 = Server([], None, '127.0.0.2'), Server([], None, server.host)
        return server

    def command(self, server):
        host = next((r['host'] for r in self.rules if 'host' in r), None)
        store = self.work + '/store'
        if host and '\n' in host:
            return [self.tool, 'cred', store, host]
        at = host or '%s:%d' % (server.host, server.port)
        verb = choose(self.id, self.rules)
        if verb == 'push':
            make_layout(store)
            return [self.tool, 'push', store, 'app:1', at + '/x/z:1'] + (['x/y'] if 'mount' in self.id else [])
        if verb == 'pull':
            return [self.tool, 'pull', store, at + '/x/y' + ('@' + sha(MANIFEST) if 'by-digest' in self.id else ':latest')]
        return [self.tool, 'blob', store, at + '/x/y:latest', sha(BLOB), str(len(BLOB))]

    def run(self):
        server = self.servers()
        if not server:
            return 'skipped: this machine has no address but loopback'
        auth = {'auths': {'%s:%d' % (server.host, server.port): {'auth': base64.b64encode(b'user:hunter2').decode()}},
                'credHelpers': {'github.com': 'canary'}}
        with open(self.work + '/home/config.json', 'w') as f:
            json.dump(auth, f)
        env = {'PATH': os.environ['PATH'], 'HOME': self.work + '/home', 'DOCKER_CONFIG': self.work + '/home',
               'SSL_CERT_FILE': self.certs + '/ca.pem'}
        start = time.time()
        p = subprocess.Popen(self.command(server), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        killer = threading.Timer(self.expect['limits']['seconds'], p.kill)
        killer.start()
        out = p.stderr.read().decode('utf8', 'replace')
        _, status, usage = os.wait4(p.pid, 0)
        killer.cancel()
        p.returncode = os.waitstatus_to_exitcode(status)
        try:
            return self.judge(server, p.returncode, out.strip(), time.time() - start, usage.ru_maxrss / 1024)
        finally:
            for s in (server, server.other, server.port2):
                s.close()

    def judge(self, server, rc, text, seconds, rss):
        verdict, told = self.expect['verdict'], '(%d, %.1f s, %d MiB: %s)' % (rc, seconds, rss, text)
        if rc < 0:
            return 'killed or timed out ' + told
        if verdict in ('accept', 'retry') and rc != 0:
            return 'should have worked ' + told
        if verdict in ('reject', 'retry-then-reject') and rc == 0:
            return 'should have been refused ' + told
        if rss > self.expect['limits']['rss_mib'] and not os.environ.get('NO_RSS_LIMIT'):
            return 'too much memory ' + told
        if rc != 0 and (not text.startswith('error: ') or '\n' in text or re.search(r'[\x00-\x1f\x7f]', text) or 'hunter2' in text):
            return 'not one clean line of error ' + told
        for must in self.expect['must']:
            wrong = self.check(must, server)
            if wrong:
                return wrong + ' ' + told
        return None if rc == 0 else 'ok ' + told if os.environ.get('VERBOSE') else None

    def check(self, must, server):
        requests = [r for r in server.log if r[2] != '/v2/']
        spied = {'@other': server.other, '@selfotherport': server.port2}
        (name, value), = must.items()
        if name == 'requests_at_most' and len(requests) > value:
            return '%d requests' % len(requests)
        if name == 'no_request_at' and spied[value].log:
            return 'a request went to the other host'
        if name == 'no_credentials_at':
            for r in spied[value].log:
                if 'authorization' in r[3] or 'cookie' in r[3] or 'hunter2' in str(r):
                    return 'credentials went to the other host'
        if name == 'min_gap_seconds' and (len(requests) < 2 or requests[1][0] - requests[0][0] < value - 0.1):
            return 'did not wait'
        if name == 'store_fsck':
            return fsck(self.work + '/store')
        return None


def main():
    tool, scripts, only = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3:]
    folders = sorted(os.path.dirname(f) for f in glob.glob(scripts + '/*/script.json'))
    folders = [f for f in folders if not only or os.path.basename(f) in only]
    # no tags are listed by this program
    folders = [f for f in folders if os.path.basename(f) != 'tags-link-loop']
    if not folders:
        print('no scripts: skipped')
        return 77
    work = tempfile.mkdtemp(prefix='faults-')
    certs = work + '/certs'
    os.mkdir(certs)
    make_certs(certs)
    cases = [Case(tool, f, certs, work) for f in folders]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for case, wrong in zip(cases, pool.map(Case.run, cases)):
            if wrong:
                failed += not wrong.startswith(('ok', 'skipped'))
                print('%s: %s' % (case.id, wrong))
    shutil.rmtree(work)
    print('%d cases, %d failed' % (len(cases), failed))
    return 1 if failed else 0


sys.exit(main())
