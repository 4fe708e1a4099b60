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

/* A short command is answered at once, a long one in the queue, and either way once. */
static void check_soon(int64_t queue, const char *session) {
  char params[300];
  int status = 1;
  char *reply;
  snprintf(params, sizeof params, "{\"session_id\":\"%s\",\"command\":\"sleep 0.3; echo slow\"}", session);
  reply = execkit_submit_soon(queue, 9, "session.exec", params, 3000, &status);
  if (reply != NULL || status != 0) {
    printf("FAIL submit_soon: a long command came at once, or not at all (%d)\n", status);
    failures++;
  }
  execkit_free(reply);
  reply = execkit_submit_soon(queue, 9, "session.exec", params, 3000, &status);
  if (reply != NULL || status != -1) {
    printf("FAIL submit_soon: a token was taken twice\n");
    failures++;
  }
  execkit_free(reply);
  check("a busy session", execkit_submit_soon(queue, 10, "session.exec", params, 3000, &status), "session_busy");
  check("the long command", execkit_queue_wait(queue, 20000), "slow");
  check("a bad request", execkit_submit_soon(queue, 9, "session.exec", "{", 3000, &status), "invalid_argument");
  if (execkit_submit_soon(queue, 11, "version.get", NULL, 3000, &status) == NULL && status == 0)
    check("a method that is no command", execkit_queue_wait(queue, 20000), "\"token\":11");
  snprintf(params, sizeof params, "{\"session_id\":\"%s\",\"command\":\"echo quick\"}", session);
  /* A busy machine may need longer; then it is in the queue. */
  reply = execkit_submit_soon(queue, 12, "session.exec", params, 3000, &status);
  check("a short command", reply != NULL || status != 0 ? reply : execkit_queue_wait(queue, 20000), "quick");
  if (execkit_queue_take(queue) != NULL) {
    printf("FAIL submit_soon: a reply came twice\n");
    failures++;
  }
  if (execkit_submit_soon(queue, 13, NULL, NULL, 3000, &status) != NULL || status != -1) failures++;
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
  char *reply, session[100] = "";
  if (execkit_abi_version() != EXECKIT_ABI_VERSION || strcmp(execkit_version(), EXECKIT_VERSION) != 0) return 1;
  check("version", execkit_call("version.get", "{}"), "\"ok\":true");
  check("NULL method", execkit_call(NULL, NULL), "invalid_argument");
  check("bad UTF-8", execkit_call("\xff", "\xfe"), "invalid_argument");
  check("bad JSON", execkit_call("session.exec", "{"), "invalid_argument");
  reply = execkit_call("session.create", "{\"cwd\":\"/\"}");
  if (reply != NULL && strstr(reply, "\"session_id\":\"") != NULL)
    sscanf(strstr(reply, "\"session_id\":\""), "\"session_id\":\"%99[^\"]", session);
  check("session", reply, "\"session_id\"");

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
  check_soon(queue, session);
  execkit_queue_close(queue);
  execkit_queue_close(queue);
  if (execkit_submit(queue, 8, "version.get", NULL) != -1 || execkit_cancel(queue, 8) != -1) failures++;
  execkit_free(NULL);
  check_fork();
  printf("C: %d failed\n", failures);
  return failures != 0;
}
