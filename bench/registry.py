# SPDX-License-Identifier: Apache-2.0
"""docker-registry on a free port of loopback, and images that are in it as other builders push them."""
import hashlib
import http.client
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import tarfile
import time

from measure import Failed

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Registry:
    def __init__(self, work):
        self.folder = os.path.join(work, "registry")
        self.process = None
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.place = f"127.0.0.1:{s.getsockname()[1]}"

    def start(self):
        """With nothing in it."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        config = os.path.join(self.folder, "config.yml")
        with open(config, "w") as f:
            f.write(f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
                    f"storage: {{filesystem: {{rootdirectory: {self.folder}/data}}}}\nhttp: {{addr: {self.place}}}\n")
        self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        host, port = self.place.split(":")
        for _ in range(100):
            try:
                socket.create_connection((host, int(port)), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise Failed("docker-registry did not start")

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def blob(self, digest):
        """The file that holds it."""
        return os.path.join(self.folder, "data/docker/registry/v2/blobs/sha256", digest[7:9], digest[7:], "data")

    def layers(self, name):
        """Files of the layers of NAME:latest, in their order."""
        manifest = json.loads(self.ask("GET", f"/v2/{name}/manifests/latest", headers={"Accept": MANIFEST + ", application/vnd.oci.image.manifest.v1+json"})[1])
        return [self.blob(x["digest"]) for x in manifest["layers"]]

    def ask(self, method, path, body=None, headers=None):
        c = http.client.HTTPConnection(self.place)
        c.request(method, path, body, headers or {})
        r = c.getresponse()
        text = r.read()
        if r.status >= 300:
            raise Failed(f"{method} {path}: {r.status} {text[:200]}")
        return r, text

    def put_blob(self, name, path):
        size, digest = os.path.getsize(path), file_digest(path)
        where = self.ask("POST", f"/v2/{name}/blobs/uploads/")[0].getheader("Location").split(self.place, 1)[-1]
        with open(path, "rb") as f:
            self.ask("PUT", where + ("&" if "?" in where else "?") + "digest=" + digest, f, {"Content-Length": str(size), "Content-Type": "application/octet-stream"})
        return {"size": size, "digest": digest}

    def push_foreign(self, name, tars):
        """As docker and buildah do: layers are single gzip members of usual compression. The packed files are kept beside the tars."""
        layers = []
        for tar in tars:
            packed = tar + ".gz"
            if not os.path.exists(packed):
                with open(packed + ".new", "wb") as out:
                    subprocess.run(["gzip", "-nc", tar], stdout=out, check=True)
                os.rename(packed + ".new", packed)
            layers.append({"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", **self.put_blob(name, packed)})
        config = os.path.join(self.folder, "config.json")
        with open(config, "w") as f:
            json.dump({"architecture": ARCHITECTURES.get(platform.machine(), platform.machine()), "os": "linux", "config": {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
                       "rootfs": {"type": "layers", "diff_ids": [file_digest(t) for t in tars]}}, f)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers,
                    "config": {"mediaType": "application/vnd.docker.container.image.v1+json", **self.put_blob(name, config)}}
        self.ask("PUT", f"/v2/{name}/manifests/latest", json.dumps(manifest), {"Content-Type": MANIFEST})


def file_digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            h.update(block)
    return "sha256:" + h.hexdigest()


def split(tar, parts):
    """A tar as several of about equal size, TAR.0 and so on, each with the folders its files are in; hard links stay with their target."""
    names = [f"{tar}.{i}" for i in range(parts)]
    if all(map(os.path.exists, names)):
        return names
    outs = [tarfile.open(n, "w", format=tarfile.PAX_FORMAT) for n in names]
    with tarfile.open(tar) as source:
        members = source.getmembers()
        share = sum(m.size for m in members) // parts + 1
        folders = {m.name: m for m in members if m.isdir()}
        written, place, have = [set() for _ in outs], {}, 0
        for m in members:
            n = place[m.linkname] if m.islnk() else have // share
            have += m.size
            place[m.name] = n
            way = m.name.split("/")
            for up in ["/".join(way[:k]) for k in range(1, len(way))] + [m.name] * m.isdir():
                if up in folders and up not in written[n]:
                    written[n].add(up)
                    outs[n].addfile(folders[up])
            if not m.isdir():
                outs[n].addfile(m, source.extractfile(m) if m.isreg() else None)
    for o in outs:
        o.close()
    return names
