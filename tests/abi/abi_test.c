/* The library as a C program sees it. */
#include <execkit.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures;

static void check(const char *what, char *reply, const char *holds) {
  if (reply == NULL || strstr(reply, holds) == NULL) {
    printf("FAIL %s: %s does not hold %s\n", what, reply ? reply : "(null)", holds);
    failures++;
  }
  execkit_free(reply);
}

static void check_fork(void) {
  int status = 1;
  pid_t child = fork();
  if (child == 0) {
    char *reply = execkit_call("version.get", NULL);
    _exit(reply != NULL && strstr(reply, "forked_process") != NULL && execkit_queue_open(NULL) == -1 ? 0 : 1);
  }
  waitpid(child, &status, 0);
  if (status != 0) {
    printf("FAIL fork: status %d\n", status);
    failures++;
  }
}

int main(void) {
  int wake = -1;
  int64_t queue;
  struct pollfd waiting;
  if (execkit_abi_version() != EXECKIT_ABI_VERSION || strcmp(execkit_version(), EXECKIT_VERSION) != 0) return 1;
  check("version", execkit_call("version.get", "{}"), "\"ok\":true");
  check("NULL method", execkit_call(NULL, NULL), "invalid_argument");
  check("bad UTF-8", execkit_call("\xff", "\xfe"), "invalid_argument");
  check("bad JSON", execkit_call("session.exec", "{"), "invalid_argument");
  check("session", execkit_call("session.create", "{\"cwd\":\"/\"}"), "\"session_id\"");

  queue = execkit_queue_open(&wake);
  if (queue < 0 || execkit_submit(queue, 7, "version.get", NULL) != 0) return 1;
  waiting.fd = wake;
  waiting.events = POLLIN;
  if (poll(&waiting, 1, 5000) != 1) {
    printf("FAIL the wake descriptor\n");
    failures++;
  }
  check("take", execkit_queue_take(queue), "\"token\":7");
  if (execkit_queue_take(queue) != NULL || execkit_queue_wait(queue, 10) != NULL || poll(&waiting, 1, 0) != 0) {
    printf("FAIL an empty queue\n");
    failures++;
  }
  execkit_queue_close(queue);
  execkit_queue_close(queue);
  if (execkit_submit(queue, 8, "version.get", NULL) != -1 || execkit_cancel(queue, 8) != -1) failures++;
  execkit_free(NULL);
  check_fork();
  printf("C: %d failed\n", failures);
  return failures != 0;
}
