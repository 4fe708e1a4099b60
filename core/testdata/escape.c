/* What a session's process can try once it runs code of the attacker's own. Each word tries one thing, and prints GOT
   where it works. Built as a program and as a library whose constructor runs for LD_PRELOAD and enable -f. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void got(int ok) { puts(ok ? "GOT" : strerror(errno)); }

static int copy(const char *from, int to) {
	char buf[65536];
	ssize_t n;
	int in = open(from, O_RDONLY);
	if (in < 0) return -1;
	while ((n = read(in, buf, sizeof buf)) > 0)
		if (write(to, buf, n) != n) return -1;
	close(in);
	return 0;
}

/* memfd and execveat: a program in no file. */
static void run_memfd(const char *program) {
	int fd = memfd_create("x", 0);
	char *argv[] = {"x", NULL}, *env[] = {NULL};
	if (fd < 0 || copy(program, fd)) { got(0); return; }
	fflush(stdout);
	syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
	fexecve(fd, argv, env);
	got(0);
}

static void run_fd(const char *program) {
	int fd = open(program, O_PATH);
	char *argv[] = {"x", NULL}, *env[] = {NULL};
	fexecve(fd, argv, env);
	syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
	got(0);
}

static void connect_abstract(const char *name) {
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	strncpy(a.sun_path + 1, name, sizeof a.sun_path - 2);
	got(!connect(s, (void *)&a, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)));
}

static void connect_path(const char *path) {
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	strncpy(a.sun_path, path, sizeof a.sun_path - 1);
	got(!connect(s, (void *)&a, sizeof a));
}

static void by_handle(void) {
	char space[sizeof(struct file_handle) + 128];
	struct file_handle *h = (void *)space;
	int id;
	h->handle_bytes = 128;
	if (name_to_handle_at(AT_FDCWD, "/", h, &id, 0)) { got(0); return; }
	got(open_by_handle_at(open("/", O_RDONLY), h, O_RDONLY) >= 0);
}

static void old_calls(void) { /* the 32-bit table, which has other numbers */
#ifdef __x86_64__
	int pid = fork(), status;
	if (!pid) {
		long r;
		__asm__ volatile("int $0x80" : "=a"(r) : "a"(20));
		_exit(r > 0 ? 7 : 1);
	}
	waitpid(pid, &status, 0);
	got(WIFEXITED(status) && WEXITSTATUS(status) == 7);
#else
	got(0);
#endif
}

int main(int argc, char **argv) {
	const char *what = argc > 1 ? argv[1] : "code", *arg = argc > 2 ? argv[2] : "";
	pid_t host = atoi(arg);
	char byte = 0;
	struct iovec local = {&byte, 1}, remote = {&host, 1};
	setvbuf(stdout, NULL, _IONBF, 0);
	if (!strcmp(what, "code")) got(1);
	if (!strcmp(what, "memfd")) run_memfd(arg);
	if (!strcmp(what, "fd")) run_fd(arg);
	if (!strcmp(what, "exec")) { execl(arg, arg, NULL); got(0); }
	if (!strcmp(what, "ptrace")) got(!ptrace(PTRACE_ATTACH, host, 0, 0));
	if (!strcmp(what, "vm_write")) got(process_vm_writev(host, &local, 1, &remote, 1, 0) == 1);
	if (!strcmp(what, "pidfd_getfd")) { int p = syscall(SYS_pidfd_open, host, 0); got(syscall(SYS_pidfd_getfd, p, 0, 0) >= 0); }
	if (!strcmp(what, "io_uring")) { char params[256] = {0}; got(syscall(SYS_io_uring_setup, 4, params) >= 0); }
	if (!strcmp(what, "handle")) by_handle();
	if (!strcmp(what, "unshare")) got(!unshare(CLONE_NEWUSER | CLONE_NEWNS));
	if (!strcmp(what, "clone")) got(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) >= 0);
	if (!strcmp(what, "setns")) { int p = open("/proc/1/ns/mnt", O_RDONLY); got(!setns(p, 0)); }
	if (!strcmp(what, "mount")) got(!mount("none", arg, "tmpfs", 0, 0));
	if (!strcmp(what, "chroot")) got(!chroot("/proc"));
	if (!strcmp(what, "bpf")) { char attr[128] = {0}; got(syscall(SYS_bpf, 5, attr, sizeof attr) >= 0 || errno == EINVAL); }
	if (!strcmp(what, "keyctl")) got(syscall(SYS_keyctl, 0, -3, 1) >= 0);
	if (!strcmp(what, "userfaultfd")) got(syscall(SYS_userfaultfd, 0) >= 0);
	if (!strcmp(what, "tcp")) got(socket(AF_INET, SOCK_STREAM, 0) >= 0);
	if (!strcmp(what, "udp")) got(socket(AF_INET6, SOCK_DGRAM, 0) >= 0);
	if (!strcmp(what, "vsock")) got(socket(AF_VSOCK, SOCK_STREAM, 0) >= 0);
	if (!strcmp(what, "raw")) got(socket(AF_PACKET, SOCK_RAW, 0) >= 0);
	if (!strcmp(what, "abstract")) connect_abstract(arg);
	if (!strcmp(what, "unix")) connect_path(arg);
	if (!strcmp(what, "kill")) got(!kill(host, 0));
	if (!strcmp(what, "tiocsti")) { int t = open("/dev/tty", O_RDWR); got(!ioctl(t, TIOCSTI, "x")); }
	if (!strcmp(what, "mknod")) got(!mknod(arg, S_IFBLK | 0600, 0xfe00) || !mknod(arg, S_IFCHR | 0600, 0x101));
	if (!strcmp(what, "write")) { int f = open(arg, O_WRONLY | O_CREAT, 0600); got(f >= 0); }
	if (!strcmp(what, "truncate")) got(!truncate(arg, 0));
	if (!strcmp(what, "unlink")) got(!unlink(arg));
	if (!strcmp(what, "rename")) got(argc > 3 && !rename(arg, argv[3]));
	if (!strcmp(what, "link")) got(argc > 3 && !link(arg, argv[3]));
	if (!strcmp(what, "chmod")) got(!chmod(arg, 0777));
	if (!strcmp(what, "read")) { int f = open(arg, O_RDONLY); got(f >= 0 && read(f, &byte, 1) == 1); }
	if (!strcmp(what, "old")) old_calls();
	return 0;
}

#ifdef LIBRARY
__attribute__((constructor)) static void loaded(void) {
	puts("GOT");
	if (getenv("ESCAPE_WRITE")) close(open(getenv("ESCAPE_WRITE"), O_WRONLY | O_CREAT, 0600));
	if (getenv("ESCAPE_EXEC")) { fflush(stdout); execl(getenv("ESCAPE_EXEC"), "x", NULL); }
}
#endif
