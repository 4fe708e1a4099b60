/* The public symbols. They check what must be checked before Go is entered: pointers, and whether this process was
 * forked after the runtime started, in which case any call into Go could hang for ever. */
#include "execkit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

static volatile int forked;

static void in_child(void) { forked = 1; }

__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(NULL, NULL, in_child); }

static char *copy(const char *text) {
  size_t n = strlen(text) + 1;
  char *s = malloc(n);
  if (s != NULL) memcpy(s, text, n);
  return s;
}

static char *refusal(const char *method) {
  if (forked)
    return copy("{\"ok\":false,\"error\":{\"code\":\"forked_process\",\"message\":\"this process was forked after "
                "execkit was loaded\",\"hint\":\"load execkit first in the child, or use the start method spawn\","
                "\"outcome\":\"not_run\",\"session\":\"closed\"}}");
  if (method == NULL)
    return copy("{\"ok\":false,\"error\":{\"code\":\"invalid_argument\",\"message\":\"method is NULL\",\"hint\":"
                "\"pass the name of a method, such as session.create\",\"outcome\":\"not_run\",\"session\":"
                "\"usable\"}}");
  return NULL;
}

uint32_t execkit_abi_version(void) { return EXECKIT_ABI_VERSION; }
const char *execkit_version(void) { return EXECKIT_VERSION; }

char *execkit_call(const char *method, const char *params) {
  char *refused = refusal(method);
  return refused != NULL ? refused : goCall((char *)method, (char *)params);
}

int64_t execkit_queue_open(int *wake_fd) { return forked ? -1 : goQueueOpen(wake_fd); }

int execkit_submit(int64_t queue, uint64_t token, const char *method, const char *params) {
  return forked || method == NULL ? -1 : goSubmit(queue, token, (char *)method, (char *)params);
}

char *execkit_submit_soon(int64_t queue, uint64_t token, const char *method, const char *params, int wait_us,
                          int *status) {
  *status = -1;
  return forked || method == NULL ? NULL : goSubmitSoon(queue, token, (char *)method, (char *)params, wait_us, status);
}

int execkit_cancel(int64_t queue, uint64_t token) { return forked ? -1 : goCancel(queue, token); }
char *execkit_queue_take(int64_t queue) { return forked ? NULL : goQueueWait(queue, 0); }
char *execkit_queue_wait(int64_t queue, int timeout_ms) { return forked ? NULL : goQueueWait(queue, timeout_ms); }
void execkit_queue_close(int64_t queue) {
  if (!forked) goQueueClose(queue);
}
int execkit_main(int argc, char **argv) { return forked || (argc > 0 && argv == NULL) ? 125 : goMain(argc, argv); }
void execkit_free(char *s) { free(s); }
