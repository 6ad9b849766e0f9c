"""A clean Debian 12 in a temporary folder, with the machine's own apt sources: what the tests of packages install into.

It has processes and a loopback network of its own, so its ports are free, nothing outside is reached, and what was
started in it ends with it. Only root can make one.
"""

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile
import time

import services

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / "build" / "clean-root"
CACHE_S = 7 * 86_400
# What every Debian machine has beside the essential packages.
SYSTEMD = "systemd-sysv"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PACKAGES = "/var/tmp/packages"
PATIENCE_S = 600
# What an installation of anything changes, and what is no file of a package.
VOLATILE = re.compile(
    r"^/(proc|dev|sys|run|tmp|var/tmp|var/cache|var/log|var/lib/(apt|dpkg|systemd/catalog|ucf))(/|$)|"
    # Made by ca-certificates, which libraries bring along, of what it finds.
    r"^/(etc/ssl|etc/ca-certificates(\.conf)?|usr/local/share/ca-certificates)(/|$)|"
    r"/__pycache__(/|$)|\.pyc$|^/etc/(ld\.so\.cache|\.pwd\.lock|(passwd|shadow|group|gshadow|subuid|subgid)-)$"
)


def apt_settings(name):
    """Settings of the machine's apt, of those below `name`, as its files have them."""
    return subprocess.run(["apt-config", "dump", name], capture_output=True, text=True, check=True).stdout


def apt_sources():
    """The files that say where the machine's apt takes packages from."""
    shell = "eval $(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d); echo \"$list\"; echo \"$parts\""
    done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, check=True)
    file, folder = (pathlib.Path(line) for line in done.stdout.splitlines())
    files = [file] if file.is_file() else []
    if folder.is_dir():
        files += sorted(entry for entry in folder.iterdir() if entry.suffix in (".list", ".sources"))
    return files


def codename():
    return re.search(r"^VERSION_CODENAME=(\S+)", pathlib.Path("/etc/os-release").read_text(), re.MULTILINE)[1]


def root_tar(included):
    """Made anew when it is older than a week."""
    tar = CACHE / f"{included or 'base'}.tar"
    if tar.is_file() and time.time() - tar.stat().st_mtime < CACHE_S:
        return tar
    CACHE.mkdir(parents=True, exist_ok=True)
    settings = CACHE / "apt.conf"
    settings.write_text(apt_settings("Acquire"))
    made = CACHE / "made.tar"
    made.unlink(missing_ok=True)
    words = ["mmdebstrap", "--quiet", "--variant=minbase", f"--aptopt={settings}"]
    words += [f"--include={included}"] if included else []
    done = subprocess.run([*words, codename(), made, *apt_sources()], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"no clean root could be made: {done.stderr[-4000:]}")
    made.rename(tar)
    return tar


