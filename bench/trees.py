# SPDX-License-Identifier: Apache-2.0
"""The files that are built from: always the same bytes for the same arguments."""
import os
import random

CHUNK = 1 << 20


def text(rng, size):
    """Text-like bytes, about three to one for gzip."""
    words = ["%x" % rng.getrandbits(rng.randrange(8, 40)) for _ in range(4000)]
    out = []
    have = 0
    while have < size:
        line = " ".join(rng.choice(words) for _ in range(12)) + "\n"
        out.append(line)
        have += len(line)
    return "".join(out).encode()[:size]


def tree(path, count, low, high, seed=1):
    """`count` text-like files of low to high bytes, 50 to a folder."""
    rng = random.Random(seed)
    blob = text(rng, max(2 << 20, high * 2))
    for i in range(count):
        folder = os.path.join(path, f"d{i // 50:05d}")
        if i % 50 == 0:
            os.makedirs(folder)
        size = rng.randint(low, high)
        at = rng.randrange(len(blob) - size)
        with open(os.path.join(folder, f"f{i:06d}.txt"), "wb") as f:
            f.write(blob[at:at + size])


def random_file(path, size, seed=2):
    """Incompressible."""
    rng = random.Random(seed)
    with open(path, "wb") as f:
        while size > 0:
            n = min(size, CHUNK)
            f.write(rng.randbytes(n))
            size -= n


def mixed(path, size, seed=3):
    """What an image holds: half of it small text files, a quarter tables of numbers (programs compress like them), a quarter
    compressed data already."""
    rng = random.Random(seed)
    os.makedirs(path)
    tree(os.path.join(path, "text"), max(50, size // 2 // 12288), 4096, 20480, seed)
    for i in range(max(1, size // 4 // (4 * CHUNK))):
        base = rng.getrandbits(20)
        with open(os.path.join(path, f"table{i:03d}.bin"), "wb") as f:
            numbers = b"".join((base + k * 24 + (rng.getrandbits(10) << 32)).to_bytes(8, "little") for k in range(CHUNK // 8))
            for _ in range(min(4, max(1, size // CHUNK))):
                f.write(numbers)
    os.makedirs(os.path.join(path, "packed"))
    for i in range(max(1, size // 4 // (8 * CHUNK))):
        random_file(os.path.join(path, "packed", f"p{i:03d}.bin"), min(8 * CHUNK, size // 4), seed + i)