class CleanRoot:
    """Use as a context. `path` is the folder that its processes see as /. `included`: packages; `network`: of another one."""

    def __init__(self, included=SYSTEMD, network=None):
        self.included, self.network = included, network
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="clean-root-"))
        self.path = self.work / "root"
        self.path.mkdir(mode=0o755)
        self.first = None  # Its first process, whose name spaces the others enter.
        self.services = None

    def __enter__(self):
        try:
            subprocess.run(["tar", "-C", self.path, "--numeric-owner", "-xpf", root_tar(self.included)], check=True)
            self.begin()
            if self.included == SYSTEMD:
                self.services = services.Services(self)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def begin(self):
        mounts = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && echo ready && exec sleep infinity'
        words = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"]
        if self.network is None:
            words.append("--net")
        else:
            words = ["nsenter", "-t", self.network.inner(), "-n", *words]
        self.first = subprocess.Popen([*words, "sh", "-c", mounts, self.path], stdout=subprocess.PIPE, text=True)
        assert self.first.stdout.readline() == "ready\n", "no name spaces of its own: this needs root"
        subprocess.run([*self.enter(), "ip", "link", "set", "lo", "up"], check=True)
        hosts = self.path / "etc" / "hosts"
        if not hosts.exists():
            hosts.write_text("127.0.0.1 localhost\n")

    def end(self):
        if self.services is not None:
            self.services.end()
        if self.first is not None:
            self.first.kill()  # And with it, by --kill-child, all that runs in there.
            self.first.wait()
            self.first.stdout.close()
        # A process that is about to go may still hold its mounts, which are no longer ours to see.
        shutil.rmtree(self.work, ignore_errors=True)

    def enter(self, online=False):
        """The words before a command; `online`: with the machine's network."""
        kinds = ["-m", "-p", "-i", "-u"] if online else ["-m", "-p", "-i", "-u", "-n"]
        return ["nsenter", "-t", self.inner(), *kinds, "--"]

    def inner(self):
        """The id of its first process, as the machine sees it."""
        return pathlib.Path(f"/proc/{self.first.pid}/task/{self.first.pid}/children").read_text().strip()

    def command(self, words, online=False):
        return [*self.enter(online), "/usr/sbin/chroot", self.path, *words]

    @staticmethod
    def environment(**more):
        kept = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
        own = {"PATH": PATH, "HOME": "/root", "USER": "root", "LOGNAME": "root", "LANG": "C.UTF-8"}
        return {**kept, **own, "DEBIAN_FRONTEND": "noninteractive", "no_proxy": "127.0.0.1,localhost", **more}

    def run(self, *words, online=False, typed="", check=True):
        done = subprocess.run(
            self.command(words, online),
            env=self.environment(),
            input=typed,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}\n{self.logs()}")
        return done

    def shell(self, commands, folder="/", typed="", check=True):
        return self.run("bash", "-ec", f"cd {folder}\n{commands}", typed=typed, check=check)

    def make_read_only(self, volumes):
        """Everything but volumes and an empty /tmp; the mounts end with it."""
        script = 'mount --bind "$0" "$0"; for v in "$@"; do mount --bind "$0$v" "$0$v"; done; '
        script += 'mount -o remount,bind,ro "$0"; mount -t tmpfs tmpfs "$0/tmp"; mount -t proc proc "$0/proc"; '
        script += 'mount --rbind /dev "$0/dev"'
        subprocess.run([*self.enter(), "sh", "-ec", script, self.path, *volumes], check=True)

    def logs(self):
        return self.services.logs() if self.services is not None else ""

    def as_user(self, user):
        """The user's id in there."""
        for line in (self.path / "etc" / "passwd").read_text().splitlines():
            fields = line.split(":")
            if fields[0] == user:
                return pwd.struct_passwd((*fields[:2], int(fields[2]), int(fields[3]), *fields[4:]))
        raise AssertionError(f"there is no user {user}")

    # --- Packages ---

    def bring(self, packages):
        """Puts packages where the commands are typed."""
        folder = self.path / PACKAGES.lstrip("/")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for package in packages:
            shutil.copy(package, folder)

    @contextlib.contextmanager
    def online(self):
        resolver = self.path / "etc" / "resolv.conf"
        kept = resolver.read_bytes() if resolver.is_file() else None
        resolver.unlink(missing_ok=True)
        shutil.copy("/etc/resolv.conf", resolver)
        try:
            yield
        finally:
            resolver.unlink()
            if kept is not None:
                resolver.write_bytes(kept)

    def download(self, words):
        """What `apt-get install WORDS` will need is brought, and nothing installed."""
        archives = self.path / "var" / "cache" / "apt" / "archives"
        cached = CACHE / "archives"
        cached.mkdir(parents=True, exist_ok=True)
        for package in cached.glob("*.deb"):
            shutil.copy(package, archives)
        with self.online():
            fetched = ["apt-get", "-q", "-y", "--download-only", "install", *words]
            if self.run(*fetched, online=True, check=False).returncode != 0:
                # What the lists name may be gone since.
                self.run("apt-get", "-q", "update", online=True)
                self.run(*fetched, online=True)
        for package in archives.glob("*.deb"):
            shutil.copy(package, cached)

    def files(self):
        """Each path and what it is, but for what any installation changes."""
        found = {}
        for folder, folders, names in os.walk(self.path):
            inside = "/" + os.path.relpath(folder, self.path)
            inside = "" if inside == "/." else inside
            folders[:] = [name for name in folders if not VOLATILE.search(f"{inside}/{name}")]
            for name in [*folders, *names]:
                path = f"{inside}/{name}"
                if not VOLATILE.search(path):
                    found[path] = os.lstat(os.path.join(folder, name))
        return found

    def files_of_packages(self):
        """What dpkg knows, with links of folders followed, as /bin is one."""
        owned = set()
        for listed in (self.path / "var" / "lib" / "dpkg" / "info").glob("*.list"):
            for path in listed.read_text().splitlines():
                folder, name = os.path.split(path)
                owned.add(os.path.join(self.real(folder), name))
        return owned

    def real(self, folder):
        first = folder.split("/")[1] if folder.count("/") else ""
        link = self.path / first
        return f"/{os.readlink(link).strip('/')}{folder[len(first) + 1:]}" if first and link.is_symlink() else folder
